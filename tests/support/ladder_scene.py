"""Escalation over a database in memory: alerts stored as the engine stores them, receipts as a channel gives them, time by hand."""

from collections.abc import Sequence
from typing import cast

from alerts.ladder_paging import follower, pager
from alerts.ladder_runner import Enqueue, LadderHandler
from alerts.ladder_settings import LadderSettings
from runtime.blocking import InlineDoor
from runtime.bus import Bus, Incoming, Positions
from runtime.telemetry import Telemetry
from storage import contacts, destinations, episodes, escalation, ladders, notifications, people, schedules
from storage.escalation import StepRow
from storage.ladder_tables import ladder_steps
from storage.notification_tables import deliveries
from storage.people import Account, StoredGrant
from storage.session import Database
from tests.support.alert_transitions import RAISED_MS, an_alert
from tests.support.fresh_database import lay_schema
from tests.support.people_scene import HandClock
from vitals.alert import Priority, Transition
from vitals.codec import decode, encode
from vitals.delivery import Mark
from vitals.ladder import Ladder, LadderStep
from vitals.notification import Channel, Destination, ReceiptState
from vitals.on_call import Schedule
from vitals.reading import WardId

PARTITIONS = 4


class QuietBus:
    """The two questions that the handler asks of a log."""

    partition_count = PARTITIONS

    async def beginnings(self, _topics: Sequence[str]) -> Positions:
        return {}


class LadderScene:
    """A database, people in it, and the runner that `start` begins anew."""

    def __init__(self, *, database: Database | None = None, settings: LadderSettings | None = None) -> None:
        self.clock = HandClock(RAISED_MS)
        self.settings = settings or LadderSettings()
        self.telemetry = Telemetry()
        self.database = Database("sqlite://") if database is None else database
        if database is None:
            lay_schema(self.database)
        self.handler: LadderHandler

    async def start(self, enqueue: Enqueue | None = None) -> LadderHandler:
        """A runner as a new process has it: it has claimed every partition and remembers nothing."""
        handler = LadderHandler(
            bus=cast("Bus", QuietBus()),
            database=self.database,
            door=InlineDoor(),
            clock=self.clock,
            telemetry=self.telemetry,
            settings=self.settings,
            enqueue=enqueue or pager(expires_s=self.settings.delivery_expires_s),
            follow=follower(expires_s=self.settings.delivery_expires_s),
        )
        await handler.claim(frozenset(range(PARTITIONS)))
        self.handler = handler
        return handler

    async def look_at(self, second: float) -> int:
        """Let it be so many seconds after the first alert was heard, and look; how many steps were taken."""
        self.clock.at_ms = RAISED_MS + round(second * 1000)
        return await self.handler.look()

    def somebody(self, login: str, *roles: str, ward: str | None = "west", reached: bool = True) -> str:
        """A person with roles, reached at a destination of theirs; the destination's id."""
        with self.database.transaction() as conn:
            people.add(conn, Account(person_id=f"id-{login}", login=login, name=login.title()))
            for role in roles:
                given = StoredGrant(role, None if ward is None else WardId(ward))
                people.grant(conn, f"id-{login}", given, at_ms=1, by="test")
        if reached:
            self.destination(f"to-{login}", person_id=f"id-{login}")
            with self.database.transaction() as conn:
                contacts.put(conn, f"id-{login}", f"to-{login}", tuple(Priority), at_ms=1, by="test")
        return f"to-{login}"

    def destination(self, destination_id: str, *, person_id: str | None = None) -> str:
        """An address, of a person or of the house."""
        address = "https://page.example"
        made = Destination(destination_id, Channel.WEBHOOK, address, name=destination_id, person_id=person_id)
        with self.database.transaction() as conn:
            destinations.add(conn, made, by="test", now_ms=1)
        return destination_id

    def ladder(self, *steps: LadderStep, priority: Priority = Priority.HIGH, ward: str = "*", **changes: float) -> None:
        """Set a ladder."""
        made = Ladder(ward_id=ward, priority=priority, steps=steps, **changes)  # type: ignore[arg-type]
        with self.database.transaction() as conn:
            ladders.put(conn, made, at_ms=1, by="test")

    def schedule(self, schedule: Schedule) -> None:
        """Set an on-call schedule."""
        with self.database.transaction() as conn:
            schedules.put(conn, schedule, at_ms=1, by="test")

    def alert(self, *transitions: Transition) -> None:
        """What the engine stores."""
        with self.database.transaction() as conn:
            episodes.store(conn, transitions or (an_alert(),))

    async def hear(self, *transitions: Transition) -> None:
        """What the log says, before the database has it."""
        records = [Incoming("alerts", 0, 0, step.patient_id.encode(), encode(step)) for step in transitions]
        await self.handler.handle(records)

    def news(self) -> list[tuple[str, str]]:
        """What the outbox holds beside steps: of which transition, where to."""
        with self.database.snapshot() as conn:
            rows = conn.execute(deliveries.select().where(deliveries.c.step_id.is_(None)))
            return sorted((decode(Transition, row.record).transition.value, row.destination_id) for row in rows)

    def steps(self, episode_id: str = "e1") -> tuple[StepRow, ...]:
        """What was taken."""
        with self.database.snapshot() as conn:
            return escalation.steps_of(conn, episode_id)

    def told(self) -> list[tuple[int, str]]:
        """Every delivery in the outbox: which step, where to."""
        with self.database.snapshot() as conn:
            rows = conn.execute(
                deliveries.select()
                .join(ladder_steps, ladder_steps.c.step_id == deliveries.c.step_id)
                .with_only_columns(ladder_steps.c.step, deliveries.c.destination_id)
                .order_by(ladder_steps.c.at_ms, ladder_steps.c.step, deliveries.c.destination_id)
            )
            return [(row.step, row.destination_id) for row in rows]

    def receipt(self, destination_id: str, state: ReceiptState) -> None:
        """What the channel says now of every delivery to this destination."""
        now_ms = self.clock.now_ms()
        with self.database.transaction() as conn:
            ids = conn.execute(
                deliveries.select()
                .where(deliveries.c.destination_id == destination_id)
                .with_only_columns(deliveries.c.delivery_id)
            ).scalars()
            rows = [notifications.receipt_row(each, Mark(state, 1), now_ms) for each in ids]
            notifications.put_receipts(conn, rows)

    def seen_on_a_page(self, person_id: str = "id-kim", episode_id: str = "e1") -> None:
        """Somebody has the alert before their eyes now."""
        with self.database.transaction() as conn:
            escalation.see(conn, episode_id, person_id, by="Kim", at_ms=self.clock.now_ms())


async def a_ward() -> LadderScene:
    """Kim is nurse, Lee physician and Max manager of ward west, each with a pager."""
    scene = LadderScene()
    scene.somebody("kim", "nurse")
    scene.somebody("lee", "physician")
    scene.somebody("max", "ward_manager")
    await scene.start()
    return scene
