"""Who wore which device when: a bounded copy of the assignments, so that no batch waits for the database.

A version number in the database says whether anything changed; it is asked at a bounded rate, in the background. So a
new assignment counts from its next refresh on, and while the database is down, what is known goes on serving.
"""

import asyncio
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import structlog

from runtime.blocking import Door
from runtime.clock import Clock
from storage import devices, patients
from storage.patients import NOTHING_KNOWN, Known
from storage.session import Connection, Database, in_snapshot, in_transaction
from vitals.errors import Conflict, Unavailable
from vitals.reading import DeviceId, PatientId, WardId
from vitals.sex import Sex

log = structlog.get_logger()

_DEVICES_PER_QUERY = 500
"""Devices reloaded in one transaction."""


class Wearer(NamedTuple):
    """A patient, and the log key that goes with them."""

    patient_id: PatientId
    key: bytes
    born: date | None = None
    sex: Sex | None = None


class _Period(NamedTuple):
    from_ms: int
    until_ms: int | None
    wearer: Wearer


@dataclass(frozen=True, kw_only=True)
class DirectoryLimits:
    """Bounds of the copy."""

    devices_max: int
    refresh_s: float


class PatientDirectory:
    """Answers from memory; `learn` fetches what it does not know. One reader, the bridge."""

    def __init__(
        self,
        *,
        database: Database,
        door: Door,
        clock: Clock,
        limits: DirectoryLimits,
        enroll_ward: WardId | None = None,
    ) -> None:
        self._database = database
        self._door = door
        self._clock = clock
        self._limits = limits
        self._enroll_ward = enroll_ward
        self._periods: dict[DeviceId, Sequence[_Period]] = {}
        """Per device, newest first; empty where it was never assigned. The one to forget next comes first."""
        self._version: int | None = None
        self._looking = asyncio.Lock()
        """Held from a look into the database until its answer is known, so that a refresh reloads each that is older than it."""

    def knows(self, device_ids: AbstractSet[DeviceId]) -> bool:
        """Whether `wearer` has an answer for all of these."""
        return device_ids <= self._periods.keys()

    def wearer(self, device_id: DeviceId, at_ms: int) -> Wearer | None:
        """Who wore the device at that time; None for nobody. Raises KeyError for a device that was not learned."""
        for period in self._periods[device_id]:
            if period.from_ms <= at_ms and (period.until_ms is None or at_ms < period.until_ms):
                return period.wearer
        return None

    async def learn(self, device_ids: AbstractSet[DeviceId]) -> None:
        """Fetch what is unknown of these, enrolling devices that never had a patient where that is asked for.

        Afterwards all of them are known, if they are not more than the directory holds; others are forgotten for them.
        Raises Unavailable; those fetched until then stay known.
        """
        if self._version is None:
            self._version = await in_snapshot(self._door, self._database, devices.registry_version)
        wanted = sorted(device_ids - self._periods.keys())
        for start in range(0, len(wanted), _DEVICES_PER_QUERY):
            async with self._looking:
                self._periods.update(await self._found(wanted[start : start + _DEVICES_PER_QUERY]))
        for device_id in device_ids:
            self._periods[device_id] = self._periods.pop(device_id)
        while len(self._periods) > self._limits.devices_max:
            del self._periods[next(iter(self._periods))]

    async def refresh(self) -> bool:
        """Reload what is known if anything changed in the database; says whether it had. Raises Unavailable."""
        async with self._looking:
            version = await in_snapshot(self._door, self._database, devices.registry_version)
            known = list(self._periods)
        if version == self._version:
            return False
        for start in range(0, len(known), _DEVICES_PER_QUERY):
            chunk = known[start : start + _DEVICES_PER_QUERY]
            found = await in_snapshot(self._door, self._database, _periods_of, chunk)
            self._periods.update((device_id, found[device_id]) for device_id in chunk if device_id in self._periods)
        self._version = version
        return True

    async def _found(self, device_ids: Sequence[DeviceId]) -> dict[DeviceId, Sequence[_Period]]:
        found = await in_snapshot(self._door, self._database, _periods_of, device_ids)
        strangers = [device_id for device_id, periods in found.items() if not periods]
        if strangers and self._enroll_ward is not None:
            found |= await in_transaction(
                self._door, self._database, _enroll, strangers, self._enroll_ward, self._clock.now_ms()
            )
        return found

    async def keep_fresh(self) -> None:
        """Refresh for ever, at the rate of the settings; cancel it to end it."""
        is_down = False
        while True:
            await self._clock.sleep(self._limits.refresh_s)
            try:
                await self.refresh()
                is_down = False
            except Unavailable as error:
                if not is_down:
                    log.warning("directory_serves_from_memory", error=str(error))
                is_down = True


def _periods_of(conn: Connection, device_ids: Sequence[DeviceId]) -> dict[DeviceId, Sequence[_Period]]:
    assigned = {device_id: devices.assignments_of(conn, device_id) for device_id in device_ids}
    known = patients.known_of(conn, {one.patient_id for found in assigned.values() for one in found})
    return {device_id: _newest_first(found, known) for device_id, found in assigned.items()}


def _newest_first(assignments: Sequence[devices.Assignment], known: Mapping[PatientId, Known]) -> Sequence[_Period]:
    return [
        _Period(
            assignment.from_ms,
            assignment.until_ms,
            Wearer(
                assignment.patient_id,
                assignment.patient_id.encode(),
                *known.get(assignment.patient_id, NOTHING_KNOWN),
            ),
        )
        for assignment in reversed(assignments)
    ]


def _enroll(
    conn: Connection, device_ids: Sequence[DeviceId], ward_id: WardId, at_ms: int
) -> dict[DeviceId, Sequence[_Period]]:
    for device_id in device_ids:
        try:
            devices.enroll(conn, device_id, ward_id, at_ms)
        except Conflict as error:
            log.warning("not_enrolled", device_id=device_id, error=str(error))
    return _periods_of(conn, device_ids)
