"""Delivery: transitions from the log to MQTT, in order, nothing lost; open episodes stand retained."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence

import structlog

from alerts.retained import Message, Retained, step_messages
from alerts.settings import AlertsSettings
from runtime.blocking import Door
from runtime.bus import Bus, Incoming, Outgoing, Positions, TopicPartition, partition_of
from runtime.clock import Clock
from runtime.mqtt import MqttPort
from runtime.telemetry import Telemetry
from storage import episodes, moves
from storage.claims import Claims, claim, remember_positions
from storage.session import Database
from vitals import codec
from vitals.alert import Transition
from vitals.errors import InvalidArgument, MalformedRecord, Unavailable
from vitals.reading import PatientId, WardId
from vitals.topics import LogTopic, alert_topic

log = structlog.get_logger()

GROUP = "alert-delivery"
TOPICS = (LogTopic.ALERTS.value,)
_SUBJECTS_KEPT_MAX = 4096
"""Of so many patients and kinds the last transition delivered is known, so that a refresh never goes back behind it."""


class DeliveryHandler:
    """Publishes each transition at its patient's and kind's topic, and at that of its step, QoS 1; remembers a position after all PUBACKs.

    An open episode's newest transition is retained (`alerts.retained`); the one that ends it is sent without being
    retained, then an empty retained payload clears the topic. On every new connection the retained state is told afresh
    from SQL, since a broker that crashed has forgotten what it had not saved (after the refresh of active alarms in IHE
    ACM), and what this process may not have cleared is cleared, under every ward the patient ever lay on.
    """

    def __init__(
        self,
        *,
        bus: Bus,
        database: Database,
        door: Door,
        clock: Clock,
        telemetry: Telemetry,
        settings: AlertsSettings,
        mqtt: MqttPort,
    ) -> None:
        self._bus = bus
        self._database = database
        self._door = door
        self._clock = clock
        self._telemetry = telemetry
        self._settings = settings
        self._mqtt = mqtt
        self._epochs: dict[int, int] = {}
        self._retained = Retained(subjects_max=_SUBJECTS_KEPT_MAX)
        self._refreshed_connection = 0
        self._remembered: dict[TopicPartition, int] = {}
        telemetry.not_ready(GROUP, "has not told the MQTT broker of open episodes yet")

    async def claim(self, partitions: frozenset[int]) -> Positions:
        """See `runtime.worker.Handler`; positions that the log no longer holds move to its beginning: SQL says the rest."""
        claims = await self._door.run(self._claim, partitions)
        # Nobody else claimed these in between; of all others another process may have told something newer.
        ours = frozenset(number for number, epoch in claims.epochs.items() if self._epochs.get(number) == epoch - 1)
        self._retained.forget(lambda patient_id: self._partition_of(patient_id) not in ours)
        self._epochs, self._remembered = claims.epochs, dict(claims.positions)
        beginnings = await self._bus.beginnings(TOPICS)
        self._refreshed_connection = 0
        if not partitions:
            self._telemetry.ready(GROUP)
        return {at: max(position, beginnings.get(at, 0)) for at, position in claims.positions.items()}

    async def handle(self, records: Sequence[Incoming]) -> Sequence[Outgoing]:
        """See `runtime.worker.Handler`; returns once the broker has everything, raises Unavailable where it may not."""
        await self._refresh_if_new_connection()
        transitions = [found for record in records if (found := self._decoded(record)) is not None]
        await self._send(
            [
                message
                for transition in transitions
                for message in (*self._retained.messages(transition), *step_messages(transition))
            ]
        )
        self._telemetry.count("wardlight_alerts_delivered_total", len(transitions))
        return ()

    async def idle(self) -> Sequence[Outgoing]:
        """See `runtime.worker.Handler`."""
        if self._mqtt.connection_number:
            await self._refresh_if_new_connection()
        return ()

    async def remember(self, positions: Positions, *, final: bool) -> None:  # noqa: ARG002 - every batch is remembered at once
        """See `runtime.worker.Handler`."""
        if positions != self._remembered:
            await self._door.run(self._store, dict(positions))
            self._remembered = dict(positions)

    async def _refresh_if_new_connection(self) -> None:
        number = self._mqtt.connection_number
        if number == 0:
            self._telemetry.not_ready(GROUP, "no connection to the MQTT broker")
            raise Unavailable("Alerts cannot be delivered now: not connected to the MQTT broker.")
        if number == self._refreshed_connection:
            return
        opened, closed, wards = await self._door.run(self._open_and_closed)
        await self._send(self._retained.refreshing(map(_as_transition, opened), map(_as_transition, closed), wards))
        self._refreshed_connection = number
        self._telemetry.ready(GROUP)
        log.info("alerts_refreshed", open=len(opened))

    async def _send(self, messages: Sequence[Message]) -> None:
        """Publish in order, many at a time; returns once every one is answered."""
        answers: deque[asyncio.Future[None]] = deque()
        try:
            async with asyncio.timeout(self._settings.delivery_timeout_s):
                for message in messages:
                    while answers and self._mqtt.publish_room == 0:
                        await answers.popleft()
                    answers.append(self._mqtt.begin_publish(message.topic, message.payload, retain=message.retain))
                while answers:
                    await answers.popleft()
        except TimeoutError as error:
            raise Unavailable("The MQTT broker does not answer: alerts are sent again.") from error
        finally:
            for answer in answers:
                answer.cancel()

    def _decoded(self, record: Incoming) -> Transition | None:
        try:
            transition = codec.decode(Transition, record.value)
            alert_topic(transition.ward_id, transition.patient_id, transition.kind)
        except (MalformedRecord, InvalidArgument) as error:
            log.warning("record_passed_over", topic=record.topic, offset=record.offset, cause=str(error))
            self._telemetry.count("wardlight_alerts_malformed_records_total", topic=record.topic)
            return None
        return transition

    def _claim(self, partitions: frozenset[int]) -> Claims:
        with self._database.transaction() as conn:
            return claim(conn, GROUP, partitions)

    def _store(self, positions: dict[TopicPartition, int]) -> None:
        with self._database.transaction() as conn:
            remember_positions(conn, GROUP, self._epochs, positions)

    def _open_and_closed(
        self,
    ) -> tuple[list[episodes.Episode], list[episodes.Episode], Mapping[PatientId, Sequence[WardId]]]:
        """Open and recently closed episodes of the partitions held here, and every ward that their patients lay on."""
        with self._database.snapshot() as conn:
            limit = self._settings.refresh_closed_max
            recent = episodes.list_episodes(conn, limit=limit) if limit else ()
            opened = [episode for episode in episodes.open_episodes(conn) if self._is_ours(episode)]
            closed = [
                episode
                for episode in recent
                if episode.resolved_at_ms is not None and not episode.retrospective and self._is_ours(episode)
            ]
            patients = {episode.patient_id for episode in (*opened, *closed)} | self._retained.subjects()
            return opened, closed, moves.wards_of(conn, patients)

    def _is_ours(self, episode: episodes.Episode) -> bool:
        return self._partition_of(episode.patient_id) in self._epochs

    def _partition_of(self, patient_id: PatientId) -> int:
        return partition_of(patient_id.encode(), self._bus.partition_count)


def _as_transition(episode: episodes.Episode) -> Transition:
    return Transition(
        transition_id=episode.last_transition_id,
        episode_id=episode.episode_id,
        patient_id=episode.patient_id,
        ward_id=episode.ward_id,
        kind=episode.kind,
        transition=episode.last_transition,
        reason=episode.last_reason,
        priority=episode.priority,
        at_ms=episode.last_at_ms,
        onset_ms=episode.onset_ms,
        raised_at_ms=episode.raised_at_ms,
        active=episode.active,
        acknowledged=episode.acknowledged,
        text=episode.text,
        sign=episode.sign,
        value=episode.value,
        limit=episode.limit,
        by=episode.by,
        origin=episode.origin,
        move=episode.move,
        device_id=episode.device_id,
        retrospective=episode.retrospective,
        correction_id=episode.correction_id,
        latched=episode.latched,
        suppression=episode.suppression,
        acknowledgements=episode.acknowledgements,
        round=episode.round,
        heard_ms=episode.heard_ms,
        rules_version=episode.rules_version,
    )
