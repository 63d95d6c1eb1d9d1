"""One sitting: a house, a fleet and people who look, sampled while they run."""

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path

from runtime.blocking import ThreadDoor
from runtime.clock import SystemClock
from runtime.version import VERSION
from simulators.fleet import Fleet
from simulators.settings import SimulatorSettings
from storage import accounts, episodes
from storage.session import Database
from tests.soak import sampling
from tests.soak.house import SERVICES, House, running_house
from tests.soak.results import Begun, Ended, Sampled, SoakPlan, append
from tests.soak.viewers import Viewers
from tests.support.whole_path import BOOT, admit, build_fleet

SETTLE_S_MAX = 300.0
SETTLE_LOOK_S = 2.0
EPISODES_MAX = 10_000


async def sit(plan: SoakPlan, results: Path, directory: Path) -> None:
    """Run one sitting and append it to `results` while it goes on; fails where a service ends by itself."""
    clock = SystemClock()
    door = ThreadDoor(name="soak", threads_max=1)
    with running_house(directory) as (house, starting):
        fleet = build_fleet(house.mqtt, _simulation(plan))
        await door.run(admit, house.database_url, fleet)
        for name in SERVICES:
            starting.start(name)
        viewers = Viewers(house.dashboard_port, clock=clock)
        watcher = _Watcher(house, fleet, door, clock)
        append(results, Begun(plan=plan, at_ms=clock.now_ms(), version=VERSION))
        stopping = asyncio.Event()
        looking = asyncio.create_task(viewers.run(), name="viewers")
        sending = asyncio.create_task(_send(plan, fleet, stopping), name="fleet")
        try:
            await watcher.watch(plan, results)
            stopping.set()
            await sending
            ended = await _settled(house, fleet, door, clock, viewers)
            append(results, ended)
        finally:
            stopping.set()
            for task in (looking, sending):
                task.cancel()
            await asyncio.gather(looking, sending, return_exceptions=True)
            door.close()


class _Watcher:
    """Takes samples."""

    def __init__(self, house: House, fleet: Fleet, door: ThreadDoor, clock: SystemClock) -> None:
        self._house = house
        self._fleet = fleet
        self._door = door
        self._clock = clock

    async def watch(self, plan: SoakPlan, results: Path) -> None:
        """A sample each `every_s` until the plan's time is over."""
        begun_s = self._clock.monotonic_s()
        number = 0
        while (at_s := self._clock.monotonic_s() - begun_s) < 60 * plan.minutes:
            for service in self._house.services.values():
                service.require_alive()
            append(
                results, Sampled(sample=await self._door.run(self._look, at_s, self._fleet.links.report().receipted))
            )
            number += 1
            await self._clock.sleep(max(0.0, begun_s + number * plan.every_s - self._clock.monotonic_s()))

    def _look(self, at_s: float, receipted: int) -> sampling.Sample:
        processes = {
            name: sampling.process_sample(service.pid, telemetry_port=self._house.telemetry_ports[name])
            for name, service in self._house.services.items()
        }
        processes["kafka"] = sampling.process_sample(self._house.kafka.pid, telemetry_port=None)
        stored_bytes, rows = sampling.database_sizes(self._house.database_url)
        return sampling.Sample(
            at_s=round(at_s, 1),
            at_ms=self._clock.now_ms(),
            load=sampling.load(),
            receipted=receipted,
            processes={name: seen for name, seen in processes.items() if seen is not None},
            database_bytes=stored_bytes,
            database_rows=rows,
            log_bytes=sampling.log_bytes(self._house.log_directory),
        )


def _simulation(plan: SoakPlan) -> SimulatorSettings:
    """A ward whose courses begin at moments spread over the whole sitting, so that alerts come as steadily as readings."""
    return SimulatorSettings(
        beds=plan.beds,
        rate_hz=max(plan.readings_per_s, 0.001) / plan.beds,
        seed=plan.seed,
        scenario="mix",
        onsets_within_s=60 * plan.minutes,
        drain_s=120,
    )


async def _send(plan: SoakPlan, fleet: Fleet, stopping: asyncio.Event) -> None:
    """The load, or none."""
    if plan.readings_per_s == 0:
        await stopping.wait()
        return
    await fleet.open()
    await fleet.run(stopping=stopping)


async def _settled(house: House, fleet: Fleet, door: ThreadDoor, clock: SystemClock, viewers: Viewers) -> Ended:
    """Wait until everything receipted is stored and assessed, or no longer; what it came to."""
    receipted = set(fleet.receipted_ids())
    deadline_s = clock.monotonic_s() + SETTLE_S_MAX
    database = Database(house.database_url)
    try:
        while True:
            stored, assessed, raised = await door.run(_held, database, fleet)
            lost = len(receipted - (stored & assessed))
            if not lost or clock.monotonic_s() > deadline_s:
                break
            await clock.sleep(SETTLE_LOOK_S)
    finally:
        with contextlib.suppress(Exception):
            database.close()
    return Ended(
        published=len(set(fleet.published_ids())),
        receipted=len(receipted),
        stored=len(stored),
        assessed=len(assessed),
        lost=lost,
        episodes=raised,
        viewers={"answered": viewers.answered, "events": viewers.events, **viewers.refused},
    )


def _held(database: Database, fleet: Fleet) -> tuple[set[str], set[str], int]:
    with database.snapshot() as conn:
        stored: set[str] = set()
        assessed: set[str] = set()
        for boot in _boots(fleet):
            stored |= set(accounts.reading_ids_of_boot(conn, boot))
            assessed |= set(accounts.assessed_ids_of_boot(conn, boot))
        return stored, assessed, len(episodes.list_episodes(conn, limit=EPISODES_MAX))


def _boots(fleet: Fleet) -> Sequence[str]:
    """A device that restarts in its course boots anew."""
    return sorted({BOOT, *fleet.boots})
