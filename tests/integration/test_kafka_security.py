"""A real Kafka as deploy/start-kafka makes it lets each service do what the table says, and refuses everything else in one sentence."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from runtime.bus import Assigned, Incoming, Outgoing, Positions, Reader
from runtime.clock import SystemClock
from runtime.kafka_bus import KafkaBus, KafkaLimits
from runtime.settings import LogSettings
from runtime.telemetry import Telemetry
from runtime.worker import Worker, WorkerLimits
from tests.support.secured_kafka import SecuredKafka, server_certificates
from vitals.codec import encode
from vitals.errors import AccessDenied, CredentialsRefused, ErrorCode, Unavailable, UntrustedServer
from vitals.reading import Tick
from vitals.topics import LogTopic
from wardlight.log_access import table

pytestmark = [pytest.mark.integration, pytest.mark.asyncio]

KEY = b"patient-1"
READING = encode(Tick(1_700_000_000_000))
"""Any record that readers of `readings` understand."""
WAIT_S_MAX = 30.0


@asynccontextmanager
async def started(log: LogSettings, limits: KafkaLimits | None = None) -> AsyncIterator[KafkaBus]:
    """A bus with this service's account."""
    bus = await KafkaBus.start(log, clock=SystemClock(), telemetry=Telemetry(), limits=limits)
    try:
        yield bus
    finally:
        await bus.close()


@pytest_asyncio.fixture
async def prepared(secured_kafka: SecuredKafka) -> SecuredKafka:
    """With all topics made, by the one who may."""
    async with started(secured_kafka.settings("operator")) as bus:
        await bus.prepare(tuple(LogTopic))
    return secured_kafka


async def hears(reader: Reader, wanted: bytes) -> None:
    """Read from the beginning until this value comes; other tests may have written before."""
    async with asyncio.timeout(WAIT_S_MAX):
        while True:
            polled = await reader.poll(records_max=500, timeout_s=0.2)
            if isinstance(polled, Assigned):
                await reader.seek({})
            elif any(record.value == wanted for record in polled.records):
                return


class Listener:
    """A handler that keeps nothing."""

    async def claim(self, partitions: frozenset[int]) -> Positions:
        return {}

    async def handle(self, records: Sequence[Incoming]) -> Sequence[Outgoing]:
        return ()

    async def idle(self) -> Sequence[Outgoing]:
        return ()

    async def remember(self, positions: Positions, *, final: bool) -> None:
        pass


async def beside(call: Callable[..., Any], *arguments: str) -> Any:
    """What a tool of Kafka's answers, while the loop goes on."""
    return await asyncio.to_thread(call, *arguments)  # noqa: TID251 - a test waits for a real process


async def test_what_the_table_allows_works_and_nothing_else_does(prepared: SecuredKafka) -> None:
    async with (
        started(prepared.settings("ingest")) as ingest,
        started(prepared.settings("stream")) as stream,
        started(prepared.settings("dashboard")) as dashboard,
        started(prepared.settings("operator")) as operator,
    ):
        await ingest.publish([Outgoing(LogTopic.READINGS.value, KEY, READING)])
        for bus, group in ((stream, "stream"), (dashboard, None), (operator, None)):
            await hears(await bus.reader(group=group, topics=[LogTopic.READINGS.value]), READING)
        for bus, topic in (
            (ingest, LogTopic.ALERTS),
            (dashboard, LogTopic.ALERTS),
            (dashboard, LogTopic.ASSESSMENTS),
            (stream, LogTopic.READINGS),
            (stream, LogTopic.COMMANDS),
            (operator, LogTopic.READINGS),
        ):
            with pytest.raises(AccessDenied, match=f"does not let log.username.*{topic}") as refused:
                await bus.publish([Outgoing(topic.value, KEY, b"forged")])
            assert (refused.value.code, refused.value.retriable) == (ErrorCode.ACCESS_DENIED, True)
        with pytest.raises(AccessDenied):
            await ingest.reader(group=None, topics=[LogTopic.ALERTS.value])
        with pytest.raises(AccessDenied):
            await hears(await ingest.reader(group=None, topics=[LogTopic.READINGS.value]), READING)
        with pytest.raises(AccessDenied, match="alerts"):
            await hears(await stream.reader(group="alerts", topics=[LogTopic.READINGS.value]), READING)
        with pytest.raises(AccessDenied):
            await stream.publish([Outgoing("a-topic-of-nobody", KEY, b"x")])
        await ingest.publish([Outgoing(LogTopic.READINGS.value, KEY, READING)])


async def test_whoever_is_not_let_in_is_told_why_in_one_line_without_the_password(
    secured_kafka: SecuredKafka, tmp_path: Path
) -> None:
    stranger = server_certificates(tmp_path, "another") / "authority.pem"
    quick = KafkaLimits(delivery_s_max=8, request_s_max=4)
    for changes, kind, said in (
        ({"password": "wrong-word"}, CredentialsRefused, "refuses log.username 'ingest' with this password"),
        ({"username": "nobody"}, CredentialsRefused, "refuses log.username 'nobody'"),
        ({"ca_file": stranger}, UntrustedServer, "has not shown to be Kafka.*log.ca_file"),
        ({"bootstrap": f"localhost:{secured_kafka.port}"}, UntrustedServer, "[Hh]ostname mismatch"),
        (
            {"security": "plaintext", "username": None, "password": None, "ca_file": None},
            Unavailable,
            "log.security is what it speaks",
        ),
        ({"security": "ssl", "username": None, "password": None}, Unavailable, "log.security"),
    ):
        with pytest.raises(kind, match=said) as refused:
            async with started(secured_kafka.settings("ingest", **changes), quick):
                pass
        sentence = str(refused.value)
        assert "\n" not in sentence
        assert "wrong-word" not in sentence
        assert secured_kafka.passwords["ingest"] not in sentence


async def test_a_rotated_password_is_told_by_readyz_and_taken_up_where_it_is_made_known_again(
    prepared: SecuredKafka,
) -> None:
    """Also: what is not of the table is taken away when it is applied again."""
    telemetry, clock = Telemetry(), SystemClock()
    bus = await KafkaBus.start(
        prepared.settings("stream"),
        clock=clock,
        telemetry=telemetry,
        limits=KafkaLimits(delivery_s_max=8, request_s_max=4),
    )
    try:
        stray = ("--add", "--allow-principal", "User:ingest", "--operation", "Read", "--topic", "alerts")
        await beside(prepared.tool, "kafka-acls.sh", *stray)
        rotated = ("--alter", "--entity-type", "users", "--entity-name", "stream")
        await beside(prepared.tool, "kafka-configs.sh", *rotated, "--add-config", "SCRAM-SHA-512=[password=rotated]")
        worker = Worker(
            name="stream",
            topics=[LogTopic.READINGS.value],
            bus=bus,
            handler=Listener(),
            clock=clock,
            telemetry=telemetry,
            limits=WorkerLimits(backoff_s_max=1),
        )
        running = asyncio.create_task(worker.run())
        async with asyncio.timeout(WAIT_S_MAX):
            while "refuses log.username 'stream'" not in (telemetry.readiness.get("stream") or ""):
                await clock.sleep(0.1)
        known = await beside(partial(prepared.apply, KAFKA_ACCESS_ALL="yes"))
        assert known.returncode == 0, known.stdout + known.stderr
        assert "taken from ingest: Read topic alerts" in known.stdout
        assert f"{len(table())} entries" in known.stdout
        async with asyncio.timeout(WAIT_S_MAX):
            while not worker.partitions:
                await clock.sleep(0.1)
        worker.stop()
        await running
    finally:
        await bus.close()
