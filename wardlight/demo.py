"""One run of the demo: embedded broker, every service, a fleet of pretend wearables, and the account at the end."""

import asyncio
import socket
import sys
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from runtime.clock import SystemClock
from runtime.composition import Ports
from runtime.embedded_broker import EmbeddedBroker
from runtime.lifecycle import EXIT_FAILED
from runtime.logs import set_up_logging
from runtime.settings import Configuration, MqttSettings, TelemetrySettings
from simulators.service import build_fleet, write_truth
from simulators.settings import SimulatorSettings
from storage.foundation import Foundation, foundation
from vitals.errors import ConfigurationError
from vitals.reading import Origin, WardId
from wardlight.account import Account, account_of
from wardlight.demo_nurse import chart_stories
from wardlight.latency import LatencyTelemetry
from wardlight.printing import print_json, print_table
from wardlight.ward import Ward
from wardlight.ward_roster import admit

USUAL_MQTT_PORT = 1883
DEMO_WARD = WardId("demo")
TRUTH_FILE = "truth.jsonl"
"""In the data directory: what is true of each bed's course, for whoever holds alarms against it."""
DRAIN_S = 60.0
"""How long the end waits until everything accepted is scored and stored."""


class Demo:
    """One run: broker, services, fleet, then the account."""

    def __init__(
        self, *, directory: Path, beds: int, length_s: float | None, speed: float, port: int, as_json: bool
    ) -> None:
        self._directory = directory
        self._beds = beds
        self._length_s = length_s
        self._speed = speed
        self._port = port
        self._as_json = as_json
        self.verdict = EXIT_FAILED
        """The exit code that the account asks for; a run without an account has failed."""

    async def main(self, stopping: asyncio.Event) -> None:
        clock = SystemClock(speed=self._speed)
        telemetry = LatencyTelemetry()
        set_up_logging(TelemetrySettings(log_level="warning"), clock=clock)
        broker = EmbeddedBroker(port=_usual_or_free_port())
        await broker.start()
        try:
            ports = Ports(configuration=self._configuration(broker.port), clock=clock, telemetry=telemetry)
            async with foundation(ports, upgrade=True) as base:
                await self._run_ward(base, telemetry, stopping)
        finally:
            await broker.stop()

    async def _run_ward(self, base: Foundation, telemetry: LatencyTelemetry, stopping: asyncio.Event) -> None:
        ward = Ward(base)
        halt = asyncio.Event()
        services = asyncio.create_task(ward.run(halt), name="ward")
        mqtt = base.configuration.section("mqtt", MqttSettings)
        simulators = base.configuration.section("simulators", SimulatorSettings)
        try:
            fleet = build_fleet(mqtt, simulators, clock=base.clock)
            devices = [device.device_id for device in fleet.links.devices]
            began_ms = base.clock.now_ms()
            await base.door.run(admit, base.database, DEMO_WARD, devices, began_ms)
            await _unless_ended(services, telemetry.became_ready())
            await fleet.open()
            await write_truth(self._directory / TRUTH_FILE, fleet.truths())
            self._greet(ward, mqtt.port)
            until_end = asyncio.create_task(self._until_end(base, stopping), name="until-end")
            enough = asyncio.Event()
            running = asyncio.create_task(fleet.run(stopping=enough), name="fleet")
            nursing = asyncio.create_task(chart_stories(base, fleet.truths(), enough), name="demo-nurse")
            await asyncio.wait({until_end, services, running}, return_when=asyncio.FIRST_COMPLETED)
            until_end.cancel()
            enough.set()
            report = await running
            await nursing
            drained = not services.done() and await ward.drained(within_s=DRAIN_S)
            account = await account_of(
                base, fleet, report, telemetry, boot=fleet.links.devices[0].boot, since_ms=began_ms, drained=drained
            )
            self._conclude(account)
        finally:
            halt.set()
            await services

    async def _until_end(self, base: Foundation, stopping: asyncio.Event) -> None:
        asked = asyncio.create_task(stopping.wait(), name="asked")
        if self._length_s is None:
            await asked
            return
        over = asyncio.create_task(base.clock.sleep(self._length_s * self._speed), name="time-over")
        await asyncio.wait({asked, over}, return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        over.cancel()

    def _configuration(self, mqtt_port: int) -> Configuration:
        tables: dict[str, dict[str, Any]] = {
            "mqtt": {"port": mqtt_port, "protocol": "3.1.1", "keeps_sessions": False},
            "log": {"kind": "local", "directory": str(self._directory)},
            "database": {"url": f"sqlite:///{self._directory / 'ward.db'}"},
            "ingest": {"enroll_unassigned": True, "enroll_ward": DEMO_WARD, "origins_allowed": list(Origin)},
            "dashboard": {"port": self._port, "sign_in": "guest"},
            "simulators": {"beds": self._beds},
        }
        return Configuration(tables)

    def _greet(self, ward: Ward, mqtt_port: int) -> None:
        until = "Ctrl-C" if self._length_s is None else "the time is over"
        sys.stderr.write(
            f"The ward is at {ward.dashboard.url} until {until}; {self._beds} simulated patients.\n"
            "Nobody signs in: whoever opens it on this machine is the guest and may do everything but manage people.\n"
            f"Devices publish to, and alert subscribers listen at, mqtt://127.0.0.1:{mqtt_port} (wardlight/v1/alerts/#).\n"
        )
        sys.stderr.flush()

    def _conclude(self, account: Account) -> None:
        self.verdict = account.exit_code
        if self._as_json:
            print_json(account.as_json())
        else:
            print_table(account.as_table())
        for complaint in account.complaints():
            sys.stderr.write(f"{complaint}\n")


async def _unless_ended(services: asyncio.Task[None], wanted: Awaitable[None]) -> None:
    """Await `wanted`, or raise what ended the services before it came."""
    waiting = asyncio.ensure_future(wanted)
    await asyncio.wait({services, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if not waiting.done():
        waiting.cancel()
        await services
        raise ConfigurationError("The services ended before they were ready; their log says why.")


def _usual_or_free_port() -> int:
    """MQTT's usual port where nothing listens there, otherwise 0 (any free one)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", USUAL_MQTT_PORT))
        except OSError:
            return 0
    return USUAL_MQTT_PORT
