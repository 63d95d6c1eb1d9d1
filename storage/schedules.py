"""On-call schedules and who stands in, in SQL; what was taken away stays as a record."""

import secrets
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, insert, select, update

from storage.dialect import replace_all
from storage.ladder_tables import schedule_overrides, schedules
from vitals.errors import Conflict, InvalidArgument, NotFound
from vitals.on_call import Override, Schedule, check_schedule

SCHEDULES_MAX: Final = 500
OVERRIDES_MAX: Final = 200
"""Of one schedule, still to begin or holding."""
OVERRIDE_DAYS_MAX: Final = 366


class StoredSchedule(msgspec.Struct, frozen=True):
    """A schedule, and who set it last."""

    schedule: Schedule
    version: int
    at_ms: int
    by: str


def put(conn: Connection, schedule: Schedule, *, at_ms: int, by: str) -> StoredSchedule:
    """Set a schedule, in place of the one of that id; putting it again changes nothing.

    Raises InvalidArgument for an unknown time zone, Conflict where there are too many.
    """
    check_schedule(schedule)
    row = conn.execute(select(schedules).where(schedules.c.schedule_id == schedule.schedule_id)).first()
    if row is not None and row.removed_at_ms is None and _stored(row).schedule == schedule:
        return _stored(row)
    if len(all_schedules(conn)) >= SCHEDULES_MAX:
        raise Conflict(f"There are {SCHEDULES_MAX} schedules already: take one away first.")
    version = 1 if row is None else row.version + 1
    values = {
        "schedule_id": schedule.schedule_id,
        "ward_id": schedule.ward_id,
        "record": msgspec.json.encode(schedule).decode(),
        "version": version,
        "at_ms": at_ms,
        "by_person": by,
        "removed_at_ms": None,
    }
    replace_all(conn, schedules, [values], key=("schedule_id",))
    return StoredSchedule(schedule, version, at_ms, by)


def all_schedules(conn: Connection) -> tuple[StoredSchedule, ...]:
    """Every schedule, by id."""
    columns = schedules.c
    query = select(schedules).where(columns.removed_at_ms.is_(None)).order_by(columns.schedule_id)
    return tuple(map(_stored, conn.execute(query)))


def get(conn: Connection, schedule_id: str) -> StoredSchedule:
    """The schedule; raises NotFound."""
    columns = schedules.c
    query = select(schedules).where(columns.schedule_id == schedule_id, columns.removed_at_ms.is_(None))
    row = conn.execute(query).first()
    if row is None:
        raise NotFound(f"There is no schedule {schedule_id}.")
    return _stored(row)


def remove(conn: Connection, schedule_id: str, *, at_ms: int) -> None:
    """Take it away: a ladder's step that names it reaches nobody from now on, and says so. Raises NotFound."""
    get(conn, schedule_id)
    conn.execute(update(schedules).where(schedules.c.schedule_id == schedule_id).values(removed_at_ms=at_ms))


def stand_in(
    conn: Connection,
    schedule_id: str,
    login: str,
    *,
    from_ms: int,
    until_ms: int,
    at_ms: int,
    by: str,
    note: str | None = None,
) -> Override:
    """Let somebody stand in over [from_ms, until_ms); raises NotFound, InvalidArgument, and Conflict beyond the bound."""
    get(conn, schedule_id)
    if until_ms <= max(from_ms, at_ms) or until_ms - from_ms > OVERRIDE_DAYS_MAX * 86_400_000:
        raise InvalidArgument(
            f"Standing in must end in the future, after it begins, and last at most {OVERRIDE_DAYS_MAX} days."
        )
    if len(overrides_of(conn, schedule_id, ending_after_ms=at_ms)) >= OVERRIDES_MAX:
        raise Conflict(f"{OVERRIDES_MAX} overrides of {schedule_id} are still to come: take one away first.")
    made = Override(secrets.token_hex(8), schedule_id, login, from_ms, until_ms, at_ms, by, note)
    conn.execute(
        insert(schedule_overrides).values(
            override_id=made.override_id,
            schedule_id=schedule_id,
            login=login,
            from_ms=from_ms,
            until_ms=until_ms,
            note=note,
            made_at_ms=at_ms,
            by_person=by,
        )
    )
    return made


def withdraw(conn: Connection, override_id: str, *, at_ms: int) -> None:
    """Take an override away, as if it had never been made; raises NotFound."""
    columns = schedule_overrides.c
    done = conn.execute(
        update(schedule_overrides)
        .where(columns.override_id == override_id, columns.removed_at_ms.is_(None))
        .values(removed_at_ms=at_ms)
    )
    if not done.rowcount:
        raise NotFound(f"There is no override {override_id}.")


def overrides_of(
    conn: Connection, schedule_id: str | None = None, *, ending_after_ms: int, beginning_before_ms: int | None = None
) -> tuple[Override, ...]:
    """Overrides (of one schedule) that end after a moment, and begin before another, by their beginning."""
    columns = schedule_overrides.c
    query = select(schedule_overrides).where(columns.removed_at_ms.is_(None), columns.until_ms > ending_after_ms)
    if schedule_id is not None:
        query = query.where(columns.schedule_id == schedule_id)
    if beginning_before_ms is not None:
        query = query.where(columns.from_ms < beginning_before_ms)
    return tuple(map(_override, conn.execute(query.order_by(columns.from_ms, columns.override_id))))


def get_override(conn: Connection, override_id: str) -> Override:
    """The override; raises NotFound."""
    columns = schedule_overrides.c
    query = select(schedule_overrides).where(columns.override_id == override_id, columns.removed_at_ms.is_(None))
    row = conn.execute(query).first()
    if row is None:
        raise NotFound(f"There is no override {override_id}.")
    return _override(row)


def _stored(row: Row[Any]) -> StoredSchedule:
    return StoredSchedule(msgspec.json.decode(row.record, type=Schedule), row.version, row.at_ms, row.by_person)


def _override(row: Row[Any]) -> Override:
    return Override(
        row.override_id, row.schedule_id, row.login, row.from_ms, row.until_ms, row.made_at_ms, row.by_person, row.note
    )
