"""Wardlight's watch over itself: looks at stages, refusals and disks, and tells of faults as records of the log."""

import shutil
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from alerts.fault_watch import FaultWatch
from alerts.heartbeat_settings import WatchdogSettings
from alerts.symptoms import BacklogWatch, Disk, Fault, Symptom, filling, refused_in_number, still_stages
from runtime.blocking import Door
from runtime.bus import Bus, Outgoing
from runtime.clock import Clock
from storage import episodes, rejections
from storage.session import Connection, Database
from storage.stages import Stage
from vitals import codec
from vitals.alert import AlertKind, Priority
from vitals.fault import SYSTEM_WARD, subject_of
from vitals.reading import PatientId, RejectionReason
from vitals.topics import LogTopic, is_level

_DISK: Final = "disk-"
_READINGS: Final = LogTopic.READINGS.value
Standing = dict[Fault, Priority]


class SelfWatch:
    """Looks each round of the heartbeat; every disk is watched by the processes of its own machine only."""

    def __init__(
        self,
        *,
        bus: Bus,
        database: Database,
        door: Door,
        clock: Clock,
        settings: WatchdogSettings,
        host: str | None = None,
    ) -> None:
        self._bus = bus
        self._database = database
        self._door = door
        self._clock = clock
        self._settings = settings
        self._disk_part = _DISK + _as_level(socket.gethostname() if host is None else host)
        self._backlogs = BacklogWatch(window_s=settings.backlog_s, records_min=settings.backlog_records_min)
        self._watch = FaultWatch(
            lasts_s=settings.fault_lasts_s, clear_s=settings.fault_clear_s, repeat_s=settings.fault_repeat_s
        )

    async def look(self, now_s: float, stages: Sequence[Stage]) -> None:
        """Look once, and publish what is to be told; raises Unavailable. `now_s` is real time, at whatever speed."""
        at_ms = self._clock.now_ms()
        refused, standing = await self._door.run(self._in_sql, at_ms)
        symptoms = [
            *still_stages(stages),
            *self._backlogs.growing(now_s, stages),
            *refused_in_number(
                refused,
                window_s=self._settings.rejected_window_s,
                readings_max=self._settings.rejected_readings_max,
            ),
            *await self._door.run(self._full_disks),
        ]
        others = frozenset(
            subject
            for subject, kind in standing
            if kind is AlertKind.DISK_FULL and subject != subject_of(self._disk_part)
        )
        told = self._watch.judge(now_s, at_ms, symptoms, standing, others)
        if told:
            await self._bus.publish(
                [Outgoing(_READINGS, fault.patient_id.encode(), codec.encode(fault)) for fault in told]
            )

    def _in_sql(self, at_ms: int) -> tuple[dict[RejectionReason, int], Standing]:
        from_ms = at_ms - int(1000 * self._settings.rejected_window_s)
        with self._database.snapshot() as conn:
            return rejections.counts_since(conn, from_ms), _standing(conn)

    def _full_disks(self) -> list[Symptom]:
        """Of several full disks of this machine the fullest: they are one subject."""
        disks = [disk for path in self._settings.disks if (disk := self._disk(path)) is not None]
        found = [
            symptom
            for disk in sorted(disks, key=lambda disk: disk.free_percent)
            for symptom in filling(
                disk,
                low_percent=self._settings.disk_free_percent_low,
                critical_percent=self._settings.disk_free_percent_critical,
                enough_gib=self._settings.disk_free_gib_enough,
            )
        ]
        return found[:1]

    def _disk(self, path: Path) -> Disk | None:
        for place in (path, *path.absolute().parents):
            try:
                usage = shutil.disk_usage(place)
            except FileNotFoundError:
                continue
            return Disk(self._disk_part, str(path), usage.free, usage.total)
        return None


def _standing(conn: Connection) -> Standing:
    return {
        (PatientId(episode.patient_id), episode.kind): episode.priority
        for episode in episodes.open_episodes(conn, SYSTEM_WARD)
    }


def _as_level(name: str) -> str:
    """A machine's name as part of an id: whatever no topic could carry becomes a hyphen."""
    level = "".join(letter if is_level(letter) or letter in "._-" else "-" for letter in name)[:40].strip("-._")
    return level or "here"
