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
from vitals.alert import AlertKind, TransitionKind
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


class Watched(msgspec.Struct):
    """What the trainer knows of one patient; mutable."""

    partition: int
    seen_until_ms: int
    """The latest moment at which the patient was under observation."""
    outcomes: list[OutcomeFact] = []


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


def due(conn: Connection, partition: int, now_ms: int, *, limit: int) -> list[Waiting]:
    """Examples of a partition whose time has come, the longest due first."""
    query = select(training_examples).where(_examples.partition == partition, _examples.settles_at_ms <= now_ms)
    rows = conn.execute(query.order_by(_examples.settles_at_ms, _examples.example_id).limit(limit))
    return [_waiting(row) for row in rows]


def waiting_of(conn: Connection, patient_id: PatientId) -> list[Waiting]:
    """A patient's examples, oldest first."""
    query = select(training_examples).where(_examples.patient_id == patient_id)
    rows = conn.execute(query.order_by(_examples.measured_at_ms, _examples.example_id))
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
            facts = msgspec.json.decode(row.record, type=list[OutcomeFact])
            found[PatientId(row.patient_id)] = Watched(row.partition, row.seen_until_ms, facts)
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
            "record": msgspec.json.encode(each.outcomes),
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


def crowded(conn: Connection, patient_ids: Collection[PatientId], *, per_patient_max: int) -> list[str]:
    """Of these patients the newest examples beyond so many each.

    The oldest wait longest for their outcome; were they to go, those without one would, and only deteriorations be taught.
    """
    ids: list[str] = []
    for patient_id in sorted(set(patient_ids)):
        query = select(_examples.example_id).where(_examples.patient_id == patient_id)
        oldest_first = query.order_by(_examples.measured_at_ms, _examples.example_id)
        ids += conn.execute(oldest_first.offset(per_patient_max)).scalars()
    return ids


def forget_patients(conn: Connection, group: str, epochs: Mapping[int, int], *, before_ms: int) -> int:
    """Forget patients last seen before then, with whatever of theirs still waits; how many. Raises Fenced."""
    check_epochs(conn, group, epochs)
    gone = select(_patients.patient_id).where(
        _patients.partition.in_(sorted(epochs)), _patients.seen_until_ms < before_ms
    )
    conn.execute(delete(training_examples).where(_examples.patient_id.in_(gone)))
    old = _patients.partition.in_(sorted(epochs)) & (_patients.seen_until_ms < before_ms)
    return conn.execute(delete(training_patients).where(old)).rowcount


def withdrawn(conn: Connection, example_ids: Collection[str]) -> set[str]:
    """Those of these examples whose reading was taken back since: it was never this patient's."""
    columns = tables.readings.c
    query = select(columns.reading_id).where(columns.reading_id.in_(sorted(example_ids)))
    return set(conn.execute(query.where(columns.withdrawn_by.is_not(None))).scalars())


def alerts_of(conn: Connection, patient_id: PatientId, from_ms: int, until_ms: int) -> list[AlertFact]:
    """The patient's alerts that stood at any time in [from_ms, until_ms], of whatever kind; those of a demonstration, and retracted ones, teach nothing."""
    query = (
        select(_episodes.episode_id, _episodes.kind, _episodes.raised_at_ms, _episodes.acknowledged)
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
    said = _said(conn, [row.episode_id for row in rows])
    return [
        AlertFact(
            AlertKind(row.kind),
            row.raised_at_ms,
            bool(row.acknowledged) or row.episode_id in said,
            tuple(said.get(row.episode_id, {}).values()),
        )
        for row in rows
    ]


def _said(conn: Connection, episode_ids: Sequence[str]) -> dict[str, dict[str, Feedback]]:
    columns = labels.c
    query = select(columns.episode_id, columns.person_id, columns.feedback).where(columns.episode_id.in_(episode_ids))
    said: dict[str, dict[str, Feedback]] = {}
    for row in conn.execute(query.order_by(columns.at_ms, columns.label_id)):
        said.setdefault(row.episode_id, {})[row.person_id] = Feedback(row.feedback)
    return said


def _waiting(row: Row[Any]) -> Waiting:
    return Waiting(row.partition, row.settles_at_ms, msgspec.json.decode(row.record, type=Example))
