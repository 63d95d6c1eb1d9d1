"""Who has an alert in hand, and for how long; times in seconds."""

import pytest

from alerts.response import ACKNOWLEDGED_BY_MAX, Refusal
from alerts.rules import AlertRules
from tests.support.alert_timetable import Timetable, ms
from tests.support.timed_policy import TimedPolicy
from vitals.alert import Action, AlertKind, Priority, Reason, TransitionKind, order_of

RAISED, ESCALATED, REALARMED = TransitionKind.RAISED, TransitionKind.ESCALATED, TransitionKind.REALARMED
ACKNOWLEDGED = TransitionKind.ACKNOWLEDGED
SPO2 = AlertKind.SPO2_LOW


def breached(spo2: float = 84, *, lasting: float = 40) -> Timetable:
    ward = Timetable(policy=TimedPolicy(AlertRules()))
    ward.hold(0, lasting, spo2=spo2)
    assert [step for _, step in ward.said()] == [RAISED]
    return ward


def held_by(ward: Timetable) -> list[tuple[str, int]]:
    return [(held.person_id, (held.until_ms - ms(0)) // 1000) for held in ward.last.acknowledgements]


def test_it_says_who_why_and_until_when() -> None:
    ward = breached()
    ward.command(45, Action.ACKNOWLEDGE, by="ann", note="on my way")
    (held,) = ward.last.acknowledgements
    assert (held.person_id, held.by, held.note, held.at_ms) == ("ann", "ann", "on my way", ms(45))
    assert held_by(ward) == [("ann", 45 + 3600)]


@pytest.mark.parametrize(
    ("spo2", "temperature", "lasts_s"),
    [(55, 37, 900), (84, 37, 3600), (97, 39.5, 28_800)],
    ids=["high", "medium", "low"],
)
def test_how_long_it_holds_goes_by_priority(spo2: float, temperature: float, lasts_s: int) -> None:
    ward = Timetable(policy=TimedPolicy(AlertRules()))
    ward.hold(0, 620, spo2=spo2, temperature=temperature, every=5)
    raised = ward.transitions[0]
    ward.command(620, Action.ACKNOWLEDGE, episode=raised.episode_id)
    assert held_by(ward) == [("nurse-1", 620 + lasts_s)]


def test_a_person_may_choose_another_time_within_bounds() -> None:
    ward = breached(55, lasting=0)
    ward.command(5, Action.ACKNOWLEDGE, until=100)
    assert held_by(ward) == [("nurse-1", 100)]
    ward.command(6, Action.ACKNOWLEDGE, until=1_000_000, by="bob", command_id="c-2")
    assert held_by(ward) == [("nurse-1", 100), ("bob", 6 + 3600)]
    ward.command(7, Action.ACKNOWLEDGE, until=3, by="cas", command_id="c-3")
    assert held_by(ward)[-1] == ("cas", 7 + 900), "a time that has passed is none"


def test_a_second_person_may_acknowledge_too_and_neither_speaks_for_the_other() -> None:
    ward = breached()
    ward.command(45, Action.ACKNOWLEDGE, by="ann")
    first = ward.last
    ward.command(50, Action.ACKNOWLEDGE, by="bob", command_id="c-2")
    assert [person for person, _ in held_by(ward)] == ["ann", "bob"]
    assert ward.last.by == "bob"
    assert order_of(ward.last) > order_of(first)


def test_the_same_person_renews_their_own() -> None:
    ward = breached()
    ward.command(45, Action.ACKNOWLEDGE)
    first = ward.last
    ward.command(1000, Action.ACKNOWLEDGE, command_id="c-2")
    assert (ward.last.transition, held_by(ward)) == (ACKNOWLEDGED, [("nurse-1", 4600)])
    assert order_of(ward.last) > order_of(first)
    ward.tick(3700, 4700, every=100)
    assert [at for at, step in ward.said(SPO2) if step is REALARMED] == [4600]


def test_more_people_than_may_have_it_in_hand_are_told_so() -> None:
    ward = breached()
    for index in range(ACKNOWLEDGED_BY_MAX):
        ward.command(45, Action.ACKNOWLEDGE, by=f"person-{index}", command_id=f"c-{index}")
    assert ward.command(46, Action.ACKNOWLEDGE, by="one-more", command_id="c-last") == ()
    assert ward.engine.refusal is Refusal.ALREADY_ACKNOWLEDGED


def test_what_persists_past_the_last_acknowledgement_is_told_anew() -> None:
    ward = breached(55, lasting=0)
    ward.command(5, Action.ACKNOWLEDGE, by="ann")
    ward.command(300, Action.ACKNOWLEDGE, by="bob", command_id="c-2")
    for second in range(10, 1300, 10):
        ward.at(second, spo2=55)
        ward.tick(second)
    (again,) = [told for told in ward.transitions if told.transition is REALARMED]
    assert (again.at_ms, again.reason) == (ms(1200), Reason.ACKNOWLEDGEMENT_EXPIRED)
    assert (again.acknowledged, again.acknowledgements, again.round) == (False, (), 1)
    ward.command(1301, Action.ACKNOWLEDGE, by="ann", command_id="c-3")
    assert (ward.last.transition, ward.last.round, held_by(ward)) == (ACKNOWLEDGED, 1, [("ann", 1301 + 900)])


def test_an_acknowledged_condition_that_gets_a_depth_worse_is_told_anew() -> None:
    ward = breached(79, lasting=15)
    assert ward.last.priority is Priority.HIGH
    ward.command(16, Action.ACKNOWLEDGE)
    ward.hold(17, 30, spo2=65)
    again = ward.last
    assert (again.transition, again.reason) == (REALARMED, Reason.LIMIT_BREACHED_DEEPER)
    assert (again.priority, again.round, again.acknowledged, again.limit) == (Priority.HIGH, 1, False, 70)
    ward.command(31, Action.ACKNOWLEDGE, command_id="c-2")
    ward.hold(32, 60, spo2=65)
    assert ward.last.transition is ACKNOWLEDGED, "the same depth is no news"


def test_worse_while_nobody_has_it_in_hand_is_not_told_twice_but_needs_a_younger_acknowledgement() -> None:
    ward = breached(79, lasting=15)
    ward.hold(16, 30, spo2=65)
    assert len(ward.transitions) == 1
    assert ward.command(17, Action.ACKNOWLEDGE) == ()
    assert ward.engine.refusal is Refusal.OUTDATED
    ward.command(31, Action.ACKNOWLEDGE, command_id="c-2")
    assert ward.last.acknowledged


def test_a_higher_priority_is_an_escalation_and_nobody_has_it_in_hand_any_more() -> None:
    ward = breached()
    ward.command(45, Action.ACKNOWLEDGE, by="ann")
    ward.command(46, Action.ACKNOWLEDGE, by="bob", command_id="c-2")
    ward.hold(50, 70, spo2=75)
    assert (ward.last.transition, ward.last.acknowledgements, ward.last.round) == (ESCALATED, (), 0)


def test_an_acknowledgement_given_after_the_escalation_covers_it_for_as_long_as_one_of_that_priority() -> None:
    ward = Timetable(policy=TimedPolicy(AlertRules()))
    other = breached()
    ward.command(90, Action.ACKNOWLEDGE, episode=other.last.episode_id)
    ward.hold(0, 40, spo2=84)
    ward.hold(41, 80, spo2=75)
    assert ward.last.transition is ESCALATED
    assert held_by(ward) == [("nurse-1", 90 + 900)]


def test_an_acknowledgement_covers_no_other_kind() -> None:
    ward = breached()
    ward.command(45, Action.ACKNOWLEDGE)
    ward.hold(46, 110, spo2=84, heart_rate=190)
    rate = [told for told in ward.transitions if told.kind is AlertKind.HEART_RATE_HIGH]
    assert [told.acknowledged for told in rate] == [False]


def test_a_command_that_comes_twice_is_obeyed_once_whoever_repeats_it() -> None:
    ward = breached()
    ward.command(45, Action.ACKNOWLEDGE, by="ann")
    assert ward.command(60, Action.ACKNOWLEDGE, by="ann") == ()
    assert ward.engine.refusal is Refusal.REPEATED


def test_a_high_alert_that_has_eased_is_in_hand_for_as_long_as_a_medium_one() -> None:
    ward = breached(75, lasting=15)
    ward.command(16, Action.ACKNOWLEDGE)
    ward.hold(17, 3600, spo2=84)
    ward.tick(17, 3600)
    assert [step for _, step in ward.said(SPO2)] == [RAISED, ACKNOWLEDGED]
    ward.tick(3617)
    assert (ward.last.transition, ward.last.reason) == (REALARMED, Reason.ACKNOWLEDGEMENT_EXPIRED)


def test_back_at_its_high_depth_after_the_time_of_a_high_one_it_is_told_anew() -> None:
    ward = breached(75, lasting=15)
    ward.command(16, Action.ACKNOWLEDGE)
    ward.hold(17, 2000, spo2=84)
    ward.hold(2001, 2020, spo2=75)
    ward.tick(2020)
    assert (ward.last.transition, ward.last.reason) == (REALARMED, Reason.ACKNOWLEDGEMENT_EXPIRED)


def test_who_chose_a_shorter_time_is_asked_again_after_it_however_the_patient_is() -> None:
    ward = breached(75, lasting=15)
    ward.command(16, Action.ACKNOWLEDGE, until=300)
    ward.hold(17, 400, spo2=84)
    ward.tick(301)
    assert (ward.last.transition, ward.last.reason) == (REALARMED, Reason.ACKNOWLEDGEMENT_EXPIRED)
