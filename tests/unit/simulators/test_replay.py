"""Replaying: live or fast, in the recording's own intervals, never in the future, and twice the same."""

import asyncio
import itertools
from pathlib import Path

from runtime.clock import LoopClock
from runtime.mqtt import Will
from runtime.virtual_loop import run_virtual
from simulators.link import Session
from simulators.recording import Recording, open_recording
from simulators.replay import Replay, ReplayReport
from simulators.settings import SimulatorSettings
from tests.support.builders import EPOCH_MS
from tests.support.memory_mqtt import MemoryBroker
from tests.support.receipting_bridge import ReceiptingBridge
from vitals.reading import DeviceId

SECONDS = 120
PATIENTS = 6


def recording(tmp_path: Path) -> Recording:
    """Six patients, a row every 2 s each, shifted against each other; two rows are implausible."""
    file = tmp_path / "r.csv"
    rows = [
        f"bidmc_{patient:02d},{second + patient / 10},{0 if second == 60 and patient < 2 else 70},15,97"
        for patient in range(PATIENTS)
        for second in range(0, SECONDS, 2)
    ]
    file.write_text("record,Time [s],HR,RESP,SpO2\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return open_recording([file], rows_max=10_000)


class Stage:
    """A broker, a receipting bridge and the means to play on it."""

    def __init__(self, source: Recording, **settings: int) -> None:
        self.clock = LoopClock(epoch_ms=EPOCH_MS)
        self.broker = MemoryBroker(seed=1)
        self.source = source
        self.settings = SimulatorSettings.model_validate(settings)
        self.client_ids: list[str] = []
        self.arrivals: list[tuple[int, int]] = []
        self.bridge = ReceiptingBridge(self.broker.session("unused"))

    def _connect(self, client_id: str, will: Will | None) -> Session:
        self.client_ids.append(client_id)
        return self.broker.session(client_id, clean=True, will=will)

    def replay(self, speed: float | None, anchor_ms: int | None = None) -> Replay:
        return Replay(
            self.source, self.settings, connect=self._connect, clock=self.clock, speed=speed, anchor_ms=anchor_ms
        )

    async def play(self, player: Replay, *, stop_after_s: float | None = None) -> ReplayReport:
        session = self.broker.session("bridge")
        self.bridge = ReceiptingBridge(session)
        await session.open()
        serving = asyncio.ensure_future(self.bridge.run())
        stopping = asyncio.Event()
        if stop_after_s is not None:
            asyncio.get_running_loop().call_later(stop_after_s, stopping.set)
        try:
            return await player.run(stopping=stopping)
        finally:
            await session.close()
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    def measured(self) -> dict[DeviceId, list[int]]:
        return {
            device: [int(reading.measured_at) for reading in readings]
            for device, readings in self.bridge.first_seen.items()
        }


def test_at_speed_one_the_recording_begins_now_and_is_measured_as_it_is_published(tmp_path: Path) -> None:
    async def main() -> None:
        stage = Stage(recording(tmp_path))
        await stage.clock.sleep(50)
        report = await stage.play(stage.replay(1.0))
        assert report.finished
        assert stage.measured()[DeviceId("bidmc-03")] == [
            EPOCH_MS + 50_000 + 300 + 2000 * number for number in range(SECONDS // 2)
        ]
        assert SECONDS - 2 <= stage.clock.monotonic_s() - 50 <= SECONDS

    run_virtual(main())


def test_at_another_speed_it_ends_at_its_anchor_takes_its_share_of_time_and_keeps_its_intervals(tmp_path: Path) -> None:
    async def main() -> None:
        stage = Stage(recording(tmp_path))
        await stage.play(stage.replay(10.0))
        assert (SECONDS - 2) / 10 <= stage.clock.monotonic_s() <= (SECONDS + 2) / 10
        moments = [moment for measured in stage.measured().values() for moment in measured]
        assert max(moments) == EPOCH_MS
        measured = stage.measured()[DeviceId("bidmc-00")]
        assert {later - earlier for earlier, later in itertools.pairwise(measured)} == {2000}

    run_virtual(main())


def test_the_fastest_replay_publishes_everything_and_counts_what_ought_to_be_refused(tmp_path: Path) -> None:
    async def main() -> None:
        stage = Stage(recording(tmp_path))
        report = await stage.play(stage.replay(None))
        assert report.rows == report.devices.receipted == PATIENTS * SECONDS // 2
        assert report.implausible_rows == 2
        assert stage.clock.monotonic_s() < 5
        assert stage.bridge.out_of_order() == {}

    run_virtual(main())


def test_the_same_recording_with_the_same_anchor_repeats_the_same_ids(tmp_path: Path) -> None:
    async def main() -> None:
        stage = Stage(recording(tmp_path))
        first, again = stage.replay(None, anchor_ms=EPOCH_MS), stage.replay(20.0, anchor_ms=EPOCH_MS)
        await stage.play(first)
        await stage.play(again)
        other = stage.replay(None, anchor_ms=EPOCH_MS + 1)
        await stage.play(other)
        assert set(first.receipted_ids()) == set(again.receipted_ids())
        assert set(first.receipted_ids()).isdisjoint(other.receipted_ids())

    run_virtual(main())


def test_more_patients_than_connections_share_them_as_behind_a_gateway(tmp_path: Path) -> None:
    async def main() -> None:
        stage = Stage(recording(tmp_path), connections_max=2)
        report = await stage.play(stage.replay(None))
        assert stage.client_ids == ["gateway-bidmc-00", "gateway-bidmc-01"]
        assert report.devices.receipted == PATIENTS * SECONDS // 2
        assert stage.bridge.out_of_order() == {}
        assert not any("status" in topic for topic in stage.broker.retained)

    run_virtual(main())


def test_a_replay_pauses_rather_than_keep_more_than_its_bound(tmp_path: Path) -> None:
    async def main() -> None:
        stage = Stage(recording(tmp_path), replay_kept_max=1, in_flight_max=3)
        report = await stage.play(stage.replay(None))
        assert report.finished
        assert report.devices.lost_on_device == 0

    run_virtual(main())


def test_a_stopped_replay_says_that_it_did_not_finish_and_still_waits_for_receipts(tmp_path: Path) -> None:
    async def main() -> None:
        stage = Stage(recording(tmp_path))
        report = await stage.play(stage.replay(1.0), stop_after_s=30)
        assert not report.finished
        assert 0 < report.devices.made < report.rows
        assert report.devices.unreceipted == 0

    run_virtual(main())
