"""Alert states in SQL: one signed row per patient and one per partition for its ticks."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from alerts.episode import Cause, Episode, resolved
from alerts.life import LifeRule
from alerts.partition import PartitionAlerts
from alerts.state import STATE_VERSION, PatientState
from alerts.suppression import depth_of
from alerts.watchdog import Watch
from storage import episodes
from storage.signing import Signer
from storage.states import StateRow
from vitals.alert import Acknowledgement, Reason, Transition, TransitionKind
from vitals.errors import SnapshotMismatch
from vitals.reading import PatientId

_WORSE = frozenset({TransitionKind.ESCALATED, TransitionKind.REALARMED})
"""Steps after which an acknowledgement must be younger than what was heard."""
WATCH_KEY = "~ticks"
"""No patient's id: ids begin with a letter or digit."""


class Restored(NamedTuple):
    """What the rows of one partition hold."""

    states: list[PatientState]
    watch: Watch
    refused: list[PatientId]
    """Patients whose row cannot be trusted or read: their open episodes are taken over from SQL."""


def restore(group: str, partition: int, rows: Iterable[StateRow], signer: Signer) -> Restored:
    """Read back what `save` wrote."""
    states: list[PatientState] = []
    refused: list[PatientId] = []
    watch = Watch()
    for row in rows:
        try:
            _check(group, partition, row, signer)
            if row.key == WATCH_KEY:
                watch = msgspec.json.decode(row.blob, type=Watch)
            else:
                states.append(msgspec.json.decode(row.blob, type=PatientState))
        except (SnapshotMismatch, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            if row.key != WATCH_KEY:
                refused.append(PatientId(row.key))
    return Restored(states, watch, refused)


def _check(group: str, partition: int, row: StateRow, signer: Signer) -> None:
    signer.verify(group, partition, row)
    if row.pipeline_hash != STATE_VERSION:
        raise SnapshotMismatch(f"The alert state of {row.key} is of version {row.pipeline_hash}.")


def save(group: str, number: int, partition: PartitionAlerts, signer: Signer, *, offset: int) -> Sequence[StateRow]:
    """Rows of the partition's dirty patients and of its watch; `offset` is the next reading's."""

    def row(key: str, record: msgspec.Struct) -> StateRow:
        blob = msgspec.json.encode(record)
        return signer.signed(group, number, key=key, offset=offset, blob=blob, pipeline_hash=STATE_VERSION)

    rows = [row(patient_id, partition.patients[patient_id].state) for patient_id in sorted(partition.dirty)]
    return [*rows, row(WATCH_KEY, partition.watch)]


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


def orphans(stored: Iterable[episodes.Episode], raised: Iterable[Transition]) -> list[Transition]:
    """Ends for open episodes in SQL whose place a newly raised one takes.

    A replay repeats the ids it had, unless settings changed between the crash and the restart; then what was open under
    the old settings must not stand in the way of the new alert.
    """
    newer = {(transition.patient_id, transition.kind): transition for transition in raised if transition.is_open}
    ended: list[Transition] = []
    for episode in stored:
        taking = newer.get((episode.patient_id, episode.kind))
        if taking is not None and taking.episode_id != episode.episode_id:
            cause = Cause(taking.episode_id, max(taking.at_ms, episode.raised_at_ms), taking.at_ms)
            ended.append(resolved(adoptable(episode), Reason.SUPERSEDED, taking.text, cause).transition)
    return ended
