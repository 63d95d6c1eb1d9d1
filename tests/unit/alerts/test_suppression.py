"""Who keeps an open alert quiet, and what is told when they stop; times in seconds."""

import pytest

from alerts.life import LifeRule
from alerts.rules import AlertRules
from tests.support.alert_timetable import Timetable, charted, charted_assessment, ms, named, news2
from tests.support.timed_policy import TimedPolicy, silence
from vitals.alert import Action, AlertKind, Priority, Reason, Transition, TransitionKind
from vitals.limits import LimitDepth, LimitRule, Side
from vitals.reading import DeviceId, RefusedSigns
from vitals.sign import Sign

RAISED, RESOLVED, LATCHED = TransitionKind.RAISED, TransitionKind.RESOLVED, TransitionKind.LATCHED
SUPPRESSED, UNSUPPRESSED = TransitionKind.SUPPRESSED, TransitionKind.UNSUPPRESSED
SPO2, RED, LOST = AlertKind.SPO2_LOW, AlertKind.NEWS2_SINGLE_RED, AlertKind.LOST_CONTACT


def steps(ward: Timetable, kind: AlertKind = SPO2) -> list[TransitionKind]:
    return [step for _, step in ward.said(kind)]


def last(ward: Timetable, kind: AlertKind) -> Transition:
    return [told for told in ward.transitions if told.kind is kind][-1]


def test_what_is_raised_under_a_silence_is_told_to_nobody_and_says_who_ordered_it() -> None:
    ward = Timetable(policy=TimedPolicy(silences=[(SPO2, silence(0, 500))]))
    ward.hold(0, 60, spo2=84, heart_rate=190)
    kept = ward.between(0, 60, SPO2)[0].suppression
    assert kept is not None
    assert (kept.reason, kept.by, kept.silence_id, kept.until_ms) == (Reason.SILENCED, "Ada Nurse", "s-1", ms(500))
    assert ward.between(0, 60, AlertKind.HEART_RATE_HIGH)[0].suppression is None


def test_a_silence_that_begins_and_ends_over_an_open_alert_is_told_at_the_tick() -> None:
    ward = Timetable(policy=TimedPolicy(silences=[(SPO2, silence(50, 100))]))
    ward.hold(0, 48, spo2=84)
    for second in range(49, 120):
        ward.at(second, spo2=84)
        ward.tick(second)
    assert ward.said(SPO2) == [(40, RAISED), (50, SUPPRESSED), (100, UNSUPPRESSED)]
    begun, ended = ward.transitions[-2:]
    assert (begun.reason, begun.by, begun.round) == (Reason.SILENCED, "Ada Nurse", 0)
    assert (ended.reason, ended.suppression, ended.round) == (Reason.SILENCE_ENDED, None, 1)


def test_the_end_of_a_silence_is_no_new_round_for_who_has_it_in_hand() -> None:
    ward = Timetable(policy=TimedPolicy(silences=[(SPO2, silence(0, 100))]))
    ward.hold(0, 60, spo2=84)
    ward.command(61, Action.ACKNOWLEDGE)
    ward.tick(99, 101)
    assert (ward.last.transition, ward.last.round, ward.last.acknowledged) == (UNSUPPRESSED, 0, True)


def test_a_silence_replaced_by_another_says_so() -> None:
    policy = TimedPolicy(silences=[(SPO2, silence(0, 100)), (None, silence(50, 200, silence_id="s-2", by="Bo"))])
    ward = Timetable(policy=policy)
    ward.hold(0, 48, spo2=84)
    ward.tick(49, 51)
    assert (ward.last.transition, ward.last.by) == (SUPPRESSED, "Bo")
    policy.silences.clear()
    ward.tick(52)
    assert ward.last.transition is UNSUPPRESSED, "who lifts a silence is obeyed at the next tick"


def test_a_silence_covers_what_is_high_for_half_an_hour_at_most() -> None:
    ward = Timetable(policy=TimedPolicy(silences=[(None, silence(0))]))
    ward.at(0, spo2=55)
    assert last(ward, SPO2).suppression is not None
    assert last(ward, SPO2).suppression.until_ms == ms(1800)  # type: ignore[union-attr]
    ward.tick(10, 1810, every=10)
    assert last(ward, SPO2).transition is UNSUPPRESSED
    assert last(ward, SPO2).at_ms == ms(1800)


def test_the_bound_on_silences_of_what_is_high_is_a_rule() -> None:
    rules = AlertRules(life=LifeRule(silence_high_s_max=0))
    ward = Timetable(policy=TimedPolicy(rules, silences=[(None, silence(0))]))
    ward.at(0, spo2=55)
    assert ward.last.suppression is None


def test_an_escalation_is_told_where_no_silence_covers_its_priority() -> None:
    ward = Timetable(policy=TimedPolicy(AlertRules(life=LifeRule(silence_high_s_max=30)), [(SPO2, silence(0))]))
    ward.hold(0, 45, spo2=84)
    assert ward.last.suppression is not None
    ward.hold(46, 62, spo2=75)
    assert ward.last.transition is TransitionKind.ESCALATED
    assert ward.last.suppression is None


def test_lost_contact_quiets_what_it_makes_meaningless_and_pages_in_its_stead() -> None:
    ward = Timetable(policy=TimedPolicy())
    ward.hold(0, 180, spo2=84)
    ward.tick(181, 400)
    assert steps(ward) == [RAISED, SUPPRESSED]
    kept = last(ward, SPO2)
    assert kept.suppression is not None
    assert (kept.reason, kept.suppression.kind) == (Reason.INHIBITED, LOST)
    assert (last(ward, LOST).priority, last(ward, LOST).suppression) == (Priority.MEDIUM, None)
    ward.at(401, spo2=84)
    back = last(ward, SPO2)
    assert (back.transition, back.reason, back.round) == (UNSUPPRESSED, Reason.INHIBITION_ENDED, 1)


def test_lost_contact_never_quiets_what_is_high_and_takes_its_priority_while_nobody_has_it_in_hand() -> None:
    ward = Timetable(policy=TimedPolicy())
    ward.hold(0, 180, spo2=55)
    ward.tick(181, 400)
    assert steps(ward) == [RAISED]
    lost = last(ward, LOST)
    assert lost.priority is Priority.HIGH
    assert lost.text.endswith("unacknowledged before: SpO2 55 %, limit 60 %")
    seen = Timetable(policy=TimedPolicy())
    seen.hold(0, 180, spo2=55)
    seen.command(181, Action.ACKNOWLEDGE)
    seen.tick(182, 400)
    assert last(seen, LOST).priority is Priority.MEDIUM


def test_lost_contact_that_a_person_silenced_quiets_nothing() -> None:
    ward = Timetable(policy=TimedPolicy(silences=[(LOST, silence(0))]))
    ward.hold(0, 180, spo2=84)
    ward.tick(181, 400)
    assert last(ward, LOST).suppression is not None
    assert steps(ward) == [RAISED], "or nobody would be told of anything"


def refused(second: float) -> RefusedSigns:
    return RefusedSigns(f"r-{second}", *_OF, ms(second), ms(second), {Sign.SPO2: 0.0})


_OF = (Timetable().engine.state.patient_id, DeviceId("device-1"))


def test_a_lost_sign_over_a_high_alert_of_it_takes_its_priority() -> None:
    ward = Timetable(policy=TimedPolicy())
    ward.hold(0, 20, spo2=55)
    for second in range(21, 60):
        ward.step(refused(second))
    lost = last(ward, AlertKind.SPO2_LOST)
    assert (lost.transition, lost.priority) == (RAISED, Priority.HIGH)
    assert "unacknowledged before: SpO2 55 %" in lost.text
    other = Timetable(policy=TimedPolicy())
    other.hold(0, 20, spo2=97, heart_rate=190)
    other.hold(21, 30, heart_rate=190)
    for second in range(31, 70):
        other.step(refused(second))
    assert last(other, AlertKind.SPO2_LOST).priority is Priority.MEDIUM, "the heart rate is another sign's matter"


def test_what_was_told_before_a_sign_was_lost_is_not_taken_back() -> None:
    ward = Timetable(policy=TimedPolicy())
    ward.hold(0, 60, spo2=84)
    for second in range(61, 120):
        ward.step(refused(second))
    assert steps(ward) == [RAISED]


def test_what_is_raised_on_a_lost_sign_is_kept_quiet_until_the_sign_is_heard_again() -> None:
    ward = Timetable(policy=TimedPolicy())
    ward.hold(0, 20, spo2=97)
    for second in range(21, 60):
        ward.step(refused(second))
    ward.assess(30, 340, news2(spo2=90))
    kept = last(ward, RED)
    assert kept.suppression is not None
    assert (kept.transition, kept.suppression.kind) == (RAISED, AlertKind.SPO2_LOST)
    ward.at(360, spo2=90)
    assert (last(ward, RED).transition, last(ward, RED).reason) == (UNSUPPRESSED, Reason.INHIBITION_ENDED)


def test_a_single_red_score_is_absorbed_by_the_limit_that_says_the_same() -> None:
    ward = Timetable(policy=TimedPolicy())
    for second in range(320):
        ward.at(second, spo2=84)
        ward.assess(second, second, news2(spo2=84))
    kept = last(ward, RED)
    assert kept.suppression is not None
    assert (kept.transition, kept.suppression.reason, kept.suppression.kind) == (RAISED, Reason.ABSORBED, SPO2)


def test_an_absorbed_score_is_told_when_the_limit_alert_ends_and_it_still_holds() -> None:
    ward = Timetable(policy=TimedPolicy())
    for second in range(500):
        spo2 = 84.0 if second < 320 else 90.0
        ward.at(second, spo2=spo2)
        ward.assess(second, second, news2(spo2=spo2))
    assert last(ward, SPO2).transition is LATCHED
    assert steps(ward, RED) == [RAISED, UNSUPPRESSED]
    assert last(ward, RED).reason is Reason.ABSORPTION_ENDED


def test_an_absorbed_score_on_its_own_way_back_is_not_told_at_all() -> None:
    ward = Timetable(policy=TimedPolicy())
    for second in range(800):
        spo2 = 84.0 if second < 320 else 97.0
        ward.at(second, spo2=spo2)
        ward.assess(second, second, news2(spo2=spo2))
    assert last(ward, SPO2).transition is LATCHED
    assert steps(ward, RED) == [RAISED, RESOLVED]


def test_an_absorbed_score_that_is_red_again_is_told() -> None:
    ward = Timetable(policy=TimedPolicy())
    for second in range(600):
        spo2 = 84.0 if second < 320 else 97.0 if second < 450 else 90.0
        ward.at(second, spo2=spo2)
        ward.assess(second, second, news2(spo2=spo2))
    assert ward.said(RED)[-1] == (450, UNSUPPRESSED)


def test_a_charted_consciousness_absorbs_its_own_red_score() -> None:
    ward = Timetable(policy=TimedPolicy())
    ward.step(charted(10, {Sign.CONSCIOUSNESS: 2}))
    ward.step(charted_assessment(10, news2(consciousness=2), (Sign.CONSCIOUSNESS,)))
    kept = last(ward, RED).suppression
    assert kept is not None
    assert (kept.reason, kept.kind) == (Reason.ABSORBED, AlertKind.CONSCIOUSNESS)


@pytest.mark.parametrize("silenced", [SPO2, None])
def test_nothing_that_is_itself_kept_quiet_absorbs(silenced: AlertKind | None) -> None:
    silences = [] if silenced is None else [(silenced, silence(0))]
    ward = Timetable(policy=TimedPolicy(silences=silences))
    for second in range(320):
        ward.at(second, spo2=84)
        ward.assess(second, second, news2(spo2=84))
    assert (last(ward, RED).suppression is None) is (silenced is SPO2)


def test_a_breach_on_one_side_ends_the_alert_of_the_other() -> None:
    ward = Timetable(policy=TimedPolicy())
    ward.hold(0, 61, heart_rate=38)
    ward.hold(62, 400, heart_rate=135)
    low, high = AlertKind.HEART_RATE_LOW, AlertKind.HEART_RATE_HIGH
    assert steps(ward, low)[0] is RAISED
    assert steps(ward, high) == [RAISED]
    slow = Timetable(policy=TimedPolicy())
    slow.hold(0, 61, heart_rate=38)
    slow.hold(62, 78, heart_rate=185)
    assert (slow.last.kind, slow.last.reason, slow.last.transition) == (low, Reason.SUPERSEDED, RESOLVED)


def test_what_is_high_and_unseen_is_not_ended_by_a_lesser_alert_of_the_other_side() -> None:
    slow = LimitRule(AlertKind.HEART_RATE_LOW, Sign.HEART_RATE, Side.LOW, (LimitDepth(30, 0, Priority.HIGH),), "test")
    fast = LimitRule(
        AlertKind.HEART_RATE_HIGH, Sign.HEART_RATE, Side.HIGH, (LimitDepth(150, 9, Priority.MEDIUM),), "test"
    )
    ward = Timetable(policy=TimedPolicy(AlertRules(limits=(slow, fast))))
    ward.hold(0, 30, heart_rate=25)
    ward.hold(31, 50, heart_rate=155)
    low = last(ward, AlertKind.HEART_RATE_LOW)
    assert last(ward, AlertKind.HEART_RATE_HIGH).priority is Priority.MEDIUM
    assert (low.transition, low.reason, low.priority) == (LATCHED, Reason.SUPERSEDED, Priority.HIGH)


def test_restored_in_the_middle_a_suppression_goes_on() -> None:
    policy = TimedPolicy(silences=[(SPO2, silence(0, 100))])
    ward = Timetable(policy=policy)
    ward.hold(0, 60, spo2=84)
    again = Timetable(state=ward.engine.state, policy=policy)
    again.tick(99, 101)
    assert again.said() == [(100, UNSUPPRESSED)]
    assert named(spo2=84)
