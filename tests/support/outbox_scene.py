"""The outbox at work in virtual time: notifier, dispatchers and a channel whose answers are scripted."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from alerts.dispatch import Dispatcher
from alerts.dispatch_house import House
from alerts.notification import Accepted, Channel, DeliveryFault, Destination, Notification, Undelivered
from alerts.notification_settings import NotificationsSettings
from alerts.notifier import GROUP, TOPICS, NotifierHandler
from runtime.blocking import InlineDoor
from runtime.bus import Delivered, Outgoing
from runtime.clock import LoopClock
from runtime.local_bus import LocalBus
from runtime.telemetry import Telemetry
from runtime.virtual_loop import run_virtual
from runtime.worker import Worker, WorkerLimits
from storage import destinations, notifications, people, subscriptions
from storage.notifications_house import enqueue_handshake
from storage.people import Account, StoredGrant
from storage.session import Database
from tests.support.builders import EPOCH_MS
from tests.support.fresh_database import lay_schema
from vitals import codec
from vitals.alert import AlertKind, Priority, Reason, Transition, TransitionKind
from vitals.fault import SystemFault
from vitals.identity import transition_id
from vitals.notification import QuietHours, Subscription, SubscriptionState, Wanted
from vitals.reading import PatientId, WardId
from vitals.topics import LogTopic

HOUR_S = 3600
ENDED = {TransitionKind.RESOLVED, TransitionKind.RETRACTED, TransitionKind.FOUND}


def step(
    episode: str = "e1",
    transition: TransitionKind = TransitionKind.RAISED,
    *,
    at_s: float = 10.0,
    priority: Priority = Priority.MEDIUM,
    ward: str = "north",
    patient: str = "p1",
    kind: AlertKind = AlertKind.SPO2_LOW,
    cause: str = "r1",
    **more: Any,
) -> Transition:
    """One step of an episode, with everything unsaid left ordinary."""
    at_ms = EPOCH_MS + round(at_s * 1000)
    return Transition(
        transition_id=transition_id(episode, transition, cause),
        episode_id=episode,
        patient_id=PatientId(patient),
        ward_id=WardId(ward),
        kind=kind,
        transition=transition,
        reason=Reason.LIMIT_BREACHED,
        priority=priority,
        at_ms=at_ms,
        onset_ms=at_ms,
        raised_at_ms=at_ms,
        active=transition not in ENDED,
        acknowledged=transition is TransitionKind.ACKNOWLEDGED,
        text="SpO2 84 % for 40 s, limit 88 %",
        heard_ms=at_ms,
        **more,
    )


class ScriptedChannel:
    """Takes everything, unless told otherwise by `answers[destination_id]`: called with the notification before each answer."""

    def __init__(self, clock: LoopClock) -> None:
        self._clock = clock
        self.answers: dict[str, Callable[[Notification], Any]] = {}
        self.attempts: list[tuple[str, Notification]] = []
        self.accepted: dict[str, list[Notification]] = defaultdict(list)
        self.accepted_at_s: dict[str, list[float]] = defaultdict(list)

    async def send(self, destination: Destination, notification: Notification) -> Accepted:
        """See `alerts.notification.ChannelAdapter`."""
        name = destination.destination_id
        self.attempts.append((name, notification))
        answer = self.answers.get(name)
        if answer is not None:
            waiting = answer(notification)
            if waiting is not None:
                await waiting
        self.accepted[name].append(notification)
        self.accepted_at_s[name].append(self._clock.monotonic_s())
        return Accepted(is_delivered=True)

    async def hang(self) -> None:
        """As a server that never answers."""
        await self._clock.sleep(10 * HOUR_S)


def refuse(code: DeliveryFault = DeliveryFault.SERVER_ERROR, *, retryable: bool = True, **more: Any) -> Undelivered:
    """A failure to raise."""
    return Undelivered(code, f"It said {code.value}.", retryable=retryable, **more)


class OutboxScene:
    """One notifier, any number of dispatchers, SQL and log in memory."""

    def __init__(self, *, settings: NotificationsSettings | None = None, seed: int = 1) -> None:
        self.clock = LoopClock(epoch_ms=EPOCH_MS)
        self.database = Database("sqlite://")
        self.telemetry = Telemetry()
        self.settings = NotificationsSettings(pace_s=0, look_s=1) if settings is None else settings
        self.channel = ScriptedChannel(self.clock)
        self.stopping = asyncio.Event()
        self._seed = seed
        self._running: list[asyncio.Task[None]] = []
        self._dispatchers: list[tuple[Dispatcher, asyncio.Event, asyncio.Task[None]]] = []

    async def open(self) -> None:
        """Lay the schema, open the log, and start the notifier."""
        lay_schema(self.database)
        self.door = InlineDoor()
        self.bus = await LocalBus.open(None, partitions=2, door=self.door, clock=self.clock)
        self._ports: dict[str, Any] = {
            "database": self.database,
            "door": self.door,
            "clock": self.clock,
            "telemetry": self.telemetry,
            "settings": self.settings,
        }
        self.start_notifier()

    def start_notifier(self) -> None:
        """Follow the log, from where the last notifier remembered."""
        handler = NotifierHandler(bus=self.bus, wake=self.wake, **self._ports)
        limits = WorkerLimits(poll_timeout_s=10, backoff_s_max=1.0)
        self.notifier = Worker(
            name=GROUP, topics=TOPICS, bus=self.bus, handler=handler, clock=self.clock, limits=limits
        )
        self._running.append(asyncio.create_task(self.notifier.run()))

    def start_dispatcher(self) -> None:
        """One more process that sends."""
        dispatcher = Dispatcher(
            channels=dict.fromkeys(Channel, self.channel), random_source=random.Random(self._seed), **self._ports
        )
        stopping = asyncio.Event()
        task = asyncio.create_task(dispatcher.run(stopping))
        self._dispatchers.append((dispatcher, stopping, task))

    async def stop_dispatcher(self) -> None:
        """The oldest one ends as asked."""
        _, stopping, task = self._dispatchers.pop(0)
        stopping.set()
        await task

    async def kill_dispatcher(self) -> None:
        """The oldest one dies as by SIGKILL: nothing of it writes anything any more."""
        dispatcher, _, task = self._dispatchers.pop(0)
        dispatcher._put_down = _never  # type: ignore[method-assign, assignment]
        dispatcher._release = _never  # type: ignore[method-assign, assignment]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    def house(self) -> House:
        """The loop beside the dispatcher, to be looked with by hand."""
        return House(bus=self.bus, wake=self.wake, **self._ports)

    def wake(self) -> None:
        for dispatcher, _, _ in self._dispatchers:
            dispatcher.wake()

    async def close(self) -> None:
        """End everything."""
        self.notifier.stop()
        while self._dispatchers:
            await self.stop_dispatcher()
        await asyncio.gather(*self._running)
        await self.bus.close()
        self.database.close()

    async def raise_alerts(self, *steps: Transition) -> None:
        """Put transitions into the log, and wait until they are counted."""
        await self.bus.publish(
            [Outgoing(LogTopic.ALERTS.value, one.patient_id.encode(), codec.encode(one)) for one in steps]
        )
        ends = {place: end for place, end in (await self.bus.ends(TOPICS)).items() if end}
        await self.until(lambda: all(self.notifier.positions.get(place, 0) >= end for place, end in ends.items()))
        await self.clock.sleep(0.01)

    async def until(self, condition: Callable[[], bool], *, within_s: float = 60.0) -> None:
        """Wait, in virtual time."""
        async with asyncio.timeout(within_s):
            while not condition():
                await self.clock.sleep(max(0.02, within_s / 500))

    def person(self, person_id: str, *wards: str, role: str = "nurse") -> None:
        """Somebody with a role on these wards."""
        with self.database.transaction() as conn:
            people.add(conn, Account(person_id, person_id, person_id.title()))
            for ward in wards:
                people.grant(conn, person_id, StoredGrant(role, WardId(ward)), at_ms=1, by="root")

    def destination(self, address: str = "one", *, person_id: str | None = None) -> str:
        """Somewhere to send to; its id."""
        with self.database.transaction() as conn:
            url = f"https://{address}.example/hook"
            made = Destination(address, Channel.WEBHOOK, url, name=address.title(), person_id=person_id)
            destinations.add(conn, made, by="root", now_ms=self.clock.now_ms())
        return address

    def subscribe(
        self,
        address: str = "one",
        *,
        name: str | None = None,
        person_id: str | None = None,
        wanted: Wanted | None = None,
        quiet: QuietHours | None = None,
        heartbeat_s: int | None = None,
        expires_at_ms: int | None = None,
        is_active: bool = True,
    ) -> str:
        """A destination and a subscription to it, by default active already; its id is its name."""
        known = {one.destination.destination_id for one in self.listed()}
        if address not in known:
            self.destination(address, person_id=person_id)
        made = name or f"s-{address}"
        now_ms = self.clock.now_ms()
        subscription = Subscription(
            subscription_id=made,
            name=made,
            person_id=person_id,
            destination_id=address,
            wanted=Wanted() if wanted is None else wanted,
            state=SubscriptionState.ACTIVE if is_active else SubscriptionState.REQUESTED,
            state_at_ms=now_ms,
            state_reason="made by a test",
            created_at_ms=now_ms,
            created_by="root",
            quiet=quiet,
            heartbeat_s=heartbeat_s,
            expires_at_ms=expires_at_ms,
            activated_at_ms=now_ms if is_active else None,
        )
        with self.database.transaction() as conn:
            subscriptions.add(conn, subscription)
            if not is_active:
                enqueue_handshake(conn, subscription, now_ms=now_ms, expires_after_ms=HOUR_S * 1000)
        return made

    def listed(self) -> tuple[destinations.StoredDestination, ...]:
        """Every destination."""
        with self.database.snapshot() as conn:
            return destinations.list_destinations(conn)

    def events(self, subscription_id: str = "s-one", since: int = 0) -> tuple[subscriptions.Event, ...]:
        """What the subscription had."""
        with self.database.snapshot() as conn:
            return subscriptions.events_since(conn, subscription_id, since=since, limit=1000)

    def state(self, subscription_id: str = "s-one") -> SubscriptionState:
        """Where the subscription stands."""
        with self.database.snapshot() as conn:
            return subscriptions.get(conn, subscription_id).state

    def deliveries(self, address: str = "one") -> tuple[notifications.Delivery, ...]:
        """What is or was in the outbox for a destination, oldest first."""
        with self.database.snapshot() as conn:
            return tuple(reversed(notifications.list_deliveries(conn, limit=1000, destination_id=address)))

    def receipts(self, delivery_id: str) -> list[tuple[str, str | None]]:
        """State and code of every receipt, in order."""
        with self.database.snapshot() as conn:
            return [
                (one.state.value, None if one.code is None else one.code.value)
                for one in notifications.receipts_of(conn, [delivery_id])
            ]

    async def faults(self) -> list[SystemFault]:
        """What was told of Wardlight's own faults."""
        reader = await self.bus.reader(group=None, topics=[LogTopic.READINGS.value])
        await reader.poll(records_max=1, timeout_s=0)
        await reader.seek({})
        polled = await reader.poll(records_max=100, timeout_s=0.1)
        await reader.close()
        assert isinstance(polled, Delivered)
        records = [codec.decode_readings_record(one.value) for one in polled.records]
        return [one for one in records if isinstance(one, SystemFault)]

    def took(self, address: str = "one") -> list[tuple[str, ...]]:
        """What the destination accepted: the episodes of each notification of events."""
        return [
            tuple(one.episode_id for one in notification.transitions)
            for notification in self.channel.accepted[address]
            if notification.transitions
        ]


async def _never(*_: object, **__: object) -> Sequence[Any]:
    return ()


Play = Callable[[OutboxScene], Awaitable[None]]


def play(scene: Play, settings: NotificationsSettings | None = None) -> None:
    """Run a scene with notifier and one dispatcher."""

    async def run() -> None:
        stage = OutboxScene(settings=settings)
        await stage.open()
        stage.start_dispatcher()
        await scene(stage)
        await stage.close()

    run_virtual(run())
