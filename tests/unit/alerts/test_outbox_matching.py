"""Who is told of what: one step of an episode against one subscription."""

from datetime import datetime
from typing import Any

import pytest

from alerts.outbox_matching import Known, Verdict, is_quiet, judge
from tests.support.builders import EPOCH_MS
from tests.support.notifications_contract import subscription
from tests.support.outbox_scene import step
from vitals.alert import AlertKind, Priority, Reason, Suppression, Transition, TransitionKind
from vitals.notification import QuietHours, SubscriptionState, Wanted, Withheld
from vitals.reading import PatientId, WardId

T = TransitionKind
NEW, COUNTED, SENT = Known(), Known(counted=True), Known(counted=True, sent=True)
TOLD = Verdict(None)
SILENCED = Suppression(Reason.SILENCED, since_ms=1)


def verdict(one: Transition, known: Known = NEW, *, now_ms: int = EPOCH_MS, **more: Any) -> Verdict | None:
    return judge(subscription(**more), one, known, now_ms=now_ms)


@pytest.mark.parametrize(
    ("transition", "new", "after"),
    [
        (T.RAISED, True, True),
        (T.ESCALATED, True, True),
        (T.REALARMED, True, True),
        (T.UNSUPPRESSED, True, True),
        (T.RESOLVED, False, True),
        (T.RETRACTED, False, True),
        (T.ACKNOWLEDGED, False, True),
        (T.MOVED, True, False),
        (T.LATCHED, False, False),
        (T.SUPPRESSED, False, False),
        (T.FOUND, False, False),
    ],
)
def test_what_pages_is_told_to_all_and_what_follows_to_whoever_was_told(
    transition: TransitionKind, *, new: bool, after: bool
) -> None:
    one = step(transition=transition)
    assert (verdict(one) == TOLD, verdict(one, SENT) == TOLD) == (new, after)


@pytest.mark.parametrize("transition", list(TransitionKind))
def test_named_transitions_are_exactly_those_that_are_told(transition: TransitionKind) -> None:
    one = step(transition=transition)
    assert verdict(one, wanted=Wanted(transitions=(transition,))) == TOLD
    other = next(each for each in TransitionKind if each is not transition)
    assert verdict(one, SENT, wanted=Wanted(transitions=(other,))) is None


def test_what_is_suppressed_is_told_to_nobody_but_who_asked_for_it() -> None:
    quiet = step(suppression=SILENCED)
    assert verdict(quiet) is None
    assert verdict(quiet, wanted=Wanted(transitions=(T.RAISED,))) is None
    assert verdict(quiet, wanted=Wanted(transitions=(T.RAISED, T.SUPPRESSED))) == TOLD
    assert verdict(step(transition=T.RESOLVED, suppression=SILENCED), SENT) == TOLD


@pytest.mark.parametrize(
    ("wanted", "matches"),
    [
        (Wanted(), True),
        (Wanted(wards=(WardId("north"), WardId("south"))), True),
        (Wanted(wards=(WardId("south"),)), False),
        (Wanted(patients=(PatientId("p1"),)), True),
        (Wanted(patients=(PatientId("p2"),)), False),
        (Wanted(kinds=(AlertKind.SPO2_LOW,)), True),
        (Wanted(kinds=(AlertKind.LOST_CONTACT,)), False),
        (Wanted(priorities=(Priority.MEDIUM,)), True),
        (Wanted(priorities=(Priority.HIGH,)), False),
    ],
)
def test_every_filter_narrows_and_an_ending_follows_what_was_told(wanted: Wanted, *, matches: bool) -> None:
    assert (verdict(step(), wanted=wanted) == TOLD) is matches
    assert verdict(step(transition=T.RESOLVED, ward="elsewhere"), SENT, wanted=wanted) == TOLD


@pytest.mark.parametrize(
    ("state", "activated_at_ms", "priority", "expected"),
    [
        (SubscriptionState.ACTIVE, 1, Priority.LOW, TOLD),
        (SubscriptionState.REQUESTED, None, Priority.HIGH, Verdict(Withheld.NOT_ACTIVE)),
        (SubscriptionState.ERROR, None, Priority.HIGH, Verdict(Withheld.NOT_ACTIVE)),
        (SubscriptionState.REQUESTED, 1, Priority.HIGH, TOLD),
        (SubscriptionState.ERROR, 1, Priority.HIGH, TOLD),
        (SubscriptionState.ERROR, 1, Priority.MEDIUM, Verdict(Withheld.NOT_ACTIVE)),
        (SubscriptionState.OFF, 1, Priority.HIGH, None),
    ],
)
def test_a_subscription_that_was_ever_active_is_still_told_of_high_alerts_until_it_is_off(
    state: SubscriptionState, activated_at_ms: int | None, priority: Priority, expected: Verdict | None
) -> None:
    assert verdict(step(priority=priority), state=state, activated_at_ms=activated_at_ms) == expected


@pytest.mark.parametrize(
    ("from_min", "until_min", "at", "quiet"),
    [
        (22 * 60, 6 * 60, "2026-01-15T20:59:00Z", False),
        (22 * 60, 6 * 60, "2026-01-15T21:00:00Z", True),
        (22 * 60, 6 * 60, "2026-01-16T04:59:00Z", True),
        (22 * 60, 6 * 60, "2026-01-16T05:00:00Z", False),
        (22 * 60, 6 * 60, "2026-07-15T19:59:00Z", False),
        (22 * 60, 6 * 60, "2026-07-15T20:00:00Z", True),
        (60, 120, "2026-01-15T00:30:00Z", True),
        (60, 120, "2026-01-15T01:00:00Z", False),
    ],
)
def test_quiet_hours_go_by_the_clock_on_the_wall_summer_and_winter(
    from_min: int, until_min: int, at: str, *, quiet: bool
) -> None:
    now_ms = round(datetime.fromisoformat(at).timestamp() * 1000)
    hours = QuietHours(from_min, until_min, "Europe/Berlin")
    assert is_quiet(hours, now_ms) is quiet
    expected = Verdict(Withheld.QUIET_HOURS) if quiet else TOLD
    assert verdict(step(), quiet=hours, now_ms=now_ms) == expected
    assert verdict(step(priority=Priority.HIGH), quiet=hours, now_ms=now_ms) == TOLD


def test_a_time_zone_that_this_machine_does_not_know_keeps_nothing_back() -> None:
    assert not is_quiet(QuietHours(0, 1439, "Nowhere/City"), EPOCH_MS)


def test_the_ending_of_what_was_kept_back_is_kept_back_too() -> None:
    ended = step(transition=T.RESOLVED)
    assert verdict(ended, COUNTED) == Verdict(Withheld.NOT_TOLD)
    assert verdict(step(transition=T.RESOLVED, priority=Priority.HIGH), COUNTED) == TOLD


def test_what_was_heard_before_the_subscription_was_made_is_none_of_its() -> None:
    assert verdict(step(at_s=10), created_at_ms=EPOCH_MS + 10_001) is None
    assert verdict(step(at_s=10), created_at_ms=EPOCH_MS + 10_000) == TOLD
