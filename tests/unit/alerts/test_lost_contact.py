"""Lost contact as timetables of readings and ticks."""

from alerts.rules import AlertRules
from alerts.watchdog import ContactRule, Watch
from tests.support.alert_timetable import Timetable, ms, named, reading
from vitals.alert import Action, AlertKind, Priority, Reason, TransitionKind

RAISED, RESOLVED = TransitionKind.RAISED, TransitionKind.RESOLVED


def test_silence_is_told_after_two_minutes_and_ends_with_the_next_reading() -> None:
    ward = Timetable()
    ward.hold(0, 60, heart_rate=80)
    ward.tick(61, 300)
    assert ward.said() == [(181.0, RAISED)]
    assert (ward.last.priority, ward.last.onset_ms) == (Priority.MEDIUM, ms(60))
    assert ward.last.text == "No reading for 2 min 1 s, usually every 40 s"
    ward.at(301, heart_rate=80)
    assert ward.said()[-1] == (301.0, RESOLVED)
    assert ward.last.reason is Reason.CONTACT_REGAINED
    assert ward.last.text == "Contact again after 4 min 1 s"


def test_hourly_spot_checks_do_not_lose_contact() -> None:
    ward = Timetable()
    for hour in range(6):
        ward.at(hour * 3600, heart_rate=80)
        ward.tick(hour * 3600 + 1, hour * 3600 + 3599) if hour else None
    assert not ward.said(AlertKind.LOST_CONTACT)
    ward.tick(6 * 3600, 9 * 3600)
    assert ward.said(AlertKind.LOST_CONTACT) == [(5 * 3600 + 3 * 3600 + 1.0, RAISED)]


def test_a_patient_never_heard_of_cannot_lose_contact() -> None:
    ward = Timetable()
    ward.tick(0, 1000)
    assert not ward.transitions


def test_a_patient_who_was_heard_only_once_is_missed_after_a_longer_silence() -> None:
    ward = Timetable()
    ward.at(0, heart_rate=80)
    ward.tick(1, 900)
    assert not ward.transitions
    ward.tick(901, 1000)
    assert ward.said() == [(901.0, RAISED)]


def test_contact_is_judged_on_arrival_not_on_measurement() -> None:
    ward = Timetable()
    for second in range(600, 700):
        ward.step(reading(second - 500, named(heart_rate=80), received=second))
    ward.tick(700, 819)
    assert not ward.transitions
    ward.tick(820)
    assert ward.said() == [(820.0, RAISED)]


def test_a_backlog_in_one_burst_keeps_the_hourly_cadence() -> None:
    ward = Timetable()
    for hour in range(3):
        ward.at(hour * 3600, heart_rate=80)
    for index in range(4):
        ward.step(reading(3 * 3600 + index * 600, named(heart_rate=80), received=6 * 3600 + index))
    ward.tick(6 * 3600 + 10, 8 * 3600)
    assert not ward.said(AlertKind.LOST_CONTACT)


def test_a_person_may_end_it_and_it_stays_ended_until_contact_is_regained() -> None:
    ward = Timetable()
    ward.hold(0, 60, heart_rate=80)
    ward.tick(61, 200)
    ward.command(201, Action.RESOLVE)
    assert (ward.last.transition, ward.last.reason, ward.last.by) == (RESOLVED, Reason.PERSON, "nurse-1")
    ward.tick(202, 1000)
    assert len(ward.transitions) == 2
    ward.at(1001, heart_rate=80)
    ward.tick(1002, 1200)
    assert [said for _, said in ward.said()] == [RAISED, RESOLVED, RAISED]


def test_the_watch_waits_after_it_was_away_itself() -> None:
    watch, rule = Watch(), ContactRule()
    assert not watch.step(ms(0), rule), "the first tick ever"
    assert not watch.step(ms(29), rule)
    assert watch.step(ms(30), rule)
    assert watch.step(ms(31), rule)
    assert not watch.step(ms(31), rule), "a tick that came twice"
    assert not watch.step(ms(600), rule), "away for long"
    assert not watch.step(ms(629), rule)
    assert watch.step(ms(630), rule)


def test_slow_ticks_do_not_blind_the_watch() -> None:
    watch, rule = Watch(), ContactRule()
    judged = [watch.step(ms(second), rule) for second in range(0, 1000, 40)]
    assert sum(judged) >= len(judged) // 2


def test_the_allowed_silence_is_a_setting() -> None:
    ward = Timetable(AlertRules(contact=ContactRule(silence_s=30)))
    ward.hold(0, 60, heart_rate=80)
    ward.tick(61, 100)
    assert ward.said() == [(91.0, RAISED)]
