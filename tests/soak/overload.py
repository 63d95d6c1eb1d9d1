"""`python -m tests.soak.overload`: twice what this machine can do, for ten minutes: what is late, what waits where, what is lost.

First the house's capacity: the most readings per second that every stage does while all of them compete. Then twice that, with
critical readings between the others, each of a patient of its own. Devices keep readings until they are receipted, as ours do.
Exits 1 where a reading was lost or stood nowhere, or an alert did not come, on MQTT or on the page.
"""

import argparse
import asyncio
import contextlib
import os
import re
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from runtime.blocking import ThreadDoor
from runtime.clock import SystemClock
from runtime.lifecycle import EXIT_FAILED, EXIT_OK
from runtime.logs import set_up_logging
from runtime.settings import TelemetrySettings
from simulators.fleet import Fleet
from simulators.service import connect_by
from simulators.settings import SimulatorSettings
from tests.soak.capacity import CapacitySearch
from tests.soak.house import SERVICES, House, running_house
from tests.soak.looks import Look, rates_between, settled_rates
from tests.soak.page_watch import PageWatch
from tests.soak.probes import Probes
from tests.soak.probing_ward import admit_all, held_of
from tests.support.campaign_arguments import CampaignArguments
from wardlight.__main__ import EXIT_INTERRUPTED
from wardlight.printing import print_table, table

STAGES = ("ingest", "recorder", "stream", "alerts")
PROBE_EVERY_S = 2.0
LOOK_S = 5.0
STILL_S = 15.0
"""Longer than workers take to tell how far behind they are."""
SERVED_SHARE = 0.9
"""Of what is offered: a stage that does as much does it."""
LAG_AT_REST_MAX = 100
"""Ticks go on when nothing else does."""
_METRIC = re.compile(r"^(wardlight_\w+?)(?:\{([^}]*)\})? ([0-9.e+]+)$", re.MULTILINE)
_TAKEN = ("wardlight_ingest_accepted_total", "")
_STORED = ("wardlight_recorder_rows_stored_total", 'table="readings"')
_ASSESSED = ("wardlight_stream_assessed_readings_total", "")
Metrics = dict[tuple[str, str], float]
"""Values by name and labels, as the page tells them."""


@dataclass
class Course:
    """What was seen."""

    looks: list[Look] = field(default_factory=list)
    capacity: float = 0.0

    def of(self, phase: str) -> list[Look]:
        """The looks of one phase."""
        return [look for look in self.looks if look.phase == phase]


class Overload:
    """One house, one after another: flat out, drained, twice its capacity, drained."""

    def __init__(self, options: argparse.Namespace, house: House, door: ThreadDoor) -> None:
        self._options = options
        self._house = house
        self._door = door
        self._clock = SystemClock()
        self._begun_s = self._clock.monotonic_s()
        self.course = Course()
        self.fleets: list[Fleet] = []

    async def run(self, probes: Probes) -> None:
        """All phases."""
        options = self._options
        await self._until_ready()
        await self._calm(probes)
        if options.capacity:
            self.course.capacity = options.capacity
        else:
            await self._measure_capacity()
        await self._overloaded(2 * self.course.capacity, probes)

    async def _measure_capacity(self) -> None:
        """Offer what the search asks for, and let the house come to rest in between."""
        search = CapacitySearch(self._options.flat_out)
        while not search.is_over:
            offered = search.offered
            phase = f"flat-out-{offered:.0f}"
            fleet = await self._load(phase, offered, self._options.flat_out_s)
            rates = settled_rates(self.course.of(phase))
            await fleet.links.close()
            await self._drain("drained")
            search.tell(was_done=min(rates.values()) >= SERVED_SHARE * offered)
            print(f"{offered:,.0f} readings/s offered: {_told(rates)}", flush=True)
        if search.too_much == float("inf"):
            raise SystemExit(
                f"{search.capacity:,.0f} readings/s do not saturate this house: offer more, by --flat-out."
            )
        if not search.capacity:
            raise SystemExit(f"{search.too_much:,.0f} readings/s saturate this house: offer less, by --flat-out.")
        self.course.capacity = search.capacity
        print(
            f"every stage does {SERVED_SHARE:.0%} of {search.capacity:,.0f}, not of {search.too_much:,.0f}", flush=True
        )

    async def _until_ready(self) -> None:
        """Until every stage tells of itself; a service that ends fails it."""
        while True:
            for service in self._house.services.values():
                service.require_alive()
            look = await self._look("starting", None)
            if look.lag.keys() >= {"recorder", "stream", "alerts"}:
                return
            await self._clock.sleep(1)

    async def _calm(self, probes: Probes) -> None:
        """The probes' way with next to nothing beside them."""
        end_s = self._clock.monotonic_s() + self._options.calm_s
        while self._clock.monotonic_s() < end_s:
            probes.send()
            await self._clock.sleep(PROBE_EVERY_S)
        await self._answered(probes)

    async def _load(self, phase: str, rate: float, for_s: float) -> Fleet:
        fleet = self._fleet(phase, rate)
        stopping = asyncio.Event()
        await fleet.open()
        running = asyncio.create_task(fleet.run(stopping=stopping), name=phase)
        end_s = self._clock.monotonic_s() + for_s
        while self._clock.monotonic_s() < end_s:
            await self._look(phase, fleet)
            await self._clock.sleep(LOOK_S)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return fleet

    async def _overloaded(self, rate: float, probes: Probes) -> None:
        fleet = self._fleet("overload", rate)
        stopping = asyncio.Event()
        await fleet.open()
        running = asyncio.create_task(fleet.run(stopping=stopping), name="overload")
        end_s = self._clock.monotonic_s() + 60 * self._options.minutes
        looked_s = 0.0
        while (now_s := self._clock.monotonic_s()) < end_s:
            probes.send()
            if now_s - looked_s >= LOOK_S:
                looked_s = now_s
                await self._look("overload", fleet)
            await self._clock.sleep(PROBE_EVERY_S)
        stopping.set()
        while not running.done():
            await self._look("catching up", fleet)
            await asyncio.wait({running}, timeout=LOOK_S)
        await running
        await self._drain("catching up")
        await self._answered(probes)

    async def _drain(self, phase: str) -> None:
        """Until nothing has moved for as long as workers take to tell their lag, and no worker lags; or no longer."""
        end_s = self._clock.monotonic_s() + self._options.drain_s
        moved_s, before = self._clock.monotonic_s(), (-1.0, -1.0, -1.0)
        while (now_s := self._clock.monotonic_s()) < end_s:
            look = await self._look(phase, None)
            if (standing := (look.taken, look.stored, look.assessed)) != before:
                moved_s, before = now_s, standing
            behind = look.lag.get("stream", 0) + look.lag.get("recorder", 0)
            if now_s - moved_s > STILL_S and not look.held and behind < LAG_AT_REST_MAX:
                return
            await self._clock.sleep(LOOK_S)

    async def _answered(self, probes: Probes) -> None:
        end_s = self._clock.monotonic_s() + 60
        while (probes.unanswered or probes.unseen) and self._clock.monotonic_s() < end_s:
            await self._clock.sleep(0.2)

    def _fleet(self, boot: str, rate: float) -> Fleet:
        options = self._options
        settings = SimulatorSettings(
            beds=options.beds, rate_hz=rate / options.beds, scenario="healthy", drain_s=options.drain_s,
            in_flight_max=options.in_flight, receipt_timeout_s=120, behind_s_max=600,
        )  # fmt: skip
        fleet = Fleet(settings, connect=connect_by(self._house.mqtt, clock=self._clock), clock=self._clock, boot=boot)
        self.fleets.append(fleet)
        return fleet

    async def _look(self, phase: str, fleet: Fleet | None) -> Look:
        for service in self._house.services.values():
            service.require_alive()
        waiting = 0 if fleet is None else sum(device.outbox.unreceipted for device in fleet.links.devices)
        found = await self._door.run(self._metrics)
        lags = {
            labels.partition('"')[2].rstrip('"'): value
            for (name, labels), value in found.items()
            if name == "wardlight_runtime_worker_lag_records"
        }
        look = Look(
            at_s=round(self._clock.monotonic_s() - self._begun_s, 1),
            phase=phase,
            taken=_total(found, *_TAKEN),
            stored=_total(found, *_STORED),
            assessed=_total(found, *_ASSESSED),
            lag=lags,
            held=found.get(("wardlight_ingest_held_messages", ""), 0),
            paused=found.get(("wardlight_ingest_reading_paused", ""), 0),
            waiting_on_devices=waiting,
        )
        self.course.looks.append(look)
        return look

    def _metrics(self) -> Metrics:
        found: Metrics = {}
        for port in self._house.telemetry_ports.values():
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
                    page = answer.read().decode()
            except OSError:
                continue
            # Every process tells every metric that has no labels, as 0 where it is another's.
            for name, labels, value in _METRIC.findall(page):
                found[name, labels] = found.get((name, labels), 0.0) + float(value)
        return found


def _told(rates: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {rates[name]:,.0f}" for name in STAGES)


def _total(found: Metrics, name: str, label: str) -> float:
    """Over everything else that the metric is told apart by."""
    return sum(value for (each, labels), value in found.items() if each == name and label in labels)


def main(arguments: Sequence[str] | None = None) -> int:
    """Overload a house and tell; an exit code."""
    parser = CampaignArguments(prog="python -m tests.soak.overload", description=__doc__)
    parser.add_length("--minutes", "at twice the capacity", default=10.0)
    parser.add_count("--beds", "how many devices", default=400)
    parser.add_argument(
        "--capacity", type=float, default=0.0, metavar="READINGS", help="per second; measured unless given"
    )
    parser.add_argument(
        "--flat-out",
        type=float,
        default=1200.0,
        metavar="READINGS",
        help="first offered per second to measure it; then more, and what lies between, until it is too much",
    )
    parser.add_argument("--flat-out-s", type=float, default=60.0)
    parser.add_argument("--calm-s", type=float, default=40.0, help="probes alone, before")
    parser.add_argument("--in-flight", type=int, default=20, help="sent and not receipted, per device")
    parser.add_argument("--drain-s", type=float, default=1800.0, help="how long catching up may take")
    parser.add_argument(
        "--apart", action="store_true", help="the house on one processor and its devices on the others (Linux)"
    )
    parser.add_count("--beside", "how many other programs want the house's processors all the time", default=0)
    parser.add_argument("--results", type=Path, default=Path("build/overload.jsonl"))
    options = parser.parse_args(arguments)
    if options.apart and len(os.sched_getaffinity(0)) < 2:
        parser.error("--apart needs two processors.")
    set_up_logging(TelemetrySettings(log_level="error"), clock=SystemClock())
    options.results.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="wardlight-overload-") as directory:
        try:
            return asyncio.run(_run(options, Path(directory)))
        except KeyboardInterrupt:
            sys.stderr.write("Stopped: nothing is judged.\n")
            return EXIT_INTERRUPTED


def _run_on(processors: Sequence[int]) -> None:
    """Every thread of this process, also those that it has already."""
    for task in Path("/proc/self/task").iterdir():
        os.sched_setaffinity(int(task.name), processors)


@contextlib.contextmanager
def _wanting_processors(count: int) -> Iterator[None]:
    """That many programs, each in a session of its own, which do nothing but go round."""
    beside = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True) for _ in range(count)
    ]
    try:
        yield
    finally:
        for program in beside:
            program.kill()
            program.wait()


async def _run(options: argparse.Namespace, directory: Path) -> int:
    door = ThreadDoor(name="overload", threads_max=1)
    probing = int((options.calm_s + 60 * options.minutes) / PROBE_EVERY_S) + 2
    names = [f"probe-{number:04}" for number in range(probing)]
    processors = sorted(os.sched_getaffinity(0)) if options.apart else []
    if options.apart:
        os.sched_setaffinity(0, processors[:1])  # whatever the house starts inherits it
    with _wanting_processors(options.beside), running_house(directory) as (house, starting):
        await door.run(admit_all, house.database_url, options.beds, names)
        for name in SERVICES:
            starting.start(name)
        if options.apart:
            _run_on(processors[1:])
        page = PageWatch(house.dashboard_port)
        probes = Probes(house.mqtt.port, names, page)
        overload = Overload(options, house, door)
        try:
            await door.run(page.until_live)
            await overload.run(probes)
            boots = [fleet.boot for fleet in overload.fleets]
            held = await door.run(held_of, house.database_url, boots)
        finally:
            probes.close()
            page.close()
            options.results.write_bytes(b"\n".join(msgspec.json.encode(look) for look in overload.course.looks) + b"\n")
            door.close()
    return _tell(options, overload, probes, held)


def _tell(options: argparse.Namespace, overload: Overload, probes: Probes, held: set[str]) -> int:
    course, last = overload.course, overload.fleets[-1]
    receipted = {reading_id for fleet in overload.fleets for reading_id in fleet.receipted_ids()}
    lost = len(receipted - held)
    unreceipted = len(set(last.published_ids()) - set(last.receipted_ids()))
    say = sys.stdout.write
    say(
        f"capacity {course.capacity:,.0f} readings/s; then {2 * course.capacity:,.0f} for {options.minutes:g} minutes\n"
    )
    overloaded = course.of("overload")
    if len(overloaded) > 1:
        say(f"done in these: {_told(rates_between(overloaded[0], overloaded[-1]))} readings/s\n")
    rows = []
    for phase in ("overload", "catching up"):
        looks = course.of(phase)
        if looks:
            highest = {name: max(look.lag.get(name, 0) for look in looks) for name in ("stream", "recorder", "alerts")}
            lasted_s = looks[-1].at_s - looks[0].at_s
            rows.append((
                phase, f"{lasted_s:,.0f} s", *(f"{highest[name]:,.0f}" for name in highest),
                f"{max(look.held for look in looks):,.0f}", f"{max(look.waiting_on_devices for look in looks):,}",
            ))  # fmt: skip
    print_table(
        table(
            ("phase", "for", "stream behind", "recorder behind", "alerts behind", "held by ingest", "on devices"), rows
        )
    )
    begun_s = next((look.at_s for look in course.looks if look.phase == "overload"), 0.0) + overload._begun_s
    for where, answers in (("on MQTT", probes.answers), ("on the page", probes.seen)):
        for phase, waits in (
            ("calm", [wait for sent_s, wait in answers if sent_s < begun_s - LOOK_S]),
            ("overload", [wait for sent_s, wait in answers if sent_s >= begun_s - LOOK_S]),
        ):
            if len(waits) > 1:
                p99 = statistics.quantiles(waits, n=100, method="inclusive")[98]
                say(
                    f"high alerts {where}, {phase}: {len(waits)}, median {statistics.median(waits):.2f} s,"
                    f" p99 {p99:.2f} s, max {max(waits):.2f} s\n"
                )
    say(
        f"{len(receipted):,} receipted, {lost} of them not stored and assessed; {unreceipted} of the overload never receipted;"
        f" {probes.unanswered} probes without an alert, {probes.unseen} that the page did not show\n"
    )
    return EXIT_FAILED if lost or unreceipted or probes.unanswered or probes.unseen else EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
