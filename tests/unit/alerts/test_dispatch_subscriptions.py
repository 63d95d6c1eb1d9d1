"""From the log to a destination: floods, access, states of subscriptions, heartbeats, repetitions."""

import pytest

from alerts.notification import Notification, NotificationKind
from storage import destinations, subscriptions
from storage.people import StoredGrant, revoke
from tests.support.outbox_scene import OutboxScene, play, refuse, step
from vitals.alert import Priority
from vitals.errors import Conflict
from vitals.notification import DeliveryState, SubscriptionState, Wanted
from vitals.reading import WardId


def test_a_flood_of_one_ward_goes_as_one_that_lists_all_and_high_ones_go_at_once() -> None:
    async def scene(stage: OutboxScene) -> None:
        stage.subscribe()
        await stage.raise_alerts(*(step(f"e{n}", patient=f"p{n}") for n in range(12)))
        await stage.raise_alerts(step("high", priority=Priority.HIGH, patient="p99"))
        await stage.until(lambda: ("high",) in stage.took(), within_s=1)
        await stage.until(lambda: len(stage.took()) == 7, within_s=31)
        assert len(stage.took()[-1]) == 7
        assert sorted(episode for group in stage.took() for episode in group) == sorted(
            ["high", *(f"e{n}" for n in range(12))]
        )
        assert stage.telemetry.value("wardlight_alerts_notifications_grouped_total") == 6

    play(scene)


def test_a_group_that_fails_goes_again_whole_under_the_same_id() -> None:
    async def scene(stage: OutboxScene) -> None:
        def answer(notification: Notification) -> None:
            if notification.attempt == 1 and len(notification.transitions) > 1:
                raise refuse()

        stage.channel.answers["one"] = answer
        stage.subscribe()
        await stage.raise_alerts(*(step(f"e{n}", patient=f"p{n}") for n in range(8)))
        await stage.until(lambda: len(stage.took()) == 6, within_s=60)
        grouped = [one for _, one in stage.channel.attempts if len(one.transitions) > 1]
        assert len(grouped) == 2
        assert grouped[0].notification_id == grouped[1].notification_id
        assert grouped[0].transitions == grouped[1].transitions

    play(scene)


def test_who_lost_the_ward_is_told_nothing_more_not_even_what_was_queued() -> None:
    async def scene(stage: OutboxScene) -> None:
        def down(_: Notification) -> None:
            raise refuse()

        stage.person("ada", "north")
        stage.channel.answers["hers"] = down
        stage.subscribe("hers", person_id="ada")
        await stage.raise_alerts(step(), step("elsewhere", ward="south", patient="p2"))
        assert [one.step.episode_id for one in stage.events("s-hers")] == ["e1"]
        with stage.database.transaction() as conn:
            revoke(conn, "ada", StoredGrant("nurse", WardId("north")))
        del stage.channel.answers["hers"]
        await stage.until(lambda: stage.deliveries("hers")[0].state is DeliveryState.FAILED, within_s=5)
        assert stage.receipts(stage.deliveries("hers")[0].delivery_id)[-1] == ("failed", "no_access")
        await stage.raise_alerts(step("later", patient="p3"))
        assert len(stage.events("s-hers")) == 1
        assert stage.took("hers") == []

    play(scene)


def test_a_subscription_becomes_active_by_a_handshake_and_nothing_of_a_patient_goes_before() -> None:
    async def scene(stage: OutboxScene) -> None:
        def refuses_handshake(notification: Notification) -> None:
            if notification.kind is NotificationKind.HANDSHAKE and stage.clock.monotonic_s() < 20:
                raise refuse()

        stage.channel.answers["one"] = refuses_handshake
        stage.subscribe(is_active=False)
        await stage.raise_alerts(step("early", priority=Priority.HIGH))
        await stage.until(lambda: stage.state() is SubscriptionState.ACTIVE, within_s=200)
        assert stage.took() == []
        await stage.raise_alerts(step("late", patient="p2", at_s=200))
        await stage.until(lambda: stage.took() == [("late",)], within_s=1)
        assert [one.withheld and one.withheld.value for one in stage.events()] == ["not_active", None]

    play(scene)


def test_a_heartbeat_goes_when_nothing_else_did_and_says_the_number_of_events() -> None:
    async def scene(stage: OutboxScene) -> None:
        stage.subscribe(heartbeat_s=60)
        house = stage.house()
        await house.look()
        await stage.until(lambda: len(stage.channel.accepted["one"]) == 1, within_s=1)
        await stage.clock.sleep(50)
        await stage.raise_alerts(step(at_s=55))
        await stage.until(lambda: len(stage.channel.accepted["one"]) == 2, within_s=1)
        await stage.clock.sleep(20)
        await house.look()
        await stage.clock.sleep(1)
        assert len(stage.channel.accepted["one"]) == 2
        await stage.clock.sleep(45)
        await house.look()
        await stage.until(lambda: len(stage.channel.accepted["one"]) == 3, within_s=1)
        assert [(one.kind.value, one.number) for one in stage.channel.accepted["one"]] == [
            ("heartbeat", 0),
            ("event", 1),
            ("heartbeat", 1),
        ]

    play(scene)


def test_a_subscription_that_expires_counts_and_sends_nothing_more() -> None:
    async def scene(stage: OutboxScene) -> None:
        stage.subscribe(expires_at_ms=stage.clock.now_ms() + 5000)
        await stage.clock.sleep(6)
        await stage.house().look()
        await stage.raise_alerts(step())
        assert stage.state() is SubscriptionState.OFF
        assert stage.events() == ()

    play(scene)


def test_a_removed_destination_gets_nothing_and_one_in_use_is_not_removed() -> None:
    async def scene(stage: OutboxScene) -> None:
        def down(_: Notification) -> None:
            raise refuse()

        stage.channel.answers["one"] = down
        stage.subscribe()
        await stage.raise_alerts(step())
        with pytest.raises(Conflict), stage.database.transaction() as conn:
            destinations.remove(conn, "one", now_ms=stage.clock.now_ms())
        with stage.database.transaction() as conn:
            subscriptions.remove(conn, "s-one", now_ms=stage.clock.now_ms())
            destinations.remove(conn, "one", now_ms=stage.clock.now_ms())
        await stage.until(lambda: stage.deliveries()[0].state is DeliveryState.FAILED, within_s=5)

    play(scene)


def test_a_replay_of_the_log_counts_and_sends_nothing_anew() -> None:
    async def scene(stage: OutboxScene) -> None:
        stage.subscribe()
        await stage.raise_alerts(step(), step("e2", patient="p2"))
        await stage.raise_alerts(step(), step("e2", patient="p2"))
        await stage.clock.sleep(5)
        assert [one.number for one in stage.events()] == [1, 2]
        assert len(stage.channel.attempts) == 2

    play(scene)


def test_what_happened_before_the_subscription_is_none_of_its() -> None:
    async def scene(stage: OutboxScene) -> None:
        await stage.clock.sleep(100)
        stage.subscribe(wanted=Wanted())
        await stage.raise_alerts(step(at_s=50), step("e2", at_s=101, patient="p2"))
        assert [one.step.episode_id for one in stage.events()] == ["e2"]

    play(scene)
