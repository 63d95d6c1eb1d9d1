"""The dead-man's switch over real services in virtual time: it beats while all move, and stops when any stage does."""

import asyncio
import json
from collections.abc import Coroutine
from typing import Any

import pytest

from alerts.heartbeat import Heartbeat
from alerts.heartbeat_settings import WatchdogSettings
from runtime.blocking import InlineDoor
from runtime.clock import LoopClock
from runtime.local_bus import LocalBus
from runtime.telemetry import Telemetry
from runtime.virtual_loop import run_virtual
from storage import episodes, patients
from storage.operations import Deed, last_done
from storage.session import Database
from tests.support.fresh_database import lay_schema
from tests.support.memory_mqtt import MemoryBroker
from tests.support.simulated_services import SERVICES, SimulatedPorts, SimulatedServices
from vitals.alert import Priority
from vitals.errors import Unavailable
from vitals.fault import SYSTEM_WARD
from vitals.topics import HEARTBEAT_TOPIC

EPOCH_MS = 1_700_000_000_000
SETTINGS = WatchdogSettings(
    every_s=2, behind_s_max=10, probe_s_max=5, ping_every_s=10, fault_lasts_s=4, fault_clear_s=4
)
BOUND_S = 10 + 5 + 3 * 2
"""Within so long a stage that stands still has stopped the heartbeat."""


class Rig:
    """Every service, and the heartbeat beside them."""

    def __init__(self) -> None:
        self.clock = LoopClock(epoch_ms=EPOCH_MS)
        self.database = Database("sqlite://")
        self.broker = MemoryBroker(seed=1)
        self.telemetry = Telemetry()
        self.pings = 0
        self.outside_is_up = True

    async def open(self) -> None:
        lay_schema(self.database)
        door = InlineDoor()
        self.bus = await LocalBus.open(None, partitions=1, door=door, clock=self.clock)
        shared: dict[str, Any] = {
            "bus": self.bus,
            "database": self.database,
            "door": door,
            "clock": self.clock,
            "telemetry": self.telemetry,
        }
        self.services = SimulatedServices(SimulatedPorts(broker=self.broker, **shared))
        for name in SERVICES:
            await self.services.start(name)
        self.session = self.broker.session("heartbeat")
        await self.session.open()
        self.stopping = asyncio.Event()
        heartbeat = Heartbeat(mqtt=self.session, settings=SETTINGS, ping_outside=self._ping, **shared)
        self.beating = asyncio.create_task(heartbeat.run(self.stopping), name="heartbeat")

    async def _ping(self) -> None:
        if not self.outside_is_up:
            raise Unavailable("nobody there")
        self.pings += 1

    def faults(self) -> dict[str, tuple[str, Priority]]:
        """Of each part of Wardlight with an open alert its kind and priority."""
        with self.database.snapshot() as conn:
            return {
                episode.patient_id: (episode.kind.value, episode.priority)
                for episode in episodes.open_episodes(conn, SYSTEM_WARD)
            }

    def age_s(self) -> float:
        """How old the last heartbeat is that the broker holds."""
        beat = self.broker.retained.get(HEARTBEAT_TOPIC)
        return float("inf") if beat is None else (self.clock.now_ms() - json.loads(beat)["at_ms"]) / 1000

    async def close(self) -> None:
        self.services.raise_failures()
        self.stopping.set()
        await self.beating
        for name in SERVICES:
            await self.services.kill(name)
        await self.session.close()
        await self.bus.close()
        self.database.close()


def with_rig(scene: Any) -> None:
    """Run a scene around a rig that beats already."""

    async def run() -> None:
        rig = Rig()
        await rig.open()
        await rig.clock.sleep(20)
        assert rig.age_s() <= 3
        await scene(rig)
        await rig.close()

    coroutine: Coroutine[Any, Any, None] = run()
    run_virtual(coroutine)


def test_it_beats_on_a_quiet_ward_pings_less_often_and_is_put_down() -> None:
    async def scene(rig: Rig) -> None:
        await rig.clock.sleep(50)
        assert rig.age_s() <= 3
        assert 5 <= rig.pings <= 8
        assert rig.telemetry.value("wardlight_alerts_heartbeats_total") >= 25
        assert rig.telemetry.value("wardlight_alerts_path_whole") == 1
        with rig.database.snapshot() as conn:
            assert rig.clock.now_ms() - last_done(conn)[Deed.HEARTBEAT].at_ms <= 3000
            assert patients.list_patients(conn) == (), "a probe is nobody's reading"
        assert rig.telemetry.value("wardlight_ingest_accepted_total") == 0

    with_rig(scene)


@pytest.mark.parametrize("stage", ["ingest", "stream", "recorder", "alerts"])
def test_a_stage_that_dies_stops_it_within_the_bound_and_it_goes_on_when_the_stage_is_back(stage: str) -> None:
    async def scene(rig: Rig) -> None:
        await rig.services.kill(stage)
        await rig.clock.sleep(BOUND_S)
        age_s, pings = rig.age_s(), rig.pings
        await rig.clock.sleep(10)
        assert rig.age_s() == pytest.approx(age_s + 10)
        assert rig.pings == pings
        assert rig.telemetry.value("wardlight_alerts_path_whole") == 0
        await rig.services.start(stage)
        await rig.clock.sleep(20)
        assert rig.age_s() <= 3

    with_rig(scene)


def test_a_broker_that_is_down_stops_it_and_it_goes_on_with_the_broker() -> None:
    async def scene(rig: Rig) -> None:
        rig.broker.crash()
        await rig.clock.sleep(BOUND_S)
        assert rig.age_s() >= BOUND_S - 3
        rig.broker.restart()
        await rig.clock.sleep(40)
        assert rig.age_s() <= 3

    with_rig(scene)


def test_an_address_outside_that_does_not_answer_stops_nothing_here() -> None:
    async def scene(rig: Rig) -> None:
        rig.outside_is_up = False
        await rig.clock.sleep(35)
        assert rig.age_s() <= 3
        assert rig.telemetry.value("wardlight_alerts_pings_failed_total") >= 3

    with_rig(scene)


@pytest.mark.parametrize(
    ("stage", "priority"), [("recorder", Priority.MEDIUM), ("stream", Priority.MEDIUM), ("ingest", Priority.HIGH)]
)
def test_a_stage_that_dies_is_an_alert_until_it_moves_again(stage: str, priority: Priority) -> None:
    async def scene(rig: Rig) -> None:
        assert rig.faults() == {}
        await rig.services.kill(stage)
        await rig.clock.sleep(BOUND_S + 4 + 2)
        assert rig.faults() == {f"system-{stage}": ("worker-down", priority)}
        await rig.services.start(stage)
        await rig.clock.sleep(30)
        assert rig.faults() == {}

    with_rig(scene)


def test_a_broker_that_is_down_is_an_alert_of_high_priority() -> None:
    async def scene(rig: Rig) -> None:
        rig.broker.crash()
        await rig.clock.sleep(BOUND_S + 10)
        assert rig.faults() == dict.fromkeys(("system-ingest", "system-alert-delivery"), ("worker-down", Priority.HIGH))
        rig.broker.restart()
        await rig.clock.sleep(60)
        assert rig.faults() == {}

    with_rig(scene)
