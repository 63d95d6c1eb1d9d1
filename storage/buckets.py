"""History summed up: per span of time the minimum, mean, maximum and count of each sign."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from sqlalchemy import Connection, func, or_, select

from storage import tables
from storage.minutes import MINUTE_MS, Summed, summed_minutes
from storage.window import check_buckets
from vitals.reading import PatientId
from vitals.sign import Sign


class SignSummary(msgspec.Struct, frozen=True):
    """One sign's values within a bucket, in the sign's unit; there is always at least one."""

    minimum: float
    mean: float
    maximum: float
    count: int


class Bucket(msgspec.Struct, frozen=True):
    """What was measured in [from_ms, from_ms + every_ms); begins at a multiple of every_ms since the epoch."""

    from_ms: int
    readings: int
    """Readings that have one of the signs asked for; of trimmed ones at least so many."""
    signs: dict[Sign, SignSummary]
    """Signs without a value in this bucket are left out."""


def history_buckets(
    conn: Connection,
    patient_id: PatientId,
    *,
    signs: Sequence[Sign],
    from_ms: int,
    to_ms: int,
    every_ms: int,
    limit: int,
    with_withdrawn: bool = False,
) -> tuple[Bucket, ...]:
    """Buckets that hold a value of `signs` measured in [from_ms, to_ms), oldest first; see `storage.readings.history`.

    Where readings were trimmed, their minutes stand for them, in buckets of whole minutes.
    """
    check_buckets(from_ms, to_ms, every_ms, limit)
    if not signs:
        return ()
    columns = tables.readings.c
    begin = columns.measured_at_ms - columns.measured_at_ms % every_ms
    summaries = [
        summary(columns[sign.value]) for sign in signs for summary in (func.min, func.avg, func.max, func.count)
    ]
    query = (
        select(begin.label("begin"), func.count(), *summaries)
        .where(
            columns.patient_id == patient_id,
            columns.measured_at_ms >= from_ms,
            columns.measured_at_ms < to_ms,
            or_(*(columns[sign.value].is_not(None) for sign in signs)),
        )
        .group_by("begin")
        .order_by("begin")
    )
    if not with_withdrawn:
        query = query.where(columns.withdrawn_by.is_(None))
    buckets = tuple(
        Bucket(
            from_ms=row[0],
            readings=row[1],
            signs={
                sign: SignSummary(*row[at : at + 4])
                for sign, at in zip(signs, range(2, len(row), 4), strict=True)
                if row[at + 3]
            },
        )
        for row in conn.execute(query)
    )
    if every_ms % MINUTE_MS:
        return buckets
    minutes = summed_minutes(conn, patient_id, signs=signs, from_ms=from_ms, to_ms=to_ms, every_ms=every_ms)
    return _with_minutes(buckets, minutes) if minutes else buckets


def _with_minutes(buckets: Iterable[Bucket], minutes: Mapping[int, Mapping[Sign, Summed]]) -> tuple[Bucket, ...]:
    """Buckets of readings joined with what stands for readings that were trimmed."""
    joined = {bucket.from_ms: bucket for bucket in buckets}
    for from_ms, sums in minutes.items():
        bucket = joined.get(from_ms, Bucket(from_ms, 0, {}))
        signs = dict(bucket.signs)
        for sign, summed in sums.items():
            both = summed if sign not in signs else summed.joined(_summed(signs[sign]))
            signs[sign] = SignSummary(both.minimum, both.total / both.number, both.maximum, both.number)
        joined[from_ms] = Bucket(from_ms, bucket.readings + max(summed.number for summed in sums.values()), signs)
    return tuple(joined[from_ms] for from_ms in sorted(joined))


def _summed(summary: SignSummary) -> Summed:
    return Summed(summary.minimum, summary.mean * summary.count, summary.maximum, summary.count)
