"""Snapshots of the ward from the patient database: one repeatable-read transaction, positions included.

The recorder's positions say how far `readings` and `assessments` are in SQL, those of the alert engine how far its own
output, topic `alerts`, is (ADR 0011). A partition without one is read from its beginning: steps already known change nothing.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from dashboard.charted_now import ENTRIES_KEPT
from dashboard.episodes import EpisodeNow
from dashboard.records import bed_of, episode_of, is_retold
from dashboard.snapshot import Snapshot
from dashboard.tiles import TILE_SIGNS
from dashboard.ward import INTERVALS_KEPT, TREND_SIGNS, Bed, Sample, Seed, SignNow, seen_at_ms
from dashboard.ward_limits import WardLimits
from runtime.blocking import Door
from runtime.bus import Positions, TopicPartition
from runtime.clock import Clock
from storage import assessments, charting, claims, devices, episode_history, episodes, patients, readings
from storage.episode_history import OPEN_MAX, Wanted
from storage.readings import Bucket, LatestSign
from storage.session import Connection, Database
from vitals.episode_state import EpisodeState
from vitals.fault import is_system
from vitals.reading import PatientId
from vitals.sign import Sign
from vitals.topics import LogTopic

RECORDER_GROUP = "recorder"
ALERTS_GROUP = "alerts"
_CADENCE_WINDOW_MS = 2 * 3_600_000
_CADENCE_BUCKET_MS = 60_000
_LATEST_WINDOW_MS = 24 * 3_600_000
_RECENT_EPISODES_MAX = 2000


class SqlSource:
    """Reads the ward through a door; remembers the register's version between calls."""

    def __init__(self, *, database: Database, door: Door, clock: Clock, limits: WardLimits) -> None:
        self._database = database
        self._door = door
        self._clock = clock
        self._limits = limits
        self._version: int | None = None

    async def snapshot(self) -> Snapshot:
        return await self._door.run(self._read, self._clock.now_ms())

    async def beds(self, *, again: bool) -> Sequence[Bed] | None:
        return await self._door.run(self._read_beds, again)

    async def holds(self, positions: Positions) -> bool:
        return await self._door.run(self._holds, positions)

    def _holds(self, positions: Positions) -> bool:
        with self._database.snapshot() as conn:
            recorded = claims.positions_of(conn, RECORDER_GROUP)
        return all(recorded.get(place, 0) >= position for place, position in positions.items())

    def _read_beds(self, again: bool) -> Sequence[Bed] | None:  # noqa: FBT001 - behind `beds`, where it is named
        with self._database.snapshot() as conn:
            version = devices.registry_version(conn)
            if version == self._version and not again:
                return None
            beds = _beds(conn)
        # Only once they are read: a change that could not be is one for the next look.
        self._version = version
        return beds

    def _read(self, now_ms: int) -> Snapshot:
        bucket_ms = self._limits.trend_bucket_ms
        recent_ms = now_ms - max(self._limits.recent_alert_ms, 3_600_000)
        with self._database.snapshot() as conn:
            version = devices.registry_version(conn)
            beds = _beds(conn)
            newest = readings.latest(conn, [bed.patient_id for bed in beds])
            assessed = assessments.latest(conn, [bed.patient_id for bed in beds])
            shown = _shown_episodes(conn, recent_ms)
            charted = {bed.patient_id: charting.entries(conn, bed.patient_id, limit=ENTRIES_KEPT) for bed in beds}
            values: dict[PatientId, Mapping[Sign, LatestSign]] = {}
            minutes: dict[PatientId, Sequence[Bucket]] = {}
            trend: dict[PatientId, Sequence[Bucket]] = {}
            for patient_id, last in newest.items():
                end_ms = last.measured_at_ms + 1
                found = readings.latest_signs(conn, [patient_id], since_ms=end_ms - _LATEST_WINDOW_MS)
                values[patient_id] = found.get(patient_id, {})
                minutes[patient_id] = readings.history(
                    conn,
                    patient_id,
                    signs=TILE_SIGNS,
                    from_ms=end_ms - _CADENCE_WINDOW_MS,
                    to_ms=end_ms,
                    every_ms=_CADENCE_BUCKET_MS,
                    limit=_CADENCE_WINDOW_MS // _CADENCE_BUCKET_MS + 2,
                )
                trend[patient_id] = readings.history(
                    conn,
                    patient_id,
                    signs=TREND_SIGNS,
                    from_ms=end_ms - self._limits.trend_window_ms,
                    to_ms=end_ms,
                    every_ms=bucket_ms,
                    limit=self._limits.trend_window_ms // bucket_ms + 2,
                )
            positions = {
                **_of(claims.positions_of(conn, RECORDER_GROUP), LogTopic.READINGS, LogTopic.ASSESSMENTS),
                **_of(claims.positions_of(conn, ALERTS_GROUP), LogTopic.ALERTS),
            }
        self._version = version
        seeds = [
            Seed(
                bed=bed,
                newest=newest.get(bed.patient_id),
                signs=_signs(values.get(bed.patient_id, {}), minutes.get(bed.patient_id, ())),
                trend=_trend(trend.get(bed.patient_id, ())),
                assessment=assessed.get(bed.patient_id),
                episodes=shown.get(bed.patient_id, ()),
                charted=[entry.reading for entry in reversed(charted[bed.patient_id])],
                withdrawn=[entry.withdrawn for entry in charted[bed.patient_id] if entry.withdrawn is not None],
            )
            for bed in beds
        ]
        system = [episode for subject, found in shown.items() if is_system(subject) for episode in found]
        return Snapshot(seeds=seeds, positions=positions, system=system)


def _beds(conn: Connection) -> list[Bed]:
    worn = devices.worn_now(conn)
    return [bed_of(patient, worn.get(patient.patient_id, ())) for patient in patients.list_patients(conn)]


def _shown_episodes(conn: Connection, recent_ms: int) -> dict[PatientId, list[EpisodeNow]]:
    """Open and recent episodes by subject: a patient, or a part of Wardlight."""
    known = {
        step.episode_id: step
        for step in (
            *episode_history.find(conn, Wanted(from_ms=recent_ms), limit=_RECENT_EPISODES_MAX),
            *episode_history.find(conn, Wanted(state=EpisodeState.OPEN), limit=OPEN_MAX),
        )
    }
    shown: dict[PatientId, list[EpisodeNow]] = {}
    for step in known.values():
        steps = episodes.transitions_of(conn, step.episode_id) if is_retold(step) else ()
        shown.setdefault(step.patient_id, []).append(episode_of(step, steps))
    return shown


def _of(positions: Positions, *topics: LogTopic) -> dict[TopicPartition, int]:
    return {place: position for place, position in positions.items() if place.topic in topics}


def _signs(values: Mapping[Sign, LatestSign], minutes: Sequence[Bucket]) -> Mapping[Sign, SignNow]:
    return {
        sign: SignNow(
            sign=sign,
            value=latest.value,
            measured_at_ms=latest.reading.measured_at_ms,
            seen_at_ms=seen_at_ms(latest.reading),
            reading_id=latest.reading.reading_id,
            intervals_ms=_intervals(sign, minutes),
        )
        for sign, latest in values.items()
        if latest.reading.charted is None
    }


def _intervals(sign: Sign, minutes: Iterable[Bucket]) -> deque[int]:
    """About how often a sign came lately: within a minute by count, beyond by the distance of minutes."""
    intervals: deque[int] = deque(maxlen=INTERVALS_KEPT)
    before_ms: int | None = None
    for bucket in minutes:
        summary = bucket.signs.get(sign)
        if summary is None:
            continue
        if summary.count > 1:
            intervals.append(_CADENCE_BUCKET_MS // summary.count)
        elif before_ms is not None:
            intervals.append(bucket.from_ms - before_ms)
        before_ms = bucket.from_ms
    return intervals


def _trend(buckets: Iterable[Bucket]) -> Mapping[Sign, Mapping[int, Sample]]:
    trend: dict[Sign, dict[int, Sample]] = {}
    for bucket in buckets:
        for sign, summary in bucket.signs.items():
            trend.setdefault(sign, {})[bucket.from_ms] = Sample(bucket.from_ms, "", summary.mean)
    return trend
