"""Broker → bridge killed → restarted → count: as sets, what was published is what the log has."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.clock import SystemClock
from runtime.composition import open_bus
from runtime.mqtt_session import MqttSession
from runtime.settings import LogSettings
from runtime.telemetry import Telemetry
from storage.migrate import upgrade
from tests.support.bridge_rig import RECEIPTS_FILTER, STEPS_S_MAX, message, readings_in
from tests.support.mosquitto_server import MosquittoServer, running_mosquitto
from tests.support.tree import ROOT
from vitals.codec import decode
from vitals.reading import DeviceId, Receipt
from vitals.topics import readings_topic

pytestmark = pytest.mark.integration

LIVES = 4
PER_LIFE = 2000
DEVICES = 50
LAST = "last"


class Bridge:
    """`python -m ingest` on a broker, with log and database in one directory."""

    def __init__(self, server: MosquittoServer, directory: Path) -> None:
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "WARDLIGHT_MQTT__PORT": str(server.port),
            "WARDLIGHT_LOG__DIRECTORY": str(directory),
            "WARDLIGHT_DATABASE__URL": f"sqlite:///{directory / 'ward.db'}",
            "WARDLIGHT_INGEST__ENROLL_UNASSIGNED": "true",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen([sys.executable, "-m", "ingest"], env=self._environment, cwd=ROOT)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        assert self._process.wait() == -signal.SIGKILL

    def stop(self) -> int:
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(timeout=20)


@contextlib.contextmanager
def bridge(server: MosquittoServer, directory: Path) -> Iterator[Bridge]:
    upgrade(f"sqlite:///{directory / 'ward.db'}")
    made = Bridge(server, directory)
    made.start()
    try:
        yield made
    finally:
        with contextlib.suppress(AssertionError):
            made.kill()


class Receipts:
    """What devices were told."""

    def __init__(self, session: MqttSession) -> None:
        self._session = session
        self.safe: set[tuple[str, int]] = set()

    async def until(self, *, count: int = 0, device: str | None = None) -> None:
        """Until that many readings were receipted in all, or one of this device was."""
        async with asyncio.timeout(STEPS_S_MAX):
            while len(self.safe) < count or (device is not None and not any(name == device for name, _ in self.safe)):
                messages = await self._session.take(1000)
                self._session.acknowledge(messages)
                for received in messages:
                    receipt = decode(Receipt, received.payload)
                    sequences = range(receipt.from_sequence, receipt.through_sequence + 1)
                    self.safe |= {(received.topic.split("/")[3], sequence) for sequence in sequences}


async def publish(session: MqttSession, device: str, sequence: int) -> None:
    await session.publish(readings_topic(DeviceId(device)), message(SystemClock(), sequence=sequence))


@pytest.mark.asyncio
async def test_a_bridge_killed_again_and_again_loses_nothing(tmp_path: Path) -> None:
    with running_mosquitto() as server, bridge(server, tmp_path) as child:
        session = MqttSession(server.settings(), client_id="fleet", clock=SystemClock())
        await session.open()
        await session.subscribe([RECEIPTS_FILTER])
        receipts = Receipts(session)
        async with asyncio.timeout(STEPS_S_MAX):
            while not receipts.safe:
                await publish(session, "first", 0)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(receipts.until(count=1), 0.2)
        for life in range(LIVES):
            sending = asyncio.gather(
                *(publish(session, f"w{number % DEVICES}-{life}", number // DEVICES) for number in range(PER_LIFE))
            )
            await receipts.until(device=f"w0-{life}")
            child.kill()
            child.start()
            await sending
        await publish(session, LAST, 0)
        await receipts.until(device=LAST)
        await session.close()
        assert child.stop() == 0
        clock = SystemClock()
        async with open_bus(LogSettings(directory=tmp_path), clock=clock, telemetry=Telemetry()) as bus:
            readings = await readings_in(bus)
        stored = {(reading.device_id, reading.sequence) for reading in readings} - {("first", 0), (LAST, 0)}
        published = {
            (f"w{number % DEVICES}-{life}", number // DEVICES) for life in range(LIVES) for number in range(PER_LIFE)
        }
        assert stored == published
        assert receipts.safe - {("first", 0), (LAST, 0)} <= published
