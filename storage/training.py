"""Examples of the population model while they wait for their outcome, and what is known of their patients."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, delete, func, or_, select

from storage import tables
from storage.claims import check_epochs
from storage.dialect import replace_all
from storage.labels_tables import labels
from storage.learning_tables import training_examples, training_patients
from vitals.alert import Acknowledgement, AlertKind, TransitionKind
from vitals.label import Feedback
from vitals.reading import Origin, PatientId
from vitals.training import Example

ALERTS_MAX: Final = 200
"""Alerts of one patient that are looked at."""
_IDS_PER_QUERY: Final = 500
_examples, _patients, _episodes = training_examples.c, training_patients.c, tables.episodes.c


class OutcomeFact(msgspec.Struct, frozen=True):
    """As much of an outcome as bears on examples."""

    outcome_id: str
    happened_at_ms: int
    said_at_ms: int
    """When it was charted."""
    withdrawn_at_ms: int | None = None
    """When it was taken back; what it has taught before stays taught."""


class Watched(msgspec.Struct):
    """What the trainer knows of one patient; mutable."""

    partition: int
    seen_until_ms: int
    """The latest moment at which the patient was under observation."""
    outcomes: list[OutcomeFact] = []
    absences: list[tuple[int, int]] = []
    """Moments, from after the first to the second of each pair, after which the patient was not heard of in time."""


class _Known(msgspec.Struct, omit_defaults=True):
    """As much of it as one column keeps."""

    outcomes: list[OutcomeFact] = []
    absences: list[tuple[int, int]] = []


class Waiting(NamedTuple):
    """An example that waits, and from when on it is due."""

    partition: int
    settles_at_ms: int
    example: Example


class AlertFact(NamedTuple):
    """As much of an alert as bears on examples."""

    kind: AlertKind
    raised_at_ms: int
    reviewed: bool
    """Somebody acknowledged it, or said what they thought of it."""
    feedback: tuple[Feedback, ...]
    """What people last said of it, one each."""


def due(conn: Connection, partition: int, now_ms: int, *, age_ms: int, limit: int) -> list[Waiting]:
    """Examples of a partition whose time has come and which are of this age, in the order in which they were measured.

    The age is asked for beside the time that was stored with them, which a change of settings leaves as it was.
    """
    query = select(training_examples).where(
        _examples.partition == partition,
        _examples.settles_at_ms <= now_ms,
        _examples.measured_at_ms <= now_ms - age_ms,
    )
    rows = conn.execute(query.order_by(_examples.measured_at_ms, _examples.example_id).limit(limit))
    return [_waiting(row) for row in rows]


def waiting_count(conn: Connection, partitions: Collection[int]) -> int:
    """How many examples wait in these partitions."""
    query = select(func.count()).select_from(training_examples).where(_examples.partition.in_(sorted(partitions)))
    return int(conn.execute(query).scalar_one())


def watched(conn: Connection, patient_ids: Iterable[PatientId]) -> dict[PatientId, Watched]:
    """What is known of these patients."""
    wanted = sorted(set(patient_ids))
    found: dict[PatientId, Watched] = {}
    for first in range(0, len(wanted), _IDS_PER_QUERY):
        query = select(training_patients).where(_patients.patient_id.in_(wanted[first : first + _IDS_PER_QUERY]))
        for row in conn.execute(query):
            known = _known(row.record)
            found[PatientId(row.patient_id)] = Watched(row.partition, row.seen_until_ms, known.outcomes, known.absences)
    return found


def store(
    conn: Connection,
    group: str,
    epochs: Mapping[int, int],
    *,
    patients: Mapping[PatientId, Watched],
    arrived: Sequence[Waiting],
    gone: Collection[str],
) -> None:
    """Store what changed, `gone` being ids of examples that are settled; raises Fenced where an epoch is not current."""
    check_epochs(conn, group, epochs)
    people = [
        {
            "patient_id": patient_id,
            "partition": each.partition,
            "seen_until_ms": each.seen_until_ms,
            "record": msgspec.json.encode(_Known(each.outcomes, each.absences)),
        }
        for patient_id, each in sorted(patients.items())
    ]
    replace_all(conn, training_patients, people, key=("patient_id",))
    rows = [
        {
            "example_id": each.example.example_id,
            "partition": each.partition,
            "patient_id": each.example.patient_id,
            "measured_at_ms": each.example.measured_at_ms,
            "settles_at_ms": each.settles_at_ms,
            "record": msgspec.json.encode(each.example),
        }
        for each in arrived
        if each.example.example_id not in gone
    ]
    replace_all(conn, training_examples, rows, key=("example_id",))
    ids = sorted(gone)
    for first in range(0, len(ids), _IDS_PER_QUERY):
        conn.execute(delete(training_examples).where(_examples.example_id.in_(ids[first : first + _IDS_PER_QUERY])))


def waiting_times(conn: Connection, patient_ids: Iterable[PatientId]) -> dict[PatientId, dict[str, int]]:
    """Of these patients which examples wait, by id, and when each was measured."""
    wanted = sorted(set(patient_ids))
    found: dict[PatientId, dict[str, int]] = {patient_id: {} for patient_id in wanted}
    columns = (_examples.patient_id, _examples.example_id, _examples.measured_at_ms)
    for first in range(0, len(wanted), _IDS_PER_QUERY):
        query = select(*columns).where(_examples.patient_id.in_(wanted[first : first + _IDS_PER_QUERY]))
        for row in conn.execute(query):
            found[PatientId(row.patient_id)][row.example_id] = row.measured_at_ms
    return found


def forget_patients(conn: Connection, group: str, epochs: Mapping[int, int], *, before_ms: int) -> int:
    """Forget patients last seen before then, with whatever of theirs still waits; how many. Raises Fenced.

    Of who was never seen yet, as where outcomes are read before examples, it counts when the last outcome was charted.
    """
    check_epochs(conn, group, epochs)
    old = _patients.partition.in_(sorted(epochs)) & (_patients.seen_until_ms < before_ms)
    unseen = select(_patients.patient_id, _patients.record).where(old, _patients.seen_until_ms == 0)
    kept = [row.patient_id for row in conn.execute(unseen) if _last_said_ms(row.record) >= before_ms]
    ids = conn.execute(select(_patients.patient_id).where(old)).scalars().all()
    gone = sorted(set(ids) - set(kept))
    for first in range(0, len(gone), _IDS_PER_QUERY):
        some = gone[first : first + _IDS_PER_QUERY]
        conn.execute(delete(training_examples).where(_examples.patient_id.in_(some)))
        conn.execute(delete(training_patients).where(_patients.patient_id.in_(some)))
    return len(gone)


def withdrawn(conn: Connection, example_ids: Collection[str]) -> set[str]:
    """Those of these examples whose reading was taken back since: it was never this patient's."""
    columns = tables.readings.c
    query = select(columns.reading_id).where(columns.reading_id.in_(sorted(example_ids)))
    return set(conn.execute(query.where(columns.withdrawn_by.is_not(None))).scalars())


def alerts_of(
    conn: Connection, patient_id: PatientId, from_ms: int, until_ms: int, *, said_by_ms: int | None = None
) -> list[AlertFact]:
    """The patient's alerts that stood at any time in [from_ms, until_ms], of whatever kind, and what was said of them by then.

    Those of a demonstration, and retracted ones, teach nothing.
    """
    query = (
        select(
            _episodes.episode_id,
            _episodes.kind,
            _episodes.raised_at_ms,
            _episodes.acknowledged,
            _episodes.acknowledgements,
        )
        .where(
            _episodes.patient_id == patient_id,
            _episodes.raised_at_ms <= until_ms,
            _episodes.last_transition != TransitionKind.RETRACTED.value,
            _episodes.origin == Origin.REAL.value,
            or_(_episodes.resolved_at_ms.is_(None), _episodes.resolved_at_ms >= from_ms),
        )
        .order_by(_episodes.raised_at_ms.desc(), _episodes.episode_id)
        .limit(ALERTS_MAX)
    )
    rows = conn.execute(query).all()
    said = _said(conn, [row.episode_id for row in rows], said_by_ms)
    return [
        AlertFact(
            AlertKind(row.kind),
            row.raised_at_ms,
            _is_acknowledged(row.acknowledged, row.acknowledgements, said_by_ms) or row.episode_id in said,
            tuple(said.get(row.episode_id, {}).values()),
        )
        for row in rows
    ]


def _is_acknowledged(acknowledged: bool, given: str, by_ms: int | None) -> bool:  # noqa: FBT001 - a column
    """Of an acknowledgement that nobody kept the time of, as of one of long ago, it counts that it was given."""
    times = [each.at_ms for each in msgspec.json.decode(given, type=tuple[Acknowledgement, ...])]
    return acknowledged and (by_ms is None or not times or min(times) <= by_ms)


def _said(conn: Connection, episode_ids: Sequence[str], by_ms: int | None) -> dict[str, dict[str, Feedback]]:
    columns = labels.c
    query = select(columns.episode_id, columns.person_id, columns.feedback).where(columns.episode_id.in_(episode_ids))
    if by_ms is not None:
        query = query.where(columns.at_ms <= by_ms)
    said: dict[str, dict[str, Feedback]] = {}
    for row in conn.execute(query.order_by(columns.at_ms, columns.label_id)):
        said.setdefault(row.episode_id, {})[row.person_id] = Feedback(row.feedback)
    return said


def _waiting(row: Row[Any]) -> Waiting:
    return Waiting(row.partition, row.settles_at_ms, msgspec.json.decode(row.record, type=Example))


def _known(record: bytes) -> _Known:
    known = msgspec.json.decode(record, type=_Known | list[OutcomeFact])
    return _Known(known) if isinstance(known, list) else known


def _last_said_ms(record: bytes) -> int:
    return max((each.said_at_ms for each in _known(record).outcomes), default=0)
