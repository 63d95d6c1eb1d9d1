"""From a reading published to its alert on MQTT, in milliseconds, at 1,000 readings a second; beside the bare way there and back.

Every process runs on this machine: Mosquitto, Kafka, PostgreSQL, ingest, recorder, stream, alerts, dashboard, and this one, which
publishes and listens. A thousand devices publish a reading a second each; ten times a second one of them reports an SpO2
of 55 %, whose limit has no delay, and which no patient does twice. Floor: the same load from the same Mosquitto to the
same Kafka and back (`benchmarks.bare_hop`), before the services are started.
"""

import asyncio
import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks import bare_hop
from benchmarks.broker import mosquitto_for
from benchmarks.measure import NotMeasured, Result
from benchmarks.steady_load import SteadyLoad
from runtime.clock import SystemClock
from storage import devices, patients
from storage.devices import Device
from storage.migrate import upgrade
from storage.patients import Patient
from storage.session import Database
from tests.support.kafka_server import running_kafka
from tests.support.mosquitto_server import MosquittoServer
from tests.support.postgres_server import private_server
from tests.support.processes import ServiceProcess, running_services
from tests.support.whole_path import ROOMS, hospital_environment
from vitals import codec
from vitals.alert import AlertKind, Transition, TransitionKind
from vitals.errors import MalformedRecord
from vitals.reading import DeviceId, PatientId, WardId
from vitals.topics import ALERTS_FILTER, readings_topic

DEVICES = 1000
WARM_UP_S = 20
MEASURED_S = 60
START_S_MAX = 120.0
LOOK_S = 0.1
WARD = WardId("bench")
NAMES = [f"bench-{number:04}" for number in range(DEVICES)]
"""Of devices, and of the patients who wear them."""
PERCENTILES = (50, 99)


def run() -> list[Result]:
    """Measure; raises NotMeasured where a server is missing or readings were left unanswered."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wardlight-bench-")))
        broker = stack.enter_context(mosquitto_for("alert-latency"))
        kafka = stack.enter_context(running_kafka())
        postgres = stack.enter_context(private_server())
        bare_ms = asyncio.run(_bare(broker, kafka.bootstrap, directory))
        url = postgres.create_database()
        _admit(url)
        environment = hospital_environment(
            broker.settings(), bootstrap=kafka.bootstrap, database_url=url, prefix="bench-"
        )
        environment |= {"WARDLIGHT_DASHBOARD__PORT": "0", "WARDLIGHT_DASHBOARD__SIGN_IN": "guest"}
        services = stack.enter_context(running_services({**ROOMS, "dashboard": ("dashboard",)}, environment, directory))
        ours_ms = asyncio.run(_ours(broker, services))
    return [
        Result.of(
            f"alert-latency-p{percent}",
            value=_percentile(ours_ms, percent),
            unit="ms",
            floor=_percentile(bare_ms, percent),
        )
        for percent in PERCENTILES
    ]


async def _bare(broker: MosquittoServer, bootstrap: str, directory: Path) -> list[float]:
    arguments = ["benchmarks.bare_hop", str(broker.port), bootstrap]
    with running_services({"hop": arguments}, {}, directory) as services:
        await _until_said(services["hop"], bare_hop.READY)
        load = SteadyLoad(
            broker.port, listen_to=f"{bare_hop.OUT}/+", key_of=lambda topic, _payload: topic.rpartition("/")[2]
        )
        try:
            return await _measure(load, [f"{bare_hop.IN}/{name}" for name in NAMES])
        finally:
            load.close()


async def _ours(broker: MosquittoServer, services: dict[str, ServiceProcess]) -> list[float]:
    load = SteadyLoad(broker.port, listen_to=ALERTS_FILTER, key_of=_raised)
    try:
        return await _measure(load, [readings_topic(DeviceId(name)) for name in NAMES])
    finally:
        load.close()
        for service in services.values():
            service.require_alive()


async def _measure(load: SteadyLoad, topics: list[str]) -> list[float]:
    """Warm up unmeasured, then probe."""
    await load.offer(topics, NAMES, boot="warm-up", for_s=WARM_UP_S, probing=False)
    await load.offer(topics, NAMES, boot="measured", for_s=MEASURED_S, probing=True)
    await load.settle()
    return load.waits_ms


async def _until_said(service: ServiceProcess, words: str) -> None:
    clock = SystemClock()
    deadline_s = clock.monotonic_s() + START_S_MAX
    while words not in service.last_words():
        service.require_alive()
        if clock.monotonic_s() > deadline_s:
            raise NotMeasured(f"alert-latency was not measured: nobody said {words!r} in time.")
        await clock.sleep(LOOK_S)


def _admit(url: str) -> None:
    upgrade(url)
    database = Database(url)
    try:
        with database.transaction() as conn:
            for name in NAMES:
                patients.add(conn, Patient(PatientId(name), WARD, name, name, 1, 0), nameless_without_key=True)
                devices.add(conn, Device(DeviceId(name), WARD, 0))
                devices.assign(conn, DeviceId(name), PatientId(name), 0)
    finally:
        database.close()


def _raised(_topic: str, payload: bytes) -> str | None:
    try:
        told = codec.decode(Transition, payload)
    except MalformedRecord:
        return None
    is_ours = told.kind is AlertKind.SPO2_LOW and told.transition is TransitionKind.RAISED
    return told.patient_id if is_ours else None


def _percentile(waits_ms: list[float], percent: int) -> float:
    return statistics.quantiles(waits_ms, n=100, method="inclusive")[percent - 1]
