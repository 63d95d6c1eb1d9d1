"""Corrections: "this device was on the wrong patient since 14:05", ordered by a person, carried out by the alert service.

Ordering one rewrites the register at once (`storage.devices.correct`), in the transaction that stores the order. What
became of the readings is the correction worker's (`alerts.corrections`), which finds its work here after any crash.
"""

import secrets
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, and_, func, insert, or_, select, tuple_, update

from storage import devices, patients, tables
from storage.readings import reading_of
from storage.stays_tables import corrections
from storage.window import Cursor, check_limit
from vitals.errors import Conflict, InvalidArgument, NotFound
from vitals.reading import DeviceId, PatientId, Reading, WardId, Withdrawn

CLOCK_AHEAD_MS: Final = 180_000
"""A correction up to now also takes what a device's fast clock dated later: ingest lets 120 s pass, and then some."""

_JOINED_KINDS: Final = (
    "news2-single-red",
    "news2-urgent",
    "news2-emergency",
    "unusual-pattern",
    "deterioration-risk",
    "baseline-shift",
)
"""Alerts that join the values of several devices."""


class CorrectionState(StrEnum):
    """How far a correction is."""

    REQUESTED = "requested"
    """The register is corrected; the readings are about to be."""
    DONE = "done"


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """One order and what came of it."""

    correction_id: str
    device_id: DeviceId
    wrong_patient_id: PatientId
    right_patient_id: PatientId | None
    """None where the device had been on nobody."""
    from_ms: int
    until_ms: int
    """Readings measured before it are meant."""
    is_open: bool
    """Up to now: `until_ms` lies a little ahead of the order, for fast clocks."""
    reason: str
    person_id: str
    by_person: str
    requested_at_ms: int
    state: CorrectionState = CorrectionState.REQUESTED
    done_at_ms: int | None = None
    readings: int = 0
    retracted: int = 0
    found: int = 0

    def withdrawn(self) -> Withdrawn:
        """What tells everyone that the readings were never the wrong patient's."""
        return Withdrawn(
            correction_id=self.correction_id,
            patient_id=self.wrong_patient_id,
            device_id=self.device_id,
            from_ms=self.from_ms,
            until_ms=self.until_ms,
            at_ms=self.requested_at_ms,
            by=self.by_person,
            reason=self.reason,
        )


class Outlook(msgspec.Struct, frozen=True):
    """What a correction would do, before anyone orders it."""

    device_id: DeviceId
    wrong_patient_id: PatientId
    from_ms: int
    until_ms: int | None
    """None: up to now, and from now on."""
    readings: int
    """Stored readings that would be withdrawn."""
    open_alerts: int
    """Open alerts that these readings raised."""
    ended_alerts: int


def outlook(conn: Connection, device_id: DeviceId, *, from_ms: int, until_ms: int | None, now_ms: int) -> Outlook:
    """What correcting would touch; raises as `request` does."""
    _check_times(from_ms, until_ms, now_ms)
    wrong = devices.misattributed(conn, device_id, from_ms, until_ms)
    end_ms = now_ms + CLOCK_AHEAD_MS if wrong.until_ms is None else wrong.until_ms
    readings, episodes = tables.readings.c, tables.episodes.c
    counted = conn.scalar(
        select(func.count()).where(
            readings.patient_id == wrong.patient_id,
            readings.device_id == device_id,
            readings.measured_at_ms >= from_ms,
            readings.measured_at_ms < end_ms,
            readings.withdrawn_by.is_(None),
        )
    )
    raised = conn.execute(
        select(episodes.active, func.count())
        .where(
            episodes.patient_id == wrong.patient_id,
            or_(episodes.device_id == device_id, episodes.kind.in_(_JOINED_KINDS)),
            episodes.raised_at_ms >= from_ms,
            episodes.raised_at_ms < end_ms,
            episodes.last_transition != "retracted",
        )
        .group_by(episodes.active)
    )
    by_state = {bool(active): int(count) for active, count in raised}
    return Outlook(
        device_id=device_id,
        wrong_patient_id=wrong.patient_id,
        from_ms=from_ms,
        until_ms=wrong.until_ms,
        readings=int(counted or 0),
        open_alerts=by_state.get(True, 0),
        ended_alerts=by_state.get(False, 0),
    )


def request(
    conn: Connection,
    device_id: DeviceId,
    *,
    from_ms: int,
    until_ms: int | None,
    to_patient_id: PatientId | None,
    reason: str,
    person_id: str,
    by: str,
    now_ms: int,
) -> Correction:
    """Order a correction: the register is rewritten here and now, the readings follow.

    Without `until_ms` it lasts as long as the mistaken assignment does. Raises InvalidArgument on times to come, NotFound
    for an unknown device or patient, and Conflict where nothing, or more than one mistake, stands in that time.
    """
    _check_times(from_ms, until_ms, now_ms)
    wrong = devices.misattributed(conn, device_id, from_ms, until_ms)
    devices.correct(conn, wrong, to_patient_id)
    correction = Correction(
        correction_id=f"c-{secrets.token_hex(8)}",
        device_id=device_id,
        wrong_patient_id=wrong.patient_id,
        right_patient_id=to_patient_id,
        from_ms=from_ms,
        until_ms=now_ms + CLOCK_AHEAD_MS if wrong.until_ms is None else wrong.until_ms,
        is_open=wrong.until_ms is None,
        reason=reason,
        person_id=person_id,
        by_person=by,
        requested_at_ms=now_ms,
    )
    conn.execute(insert(corrections).values(msgspec.structs.asdict(correction)))
    return correction


def get(conn: Connection, correction_id: str) -> Correction:
    """The correction; raises NotFound."""
    row = conn.execute(select(corrections).where(corrections.c.correction_id == correction_id)).first()
    if row is None:
        raise NotFound(f"There is no correction {correction_id}.")
    return _correction(row)


def list_corrections(
    conn: Connection,
    *,
    limit: int,
    patient_ids: Iterable[PatientId] | None = None,
    device_id: DeviceId | None = None,
    ward_ids: Iterable[WardId] | None = None,
    with_patient_ids: Iterable[PatientId] = (),
    before: Cursor | None = None,
) -> tuple[Correction, ...]:
    """Corrections, newest first, at most `limit`; those of any of these patients, or of this device.

    With `ward_ids` only those about a patient who is on one of these wards now, or is one of `with_patient_ids`.
    The next page begins `before` the last one's (requested_at_ms, correction_id).
    """
    check_limit(limit)
    columns = corrections.c
    query = select(corrections)
    if patient_ids is not None:
        wanted = sorted(set(patient_ids))
        query = query.where(or_(columns.wrong_patient_id.in_(wanted), columns.right_patient_id.in_(wanted)))
    if device_id is not None:
        query = query.where(columns.device_id == device_id)
    if ward_ids is not None:
        there = tables.patients.c
        seen = select(there.patient_id).where(
            or_(there.ward_id.in_(sorted(set(ward_ids))), there.patient_id.in_(sorted(set(with_patient_ids))))
        )
        query = query.where(or_(columns.wrong_patient_id.in_(seen), columns.right_patient_id.in_(seen)))
    order = (columns.requested_at_ms, columns.correction_id)
    if before is not None:
        query = query.where(tuple_(*order) < tuple_(*before))
    query = query.order_by(*(column.desc() for column in order)).limit(limit)
    return tuple(map(_correction, conn.execute(query)))


def unfinished(conn: Connection, *, done_since_ms: int, limit: int) -> tuple[Correction, ...]:
    """Corrections to carry out, oldest first, and those done since then: a reading may have been under way."""
    columns = corrections.c
    query = (
        select(corrections)
        .where(
            or_(
                columns.state == CorrectionState.REQUESTED.value,
                and_(columns.state == CorrectionState.DONE.value, columns.done_at_ms >= done_since_ms),
            )
        )
        .order_by(columns.requested_at_ms, columns.correction_id)
        .limit(limit)
    )
    return tuple(map(_correction, conn.execute(query)))


def finish(conn: Connection, correction_id: str, *, at_ms: int, readings: int, retracted: int, found: int) -> None:
    """Mark it done; the first time of being done stays."""
    columns = corrections.c
    conn.execute(
        update(corrections)
        .where(columns.correction_id == correction_id)
        .values(
            state=CorrectionState.DONE.value,
            done_at_ms=func.coalesce(columns.done_at_ms, at_ms),
            readings=readings,
            retracted=retracted,
            found=found,
        )
    )


def stragglers(conn: Connection, correction: Correction) -> int:
    """Readings that stand as the wrong patient's though the register says otherwise: they were under way meanwhile.

    None where a later correction of the same device took over.
    """
    columns = tables.readings.c
    later = conn.scalar(
        select(func.count()).where(
            corrections.c.device_id == correction.device_id,
            corrections.c.requested_at_ms > correction.requested_at_ms,
        )
    )
    if later:
        return 0
    rows = conn.execute(
        select(columns.measured_at_ms).where(
            *_meant(correction), columns.withdrawn_by.is_(None), columns.correction_id.is_(None)
        )
    ).scalars()
    return sum(
        devices.patient_as_of(conn, correction.device_id, measured_at_ms) != correction.wrong_patient_id
        for measured_at_ms in rows
    )


def readings_of(
    conn: Connection, correction: Correction, *, limit: int, after: Cursor | None = None
) -> tuple[Reading, ...]:
    """A page of the readings it means, as the wrong patient's: not withdrawn, or withdrawn by this very correction."""
    check_limit(limit)
    columns = tables.readings.c
    order = (columns.measured_at_ms, columns.reading_id)
    query = (
        select(tables.readings)
        .where(
            *_meant(correction),
            or_(columns.withdrawn_by.is_(None), columns.withdrawn_by == correction.correction_id),
        )
        .order_by(*order)
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(*order) > tuple_(*after))
    return tuple(reading_of(row) for row in conn.execute(query))


def ward_of_any(conn: Connection, correction: Correction) -> tuple[str, ...]:
    """Wards of the patients it is about."""
    ids = [correction.wrong_patient_id, correction.right_patient_id]
    return tuple(patients.get(conn, patient_id).ward_id for patient_id in ids if patient_id is not None)


def _meant(correction: Correction) -> list[Any]:
    columns = tables.readings.c
    return [
        columns.patient_id == correction.wrong_patient_id,
        columns.device_id == correction.device_id,
        columns.measured_at_ms >= correction.from_ms,
        columns.measured_at_ms < correction.until_ms,
    ]


def _check_times(from_ms: int, until_ms: int | None, now_ms: int) -> None:
    if from_ms >= now_ms or (until_ms is not None and until_ms > now_ms):
        raise InvalidArgument("A correction is about the past: choose times before now.")
    if until_ms is not None and until_ms <= from_ms:
        raise Conflict("A correction must end after it begins.")


def _correction(row: Row[Any]) -> Correction:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented name for it
    values["state"] = CorrectionState(row.state)
    return Correction(**values)
