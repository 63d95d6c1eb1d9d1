"""What alerts came to: told and kept quiet per patient and kind, hours under observation, and what people said of them.

Every question has a bounded window, and only the wards asked for.
"""

from collections.abc import Collection
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, UnaryExpression, and_, case, func, literal, or_, select, true

from storage import patients, tables
from storage.labels_tables import labels
from storage.ledger_tables import ledger_hours
from storage.stays_tables import moves
from vitals.alert import AlertKind, Suppression, TransitionKind
from vitals.errors import InvalidArgument, MalformedRecord
from vitals.fault import SYSTEM_WARD
from vitals.label import Feedback
from vitals.reading import Origin, PatientId

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
SPAN_MS_MAX: Final = 31 * DAY_MS
STEPS_MAX: Final = 50_000
"""Steps of alerts that were kept quiet at some time, looked through in one question; beyond them the oldest are left out."""
_TELLING: Final = frozenset(
    {TransitionKind.RAISED, TransitionKind.ESCALATED, TransitionKind.REALARMED, TransitionKind.UNSUPPRESSED}
)
_episodes = tables.episodes.c

Wards = Collection[str] | None
"""The wards asked about; None is every ward."""


class Observed(NamedTuple):
    """One patient on one ward."""

    patient_id: str
    ward_id: str
    birth_date: str | None
    """As `storage.patients.Patient.born`."""
    sex: str | None
    hours: float
    """Of the window, in which a device of theirs delivered at least one reading: an hour of the clock counts whole, but for
    what of it lies before admission or the device was put on, after it was taken off, or outside the window."""


class Raised(NamedTuple):
    """Alerts of one kind, of one patient on one ward."""

    patient_id: str
    ward_id: str
    kind: AlertKind
    told: int
    """Told at least once."""
    quiet: int
    """Recorded and shown, and told to nobody all the while: silenced, inhibited or absorbed."""
    simulated: int
    """How many of `told` were of simulated or replayed patients."""


class Alerts(NamedTuple):
    """What was raised in a window."""

    raised: tuple[Raised, ...]
    whole: bool
    """False where more was kept quiet than is looked through: the oldest of those are then missing."""


class Said(NamedTuple):
    """How often people said one thing of one kind of alert."""

    kind: AlertKind
    feedback: Feedback
    times: int


class ShiftDay(NamedTuple):
    """Signs that left what is usual for their patient, within one day of the window."""

    day: int
    """Counts from 0, the oldest."""
    shifts: int
    patients: int


class _Step(msgspec.Struct):
    """What of a transition says whether it told anybody."""

    transition: TransitionKind
    suppression: Suppression | None = None


_STEP: Final = msgspec.json.Decoder(_Step)


def observed(conn: Connection, *, from_ms: int, to_ms: int, wards: Wards = None) -> tuple[Observed, ...]:
    """Whom devices observed in [from_ms, to_ms), on the ward where they lay at each hour's end, by the ledger of hours."""
    _check(from_ms, to_ms)
    hours, worn, people = ledger_hours.c, tables.assignments.c, tables.patients.c
    until = func.lead(moves.c.at_ms).over(partition_by=moves.c.patient_id, order_by=moves.c.number)
    stays = select(moves.c.patient_id, moves.c.ward_id, moves.c.at_ms, until.label("until_ms")).subquery()
    hour_end = hours.hour_ms + (HOUR_MS - 1)
    wearing = and_(
        worn.device_id == hours.device_id,
        worn.from_ms <= hour_end,
        or_(worn.until_ms.is_(None), worn.until_ms > hours.hour_ms),
    )
    lying = and_(
        stays.c.patient_id == worn.patient_id,
        stays.c.at_ms <= hour_end,
        or_(stays.c.until_ms.is_(None), stays.c.until_ms > hour_end),
    )
    begins = _later(_later(hours.hour_ms, worn.from_ms), _later(people.admitted_at_ms, literal(from_ms)))
    ends = _earlier(hours.hour_ms + HOUR_MS, _earlier(func.coalesce(worn.until_ms, to_ms), literal(to_ms)))
    whose = (stays.c.patient_id, stays.c.ward_id, people.born_about, people.sex)
    by_hour = (
        select(*whose, func.min(begins).label("begin_ms"), func.max(ends).label("end_ms"))
        .select_from(ledger_hours)
        .join(tables.assignments, wearing)
        .join(stays, lying)
        .join(tables.patients, people.patient_id == stays.c.patient_id)
        .where(hours.hour_ms >= from_ms - from_ms % HOUR_MS, hours.hour_ms < to_ms, hours.stored > 0)
        .where(_on(stays.c.ward_id, wards))
        .group_by(*whose, hours.hour_ms)
        .subquery()
    )
    kept = by_hour.c
    of = (kept.patient_id, kept.ward_id, kept.born_about, kept.sex)
    query = (
        select(*of, func.sum(kept.end_ms - kept.begin_ms))
        .where(kept.end_ms > kept.begin_ms)
        .group_by(*of)
        .order_by(kept.patient_id, kept.ward_id)
    )
    rows = conn.execute(query).all()
    known = patients.known_of(conn, {PatientId(row.patient_id) for row in rows if row.born_about is not None})
    born = {patient_id: one.born.isoformat() for patient_id, one in known.items() if one.born is not None}
    return tuple(
        Observed(row.patient_id, row.ward_id, born.get(row.patient_id), row.sex, int(row[4]) / HOUR_MS) for row in rows
    )


def raised(conn: Connection, *, from_ms: int, to_ms: int, wards: Wards = None, steps_max: int = STEPS_MAX) -> Alerts:
    """Alerts raised in [from_ms, to_ms) on the wards where they ended or stand now.

    Without those that a correction found afterwards (they paged nobody) or took back (they were somebody else's).
    """
    _check(from_ms, to_ms)
    meant = and_(
        _episodes.raised_at_ms >= from_ms,
        _episodes.raised_at_ms < to_ms,
        _episodes.retrospective.is_(False),
        _episodes.last_transition != TransitionKind.RETRACTED.value,
        _episodes.ward_id != SYSTEM_WARD,
        _on(_episodes.ward_id, wards),
    )
    simulated = _simulated(conn, meant)
    counts = _never_quiet(conn, meant, simulated)
    whole = _add_quiet(conn, meant, counts, steps_max, simulated)
    found = tuple(Raised(*key, *count) for key, count in sorted(counts.items()))
    return Alerts(found, whole)


def said(conn: Connection, *, from_ms: int, to_ms: int, wards: Wards = None) -> tuple[Said, ...]:
    """What people said of alerts in [from_ms, to_ms): the last word of each person on each alert."""
    _check(from_ms, to_ms)
    columns = labels.c
    place = func.row_number().over(
        partition_by=(columns.episode_id, columns.person_id),
        order_by=(columns.at_ms.desc(), columns.label_id.desc()),
    )
    words = (
        select(columns.kind, columns.feedback, place.label("place"))
        .where(columns.at_ms >= from_ms, columns.at_ms < to_ms, _on(columns.ward_id, wards))
        .subquery()
    )
    query = (
        select(words.c.kind, words.c.feedback, func.count())
        .where(words.c.place == 1)
        .group_by(words.c.kind, words.c.feedback)
        .order_by(words.c.kind, words.c.feedback)
    )
    return tuple(Said(AlertKind(row[0]), Feedback(row[1]), row[2]) for row in conn.execute(query))


def shifts(conn: Connection, *, to_ms: int, days: int, wards: Wards = None) -> tuple[ShiftDay, ...]:
    """Signs that left what is usual for their patient, on each of the last `days` days before `to_ms`, oldest first."""
    from_ms = to_ms - days * DAY_MS
    _check(from_ms, to_ms)
    day = (_episodes.raised_at_ms - from_ms) // DAY_MS
    query = (
        select(day.label("day"), func.count(), func.count(_episodes.patient_id.distinct()))
        .where(
            _episodes.raised_at_ms >= from_ms,
            _episodes.raised_at_ms < to_ms,
            _episodes.kind == AlertKind.BASELINE_SHIFT.value,
            _episodes.retrospective.is_(False),
            _on(_episodes.ward_id, wards),
        )
        .group_by("day")
    )
    found = {int(row[0]): ShiftDay(int(row[0]), row[1], row[2]) for row in conn.execute(query)}
    return tuple(found.get(number, ShiftDay(number, 0, 0)) for number in range(days))


_Key = tuple[str, str, AlertKind]


def _simulated(conn: Connection, meant: ColumnElement[bool]) -> frozenset[str]:
    """Whose device readings are simulated or replayed, the first as the last: what people chart of them says it is real."""
    whom = select(_episodes.patient_id).where(meant).distinct().subquery()
    rows = tables.readings.c

    def origin(by: UnaryExpression[int]) -> ColumnElement[str | None]:
        theirs = select(rows.origin).where(rows.patient_id == whom.c.patient_id, rows.charted.is_(None))
        return theirs.order_by(by).limit(1).scalar_subquery()

    first, last = origin(rows.measured_at_ms.asc()), origin(rows.measured_at_ms.desc())
    query = select(whom.c.patient_id).where(first != Origin.REAL.value, last != Origin.REAL.value)
    return frozenset(conn.execute(query).scalars())


def _never_quiet(
    conn: Connection, meant: ColumnElement[bool], simulated_patients: Collection[str]
) -> dict[_Key, list[int]]:
    """Told, quiet and simulated of those that nothing keeps quiet, by patient, ward and kind; all of them were told."""
    grouped = (_episodes.patient_id, _episodes.ward_id, _episodes.kind, _episodes.origin)
    query = select(*grouped, func.count()).where(meant, _episodes.suppression.is_(None)).group_by(*grouped)
    counts: dict[_Key, list[int]] = {}
    for patient_id, ward_id, kind, origin, count in conn.execute(query):
        is_real = origin == Origin.REAL.value and patient_id not in simulated_patients
        _add(counts, (patient_id, ward_id, AlertKind(kind)), told=count, is_real=is_real)
    return counts


def _add_quiet(
    conn: Connection,
    meant: ColumnElement[bool],
    counts: dict[_Key, list[int]],
    steps_max: int,
    simulated_patients: Collection[str],
) -> bool:
    """Add those that something keeps quiet, or kept when they ended: told all the same where one of their steps was."""
    of = (_episodes.episode_id, _episodes.patient_id, _episodes.ward_id, _episodes.kind, _episodes.origin)
    query = (
        select(*of, tables.transitions.c.record)
        .join(tables.transitions, tables.transitions.c.episode_id == _episodes.episode_id)
        .where(meant, _episodes.suppression.is_not(None))
        .order_by(_episodes.raised_at_ms.desc(), _episodes.episode_id)
        .limit(steps_max)
    )
    rows = conn.execute(query).all()
    told: dict[str, bool] = {}
    about: dict[str, tuple[_Key, bool]] = {}
    for row in rows:
        is_real = row.origin == Origin.REAL.value and row.patient_id not in simulated_patients
        about[row.episode_id] = (row.patient_id, row.ward_id, AlertKind(row.kind)), is_real
        told[row.episode_id] = told.get(row.episode_id, False) or _tells(row.record)
    for episode_id, (key, is_real) in about.items():
        _add(counts, key, told=int(told[episode_id]), quiet=int(not told[episode_id]), is_real=is_real)
    return len(rows) < steps_max


def _add(counts: dict[_Key, list[int]], key: _Key, *, told: int, quiet: int = 0, is_real: bool) -> None:
    sums = counts.setdefault(key, [0, 0, 0])
    for index, more in enumerate((told, quiet, 0 if is_real else told)):
        sums[index] += more


def _tells(record: bytes) -> bool:
    try:
        step = _STEP.decode(record)
    except msgspec.DecodeError as error:
        raise MalformedRecord(f"A stored step of an alert cannot be read: {error}") from error
    return step.transition in _TELLING and step.suppression is None


def _later(one: ColumnElement[int], other: ColumnElement[int]) -> ColumnElement[int]:
    return case((one > other, one), else_=other)


def _earlier(one: ColumnElement[int], other: ColumnElement[int]) -> ColumnElement[int]:
    return case((one < other, one), else_=other)


def _on(column: ColumnElement[Any], wards: Wards) -> ColumnElement[bool]:
    return true() if wards is None else column.in_(sorted(wards))


def _check(from_ms: int, to_ms: int) -> None:
    if not 0 < to_ms - from_ms <= SPAN_MS_MAX:
        raise InvalidArgument(f"Ask for at most {SPAN_MS_MAX // DAY_MS} days that end after they begin.")
