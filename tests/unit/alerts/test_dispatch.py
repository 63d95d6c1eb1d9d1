"""From the log to a destination: nothing lost, nothing blocked, everything on record."""

from collections.abc import Awaitable
from typing import Any

import pytest

from alerts.notification import DeliveryFault, Notification
from alerts.notification_settings import NotificationsSettings
from alerts.outbox import notification_of
from storage import destinations
from storage.notifications_outbox import Answer, Claimed, claim_next
from tests.support.outbox_scene import OutboxScene, play, refuse, step
from vitals.alert import AlertKind, Priority, TransitionKind
from vitals.notification import DeliveryState, SubscriptionState


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


def test_a_destination_that_refuses_while_it_is_deployed_gets_all_and_is_known_to_fail_meanwhile() -> None:
    async def scene(stage: OutboxScene) -> None:
        def deployed(_: Notification) -> None:
            if stage.clock.monotonic_s() < 60:
                raise refuse(DeliveryFault.UNAUTHORIZED)

        stage.channel.answers["one"] = deployed
        stage.subscribe()
        house = stage.house()
        await stage.raise_alerts(step(priority=Priority.HIGH))
        await stage.until(lambda: len(stage.receipts(stage.deliveries()[0].delivery_id)) > 1, within_s=1)
        await house.look()
        assert ["One (unauthorized)" in fault.text for fault in await stage.faults()] == [True]
        await stage.until(lambda: stage.took() == [("e1",)], within_s=100)
        assert stage.state() is SubscriptionState.ACTIVE
        with stage.database.snapshot() as conn:
            assert not destinations.failing(conn)

    play(scene)


def test_what_one_alert_goes_on_meeting_does_not_hide_that_others_arrive() -> None:
    async def scene(stage: OutboxScene) -> None:
        def knows_no_such_bed(notification: Notification) -> None:
            if notification.transitions[0].episode_id == "e1":
                raise refuse(DeliveryFault.GONE)

        stage.channel.answers["one"] = knows_no_such_bed
        stage.subscribe()
        await stage.raise_alerts(step())
        await stage.until(lambda: len(stage.receipts(stage.deliveries()[0].delivery_id)) > 1, within_s=1)
        await stage.raise_alerts(step("e2", patient="p2"))
        await stage.until(lambda: stage.took() == [("e2",)], within_s=10)
        first = next(one.delivery_id for one in stage.deliveries() if one.episode_id == "e1")
        tried = len(stage.receipts(first))
        await stage.until(lambda: len(stage.receipts(first)) > tried, within_s=100)
        with stage.database.snapshot() as conn:
            assert not destinations.failing(conn)

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


def test_an_alert_that_cannot_be_put_into_words_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def words(claimed: Claimed, **more: Any) -> Notification:
        if any(one.step is not None and one.step.episode_id == "e1" for one in claimed.deliveries):
            raise ValueError("unforeseen")
        return notification_of(claimed, **more)

    async def scene(stage: OutboxScene) -> None:
        monkeypatch.setattr("alerts.dispatch.notification_of", words)
        stage.subscribe()
        await stage.raise_alerts(step("e1"))
        await stage.until(lambda: ("failed", "crashed") in stage.receipts(stage.deliveries()[0].delivery_id))
        await stage.raise_alerts(step("e2", patient="p2"))
        await stage.until(lambda: ("e2",) in stage.took(), within_s=5)

    play(scene)


def test_a_lane_that_stops_for_a_reason_nobody_foresaw_is_counted_and_begun_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    crashes = iter([ValueError("unforeseen")])

    def claim(*arguments: Any, **more: Any) -> Answer:
        error = next(crashes, None)
        if error is not None:
            raise error
        return claim_next(*arguments, **more)

    async def scene(stage: OutboxScene) -> None:
        monkeypatch.setattr("alerts.dispatch.claim_next", claim)
        stage.subscribe()
        await stage.raise_alerts(step())
        await stage.until(lambda: stage.took() == [("e1",)], within_s=stage.settings.retry_s_max + 2)
        assert stage.telemetry.value("wardlight_alerts_lane_failures_total") == 1

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
