"""The log on Apache Kafka, behind the port of `runtime.bus`; beside `runtime.kafka_clients` the only file that knows aiokafka.

The consumer group only splits partitions: positions live with their readers' state, and the fence is SQL. aiokafka's
rebalance callbacks therefore only signal; `KafkaReader.poll` announces, and nothing is fetched before `seek`.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener
from aiokafka import TopicPartition as KafkaPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError, OffsetOutOfRangeError, TopicAlreadyExistsError, for_code

from runtime.bus import Outgoing, TopicPartition, partition_of
from runtime.clock import Clock
from runtime.group_commit import GroupCommit
from runtime.kafka_clients import KafkaClients
from runtime.kafka_reader import Consumer, KafkaReader
from runtime.kafka_security import client_options
from runtime.log_rate import hold_back_repeats
from runtime.settings import LogSettings
from runtime.telemetry import Telemetry
from vitals.errors import ConfigurationError, InvalidArgument, PositionOutOfRange


@dataclass(frozen=True, kw_only=True)
class KafkaLimits:
    """Bounds of the Kafka adapter."""

    delivery_s_max: float = 20.0
    """How long a publish waits for Kafka before it raises Unavailable."""
    request_s_max: float = 10.0
    """How long one request to a broker may take."""
    session_s: float = 10.0
    """A group member not heard of for this long loses its partitions."""
    handover_s_max: float = 20.0
    """How long a rebalance waits for this member's batch in hand and its last positions."""
    stall_check_s: float = 15.0
    """How often a reader to whom nothing comes looks whether the log goes on without it."""
    short_s_max: float = 10.0
    """How long the log may seem to end before what is to be read: a broker that was away answers for it as it left it."""
    poll_gap_s_max: float = 300.0
    """A member that does not poll for this long loses its partitions."""
    close_s_max: float = 5.0
    """How long a goodbye may take."""
    publish_bytes_max: int = 16 * 1024 * 1024
    """Keys and values of one group of publishes; as much again may wait for the next."""
    publish_linger_ms: int = 5
    """How long a publish waits for others to go with it: a request to Kafka costs as much as many records."""
    batch_bytes_max: int = 512 * 1024
    """One partition's part of a request."""
    record_bytes_max: int = 3 * 1024 * 1024
    """One record: a refused message is kept whole, so that it can be replayed. Our topics allow a little more."""
    fetch_bytes_max: int = 8 * 1024 * 1024
    fetch_partition_bytes_max: int = 512 * 1024
    fetch_wait_ms: int = 50
    """How long a broker holds a fetch without news; bounds the delay of records of other partitions."""
    fetch_gather_bytes: int = 64 * 1024
    """A reader that gathers is answered at once where so much has come."""


class KafkaBus:
    """Bus on Apache Kafka; start it with `start`."""

    def __init__(self, settings: LogSettings, *, clock: Clock, telemetry: Telemetry, limits: KafkaLimits) -> None:
        self._settings = settings
        self._clock = clock
        self._telemetry = telemetry
        self._limits = limits
        self._clients = KafkaClients(
            settings, options=partial(client_options, settings), close_s_max=limits.close_s_max
        )
        self._producer: Any = None
        self._in_doubt: set[asyncio.Future[Any]] = set()
        self._inspector: Consumer | None = None
        self._inspecting = asyncio.Lock()
        self._known_topics: set[str] = set()
        self._preparing = asyncio.Lock()
        self._readers: set[KafkaReader] = set()
        self._publishes = GroupCommit(
            self._commit, records_max=settings.publish_records_max, bytes_max=limits.publish_bytes_max
        )
        self._closed = False

    @classmethod
    async def start(
        cls, settings: LogSettings, *, clock: Clock, telemetry: Telemetry, limits: KafkaLimits | None = None
    ) -> "KafkaBus":
        """Connect; raises Unavailable where no broker answers or lets us in, ConfigurationError where address or files are none."""
        _checked_bootstrap(settings.bootstrap)
        hold_back_repeats("aiokafka")
        bus = cls(settings, clock=clock, telemetry=telemetry, limits=limits or KafkaLimits())
        async with bus.answering():
            await bus._ready_producer()
        return bus

    @property
    def partition_count(self) -> int:
        return self._settings.partitions

    async def publish(self, records: Sequence[Outgoing]) -> None:
        if self._closed:
            raise RuntimeError("The log is closed.")
        for record in records:
            if len(record.key) + len(record.value) > self._limits.record_bytes_max:
                raise InvalidArgument(
                    f"A record for {record.topic} has more than {self._limits.record_bytes_max} bytes, which Kafka refuses."
                )
        await self._publishes.publish(records)

    async def reader(self, *, group: str | None, topics: Sequence[str], gather_s: float = 0.0) -> KafkaReader:
        if self._closed:
            raise RuntimeError("The log is closed.")
        if not topics:
            raise InvalidArgument("A reader needs at least one topic.")
        await self.prepare(topics)
        consumer = self._new_consumer(group, gather_s=gather_s)
        reader = KafkaReader(
            self,
            consumer,
            self._places(topics),
            clock=self._clock,
            handover_s_max=self._limits.handover_s_max,
            stall_check_s=self._limits.stall_check_s,
            short_s_max=self._limits.short_s_max,
        )
        async with self.answering():
            await self._clients.start(consumer)
        self._readers.add(reader)
        if group is None:
            consumer.assign(list(self._places(topics)))
            reader.assigned(consumer.assignment())
        else:
            consumer.subscribe([self.kafka_topic(topic) for topic in topics], listener=_Listener(reader))
        return reader

    async def ends(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        return await self._offsets(topics, "end_offsets")

    async def beginnings(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        return await self._offsets(topics, "beginning_offsets")

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        await self._publishes.close()
        for reader in list(self._readers):
            await reader.close()
        for client in (self._inspector, self._producer):
            if client is not None:
                await self._clients.stop(client)
        await self._clients.close()

    def kafka_topic(self, topic: str) -> str:
        """The topic's name in the cluster."""
        return self._settings.topic_prefix + topic

    def _places(self, topics: Iterable[str]) -> dict[KafkaPartition, TopicPartition]:
        """Kafka's name and ours for every partition of these topics."""
        return {
            KafkaPartition(self.kafka_topic(topic), number): TopicPartition(topic, number)
            for topic in topics
            for number in range(self.partition_count)
        }

    async def dismiss(self, reader: KafkaReader, consumer: Consumer) -> None:
        """A reader has closed; leave its group."""
        self._readers.discard(reader)
        await self._clients.stop(consumer)

    @asynccontextmanager
    async def answering(self) -> AsyncIterator[None]:
        """Within, failures of aiokafka, and waiting longer than `delivery_s_max`, are Unavailable."""
        try:
            async with asyncio.timeout(self._limits.delivery_s_max):
                yield
        except OffsetOutOfRangeError as error:
            raise PositionOutOfRange(f"Kafka no longer holds, or not yet, what is to be read: {error!r}.") from error
        except (KafkaError, TimeoutError, OSError) as error:
            self._telemetry.count("wardlight_runtime_log_unavailable_total")
            raise await self._clients.explain(error) from error

    async def prepare(self, topics: Iterable[str]) -> None:
        """Create the topics that are absent; raises ConfigurationError where one has another number of partitions."""
        if self._known_topics.issuperset(topics):
            return
        async with self._preparing, self.answering():
            unknown = sorted(set(topics) - self._known_topics)
            if not unknown:
                return
            admin = AIOKafkaAdminClient(**self._clients.options(), request_timeout_ms=_ms(self._limits.request_s_max))
            await self._clients.start(admin)
            try:
                await self._create_absent(admin, unknown)
            finally:
                await self._clients.stop(admin)
            self._known_topics.update(unknown)

    async def _create_absent(self, admin: AIOKafkaAdminClient, topics: Sequence[str]) -> None:
        names = [self.kafka_topic(topic) for topic in topics]
        existing = set(await admin.list_topics())
        absent = [self._new_topic(name) for name in names if name not in existing]
        if absent:
            response = await admin.create_topics(absent)
            for name, code, *_ in response.topic_errors:
                if code not in {0, TopicAlreadyExistsError.errno}:
                    raise for_code(code)(name)
        described = await admin.describe_topics(names)
        while any(topic["error_code"] != 0 for topic in described):
            await self._clock.sleep(0.05)
            described = await admin.describe_topics(names)
        for topic in described:
            if len(topic["partitions"]) != self.partition_count:
                raise ConfigurationError(
                    f"Kafka's topic {topic['topic']} has {len(topic['partitions'])} partitions, log.partitions says"
                    f" {self.partition_count}: set log.partitions to that, or log.topic_prefix to start anew."
                )

    def _new_topic(self, name: str) -> NewTopic:
        replication = self._settings.replication
        return NewTopic(
            name=name,
            num_partitions=self.partition_count,
            replication_factor=replication,
            topic_configs={
                "cleanup.policy": "delete",
                "retention.ms": str(self._settings.retention_h * 3_600_000),
                "min.insync.replicas": str(min(2, replication)),
                "max.message.bytes": str(self._limits.record_bytes_max + self._limits.batch_bytes_max),
            },
        )

    async def _commit(self, records: Sequence[Outgoing]) -> None:
        """Hand one group to the producer, all partitions at once, and wait until Kafka has all of it.

        Topics are made here and not before the group is queued, so that nobody is overtaken who waits for one.
        The idempotent producer tries until it succeeds. What it still tries when our time is up stays in doubt, and the
        next group waits behind it: order holds, and memory is bounded by one group in doubt.
        """
        await self.prepare({record.topic for record in records})
        async with self.answering():
            producer = await self._ready_producer()
            for (topic, partition), part in self._by_partition(records).items():
                await self._send(producer, self.kafka_topic(topic), partition, part)
            await self._doubt_settled()

    def _by_partition(self, records: Sequence[Outgoing]) -> dict[tuple[str, int], list[Outgoing]]:
        parts: defaultdict[tuple[str, int], list[Outgoing]] = defaultdict(list)
        for record in records:
            parts[record.topic, partition_of(record.key, self.partition_count)].append(record)
        return parts

    async def _send(self, producer: AIOKafkaProducer, topic: str, partition: int, records: Sequence[Outgoing]) -> None:
        batch = producer.create_batch()
        for record in records:
            if batch.append(key=record.key, value=record.value, timestamp=None) is None:
                self._in_doubt.add(await producer.send_batch(batch, topic, partition=partition))
                batch = producer.create_batch()
                batch.append(key=record.key, value=record.value, timestamp=None)
        self._in_doubt.add(await producer.send_batch(batch, topic, partition=partition))

    async def _ready_producer(self) -> AIOKafkaProducer:
        await self._doubt_settled()
        if self._producer is None:
            self._producer = await self._new_producer()
        return self._producer

    async def _doubt_settled(self) -> None:
        """Wait for batches handed over; a producer that gave one up is replaced, since it may never work again."""
        if self._in_doubt:
            await asyncio.wait(self._in_doubt)
        settled, self._in_doubt = self._in_doubt, set()
        errors = [error for future in settled if (error := future.exception()) is not None]
        if errors:
            producer, self._producer = self._producer, None
            await self._clients.stop(producer)
            raise errors[0]

    async def _new_producer(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **self._clients.options(),
            acks="all",
            enable_idempotence=True,
            linger_ms=self._limits.publish_linger_ms,
            max_batch_size=self._limits.batch_bytes_max,
            max_request_size=2 * self._limits.record_bytes_max,
            compression_type=None,
            request_timeout_ms=_ms(self._limits.request_s_max),
            retry_backoff_ms=200,
            metadata_max_age_ms=60_000,
        )
        await self._clients.start(producer)
        return producer

    def _new_consumer(self, group: str | None, *, gather_s: float) -> AIOKafkaConsumer:
        limits = self._limits
        return AIOKafkaConsumer(
            **self._clients.options(),
            group_id=None if group is None else self.kafka_topic(group),
            group_instance_id=None if group is None else self._settings.instance_id,
            partition_assignment_strategy=(RangePartitionAssignor,),
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_uncommitted",
            check_crcs=True,
            fetch_min_bytes=limits.fetch_gather_bytes if gather_s else 1,
            fetch_max_wait_ms=_ms(gather_s) if gather_s else limits.fetch_wait_ms,
            fetch_max_bytes=limits.fetch_bytes_max,
            max_partition_fetch_bytes=limits.fetch_partition_bytes_max,
            consumer_timeout_ms=limits.fetch_wait_ms,
            request_timeout_ms=_ms(limits.request_s_max),
            session_timeout_ms=_ms(limits.session_s),
            heartbeat_interval_ms=_ms(limits.session_s / 10),
            rebalance_timeout_ms=_ms(limits.handover_s_max + limits.session_s),
            max_poll_interval_ms=_ms(limits.poll_gap_s_max),
            retry_backoff_ms=200,
            metadata_max_age_ms=60_000,
        )

    async def _offsets(self, topics: Sequence[str], question: str) -> dict[TopicPartition, int]:
        await self.prepare(topics)
        places = self._places(topics)
        async with self.answering():
            inspector = await self._ready_inspector()
            offsets = await getattr(inspector, question)(list(places))
        return {places[kafka]: offset for kafka, offset in offsets.items()}

    async def _ready_inspector(self) -> Consumer:
        """The one consumer that answers for offsets, started by whoever asks first."""
        async with self._inspecting:
            if self._inspector is None:
                inspector = self._new_consumer(None, gather_s=0)
                await self._clients.start(inspector)
                self._inspector = inspector
            return self._inspector


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Passes aiokafka's callbacks on; aiokafka swallows what they raise, so they decide nothing."""

    def __init__(self, reader: KafkaReader) -> None:
        self._reader = reader

    async def on_partitions_revoked(self, revoked: set[KafkaPartition]) -> None:  # noqa: ARG002
        await self._reader.revoked()

    def on_partitions_assigned(self, assigned: set[KafkaPartition]) -> None:
        self._reader.assigned(assigned)


def _checked_bootstrap(bootstrap: str) -> str:
    for address in bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 65536:
            raise ConfigurationError(f"log.bootstrap is {bootstrap!r}: write host:port, several with commas between.")
    return bootstrap


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
