"""Rules that change while an alert is open; times in seconds."""

from alerts.rules import AlertRules
from tests.support.alert_timetable import UNLATCHED, Timetable
from tests.support.timed_policy import TimedPolicy
from vitals.alert import Action, AlertKind, Priority, Reason, TransitionKind
from vitals.limits import HARD_LIMITS, LimitDepth, LimitRule, Side
from vitals.sign import Sign

SPO2 = AlertKind.SPO2_LOW
RAISED, RESOLVED, LATCHED = TransitionKind.RAISED, TransitionKind.RESOLVED, TransitionKind.LATCHED


def limited(*depths: LimitDepth, version: str) -> AlertRules:
    """The default rules with these bands for SpO2; without any the sign has no limit."""
    others = tuple(rule for rule in HARD_LIMITS if rule.kind is not SPO2)
    own = (LimitRule(SPO2, Sign.SPO2, Side.LOW, depths, "test"),) if depths else ()
    return AlertRules(limits=(*own, *others), life=UNLATCHED, version=version)


AT_88 = limited(LimitDepth(88, 40, Priority.MEDIUM), LimitDepth(80, 15, Priority.HIGH), version="a")
AT_82 = limited(LimitDepth(82, 40, Priority.MEDIUM), LimitDepth(78, 15, Priority.HIGH), version="b")
AT_92 = limited(LimitDepth(92, 40, Priority.MEDIUM), LimitDepth(85, 15, Priority.HIGH), version="c")
NONE = limited(version="d")


def test_a_condition_that_is_none_by_the_new_rules_ends_after_the_usual_time_and_says_why() -> None:
    ward = Timetable(policy=TimedPolicy([(0, AT_88), (100, AT_82)]))
    ward.hold(0, 200, spo2=84)
    assert ward.said() == [(40, RAISED), (160, RESOLVED)]
    assert ward.last.reason is Reason.RULES_CHANGED


def test_a_sign_that_really_came_back_ends_as_always() -> None:
    ward = Timetable(policy=TimedPolicy([(0, AT_88), (100, AT_82)]))
    ward.hold(0, 110, spo2=84)
    ward.hold(111, 200, spo2=95)
    assert ward.last.reason is Reason.BACK_WITHIN_LIMIT


def test_stricter_rules_escalate_the_open_alert_and_open_nothing_twice() -> None:
    ward = Timetable(policy=TimedPolicy([(0, AT_88), (100, AT_92)]))
    ward.hold(0, 200, spo2=84)
    assert [step for _, step in ward.said()] == [RAISED, TransitionKind.ESCALATED]
    assert len({told.episode_id for told in ward.transitions}) == 1
    assert [told.rules_version for told in ward.transitions] == ["a", "c"]


def test_looser_rules_never_lower_the_priority_of_an_open_alert() -> None:
    ward = Timetable(policy=TimedPolicy([(0, AT_92), (100, AT_88)]))
    ward.hold(0, 300, spo2=84)
    assert [told.priority for told in ward.transitions] == [Priority.HIGH]


def test_an_alert_whose_limit_is_gone_ends_at_the_next_tick() -> None:
    ward = Timetable(policy=TimedPolicy([(0, AT_88), (100, NONE)]))
    ward.hold(0, 99, spo2=84)
    ward.tick(99, 101)
    assert (ward.said()[-1], ward.last.reason) == ((100, RESOLVED), Reason.RULES_CHANGED)
    ward.hold(102, 300, spo2=84)
    assert len(ward.transitions) == 2


def test_rules_that_alternate_open_no_second_episode() -> None:
    versions = [(0.0, AT_88), *((100.0 + index * 10, (AT_82, AT_88)[index % 2]) for index in range(20))]
    ward = Timetable(policy=TimedPolicy(versions))
    ward.hold(0, 290, spo2=84)
    assert [step for _, step in ward.said()] == [RAISED]


def test_an_acknowledgement_outlives_a_change_of_rules_until_something_is_worse() -> None:
    ward = Timetable(policy=TimedPolicy([(0, AT_88), (100, AT_92)]))
    ward.hold(0, 60, spo2=87)
    ward.command(61, Action.ACKNOWLEDGE)
    ward.hold(62, 200, spo2=87)
    assert [step for _, step in ward.said()] == [RAISED, TransitionKind.ACKNOWLEDGED]
