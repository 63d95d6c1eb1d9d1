"""A whole Wardlight in one process beside a real Mosquitto, with patients, and devices that a test lets measure."""

import asyncio
import contextlib
import json
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx

from runtime.blocking import ThreadDoor
from runtime.clock import SystemClock
from runtime.mqtt_session import MqttSession
from storage import devices, episodes, patients, readings
from storage.devices import Device
from storage.episodes import Episode
from storage.migrate import upgrade
from storage.patients import Patient
from storage.session import Database
from tests.support.command_line import run
from tests.support.mosquitto_server import MosquittoServer, running_mosquitto
from tests.support.processes import ServiceProcess, running_services
from tests.support.whole_path import free_port, one_box_environment
from vitals.alert import Transition
from vitals.codec import decode
from vitals.reading import DeviceId, PatientId, Reading, WardId
from vitals.sign import Sign
from vitals.topics import ALERTS_FILTER, readings_topic

WELL: Mapping[str, float] = {"spo2_percent": 97.0, "heart_rate_bpm": 76.0, "respiratory_rate_bpm": 15.0}
ILL: Mapping[str, float] = {"spo2_percent": 76.0, "heart_rate_bpm": 118.0, "respiratory_rate_bpm": 23.0}
CLOCK = SystemClock()


class RegistryBox:
    """Runs `wardlight up`; `measuring` devices publish each half second what they are told."""

    def __init__(self, broker: MosquittoServer, directory: Path, service: ServiceProcess, port: int) -> None:
        self.broker = broker
        self.url = f"http://127.0.0.1:{port}"
        self.database_url = f"sqlite:///{directory / 'ward.db'}"
        self.service = service
        self.database = Database(self.database_url)
        self.http = httpx.AsyncClient(base_url=f"{self.url}/api/v1/", timeout=20)
        self.signs: dict[str, Mapping[str, float]] = {}
        """What each device measures now; one that is not in it is silent."""
        self._sequences: Counter[str] = Counter()
        self._door = ThreadDoor(name="commands", threads_max=1)
        self._session = MqttSession(broker.settings(), client_id="devices", clock=CLOCK, persistent=False)

    async def ready(self) -> None:
        """Wait until the dashboard is live, and connect the devices."""
        await self.until(self.is_live)
        await self._session.open()

    async def is_live(self) -> bool:
        """Whether the dashboard follows the log."""
        self.service.require_alive()
        with contextlib.suppress(httpx.HTTPError):
            return bool((await self.http.get("status")).json()["feed"]["live"])
        return False

    async def measure(self) -> None:
        """For ever."""
        while True:
            for device, signs in list(self.signs.items()):
                await self.send(device, signs)
            await CLOCK.sleep(0.5)

    async def send(self, device: str, signs: Mapping[str, float], *, measured_at_ms: int | None = None) -> None:
        """One message of a device."""
        body = {
            "measured_at": CLOCK.now_ms() if measured_at_ms is None else measured_at_ms,
            "signs": dict(signs),
            "boot": "b",
            "sequence": self._sequences[device],
        }
        self._sequences[device] += 1
        await self._session.publish(readings_topic(DeviceId(device)), json.dumps(body).encode())

    async def until(self, condition: Callable[[], Any], *, within_s: float = 60.0) -> None:
        """Wait for what the condition, a function or a coroutine function, says."""
        deadline_s = CLOCK.monotonic_s() + within_s
        while True:
            found = condition()
            if await found if asyncio.iscoroutine(found) else found:
                return
            assert CLOCK.monotonic_s() < deadline_s, "it did not come in time"
            await CLOCK.sleep(0.1)

    async def get(self, path: str, **parameters: str) -> Any:
        """What the API says."""
        answer = await self.http.get(path, params=parameters)
        assert answer.is_success, answer.text
        return answer.json()

    async def post(self, path: str, body: Mapping[str, object]) -> Any:
        """Order something."""
        answer = await self.http.post(path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    async def tried(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`wardlight …`, whatever comes of it."""
        return await self._door.run(run, {"WARDLIGHT_URL": self.url}, *arguments)

    async def command(self, *arguments: str) -> str:
        """What `wardlight …` prints; the test fails where the command does."""
        done = await self.tried(*arguments)
        assert done.returncode == 0, f"wardlight {' '.join(arguments)}: {done.stderr[-2000:]}"
        return done.stdout.strip()

    async def said(self, *arguments: str) -> Any:
        """The JSON that `wardlight … --json` prints."""
        return json.loads(await self.command(*arguments, "--json"))

    def alerts(self, patient: str) -> tuple[Episode, ...]:
        """As SQL says, newest first."""
        with self.database.snapshot() as conn:
            return episodes.list_episodes(conn, limit=1000, patient_id=PatientId(patient))

    def history(self, patient: str) -> tuple[Reading, ...]:
        """As SQL says."""
        with self.database.snapshot() as conn:
            return readings.history(
                conn, PatientId(patient), signs=[Sign.SPO2], from_ms=0, to_ms=CLOCK.now_ms() + 600_000, limit=5000
            )

    async def retained(self) -> dict[str, Transition]:
        """What a subscriber who comes now is given of alerts, by topic without its root; asked of mosquitto_sub itself."""
        subscriber = await asyncio.create_subprocess_exec(
            "mosquitto_sub", "-h", "127.0.0.1", "-p", str(self.broker.port), "-t", ALERTS_FILTER,
            "-F", "%t %p", "--retained-only", "-W", "1",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        output, _ = await subscriber.communicate()
        lines = [line.partition(b" ") for line in output.splitlines()]
        return {
            topic.decode().removeprefix("wardlight/v1/alerts/"): decode(Transition, payload)
            for topic, _, payload in lines
        }

    async def close(self) -> None:
        """Let go of what this holds."""
        await self._session.close()
        await self.http.aclose()
        self.database.close()
        self._door.close()


def admit(database_url: str, beds: Iterable[tuple[str, str, str, str]], spare: Iterable[tuple[str, str]] = ()) -> None:
    """Patients (id and name, ward, bed, device), and devices that nobody wears (id, ward)."""
    upgrade(database_url)
    database = Database(database_url)
    try:
        with database.transaction() as conn:
            for name, ward, bed, device in beds:
                patient_id = PatientId(name.partition(" ")[0].lower())
                patients.add(conn, Patient(patient_id, WardId(ward), bed, name, 1, CLOCK.now_ms()))
                devices.add(conn, Device(DeviceId(device), WardId(ward), CLOCK.now_ms()))
                devices.assign(conn, DeviceId(device), patient_id, 0)
            for device, ward in spare:
                devices.add(conn, Device(DeviceId(device), WardId(ward), CLOCK.now_ms()))
    finally:
        database.close()


@contextlib.asynccontextmanager
async def registry_box(
    directory: Path,
    beds: Iterable[tuple[str, str, str, str]],
    spare: Iterable[tuple[str, str]] = (),
    *,
    settings: Mapping[str, str] | None = None,
) -> AsyncIterator[RegistryBox]:
    """Mosquitto, `wardlight up` on the local log and SQLite, and devices that measure; `settings` as in the environment."""
    port = free_port()
    with running_mosquitto() as broker:
        environment = one_box_environment(broker.settings(), directory) | {"WARDLIGHT_DASHBOARD__PORT": str(port)}
        environment |= settings or {}
        admit(environment["WARDLIGHT_DATABASE__URL"], beds, spare)
        with running_services({"up": ("wardlight", "up")}, environment, directory) as services:
            box = RegistryBox(broker, directory, services["up"], port)
            measuring: asyncio.Task[None] | None = None
            try:
                await box.ready()
                measuring = asyncio.create_task(box.measure(), name="devices")
                yield box
            finally:
                if measuring is not None:
                    measuring.cancel()
                    await asyncio.gather(measuring, return_exceptions=True)
                await box.close()
