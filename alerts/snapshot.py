"""Alert states in SQL: one signed row per patient and one per partition for its ticks."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from alerts.episode import Episode
from alerts.life import LifeRule
from alerts.partition import PartitionAlerts
from alerts.state import STATE_VERSION, PatientState
from alerts.suppression import depth_of
from alerts.watchdog import Watch
from storage import episodes
from storage.signing import Signer
from storage.states import StateRow
from vitals.alert import Acknowledgement, Transition, TransitionKind
from vitals.errors import SnapshotMismatch
from vitals.reading import PatientId

_WORSE = frozenset({TransitionKind.ESCALATED, TransitionKind.REALARMED})
"""Steps after which an acknowledgement must be younger than what was heard."""
WATCH_KEY = "~ticks"
"""No patient's id: ids begin with a letter or digit."""
UNTOLD_KEY = "~untold"
"""The row of what was decided last, and perhaps not told any more."""


class Restored(NamedTuple):
    """What the rows of one partition hold."""

    states: list[PatientState]
    watch: Watch
    untold: list[Transition]
    """Steps that are in SQL and may never have been published."""
    refused: list[PatientId]
    """Patients whose row cannot be trusted or read: their open episodes are taken over from SQL."""


def restore(group: str, partition: int, rows: Iterable[StateRow], signer: Signer) -> Restored:
    """Read back what `save` and `save_steps` wrote."""
    restored = Restored([], Watch(), [], [])
    for row in rows:
        try:
            _check(group, partition, row, signer)
            if row.key == WATCH_KEY:
                restored = restored._replace(watch=msgspec.json.decode(row.blob, type=Watch))
            elif row.key == UNTOLD_KEY:
                restored.untold.extend(msgspec.json.decode(row.blob, type=list[Transition]))
            else:
                restored.states.append(msgspec.json.decode(row.blob, type=PatientState))
        except (SnapshotMismatch, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            if row.key not in (WATCH_KEY, UNTOLD_KEY):
                restored.refused.append(PatientId(row.key))
    return restored


def _check(group: str, partition: int, row: StateRow, signer: Signer) -> None:
    signer.verify(group, partition, row)
    if row.pipeline_hash != STATE_VERSION:
        raise SnapshotMismatch(f"The alert state of {row.key} is of version {row.pipeline_hash}.")


class Rows(NamedTuple):
    """Makes the signed rows of one partition."""

    group: str
    number: int
    partition: PartitionAlerts
    signer: Signer

    def save(self, untold: Sequence[Transition]) -> Sequence[StateRow]:
        """Of the dirty patients, of the watch, and of what is still to be told."""
        return [*self._states(self.partition.dirty), self._row(WATCH_KEY, self.partition.watch), self._untold(untold)]

    def save_steps(self, decided: Iterable[Transition], untold: Sequence[Transition]) -> Sequence[StateRow]:
        """Of the patients of whom something was `decided` just now, and of what is to be told."""
        return [*self._states({step.patient_id for step in decided}), self._untold(untold)]

    def _states(self, patient_ids: Iterable[PatientId]) -> list[StateRow]:
        patients = self.partition.patients
        # Of who was forgotten meanwhile, which befalls nobody with an open episode, nothing is known any more.
        return [self._row(name, patients[name].state) for name in sorted(patient_ids) if name in patients]

    def _untold(self, untold: Sequence[Transition]) -> StateRow:
        return self._row(UNTOLD_KEY, untold)

    def _row(self, key: str, record: msgspec.Struct | Sequence[Transition]) -> StateRow:
        # A state says itself how far it has gone, in each topic.
        blob = msgspec.json.encode(record)
        return self.signer.signed(self.group, self.number, key=key, offset=0, blob=blob, pipeline_hash=STATE_VERSION)


def agree(partition: PartitionAlerts, opened: Iterable[episodes.Episode]) -> int:
    """Let the partition hold exactly the episodes that SQL holds open: what was told of them is what people act on.

    So a state that cannot be read, or that is older than the last step (of a release that stored them apart), neither
    leaves an alert that nobody can end nor one that nobody is told of. Returns how many differed.
    """
    stored = {episode.episode_id: episode for episode in opened}
    differed = 0
    for patient in partition.patients.values():
        held = [machine.episode for machine in patient.state.machines.values() if machine.episode is not None]
        for episode in held:
            if stored.pop(episode.episode_id, None) is None:
                patient.let_go(episode)
                differed += 1
    for left in stored.values():
        patient = partition.patient(left.patient_id)
        patient.state.lie(left.ward_id, left.move)
        patient.adopt(adoptable(left))
    return differed + len(stored)


def adoptable(stored: episodes.Episode) -> Episode:
    """An open episode as SQL holds it, for a patient whose state was refused."""
    return Episode(
        episode_id=stored.episode_id,
        patient_id=stored.patient_id,
        ward_id=stored.ward_id,
        kind=stored.kind,
        priority=stored.priority,
        onset_ms=stored.onset_ms,
        raised_at_ms=stored.raised_at_ms,
        heard_ms=stored.raised_at_ms,
        text=stored.text,
        active=stored.active,
        latched=stored.latched,
        latched_ms=stored.heard_ms or stored.last_at_ms if stored.latched else None,
        acknowledgements=_held(stored),
        suppression=stored.suppression,
        round=stored.round,
        depth=depth_of(stored.kind, stored.value, stored.limit),
        worse_ms=(stored.heard_ms or 0) if stored.last_transition in _WORSE else 0,
        last_at_ms=stored.last_at_ms,
        progress=stored.last_progress,
        last_move=stored.move,
        sign=stored.sign,
        value=stored.value,
        limit=stored.limit,
        origin=stored.origin,
        move=stored.move,
        device_id=stored.device_id,
        rules_version=stored.rules_version,
    )


def _held(stored: episodes.Episode) -> tuple[Acknowledgement, ...]:
    """Who has it in hand; of an older version only that somebody has is known, and holds as the rules have it."""
    if stored.acknowledgements or not stored.acknowledged:
        return stored.acknowledgements
    by, at_ms = stored.by or "somebody", stored.last_at_ms
    until_ms = at_ms + round(LifeRule().of(stored.priority).acknowledged_s * 1000)
    return (Acknowledgement(person_id=by, by=by, at_ms=at_ms, until_ms=until_ms),)
