"""One process with every service: readings per second from device to assessed, judged for alerts, shown and stored.

Devices publish from a process of their own as fast as the broker takes it. Measured until every reading is in SQL, has
its assessment there, and every worker has reached the log's end. Two brokers: amqtt inside the process, Mosquitto
outside. Floor: the same publisher through the same kind of broker to a bare subscriber.
"""

import asyncio
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.broker import mosquitto_for
from benchmarks.load import device_ids
from benchmarks.measure import Result, Stopwatch
from runtime.clock import SystemClock
from runtime.composition import Ports
from runtime.embedded_broker import EmbeddedBroker
from runtime.settings import Configuration
from runtime.telemetry import Telemetry
from storage.devices import enroll
from storage.foundation import Foundation, foundation
from storage.session import Connection, in_transaction
from vitals.reading import WardId
from vitals.topics import READINGS_FILTER
from wardlight.ward import Ward

ROUNDS = 3
DEVICES = 200
READINGS_PER_ROUND = 15_000
LOOK_S = 0.01
ROUND_S_MAX = 180.0


def run() -> Iterator[Result]:
    """Measure with both brokers."""
    yield asyncio.run(_measure("embedded-amqtt", inside=True))
    yield asyncio.run(_measure("embedded-mosquitto", inside=False))


async def _measure(bench: str, *, inside: bool) -> Result:
    ours: list[float] = []
    bare: list[float] = []
    for number in range(ROUNDS):
        async with _broker(inside=inside) as port:
            bare.append(await _through_the_broker(port, f"bare{number}"))
        async with _broker(inside=inside) as port:
            ours.append(await _through_the_ward(port, f"ours{number}", inside=inside))
    value, floor = (READINGS_PER_ROUND / statistics.median(side) for side in (ours, bare))
    return Result.of(bench, value=value, unit="readings/s", floor=floor)


@asynccontextmanager
async def _broker(*, inside: bool) -> AsyncIterator[int]:
    """A broker's port."""
    if inside:
        broker = EmbeddedBroker(port=0)
        await broker.start()
        try:
            yield broker.port
        finally:
            await broker.stop()
    else:
        with mosquitto_for("embedded-mosquitto") as server:
            yield server.port


async def _through_the_ward(port: int, boot: str, *, inside: bool) -> float:
    with tempfile.TemporaryDirectory(prefix="wardlight-bench-") as directory:
        clock, telemetry, stopping = SystemClock(), Telemetry(), asyncio.Event()
        configuration = _configuration(Path(directory), port, protocol="3.1.1" if inside else "5")
        async with foundation(
            Ports(configuration=configuration, clock=clock, telemetry=telemetry), upgrade=True
        ) as base:
            await in_transaction(base.door, base.database, _enroll)
            ward = Ward(base)
            running = asyncio.create_task(ward.run(stopping))
            try:
                while not telemetry.is_ready:
                    _still(running)
                    await clock.sleep(LOOK_S)
                return await _seconds_until_stored(base, ward, running, port, boot)
            finally:
                stopping.set()
                await running


async def _seconds_until_stored(
    base: Foundation, ward: Ward, running: "asyncio.Task[None]", port: int, boot: str
) -> float:
    handler = ward.recorder.handler
    process = await _start_publisher(port, boot)
    watch = Stopwatch()
    while min(handler.stored["readings"], handler.stored["assessments"]) < READINGS_PER_ROUND:
        if watch.wall_s() > ROUND_S_MAX:
            raise RuntimeError(f"after {ROUND_S_MAX:.0f} s stored {handler.stored} of {READINGS_PER_ROUND}")
        _still(running)
        await base.clock.sleep(LOOK_S)
    if not await ward.drained(within_s=ROUND_S_MAX):
        raise RuntimeError("the alerts did not catch up")
    taken_s = watch.wall_s()
    await process.wait()
    return taken_s


async def _through_the_broker(port: int, boot: str) -> float:
    loop = asyncio.get_running_loop()
    subscribed, arrived = asyncio.Event(), asyncio.Event()
    taken = 0

    def on_message(*_: object) -> None:
        nonlocal taken
        taken += 1
        if taken == READINGS_PER_ROUND:
            loop.call_soon_threadsafe(arrived.set)

    def on_connect(client: mqtt.Client, *_: object) -> None:
        client.subscribe(READINGS_FILTER, qos=1)

    def on_subscribe(*_: object) -> None:
        loop.call_soon_threadsafe(subscribed.set)

    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bench-bare")
    client.on_connect, client.on_message, client.on_subscribe = on_connect, on_message, on_subscribe
    client.connect_async("127.0.0.1", port)
    client.loop_start()
    await asyncio.wait_for(subscribed.wait(), ROUND_S_MAX)
    process = await _start_publisher(port, boot)
    watch = Stopwatch()
    await asyncio.wait_for(arrived.wait(), ROUND_S_MAX)
    taken_s = watch.wall_s()
    client.disconnect()
    await loop.run_in_executor(None, client.loop_stop)
    await process.wait()
    return taken_s


async def _start_publisher(port: int, boot: str) -> asyncio.subprocess.Process:
    """A publisher that has prepared everything and begins now."""
    arguments = ["-m", "benchmarks.publisher", str(port), str(DEVICES), str(READINGS_PER_ROUND), boot]
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    await process.stdout.readline()
    return process


def _enroll(conn: Connection) -> None:
    for device_id in device_ids(DEVICES):
        enroll(conn, device_id, WardId("bench"), 0)


def _still(running: "asyncio.Task[None]") -> None:
    if running.done():
        running.result()
        raise RuntimeError("the ward ended by itself")


def _configuration(directory: Path, port: int, *, protocol: str) -> Configuration:
    return Configuration(
        {
            "mqtt": {"port": port, "protocol": protocol},
            "log": {"kind": "local", "directory": str(directory)},
            "database": {"url": f"sqlite:///{directory / 'ward.db'}"},
            "dashboard": {"port": 0, "sign_in": "guest"},
        }
    )
