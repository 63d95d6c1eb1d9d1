"""What people observe at the bedside is told, whatever faults of devices stand; times in seconds."""

import msgspec

from tests.support.alert_timetable import Timetable, charted, charted_assessment, ms, named, news2
from tests.support.timed_policy import TimedPolicy
from vitals import pews
from vitals.age import AgeBand
from vitals.alert import Action, AlertKind, Reason, Transition, TransitionKind
from vitals.assessment import Assessment
from vitals.reading import DeviceId, RefusedSigns
from vitals.sign import Sign

RAISED, SUPPRESSED, UNSUPPRESSED = TransitionKind.RAISED, TransitionKind.SUPPRESSED, TransitionKind.UNSUPPRESSED
AWARE, RATE, OXYGEN = Sign.CONSCIOUSNESS, Sign.RESPIRATORY_RATE, Sign.SUPPLEMENTAL_OXYGEN
URGENT, RED = AlertKind.NEWS2_URGENT, AlertKind.NEWS2_SINGLE_RED
ILL = news2(respiratory_rate=22, spo2=93, heart_rate=95)
ILL_BY_PEOPLE = news2(respiratory_rate=22, consciousness=2)


def last(ward: Timetable, kind: AlertKind) -> Transition:
    return [told for told in ward.transitions if told.kind is kind][-1]


def by_people(second: float) -> Assessment:
    return charted_assessment(second, ILL_BY_PEOPLE, (AWARE, RATE))


def test_lost_contact_keeps_nothing_quiet_that_is_charted_afterwards() -> None:
    ward = Timetable(policy=TimedPolicy())
    ward.hold(0, 60, spo2=97, heart_rate=80)
    ward.tick(61, 300)
    assert ward.last.kind is AlertKind.LOST_CONTACT
    ward.command(300, Action.ACKNOWLEDGE)
    ward.step(charted(400, {AWARE: 2.0}))
    ward.step(by_people(400))
    ward.tick(401, 600)
    for kind in (AlertKind.CONSCIOUSNESS, URGENT):
        assert [step for _, step in ward.said(kind)] == [RAISED]
        assert last(ward, kind).suppression is None


def test_what_was_charted_before_contact_was_lost_stays_told() -> None:
    ward = Timetable(policy=TimedPolicy())
    ward.hold(0, 60, spo2=97)
    ward.step(charted(60, {AWARE: 2.0}))
    ward.step(by_people(60))
    ward.tick(61, 400)
    assert ward.said(AlertKind.LOST_CONTACT) == [(181, RAISED)]
    assert [step for _, step in ward.said(AlertKind.CONSCIOUSNESS)] == [RAISED]
    assert [step for _, step in ward.said(URGENT)] == [RAISED]


def test_a_score_that_lost_contact_keeps_quiet_is_told_once_what_is_charted_suffices_alone() -> None:
    ward = Timetable(policy=TimedPolicy())
    for second in range(181):
        ward.at(second, spo2=93)
        ward.assess(second, second, ILL)
    ward.tick(181, 400)
    assert last(ward, URGENT).transition is SUPPRESSED
    ward.step(charted_assessment(410, news2(respiratory_rate=22), (RATE,)))
    ward.tick(411)
    assert last(ward, URGENT).transition is SUPPRESSED, "two points alone are no alert of people"
    ward.step(by_people(420))
    ward.tick(421, 500)
    assert (last(ward, URGENT).transition, last(ward, URGENT).reason) == (UNSUPPRESSED, Reason.INHIBITION_ENDED)
    assert ward.said(URGENT)[-1] == (421, UNSUPPRESSED)


def test_a_childs_score_that_lost_contact_keeps_quiet_is_told_once_what_is_charted_suffices_alone() -> None:
    ward, kind = Timetable(policy=TimedPolicy()), AlertKind.PEWS_HIGH
    measured = pews.score(named(heart_rate=185, respiratory_rate=85, spo2=92, systolic=70), AgeBand.UNDER_3_MONTHS)
    seen = pews.score(named(capillary_refill=4, respiratory_effort=2), AgeBand.UNDER_3_MONTHS)
    for second in range(181):
        ward.at(second, spo2=93)
        said = charted_assessment(second, news2(), (), of=f"r/{second}")
        ward.step(msgspec.structs.replace(said, news2=None, pews=measured, as_of_ms=None))
    ward.tick(181, 400)
    assert last(ward, kind).transition is SUPPRESSED
    entry = charted_assessment(420, news2(), (Sign.CAPILLARY_REFILL, Sign.RESPIRATORY_EFFORT))
    ward.step(msgspec.structs.replace(entry, news2=None, pews=seen))
    ward.tick(421)
    assert last(ward, kind).transition is UNSUPPRESSED


def test_a_charted_red_value_is_told_though_the_sensor_of_that_sign_is_lost() -> None:
    ward = Timetable(policy=TimedPolicy())
    ward.hold(0, 20, respiratory_rate=16, spo2=97)
    of = ward.engine.state.patient_id
    for second in range(21, 60):
        ward.step(RefusedSigns(f"r-{second}", of, DeviceId("device-1"), ms(second), ms(second), {RATE: 0.0}))
    assert last(ward, AlertKind.RESPIRATORY_RATE_LOST).transition is RAISED
    ward.step(charted_assessment(60, news2(respiratory_rate=26), (RATE,)))
    assert last(ward, RED).transition is RAISED
    assert last(ward, RED).suppression is None
    ward.tick(61, 100)
    assert [step for _, step in ward.said(RED)] == [RAISED]
