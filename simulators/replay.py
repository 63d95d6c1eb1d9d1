"""Replays recordings as devices over MQTT: one device per recorded patient, true intervals in `measured_at` at any speed.

At speed 1 the recording's first moment is the anchor (now, by default) and it plays live. At any other speed the times
are shifted so that its last moment is the anchor, so no reading ever lies in the future; they are published in time
order as fast as the speed says. The same recording with the same anchor has the same boot and so the same ids: playing
it twice changes nothing.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from runtime.clock import Clock
from simulators.device import Device, Measured
from simulators.links import Connect, DevicesReport, Links
from simulators.outbox import Outbox
from simulators.recording import Recording, Row
from simulators.settings import SimulatorSettings
from vitals.reading import Origin

LIVE = 1.0
"""The speed at which a recording's time is real time."""
_BATCH_ROWS = 500
_PAUSE_S_MAX = 0.2
_ROOM_LOOK_S = 0.01


@dataclass(frozen=True, kw_only=True)
class ReplayReport:
    """What a replay did."""

    devices: DevicesReport
    rows: int
    empty_rows: int
    """Rows without any value; not published."""
    implausible_rows: int
    """Readings that ought to be refused; published."""
    anchor_ms: int
    finished: bool
    """Everything was published; false where it was stopped."""


class Replay:
    """One recording played once."""

    def __init__(
        self,
        recording: Recording,
        settings: SimulatorSettings,
        *,
        connect: Connect,
        clock: Clock,
        speed: float | None,
        anchor_ms: int | None = None,
    ) -> None:
        self._recording = recording
        self._settings = settings
        self._clock = clock
        self._speed = speed
        self.anchor_ms = clock.now_ms() if anchor_ms is None else anchor_ms
        """The moment at which the recording begins (speed 1) or ends (any other), epoch milliseconds."""
        is_live = speed == LIVE
        self.begins_ms = self.anchor_ms if is_live else self.anchor_ms - recording.last_offset_ms
        """Offset 0 of the recording falls here."""
        self.boot = f"{recording.identity}-{self.begins_ms:x}"
        self._devices = [
            Device(device_id, boot=self.boot, origin=Origin.REPLAY, outbox=_outbox(settings))
            for device_id in recording.devices
        ]
        self.links = Links(self._devices, connect=connect, clock=clock, connections_max=settings.connections_max)
        self.published_rows = 0
        """Readings made so far; of `recording.rows - recording.empty_rows`."""

    async def run(
        self, *, stopping: asyncio.Event, on_progress: Callable[[int, int], None] | None = None
    ) -> ReplayReport:
        """Play to the end or until `stopping`, wait for receipts, close; raises Unavailable where no broker answers.

        `on_progress` is told readings made and readings in all, a batch at a time.
        """
        await self.links.open(connecting_max=self._settings.connecting_max)
        recording = self._recording
        readings = recording.rows - recording.empty_rows
        started_s = self._clock.monotonic_s()
        try:
            for batch in recording.batches(_BATCH_ROWS):
                await self._wait_for_room(stopping)
                if not await self._play(batch, started_s, stopping):
                    break
                if on_progress is not None:
                    on_progress(self.published_rows, readings)
            await self.links.drain(within_s=self._settings.drain_s)
        finally:
            await self.links.close()
        return ReplayReport(
            devices=self.links.report(),
            rows=recording.rows,
            empty_rows=recording.empty_rows,
            implausible_rows=recording.implausible_rows,
            anchor_ms=self.anchor_ms,
            finished=self.published_rows == readings,
        )

    def published_ids(self) -> Iterator[str]:
        """Ids of all readings handed to the network."""
        return self.links.published_ids()

    def receipted_ids(self) -> Iterator[str]:
        """Ids of all readings receipted as accepted."""
        return self.links.receipted_ids()

    def refused_ids(self) -> Iterator[str]:
        """Ids of all readings receipted as rejected."""
        return self.links.refused_ids()

    async def _play(self, batch: list[Row], started_s: float, stopping: asyncio.Event) -> bool:
        """False once stopped."""
        clock, speed = self._clock, self._speed
        for row in batch:
            if speed is not None:
                due_s = started_s + row.offset_ms / 1000 / speed
                while (ahead_s := due_s - clock.monotonic_s()) > 0 and not stopping.is_set():
                    self.links.watch()
                    await clock.sleep(min(ahead_s, _PAUSE_S_MAX))
            if stopping.is_set():
                return False
            device = self._devices[row.device]
            signs: Measured = {sign.value: value for sign, value in row.signs.items()}
            device.measure(self.begins_ms + row.offset_ms, signs)
            self.links.offer(device)
            self.published_rows += 1
        await clock.sleep(0)
        return True

    async def _wait_for_room(self, stopping: asyncio.Event) -> None:
        while self.links.unreceipted >= self._settings.replay_kept_max and not stopping.is_set():
            self.links.watch()
            await self._clock.sleep(_ROOM_LOOK_S)


def _outbox(settings: SimulatorSettings) -> Outbox:
    return Outbox(
        readings_max=max(settings.kept_readings_max, settings.replay_kept_max + _BATCH_ROWS),
        in_flight_max=settings.in_flight_max,
        receipt_timeout_s=settings.receipt_timeout_s,
        probe_timeout_s=settings.probe_timeout_s,
    )
