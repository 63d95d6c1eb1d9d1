"""Failed attempts to sign in: each is put down before the password is looked at, so that many at once cannot slip by."""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, case, delete, func, select

from storage import people_tables as tables
from storage.dialect import insert, replace_all

ClosedFor = Callable[[int], int]
"""For how many milliseconds so many failures in a row close an account or address."""


def begin_attempt(
    conn: Connection,
    subjects: Sequence[tuple[str, ClosedFor]],
    *,
    now_ms: int,
    forget_ms: int,
    kept_max: int,
) -> int:
    """Put an attempt down as failed for every subject; 0, or for how many milliseconds one of them is still closed.

    While one is closed nothing is put down for any of them: asking does not make it longer, and leaves no row. Failures
    older than `forget_ms` are forgotten. Beyond `kept_max` rows others go: open ones first, the oldest of them, and where
    all are closed, the one that opens again soonest.
    """
    columns = tables.attempts.c
    names = [name for name, _ in subjects]
    _hold(conn, names, now_ms)
    rows = conn.execute(select(tables.attempts).where(columns.subject.in_(names)).order_by(columns.subject))
    held = {row.subject: row for row in rows}
    closed_ms = max((row.closed_until_ms - now_ms for row in held.values()), default=0)
    if closed_ms > 0:
        conn.execute(delete(tables.attempts).where(columns.subject.in_(names), columns.failures == 0))
        return int(closed_ms)
    conn.execute(delete(tables.attempts).where(columns.last_at_ms < now_ms - forget_ms))
    noted = []
    for name, closed_for in subjects:
        row = held.get(name)
        before = 0 if row is None or row.last_at_ms < now_ms - forget_ms else row.failures
        until_ms = now_ms + closed_for(before + 1)
        noted.append(
            {"subject": name, "failures": before + 1, "last_at_ms": now_ms, "closed_until_ms": until_ms},
        )
    replace_all(conn, tables.attempts, noted, key=("subject",))
    _bound(conn, kept_max, now_ms=now_ms, but=names)
    return 0


def count_attempt(conn: Connection, subject: str, *, now_ms: int, forget_ms: int, kept_max: int) -> int:
    """Put one attempt down as failed, closing nothing; how many there are now in a row, this one included."""
    begin_attempt(conn, [(subject, _never)], now_ms=now_ms, forget_ms=forget_ms, kept_max=kept_max)
    query = select(tables.attempts.c.failures).where(tables.attempts.c.subject == subject)
    return int(conn.execute(query).scalar_one())


def _never(_: int) -> int:
    return 0


def _hold(conn: Connection, names: Sequence[str], now_ms: int) -> None:
    """Make the rows that are not there, and hold all of them until the end: attempts at once are counted one by one."""
    statement = insert(conn, tables.attempts)
    rows = [{"subject": name, "failures": 0, "last_at_ms": now_ms, "closed_until_ms": 0} for name in sorted(names)]
    held = {"failures": tables.attempts.c.failures}
    conn.execute(statement.on_conflict_do_update(index_elements=["subject"], set_=held), rows)


def forgive(conn: Connection, subject: str) -> None:
    """The attempt succeeded: nothing is held against this account."""
    conn.execute(delete(tables.attempts).where(tables.attempts.c.subject == subject))


def take_back(conn: Connection, subject: str) -> None:
    """The attempt succeeded: it does not count against this address, its earlier failures do."""
    columns = tables.attempts.c
    row = conn.execute(select(tables.attempts).where(columns.subject == subject)).first()
    if row is None:
        return
    if row.failures <= 1:
        forgive(conn, subject)
        return
    taken = {"subject": subject, "failures": row.failures - 1, "last_at_ms": row.last_at_ms, "closed_until_ms": 0}
    replace_all(conn, tables.attempts, [taken], key=("subject",))


def _bound(conn: Connection, kept_max: int, *, now_ms: int, but: Sequence[str]) -> None:
    columns = tables.attempts.c
    count = conn.execute(select(func.count()).select_from(tables.attempts)).scalar_one()
    if count <= kept_max:
        return
    opens_ms = case((columns.closed_until_ms > now_ms, columns.closed_until_ms), else_=0)
    least = select(columns.subject).where(columns.subject.not_in(but))
    least = least.order_by(opens_ms, columns.last_at_ms, columns.subject).limit(count - kept_max)
    conn.execute(delete(tables.attempts).where(columns.subject.in_(least)))
