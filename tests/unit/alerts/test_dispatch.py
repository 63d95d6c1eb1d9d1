"""From the log to a destination: nothing lost, nothing blocked, everything on record."""

from collections.abc import Awaitable, Callable

import pytest

from alerts.notification import DeliveryFault, Notification, NotificationKind
from alerts.notification_settings import NotificationsSettings
from runtime.virtual_loop import run_virtual
from storage import destinations, subscriptions
from storage.people import StoredGrant, revoke
from tests.support.outbox_scene import OutboxScene, refuse, step
from vitals.alert import AlertKind, Priority, TransitionKind
from vitals.errors import Conflict
from vitals.notification import DeliveryState, SubscriptionState, Wanted
from vitals.reading import WardId

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


def test_an_alert_is_sent_once_with_receipts_from_queued_to_delivered() -> None:
    async def scene(stage: OutboxScene) -> None:
        stage.subscribe()
        await stage.raise_alerts(step())
        await stage.until(lambda: stage.took() == [("e1",)], within_s=1)
        (delivery,) = stage.deliveries()
        assert delivery.state is DeliveryState.ACCEPTED
        assert stage.receipts(delivery.delivery_id) == [("queued", None), ("sent", None), ("delivered", None)]
        (sent,) = stage.channel.accepted["one"]
        assert (sent.notification_id, sent.number, sent.numbers) == (delivery.delivery_id, 1, (1,))
        assert stage.telemetry.value("wardlight_alerts_notifications_sent_total", channel="webhook", kind="event") == 1

    play(scene)


def test_what_fails_for_a_minute_arrives_then_under_the_same_id_and_nothing_is_lost() -> None:
    async def scene(stage: OutboxScene) -> None:
        def down(_: Notification) -> None:
            if stage.clock.monotonic_s() < 60:
                raise refuse()

        stage.channel.answers["one"] = down
        stage.subscribe()
        await stage.raise_alerts(*(step(f"e{n}", priority=list(Priority)[n % 3], patient=f"p{n}") for n in range(6)))
        await stage.until(lambda: len(stage.took()) == 6, within_s=130)
        assert sorted(stage.took()) == [(f"e{n}",) for n in range(6)]
        ids: dict[str, set[str]] = {}
        for _, notification in stage.channel.attempts:
            ids.setdefault(notification.transitions[0].episode_id, set()).add(notification.notification_id)
        assert all(len(held) == 1 for held in ids.values())
        assert stage.state() is SubscriptionState.ACTIVE

    play(scene, NotificationsSettings(pace_s=0, flood_alerts_max=1000))


def test_a_destination_that_hangs_delays_no_other_and_not_its_own_high_alerts() -> None:
    async def scene(stage: OutboxScene) -> None:
        def hangs_at_low(notification: Notification) -> Awaitable[None] | None:
            low = any(one.priority is not Priority.HIGH for one in notification.transitions)
            return stage.channel.hang() if low else None

        stage.channel.answers["stuck"] = hangs_at_low
        stage.subscribe("stuck")
        stage.subscribe("free")
        await stage.raise_alerts(step("low"), step("high", priority=Priority.HIGH, patient="p2"))
        await stage.until(lambda: len(stage.took("free")) == 2 and stage.took("stuck") == [("high",)], within_s=1)

    play(scene)


def test_one_failing_payload_never_blocks_the_next_ones() -> None:
    async def scene(stage: OutboxScene) -> None:
        def chokes(notification: Notification) -> None:
            if notification.transitions[0].episode_id == "poison":
                raise refuse()

        stage.channel.answers["one"] = chokes
        stage.subscribe()
        await stage.raise_alerts(step("poison"), step("e2", patient="p2"), step("e3", patient="p3"))
        await stage.until(lambda: len(stage.took()) == 2, within_s=1)

    play(scene)


def test_an_ending_waits_for_what_it_ends() -> None:
    async def scene(stage: OutboxScene) -> None:
        def down(_: Notification) -> None:
            if stage.clock.monotonic_s() < 10:
                raise refuse()

        stage.channel.answers["one"] = down
        stage.subscribe()
        await stage.raise_alerts(step(), step(transition=TransitionKind.RESOLVED, at_s=20, cause="r2"))
        await stage.until(lambda: len(stage.took()) == 2, within_s=200)
        assert [one.number for one in stage.channel.accepted["one"]] == [1, 2]

    play(scene)


def test_what_can_never_arrive_is_given_up_at_once_and_the_subscription_is_in_error_until_a_person_asks() -> None:
    async def scene(stage: OutboxScene) -> None:
        gone = True

        def answer(_: Notification) -> None:
            if gone:
                raise refuse(DeliveryFault.GONE, retryable=False)

        stage.channel.answers["one"] = answer
        stage.subscribe()
        await stage.raise_alerts(step())
        await stage.until(lambda: stage.state() is SubscriptionState.ERROR, within_s=1)
        (delivery,) = stage.deliveries()
        assert stage.receipts(delivery.delivery_id) == [("queued", None), ("failed", "gone")]
        gone = False
        await stage.raise_alerts(
            step("e2", patient="p2"), step("e3", TransitionKind.ESCALATED, priority=Priority.HIGH, patient="p3")
        )
        await stage.until(lambda: stage.took() == [("e3",)], within_s=1)
        assert [(one.number, one.withheld and one.withheld.value) for one in stage.events()] == [
            (1, None),
            (2, "not_active"),
            (3, None),
        ]
        assert stage.state() is SubscriptionState.ERROR

    play(scene)


def test_what_is_never_accepted_expires_with_a_receipt_and_a_technical_alert_until_it_works_again() -> None:
    async def scene(stage: OutboxScene) -> None:
        down = True

        def answer(_: Notification) -> None:
            if down:
                raise refuse(DeliveryFault.UNREACHABLE)

        stage.channel.answers["one"] = answer
        stage.subscribe()
        house = stage.house()
        await stage.raise_alerts(step(priority=Priority.LOW))
        await stage.until(lambda: stage.deliveries()[0].state is DeliveryState.EXPIRED, within_s=400)
        assert stage.receipts(stage.deliveries()[0].delivery_id)[-1][0] == "expired"
        assert stage.state() is SubscriptionState.ERROR
        await house.look()
        faults = list(await stage.faults())
        assert [(fault.kind, fault.present) for fault in faults] == [(AlertKind.DELIVERY_FAILED, True)]
        assert "One (unreachable)" in faults[0].text
        down = False
        await stage.raise_alerts(step("e2", priority=Priority.HIGH, patient="p2", at_s=500))
        await stage.until(lambda: stage.took() == [("e2",)], within_s=1)
        with stage.database.snapshot() as conn:
            assert not destinations.failing(conn)

    play(scene, NotificationsSettings(pace_s=0, expire_low_h=0.1))


def test_retry_after_is_honoured_for_the_whole_destination() -> None:
    async def scene(stage: OutboxScene) -> None:
        def busy(_: Notification) -> None:
            if stage.clock.monotonic_s() < 100:
                raise refuse(DeliveryFault.RATE_LIMITED, retry_after_s=120)

        stage.channel.answers["one"] = busy
        stage.subscribe()
        await stage.raise_alerts(step(), step("e2", patient="p2"), step("e3", patient="p3"))
        await stage.until(lambda: len(stage.took()) == 3, within_s=200)
        assert len(stage.channel.attempts) == 4
        assert min(stage.channel.accepted_at_s["one"]) >= 119.9

    play(scene)


def test_a_channel_that_crashes_is_tried_again() -> None:
    async def scene(stage: OutboxScene) -> None:
        crashes = iter([ValueError("unforeseen")])

        def answer(_: Notification) -> None:
            error = next(crashes, None)
            if error is not None:
                raise error

        stage.channel.answers["one"] = answer
        stage.subscribe()
        await stage.raise_alerts(step())
        await stage.until(lambda: stage.took() == [("e1",)], within_s=5)
        assert ("failed", "crashed") in stage.receipts(stage.deliveries()[0].delivery_id)

    play(scene)


def test_a_process_that_dies_while_sending_leaves_the_alert_to_the_next_under_the_same_id() -> None:
    async def scene(stage: OutboxScene) -> None:
        first = True

        def answer(_: Notification) -> Awaitable[None] | None:
            return stage.channel.hang() if first else None

        stage.channel.answers["one"] = answer
        stage.subscribe()
        await stage.raise_alerts(step())
        await stage.until(lambda: len(stage.channel.attempts) == 1)
        await stage.kill_dispatcher()
        first = False
        stage.start_dispatcher()
        lease_s = stage.settings.attempt_timeout_s + stage.settings.lease_margin_s
        await stage.until(lambda: stage.took() == [("e1",)], within_s=lease_s + 2)
        assert len({one.notification_id for _, one in stage.channel.attempts}) == 1
        assert ("failed", "interrupted") in stage.receipts(stage.deliveries()[0].delivery_id)

    play(scene)


def test_a_process_that_is_stopped_while_sending_hands_over_at_once() -> None:
    async def scene(stage: OutboxScene) -> None:
        first = True

        def answer(_: Notification) -> Awaitable[None] | None:
            return stage.channel.hang() if first else None

        stage.channel.answers["one"] = answer
        stage.subscribe()
        await stage.raise_alerts(step())
        await stage.until(lambda: len(stage.channel.attempts) == 1)
        await stage.stop_dispatcher()
        first = False
        stage.start_dispatcher()
        await stage.until(lambda: stage.took() == [("e1",)], within_s=1)

    play(scene)


def test_two_processes_send_nothing_twice() -> None:
    async def scene(stage: OutboxScene) -> None:
        stage.channel.answers["one"] = lambda _: stage.clock.sleep(0.3)
        stage.start_dispatcher()
        stage.subscribe()
        await stage.raise_alerts(*(step(f"e{n}", priority=Priority.HIGH, patient=f"p{n}") for n in range(20)))
        await stage.until(lambda: len(stage.took()) == 20)
        assert len(stage.channel.attempts) == 20

    play(scene)


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
