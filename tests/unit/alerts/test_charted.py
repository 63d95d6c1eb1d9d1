"""What people chart, as timetables: consciousness at once, scores without waiting, and no device's business touched."""

import msgspec
import pytest

from alerts.casebook import Outcome
from tests.support.alert_timetable import Timetable, charted, charted_assessment, ms, news2, withdrawn
from vitals.alert import AlertKind, Priority, Reason, TransitionKind
from vitals.reading import DeviceId, Reading
from vitals.sign import Sign

RAISED, ESCALATED, RESOLVED = TransitionKind.RAISED, TransitionKind.ESCALATED, TransitionKind.RESOLVED
AWARE, OXYGEN = Sign.CONSCIOUSNESS, Sign.SUPPLEMENTAL_OXYGEN
BY_PEOPLE = (Sign.RESPIRATORY_RATE, Sign.SPO2, OXYGEN, Sign.SYSTOLIC, Sign.HEART_RATE, AWARE, Sign.TEMPERATURE)
CALM = news2(respiratory_rate=16, spo2=97, heart_rate=70, temperature=37, systolic=120)
ILL = news2(respiratory_rate=26, spo2=91, heart_rate=115, consciousness=0)


def aware(second: float, value: int, *, heard: float | None = None, valid_for_s: int | None = None) -> Reading:
    """Charted consciousness."""
    return charted(second, {AWARE: float(value)}, heard=heard, valid_for_s=valid_for_s)


@pytest.mark.parametrize(
    ("value", "priority"), [(1, Priority.MEDIUM), (2, Priority.MEDIUM), (3, Priority.HIGH), (4, Priority.HIGH)]
)
def test_anything_but_alert_is_raised_at_once_and_ends_when_alert_is_charted(value: int, priority: Priority) -> None:
    ward = Timetable()
    ward.step(aware(10, value, heard=20))
    assert (ward.last.kind, ward.last.transition, ward.last.priority) == (AlertKind.CONSCIOUSNESS, RAISED, priority)
    assert (ward.last.reason, ward.last.onset_ms) == (Reason.CONSCIOUSNESS_CHARTED, ms(10))
    assert "charted by Ada Nurse" in ward.last.text
    ward.step(aware(600, 0))
    assert (ward.last.transition, ward.last.reason) == (RESOLVED, Reason.ALERT_AGAIN)
    assert len(ward.transitions) == 2


def test_an_alert_patient_raises_nothing() -> None:
    ward = Timetable()
    ward.step(aware(10, 0))
    ward.step(charted(11, {Sign.SPO2: 60.0, Sign.HEART_RATE: 200.0}))
    assert not ward.transitions


def test_worse_escalates_and_better_without_alert_changes_nothing() -> None:
    ward = Timetable()
    for second, value in ((0, 2), (60, 2), (120, 4), (180, 1)):
        ward.step(aware(second, value))
    assert [(one.transition, one.priority) for one in ward.transitions] == [
        (RAISED, Priority.MEDIUM),
        (ESCALATED, Priority.HIGH),
    ]


def test_an_entry_that_comes_twice_or_after_a_later_one_changes_nothing() -> None:
    ward = Timetable()
    entry = aware(100, 3)
    ward.step(entry)
    ward.step(entry)
    assert ward.outcomes[-1] is Outcome.DUPLICATE
    ward.step(aware(50, 0, heard=200))
    assert len(ward.transitions) == 1


def test_what_no_longer_holds_when_it_is_charted_pages_nobody() -> None:
    ward = Timetable()
    ward.step(aware(0, 4, heard=7 * 3600))
    ward.step(aware(8 * 3600, 4, heard=8 * 3600 + 400, valid_for_s=300))
    assert not ward.transitions


def test_a_withdrawn_entry_takes_its_alert_back() -> None:
    ward = Timetable()
    entry = aware(10, 4)
    ward.step(entry)
    ward.step(withdrawn(entry, 20))
    assert (ward.last.transition, ward.last.reason) == (TransitionKind.RETRACTED, Reason.CHARTED_IN_ERROR)
    ward.step(withdrawn(entry, 20))
    assert len(ward.transitions) == 2


def test_what_stood_before_a_withdrawn_entry_stands_again() -> None:
    ward = Timetable()
    wrong = aware(60, 0)
    ward.step(aware(10, 2))
    ward.step(wrong)
    assert ward.last.transition is RESOLVED
    ward.step(withdrawn(wrong, 90))
    assert (ward.last.transition, ward.last.priority, ward.last.onset_ms) == (RAISED, Priority.MEDIUM, ms(10))
    first = aware(10, 2)
    ward.step(aware(100, 4))
    assert ward.last.transition is ESCALATED
    ward.step(withdrawn(first, 110))
    assert ward.last.transition is ESCALATED, "it stands on the later one"


def test_a_charted_score_that_people_reached_alone_is_raised_at_once() -> None:
    ward = Timetable()
    ward.step(charted_assessment(10, ILL, BY_PEOPLE))
    assert (ward.last.kind, ward.last.at_ms) == (AlertKind.NEWS2_EMERGENCY, ms(10))


def test_what_devices_measured_keeps_its_delay_whoever_charts_beside_it() -> None:
    ward = Timetable()
    ward.step(charted_assessment(10, ILL, (AWARE, OXYGEN)))
    assert not ward.transitions
    ward.step(charted_assessment(20, news2(heart_rate=115, consciousness=2), (AWARE,)))
    assert [one.kind for one in ward.transitions] == [AlertKind.NEWS2_SINGLE_RED]
    ward.assess(21, 200, ILL)
    assert ward.said(AlertKind.NEWS2_EMERGENCY) == [(81.0, RAISED)]


def test_a_charted_score_ends_at_once_when_people_chart_everything_well() -> None:
    ward = Timetable()
    ward.step(charted_assessment(10, ILL, BY_PEOPLE))
    ward.step(charted_assessment(100, CALM, (AWARE,)))
    assert len(ward.transitions) == 1, "devices' values need their time"
    ward.step(charted_assessment(200, news2(respiratory_rate=16, spo2=97, heart_rate=70, consciousness=0), BY_PEOPLE))
    assert (ward.last.transition, ward.last.reason) == (RESOLVED, Reason.SCORE_FELL)


def test_a_score_that_rested_on_what_was_withdrawn_ends_with_it() -> None:
    ward = Timetable()
    confused = news2(respiratory_rate=22, heart_rate=70, consciousness=1)
    ward.assess(0, 200, confused)
    assert ward.last.kind is AlertKind.NEWS2_URGENT
    without = news2(respiratory_rate=22, heart_rate=70)
    ward.step(charted_assessment(210, without, (), forgotten=(AWARE,), of="withdrawn/1"))
    assert (ward.last.transition, ward.last.reason) == (RESOLVED, Reason.SCORE_FELL)


def test_a_late_or_repeated_charted_assessment_pages_nobody() -> None:
    ward = Timetable()
    ward.step(charted_assessment(10, ILL, BY_PEOPLE, late=True))
    ward.assess(20, 30, CALM)
    ward.step(charted_assessment(15, ILL, BY_PEOPLE))
    assert not ward.transitions
    assert ward.outcomes[-1] is Outcome.RETROSPECTIVE


def test_charting_is_no_contact_of_a_device() -> None:
    ward = Timetable()
    ward.hold(0, 60, spo2=97, heart_rate=70)
    ward.tick(0, 60)
    for second in range(61, 400, 10):
        ward.step(charted(second, {Sign.SPO2: 97.0, AWARE: 0.0}))
        ward.tick(second)
    assert [one.kind for one in ward.transitions] == [AlertKind.LOST_CONTACT]
    ward.step(charted(401, {AWARE: 0.0}))
    assert len(ward.transitions) == 1


def test_charting_makes_no_sign_lost_and_steps_no_limit() -> None:
    with_people, without = Timetable(), Timetable()
    for second in range(900):
        for ward in (with_people, without):
            ward.at(second, spo2=84 if 300 <= second < 500 else 96, heart_rate=70)
        if second % 7 == 0:
            with_people.step(charted(second - 3, {Sign.TEMPERATURE: 37.0, Sign.SPO2: 99.0}, heard=second))
    assert with_people.said() == without.said()
    assert with_people.engine.state.watches == without.engine.state.watches
    assert with_people.engine.state.cadences == without.engine.state.cadences


def test_charted_scores_move_no_evidence_of_devices() -> None:
    with_people, without = Timetable(), Timetable()
    ill = news2(respiratory_rate=22, spo2=93, heart_rate=95)
    for second in range(300):
        for ward in (with_people, without):
            ward.assess(second, second, ill)
        with_people.step(charted_assessment(second, ill, (AWARE,)))
    assert with_people.said() == without.said()


def test_a_score_that_began_before_a_corrected_range_is_not_ended_by_the_correction() -> None:
    ward = Timetable()
    ward.assess(0, 200, ILL)
    kind = ward.last.kind
    assert kind is AlertKind.NEWS2_EMERGENCY
    order = msgspec.structs.replace(
        withdrawn(aware(205, 0), 220),
        reading_id=None,
        device_id=DeviceId("device-9"),
        from_ms=ms(205),
        until_ms=ms(400),
    )
    ward.step(order)
    ward.step(charted_assessment(220, news2(), (), of="withdrawn/2"))
    assert ward.last.transition is RAISED, "inputs that vanished count at their last known points"
    ward.assess(230, 500, CALM)
    assert ward.last.transition is RAISED, "the contrary has not lasted yet"
    ward.assess(501, 620, CALM)
    assert (ward.last.transition, ward.last.kind, ward.last.reason) == (RESOLVED, kind, Reason.SCORE_FELL)


def test_a_charted_entry_taken_back_ends_no_score_that_rests_on_other_inputs() -> None:
    ward = Timetable()
    ward.assess(0, 200, ILL)
    note = aware(150, 0)
    ward.step(withdrawn(note, 210))
    ward.step(charted_assessment(210, news2(), (), forgotten=(AWARE,), of="withdrawn/3"))
    assert ward.last.transition is RAISED
