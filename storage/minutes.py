"""What stands for readings that were trimmed: per patient, minute and sign the least, mean and greatest value."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection, func, select

from storage import tables
from storage.dialect import insert
from storage.operations_tables import reading_minutes
from vitals.reading import PatientId
from vitals.sign import Sign

MINUTE_MS: Final = 60_000
_ALL_SIGNS: Final = tuple(Sign)
_COLUMNS: Final = ("patient_id", "from_ms", "sign", "minimum", "total", "maximum", "count")


class Summed(NamedTuple):
    """Values of one sign within one span of time; there is at least one."""

    minimum: float
    total: float
    maximum: float
    number: int

    def joined(self, other: "Summed") -> "Summed":
        """Both together."""
        return Summed(
            min(self.minimum, other.minimum),
            self.total + other.total,
            max(self.maximum, other.maximum),
            self.number + other.number,
        )


def add_minutes(conn: Connection, patient_id: PatientId, reading_ids: Sequence[str]) -> int:
    """Sum these readings up into the patient's minutes, joining what the minutes hold already; how many rows that touched.

    Withdrawn readings were never the patient's, and count for nothing. Delete the readings in the same transaction.
    """
    columns = tables.readings.c
    begin = columns.measured_at_ms - columns.measured_at_ms % MINUTE_MS
    sums = [summed(columns[sign.value]) for sign in _ALL_SIGNS for summed in (func.min, func.sum, func.max, func.count)]
    minutes = conn.execute(
        select(begin.label("begin"), *sums)
        .where(columns.reading_id.in_(reading_ids), columns.withdrawn_by.is_(None))
        .group_by("begin")
    )
    rows = [
        dict(zip(_COLUMNS, (patient_id, row[0], sign.value, *row[at : at + 4]), strict=True))
        for row in minutes
        for sign, at in zip(_ALL_SIGNS, range(1, len(row), 4), strict=True)
        if row[at + 3]
    ]
    if rows:
        _join(conn, rows)
    return len(rows)


def summed_minutes(
    conn: Connection, patient_id: PatientId, *, signs: Sequence[Sign], from_ms: int, to_ms: int, every_ms: int
) -> Mapping[int, Mapping[Sign, Summed]]:
    """By the begin of each bucket of `every_ms`, a multiple of a minute, what minutes within [from_ms, to_ms) hold."""
    columns = reading_minutes.c
    begin = columns.from_ms - columns.from_ms % every_ms
    rows = conn.execute(
        select(
            begin.label("begin"),
            columns.sign,
            func.min(columns.minimum),
            func.sum(columns.total),
            func.max(columns.maximum),
            func.sum(columns.count),
        )
        .where(
            columns.patient_id == patient_id,
            columns.from_ms >= from_ms,
            columns.from_ms < to_ms,
            columns.sign.in_([sign.value for sign in signs]),
        )
        .group_by("begin", columns.sign)
    )
    found: dict[int, dict[Sign, Summed]] = {}
    for row in rows:
        found.setdefault(row[0], {})[Sign(row[1])] = Summed(row[2], row[3], row[4], int(row[5]))
    return found


def _join(conn: Connection, rows: Iterable[Mapping[str, object]]) -> None:
    statement = insert(conn, reading_minutes)
    held, new = reading_minutes.c, statement.excluded
    least, greatest = (func.min, func.max) if conn.dialect.name == "sqlite" else (func.least, func.greatest)
    conn.execute(
        statement.on_conflict_do_update(
            index_elements=["patient_id", "from_ms", "sign"],
            set_={
                "minimum": least(held.minimum, new.minimum),
                "total": held.total + new.total,
                "maximum": greatest(held.maximum, new.maximum),
                "count": held.count + new["count"],
            },
        ),
        list(rows),
    )
