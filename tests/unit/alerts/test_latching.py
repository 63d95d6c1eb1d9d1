"""What was urgent and nobody saw stays open when its condition ends; times in seconds."""

import msgspec
import pytest

from alerts.response import Refusal
from alerts.rules import AlertRules
from tests.support.alert_timetable import PATIENT, Timetable, charted, ms, news2
from tests.support.timed_policy import TimedPolicy, silence
from vitals.alert import Action, AlertKind, Command, Priority, Reason, TransitionKind
from vitals.reading import WardId
from vitals.sign import Sign

RAISED, ESCALATED, REALARMED = TransitionKind.RAISED, TransitionKind.ESCALATED, TransitionKind.REALARMED
LATCHED, RESOLVED, ACKNOWLEDGED = TransitionKind.LATCHED, TransitionKind.RESOLVED, TransitionKind.ACKNOWLEDGED
SPO2 = AlertKind.SPO2_LOW


def ward_of(rules: AlertRules | None = None) -> Timetable:
    return Timetable(policy=TimedPolicy(rules or AlertRules()))


def dipped(spo2: float, *, lasting: float = 60, then: float = 61) -> Timetable:
    """A breach that has come and gone."""
    ward = ward_of()
    ward.hold(0, lasting, spo2=spo2)
    ward.hold(lasting + 1, lasting + then, spo2=97)
    return ward


def steps(ward: Timetable, kind: AlertKind = SPO2) -> list[TransitionKind]:
    return [step for _, step in ward.said(kind)]


def test_a_high_alert_stays_open_until_somebody_acknowledges_it() -> None:
    ward = dipped(55)
    assert steps(ward) == [RAISED, LATCHED]
    assert (ward.last.active, ward.last.latched, ward.last.is_open) == (False, True, True)
    assert ward.last.reason is Reason.BACK_WITHIN_LIMIT
    assert ward.last.text == "SpO2 97 %, back within limit 88 % for 1 min; was: SpO2 55 %, limit 60 %"
    ward.tick(122, 90_122, every=300)
    assert steps(ward) == [RAISED, LATCHED], "whatever the time"
    ward.command(90_200, Action.ACKNOWLEDGE, episode=ward.between(0, 1, SPO2)[0].episode_id)
    seen, over = ward.transitions[-2:]
    assert (seen.transition, seen.is_open, seen.by) == (ACKNOWLEDGED, True, "nurse-1")
    assert (over.transition, over.reason, over.is_open, over.by) == (RESOLVED, Reason.LATCH_RESET, False, "nurse-1")


def test_a_medium_alert_stands_as_a_status_for_half_an_hour() -> None:
    ward = dipped(84)
    assert steps(ward) == [RAISED, LATCHED]
    began = ward.last.at_ms
    ward.tick(122, 2122, every=10)
    (over,) = [told for told in ward.transitions if told.reason is Reason.LATCH_EXPIRED]
    assert (over.kind, over.transition) == (SPO2, RESOLVED)
    assert 0 <= over.at_ms - began - 1_800_000 < 10_000


def test_a_low_alert_ends_with_its_condition() -> None:
    ward = ward_of()
    ward.hold(0, 700, temperature=39.4)
    ward.hold(701, 800, temperature=37)
    assert steps(ward, AlertKind.TEMPERATURE_HIGH) == [RAISED, RESOLVED]


def test_a_technical_alert_ends_with_its_condition_even_where_it_is_high() -> None:
    ward = ward_of()
    ward.hold(0, 180, spo2=55)
    ward.tick(181, 400)
    lost = [told for told in ward.transitions if told.kind is AlertKind.LOST_CONTACT]
    assert lost[-1].priority is Priority.HIGH
    ward.at(401, spo2=55)
    assert steps(ward, AlertKind.LOST_CONTACT) == [RAISED, RESOLVED]


def test_what_somebody_has_in_hand_ends_with_its_condition() -> None:
    ward = ward_of()
    ward.hold(0, 10, spo2=55)
    ward.command(11, Action.ACKNOWLEDGE)
    ward.hold(12, 100, spo2=97)
    assert steps(ward) == [RAISED, ACKNOWLEDGED, RESOLVED]


def test_what_a_person_at_the_bedside_saw_end_does_not_latch() -> None:
    ward = ward_of()
    ward.step(charted(10, {Sign.CONSCIOUSNESS: 4}))
    ward.step(charted(60, {Sign.CONSCIOUSNESS: 0}))
    assert steps(ward, AlertKind.CONSCIOUSNESS) == [RAISED, RESOLVED]


@pytest.mark.parametrize(("spo2", "told"), [(84, REALARMED), (75, ESCALATED)])
def test_a_condition_that_comes_back_while_latched_is_the_same_episode_told_anew(
    spo2: float, told: TransitionKind
) -> None:
    ward = dipped(84)
    first = ward.last
    ward.hold(200, 260, spo2=spo2)
    assert steps(ward)[:3] == [RAISED, LATCHED, REALARMED if spo2 == 84 else ESCALATED]
    again = ward.between(200, 260, SPO2)[0]
    assert (again.episode_id, again.active, again.latched, again.transition) == (first.episode_id, True, False, told)
    if told is REALARMED:
        assert (again.reason, again.round, again.priority) == (Reason.BREACHED_AGAIN, 1, Priority.MEDIUM)
    else:
        assert (again.reason, again.round, again.priority) == (Reason.LIMIT_BREACHED_DEEPER, 0, Priority.HIGH)


def test_a_high_alert_that_comes_back_less_deep_is_told_at_the_priority_it_has() -> None:
    ward = dipped(55)
    ward.hold(200, 245, spo2=84)
    assert (ward.last.transition, ward.last.priority, ward.last.round) == (REALARMED, Priority.HIGH, 1)


def test_the_return_of_a_latched_condition_must_last_like_any_other() -> None:
    ward = dipped(84)
    ward.hold(200, 239, spo2=84)
    assert steps(ward) == [RAISED, LATCHED]
    ward.at(240, spo2=84)
    assert steps(ward) == [RAISED, LATCHED, REALARMED]


def test_evidence_that_a_latched_condition_is_back_outlasts_what_else_is_told_of_it() -> None:
    policy = TimedPolicy(AlertRules(), [(SPO2, silence(140, 150))])
    ward = Timetable(policy=policy)
    ward.hold(0, 60, spo2=55)
    ward.hold(61, 125, spo2=97)
    ward.hold(126, 140, spo2=84)
    ward.tick(141)
    ward.hold(142, 150, spo2=84)
    ward.tick(151)
    ward.hold(152, 166, spo2=84)
    assert steps(ward) == [RAISED, LATCHED, TransitionKind.SUPPRESSED, TransitionKind.UNSUPPRESSED, REALARMED]
    assert ward.last.at_ms == ms(166)


def test_a_condition_that_is_coming_back_when_its_latched_alert_is_seen_waits_no_longer_for_that() -> None:
    ward = dipped(55)
    ward.hold(126, 150, spo2=84)
    ward.command(150.5, Action.ACKNOWLEDGE, episode=ward.between(0, 1, SPO2)[0].episode_id)
    ward.hold(151, 166, spo2=84)
    assert steps(ward) == [RAISED, LATCHED, ACKNOWLEDGED, RESOLVED, RAISED]
    assert ward.last.at_ms == ms(166)


def test_a_score_that_fell_unseen_is_latched_and_comes_back_as_the_same_episode() -> None:
    ward = ward_of()
    ward.assess(0, 100, news2(spo2=84, heart_rate=135, respiratory_rate=30))
    ward.assess(101, 500, news2(spo2=97, heart_rate=80, respiratory_rate=16))
    kind = AlertKind.NEWS2_EMERGENCY
    assert steps(ward, kind) == [RAISED, LATCHED]
    ward.assess(501, 600, news2(spo2=84, heart_rate=135, respiratory_rate=30))
    assert steps(ward, kind) == [RAISED, LATCHED, REALARMED]
    assert len({told.episode_id for told in ward.transitions if told.kind is kind}) == 1


def test_a_latched_lower_score_gives_way_to_a_higher_one() -> None:
    ward = ward_of()
    ward.assess(0, 150, news2(spo2=84, heart_rate=115))
    ward.assess(151, 500, news2(spo2=97, heart_rate=80))
    assert steps(ward, AlertKind.NEWS2_URGENT) == [RAISED, LATCHED]
    ward.assess(501, 600, news2(spo2=84, heart_rate=135, respiratory_rate=30))
    assert ward.last.reason is Reason.SUPERSEDED
    assert steps(ward, AlertKind.NEWS2_URGENT) == [RAISED, LATCHED, RESOLVED]


def test_resolving_a_latched_alert_is_to_have_seen_it() -> None:
    ward = dipped(55)
    ward.command(130, Action.RESOLVE)
    assert (ward.last.transition, ward.last.reason) == (RESOLVED, Reason.LATCH_RESET)


def test_an_acknowledgement_from_before_it_came_back_covers_nothing() -> None:
    ward = dipped(55)
    ward.at(130, spo2=55)
    assert steps(ward) == [RAISED, LATCHED, REALARMED]
    assert ward.command(129, Action.ACKNOWLEDGE) == ()
    assert ward.engine.refusal is Refusal.OUTDATED
    ward.command(131, Action.ACKNOWLEDGE, command_id="c-2")
    assert ward.last.acknowledged


@pytest.mark.parametrize(
    ("action", "reason"),
    [(Action.PATIENT_LEFT, Reason.PATIENT_LEFT), (Action.DEVICES_RELEASED, Reason.DEVICES_RELEASED)],
)
def test_a_discharge_and_the_release_of_all_devices_end_what_is_latched(action: Action, reason: Reason) -> None:
    ward = dipped(55)
    ward.command(130, action, episode="")
    assert (ward.last.transition, ward.last.reason, ward.last.is_open) == (RESOLVED, reason, False)


def test_a_transfer_takes_a_latched_alert_along() -> None:
    ward = dipped(55)
    order = Command("m-1", PATIENT, "", Action.PATIENT_MOVED, "registry", ms(130), ward_id=WardId("east"), move=1)
    ward.step(order)
    assert (ward.last.transition, ward.last.ward_id, ward.last.latched) == (TransitionKind.MOVED, "east", True)
    blob = msgspec.json.encode(ward.engine.state)
    assert msgspec.json.decode(blob, type=type(ward.engine.state)) == ward.engine.state


def test_what_was_kept_quiet_is_told_after_all_only_where_it_is_high() -> None:
    quiet = TimedPolicy(silences=[(None, silence(0, 1000))])
    ward = Timetable(policy=quiet)
    ward.hold(0, 60, spo2=84)
    ward.hold(61, 130, spo2=97)
    ward.tick(999, 1001)
    assert steps(ward) == [RAISED, LATCHED]
    kept = [told for told in ward.transitions if told.kind is SPO2]
    assert kept[-1].suppression is not None, "a status, and as quiet as it was"
    high = Timetable(policy=quiet)
    high.hold(0, 60, spo2=55)
    high.hold(61, 130, spo2=97)
    assert steps(high) == [RAISED, LATCHED]
    high.tick(999, 1001)
    assert steps(high) == [RAISED, LATCHED, TransitionKind.UNSUPPRESSED], "so that somebody sees it after all"
