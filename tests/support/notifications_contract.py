"""What the outbox promises, whichever database: subclass and give the fixture `database`."""

from collections.abc import Sequence

import pytest

from runtime.bus import TopicPartition
from storage import destinations, notifications, people, subscriptions
from storage.claims import claim, positions_of, remember_positions
from storage.notifications import NewDelivery, enqueue, evidence, evidence_of_steps, ladder_delivery
from storage.notifications_house import (
    delete_old_heartbeats,
    enqueue_handshake,
    enqueue_heartbeats,
    notifications_due,
    trim_deliveries,
    trim_events,
)
from storage.notifications_outbox import Answer, Chosen, Claimed, Fresh, Later, claim_next
from storage.notifications_outcome import put_accepted, put_failed
from storage.notifications_telling import Had, Telling, Told, tell
from storage.people import Account, StoredGrant
from storage.retention import RetentionSettings
from storage.session import Connection, Database
from storage.trimming import Trimmed, trim_notifications
from tests.support.outbox_scene import step
from vitals.alert import Priority, Transition, TransitionKind
from vitals.errors import Conflict, Fenced, InvalidArgument, NotFound
from vitals.notification import (
    Channel,
    DeliveryFault,
    DeliveryState,
    Destination,
    QuietHours,
    Secret,
    Subscription,
    SubscriptionState,
    Wanted,
)
from vitals.reading import WardId

NOW_MS = 1_767_225_610_000
LEASE_MS = 30_000
HOUR_MS = 3_600_000


def destination(name: str = "one", *, person_id: str | None = None) -> Destination:
    return Destination(
        name, Channel.WEBHOOK, f"https://{name}.example/hook", name=name, person_id=person_id, secret=Secret("hush"),
        options={"a": "b"},
    )  # fmt: skip


def subscription(name: str = "s", to: str = "one", *, person_id: str | None = None, **more: object) -> Subscription:
    fields: dict[str, object] = {
        "subscription_id": name,
        "name": name,
        "person_id": person_id,
        "destination_id": to,
        "wanted": Wanted(),
        "state": SubscriptionState.ACTIVE,
        "state_at_ms": 1,
        "state_reason": "made",
        "created_at_ms": 1,
        "created_by": "root",
        "activated_at_ms": 1,
    }
    return Subscription(**{**fields, **more})  # type: ignore[arg-type]


def everything(_: Subscription, __: Transition, ___: Had) -> Telling:
    return Telling(None, HOUR_MS, is_ending=False)


def one_by_one(fresh: Sequence[Fresh], _: Sequence[tuple[tuple[str, str], int]], __: int) -> Chosen:
    return Chosen(tuple((one.delivery_id,) for one in fresh), None)


def all_together(fresh: Sequence[Fresh], _: Sequence[tuple[tuple[str, str], int]], __: int) -> Chosen:
    return Chosen((tuple(one.delivery_id for one in fresh),), None)


def take(
    conn: Connection, *, now_ms: int = NOW_MS, to: str = "one", high: bool = False, together: bool = False
) -> Answer:
    return claim_next(
        conn, to, high=high, now_ms=now_ms, lease_ms=LEASE_MS, window_ms=60_000,
        planner=all_together if together else one_by_one,
    )  # fmt: skip


def taken(answer: Answer) -> Claimed:
    assert isinstance(answer.work, Claimed)
    return answer.work


def told(conn: Connection, *steps: Transition, now_ms: int = NOW_MS) -> Told:
    return tell(conn, steps, everything, now_ms=now_ms)


class NotificationsContract:
    """Destinations, subscriptions, events, deliveries, receipts."""

    @pytest.fixture(autouse=True)
    def _somewhere(self, database: Database) -> None:
        with database.transaction() as conn:
            people.add(conn, Account("ada", "ada", "Ada"))
            people.grant(conn, "ada", StoredGrant("nurse", WardId("north")), at_ms=1, by="root")
            destinations.add(conn, destination(), by="root", now_ms=1)

    def test_a_destination_keeps_what_it_was_given_and_loses_its_secret_when_removed(self, database: Database) -> None:
        with database.transaction() as conn:
            assert destinations.get(conn, "one").destination == destination()
            destinations.remove(conn, "one", now_ms=5)
            assert destinations.get(conn, "one").destination.secret is None
            assert destinations.list_destinations(conn) == ()
            with pytest.raises(NotFound):
                subscriptions.add(conn, subscription())

    def test_a_subscription_keeps_what_it_was_given(self, database: Database) -> None:
        wanted = Wanted(wards=(WardId("north"),), priorities=(Priority.HIGH,), transitions=(TransitionKind.FOUND,))
        made = subscription(wanted=wanted, quiet=QuietHours(1320, 360, "Europe/Berlin"), heartbeat_s=60)
        with database.transaction() as conn:
            subscriptions.add(conn, made)
            assert subscriptions.get(conn, "s") == made
            with pytest.raises(InvalidArgument):
                subscriptions.add(conn, subscription("t", wanted=Wanted(wards=())))
            with pytest.raises(Conflict):
                destinations.remove(conn, "one", now_ms=5)

    def test_events_are_numbered_without_gap_and_a_repeat_changes_nothing(self, database: Database) -> None:
        steps = [step(f"e{n}", patient=f"p{n}") for n in range(4)]
        with database.transaction() as conn:
            subscriptions.add(conn, subscription())
            assert told(conn, *steps[:2])[:2] == (2, 2)
        with database.transaction() as conn:
            assert told(conn, *steps, steps[0])[:2] == (2, 2)
        with database.transaction() as conn:
            assert told(conn, *steps)[:2] == (0, 0)
            held = subscriptions.events_since(conn, "s", since=1, limit=100)
            assert [(one.number, one.step) for one in held] == [(n + 1, steps[n]) for n in (1, 2, 3)]
            assert subscriptions.get(conn, "s").last_number == 4

    def test_what_rolls_back_leaves_no_gap_and_no_position(self, database: Database) -> None:
        def count(*, fails: bool) -> None:
            with database.transaction() as conn:
                remember_positions(conn, "notifications", epochs, {TopicPartition("alerts", 0): 7})
                told(conn, step())
                if fails:
                    raise RuntimeError

        with database.transaction() as conn:
            subscriptions.add(conn, subscription())
            epochs = claim(conn, "notifications", [0]).epochs
        with pytest.raises(RuntimeError):
            count(fails=True)
        with database.transaction() as conn:
            assert subscriptions.events_since(conn, "s", since=0, limit=9) == ()
            assert positions_of(conn, "notifications") == {}
        with database.transaction() as conn:
            claim(conn, "notifications", [0])
        with pytest.raises(Fenced):
            count(fails=False)
        with database.snapshot() as conn:
            assert subscriptions.get(conn, "s").last_number == 0

    def test_only_what_its_owner_may_see_is_told(self, database: Database) -> None:
        with database.transaction() as conn:
            destinations.add(conn, destination("hers", person_id="ada"), by="root", now_ms=1)
            subscriptions.add(conn, subscription("hers", "hers", person_id="ada"))
            told(conn, step("e1", ward="north"), step("e2", ward="south"), step("e3", ward="system"))
            seen = [one.step.episode_id for one in subscriptions.events_since(conn, "hers", since=0, limit=9)]
            assert seen == ["e1", "e3"]
            people.set_disabled(conn, "ada", 5)
            assert told(conn, step("e4", ward="north")).events == 0

    def test_a_claim_holds_until_its_lease_runs_out_then_another_takes_it_under_the_same_id(
        self, database: Database
    ) -> None:
        with database.transaction() as conn:
            subscriptions.add(conn, subscription())
            told(conn, step())
            first = taken(take(conn))
            assert isinstance(take(conn, now_ms=NOW_MS + LEASE_MS - 1).work, Later)
            second = taken(take(conn, now_ms=NOW_MS + LEASE_MS))
            assert (first.notification_id, second.deliveries[0].attempt) == (second.notification_id, 2)
            late = {"code": DeliveryFault.GONE, "sentence": "", "next_at_ms": None, "paused_until_ms": None}
            assert put_failed(conn, first, now_ms=NOW_MS + LEASE_MS + 1, **late) == ()  # type: ignore[arg-type]
            assert notifications.get(conn, first.notification_id).state is DeliveryState.SENDING
            put_accepted(conn, first, is_delivered=False, reference="r", now_ms=NOW_MS + LEASE_MS + 2)
            assert notifications.get(conn, first.notification_id).state is DeliveryState.ACCEPTED
            told_of = [one.state.value for one in notifications.receipts_of(conn, [first.notification_id])]
            assert told_of == ["queued", "failed", "sent"]

    def test_high_goes_by_its_own_lane_and_most_urgent_first(self, database: Database) -> None:
        with database.transaction() as conn:
            subscriptions.add(conn, subscription())
            for name in ("low", "high", "medium"):
                told(conn, step(name, priority=Priority(name), patient=name))
            assert sorted(destinations.destinations_due(conn, now_ms=NOW_MS)) == [("one", False), ("one", True)]
            lanes = [taken(take(conn, high=high)).deliveries[0].step for high in (True, False, False)]
            assert [one and one.episode_id for one in lanes] == ["high", "medium", "low"]
            assert destinations.destinations_due(conn, now_ms=NOW_MS) == []

    def test_where_it_waits_longest_is_served_first_and_high_before_all(self, database: Database) -> None:
        waiting = {("a", "low"): 3, ("b", "low"): 1, ("c", "high"): 5, ("d", "high"): 4, ("a", "medium"): 2}
        with database.transaction() as conn:
            for name in "abcd":
                destinations.add(conn, destination(name), by="root", now_ms=1)
            enqueue(
                conn,
                [
                    NewDelivery(
                        delivery_id=f"{name}-{priority}", destination_id=name, due_at_ms=NOW_MS + due_at,
                        expires_at_ms=NOW_MS + HOUR_MS, step=step(f"{name}-{priority}", priority=Priority(priority)),
                    )
                    for (name, priority), due_at in waiting.items()
                ],
                now_ms=NOW_MS,
            )  # fmt: skip
            due = destinations.destinations_due(conn, now_ms=NOW_MS + 9)
            assert due == [("d", True), ("c", True), ("b", False), ("a", False)]

    def test_what_goes_together_goes_together_again(self, database: Database) -> None:
        with database.transaction() as conn:
            subscriptions.add(conn, subscription())
            told(conn, *(step(f"e{n}", patient=f"p{n}") for n in range(3)))
            first = taken(take(conn, together=True))
            put_failed(
                conn, first, code=DeliveryFault.SERVER_ERROR, sentence="no", next_at_ms=NOW_MS + 10,
                paused_until_ms=None, now_ms=NOW_MS + 1,
            )  # fmt: skip
            told(conn, step("e9", patient="p9"), now_ms=NOW_MS + 10)
            again = taken(take(conn, now_ms=NOW_MS + 10, together=True))
            assert again.notification_id == first.notification_id
            assert [one.delivery_id for one in again.deliveries] == [one.delivery_id for one in first.deliveries]

    def test_a_destination_that_asks_to_be_left_alone_is(self, database: Database) -> None:
        with database.transaction() as conn:
            subscriptions.add(conn, subscription())
            told(conn, step("e1"), step("e2", patient="p2"))
            put_failed(
                conn, taken(take(conn)), code=DeliveryFault.RATE_LIMITED, sentence="", next_at_ms=NOW_MS + 5000,
                paused_until_ms=NOW_MS + 5000, now_ms=NOW_MS,
            )  # fmt: skip
            assert take(conn, now_ms=NOW_MS + 4999).work == Later(NOW_MS + 5000)
            assert isinstance(take(conn, now_ms=NOW_MS + 5000).work, Claimed)

    def test_what_expires_puts_the_subscription_in_error_and_its_destination_among_the_failing(
        self, database: Database
    ) -> None:
        with database.transaction() as conn:
            subscriptions.add(conn, subscription())
            told(conn, step())
            put_failed(
                conn, taken(take(conn)), code=DeliveryFault.UNREACHABLE, sentence="", next_at_ms=NOW_MS + HOUR_MS * 2,
                paused_until_ms=None, now_ms=NOW_MS,
            )  # fmt: skip
            answer = take(conn, now_ms=NOW_MS + HOUR_MS)
            assert [one.state for one in answer.ended] == [DeliveryState.EXPIRED]
            assert subscriptions.get(conn, "s").state is SubscriptionState.ERROR
            (broken,) = destinations.failing(conn)
            assert broken.fault is DeliveryFault.UNREACHABLE
            asked = subscriptions.ask_again(conn, "s", now_ms=NOW_MS + HOUR_MS + 1, by="Ada")
            enqueue_handshake(conn, asked, now_ms=NOW_MS + HOUR_MS + 1, expires_after_ms=1000)
            shaken = taken(take(conn, now_ms=NOW_MS + HOUR_MS + 2))
            put_accepted(conn, shaken, is_delivered=True, reference=None, now_ms=NOW_MS + HOUR_MS + 3)
            assert subscriptions.get(conn, "s").state is SubscriptionState.ACTIVE
            assert destinations.failing(conn) == ()

    def test_a_heartbeat_is_queued_once_a_period_and_deleted_when_old(self, database: Database) -> None:
        with database.transaction() as conn:
            subscriptions.add(conn, subscription(heartbeat_s=60))
            assert [enqueue_heartbeats(conn, now_ms=NOW_MS + at, limit=9) for at in (0, 1, 59_999, 60_000)] == [
                1,
                0,
                0,
                1,
            ]
            beat = taken(take(conn, now_ms=NOW_MS + 60_000))
            put_accepted(conn, beat, is_delivered=True, reference=None, now_ms=NOW_MS + 61_000)
            assert enqueue_heartbeats(conn, now_ms=NOW_MS + 120_999, limit=9) == 0
            assert delete_old_heartbeats(conn, before_ms=NOW_MS + 62_000, limit=9) == 2
            assert notifications.list_deliveries(conn, limit=9, destination_id="one") == ()

    def test_a_ladder_s_step_is_queued_once_and_its_receipts_are_evidence(self, database: Database) -> None:
        def page(conn: Connection, to: str) -> NewDelivery:
            return ladder_delivery(
                "e1/1", to, step(), person_id=None, step_text="Step 1", now_ms=NOW_MS, expires_at_ms=NOW_MS + HOUR_MS
            )

        with database.transaction() as conn:
            destinations.add(conn, destination("two"), by="root", now_ms=1)
            pages = [page(conn, "one"), page(conn, "two")]
            assert [enqueue(conn, pages, now_ms=NOW_MS) for _ in range(2)] == [2, 0]
            work = taken(take(conn))
            assert work.step_text == "Step 1"
            put_accepted(conn, work, is_delivered=True, reference=None, now_ms=NOW_MS + 3)
            assert notifications.seen(conn, work.notification_id, now_ms=NOW_MS + 9, by="Ada", person_id="ada") == 1
            known = evidence(conn, [one.delivery_id for one in pages])
            first = known[pages[0].delivery_id]
            assert (first.sent_at_ms, first.delivered_at_ms, first.seen_at_ms) == (NOW_MS + 3, NOW_MS + 3, NOW_MS + 9)
            assert known[pages[1].delivery_id].state is DeliveryState.QUEUED
            assert len(evidence_of_steps(conn, ["e1/1", "e1/2"])["e1/1"]) == 2

    def test_trimming_leaves_the_numbers_and_says_where_they_begin(self, database: Database) -> None:
        with database.transaction() as conn:
            subscriptions.add(conn, subscription())
            told(conn, *(step(f"e{n}", patient=f"p{n}") for n in range(3)))
            told(conn, step("e3", patient="p3"), now_ms=NOW_MS + 10)
            work = taken(take(conn, together=True))
            put_accepted(conn, work, is_delivered=True, reference=None, now_ms=NOW_MS + 20)
            assert notifications_due(conn, before_ms=NOW_MS + 21) == {
                "subscription_events": 4, "deliveries": 3, "receipts": 9,
            }  # fmt: skip
            assert trim_deliveries(conn, before_ms=NOW_MS + 21, limit=3) == (3, 9)
            assert trim_events(conn, before_ms=NOW_MS + 5, limit=2) == 2
            with pytest.raises(subscriptions.NoLongerKept) as error:
                subscriptions.events_since(conn, "s", since=1, limit=9)
            assert error.value.first_kept == 3
            assert [one.number for one in subscriptions.events_since(conn, "s", since=2, limit=9)] == [3, 4]
            trim_events(conn, before_ms=NOW_MS + 50, limit=9)
            assert subscriptions.events_since(conn, "s", since=4, limit=9) == ()
            settings = RetentionSettings(notifications_days=1, rows_per_step=2)
            assert trim_notifications(conn, NOW_MS, settings) == Trimmed({}, more=False)
            told(conn, step("e5", patient="p5"), now_ms=NOW_MS + 60)
            assert [one.number for one in subscriptions.events_since(conn, "s", since=4, limit=9)] == [5]
