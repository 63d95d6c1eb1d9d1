"""Hard limits as timetables, with the defaults of vitals.limits."""

from tests.support.alert_timetable import Timetable, ms, named, reading
from vitals.alert import AlertKind, Priority, Reason, TransitionKind
from vitals.reading import Origin
from vitals.sign import Sign

RAISED, ESCALATED, RESOLVED = TransitionKind.RAISED, TransitionKind.ESCALATED, TransitionKind.RESOLVED


def test_a_shallow_breach_is_told_once_after_its_delay() -> None:
    ward = Timetable()
    ward.hold(0, 9, spo2=96)
    ward.hold(10, 49, spo2=84)
    assert not ward.transitions
    ward.hold(50, 120, spo2=84)
    (alert,) = ward.between(50, 52, AlertKind.SPO2_LOW)
    assert ward.transitions == [alert]
    assert (alert.transition, alert.priority, alert.reason) == (RAISED, Priority.MEDIUM, Reason.LIMIT_BREACHED)
    assert (alert.onset_ms, alert.sign, alert.value, alert.limit) == (ms(10), Sign.SPO2, 84, 88)
    assert alert.text == "SpO2 84 % for 40 s, limit 88 %"


def test_a_deeper_breach_waits_less_and_is_high() -> None:
    ward = Timetable()
    ward.hold(0, 9, spo2=96)
    ward.hold(10, 60, spo2=75)
    assert ward.said() == [(25.0, RAISED)]
    assert ward.last.priority is Priority.HIGH


def test_the_deepest_breach_does_not_wait_even_for_a_second_reading() -> None:
    ward = Timetable()
    ward.at(0, spo2=55)
    assert ward.said() == [(0.0, RAISED)]
    assert ward.last.text == "SpO2 55 %, limit 60 %"


def test_a_value_at_its_limit_is_within() -> None:
    ward = Timetable()
    ward.hold(0, 300, spo2=88)
    assert not ward.transitions


def test_a_dip_shorter_than_its_delay_is_not_told() -> None:
    ward = Timetable()
    for start in range(0, 600, 60):
        ward.hold(start, start + 29, spo2=84)
        ward.hold(start + 30, start + 59, spo2=93)
    assert not ward.transitions


def test_one_good_sample_among_bad_ones_does_not_begin_the_delay_anew() -> None:
    ward = Timetable()
    for start in range(0, 60, 14):
        ward.hold(start, start + 12, spo2=75)
        ward.hold(start + 13, start + 13, spo2=97)
    assert [kind for _, kind in ward.said()][:1] == [RAISED]
    assert ward.said()[0][0] < 30


def test_a_sign_that_is_bad_most_of_the_time_is_told() -> None:
    ward = Timetable()
    for start in range(0, 300, 60):
        ward.hold(start, start + 38, spo2=84)
        ward.hold(start + 39, start + 59, spo2=93)
    assert [kind for _, kind in ward.said()][:1] == [RAISED]


def test_sinking_deeper_escalates_the_same_episode() -> None:
    ward = Timetable()
    ward.hold(0, 60, spo2=85)
    ward.hold(61, 120, spo2=78)
    assert ward.said() == [(40.0, RAISED), (76.0, ESCALATED)]
    raised, escalated = ward.transitions
    assert raised.episode_id == escalated.episode_id
    assert (escalated.priority, escalated.reason) == (Priority.HIGH, Reason.LIMIT_BREACHED_DEEPER)
    assert escalated.text == "SpO2 78 % for 15 s, limit 80 %"


def test_a_deeper_band_of_the_same_priority_is_not_told_again() -> None:
    ward = Timetable()
    ward.hold(0, 60, spo2=78)
    ward.hold(61, 120, spo2=65)
    assert [said for _, said in ward.said()] == [RAISED]


def test_it_ends_once_the_sign_is_back_beyond_its_margin_for_a_while() -> None:
    ward = Timetable()
    ward.hold(0, 60, spo2=84)
    ward.hold(61, 300, spo2=88)
    assert [said for _, said in ward.said()] == [RAISED], "at the limit, without margin, it is not back"
    ward.hold(301, 360, spo2=89)
    assert len(ward.transitions) == 1
    ward.at(361, spo2=89)
    assert ward.said()[-1] == (361.0, RESOLVED)
    assert not ward.last.active
    assert ward.last.text == "SpO2 89 %, back within limit 88 % for 1 min"


def test_swinging_around_the_limit_does_not_chatter() -> None:
    ward = Timetable()
    ward.hold(0, 60, spo2=84)
    for second in range(61, 1000):
        ward.at(second, spo2=87 if second % 20 < 10 else 93)
    assert [said for _, said in ward.said()] == [RAISED]


def test_a_condition_after_its_end_is_a_new_episode() -> None:
    ward = Timetable()
    ward.hold(0, 60, spo2=84)
    ward.hold(61, 130, spo2=96)
    ward.hold(131, 200, spo2=84)
    assert [said for _, said in ward.said()] == [RAISED, RESOLVED, RAISED]
    assert ward.transitions[2].episode_id != ward.transitions[0].episode_id


def test_a_gap_never_satisfies_a_delay() -> None:
    ward = Timetable()
    ward.hold(0, 10, spo2=96)
    ward.hold(11, 20, spo2=84)
    ward.hold(80, 119, spo2=84)
    assert not ward.transitions, "40 s have not been seen in one piece"
    ward.at(120, spo2=84)
    assert ward.said() == [(120.0, RAISED)]
    assert ward.last.onset_ms == ms(80)


def test_a_short_dropout_is_no_gap() -> None:
    ward = Timetable()
    ward.hold(0, 10, spo2=84)
    ward.hold(25, 40, spo2=84)
    assert ward.said() == [(40.0, RAISED)]


def test_a_gap_never_satisfies_the_end_either() -> None:
    ward = Timetable()
    ward.hold(0, 60, spo2=84)
    ward.hold(61, 70, spo2=95)
    ward.hold(600, 650, spo2=95)
    assert [said for _, said in ward.said()] == [RAISED]
    ward.hold(651, 660, spo2=95)
    assert ward.said()[-1] == (660.0, RESOLVED)


def test_a_vanished_sign_resolves_nothing() -> None:
    ward = Timetable()
    ward.hold(0, 60, spo2=84)
    ward.hold(61, 4000, every=5, heart_rate=80)
    assert ward.said(AlertKind.SPO2_LOW) == [(40.0, RAISED)]


def test_an_hourly_spot_check_is_told_at_once_and_ends_at_the_next_good_one() -> None:
    ward = Timetable()
    hour = 3600
    for index, spo2 in enumerate((96, 95, 84, 84, 95)):
        ward.at(index * hour, spo2=spo2)
    assert ward.said() == [(2.0 * hour, RAISED), (4.0 * hour, RESOLVED)]
    assert ward.transitions[0].text == "SpO2 84 %, limit 88 %"


def test_with_unknown_cadence_a_breach_with_a_delay_waits_for_the_second_reading() -> None:
    ward = Timetable()
    ward.at(0, spo2=84)
    assert not ward.transitions
    ward.at(3600, spo2=84)
    assert ward.said() == [(3600.0, RAISED)]


def test_a_burst_after_spot_checks_is_filtered_again() -> None:
    ward = Timetable()
    for hour in range(5):
        ward.at(hour * 3600, spo2=96)
    ward.at(4 * 3600 + 1, spo2=84)
    ward.at(4 * 3600 + 2, spo2=95)
    assert not ward.transitions


def test_a_reading_that_is_too_old_pages_nobody() -> None:
    ward = Timetable()
    ward.step(reading(0, named(spo2=55), received=301))
    assert not ward.transitions
    ward.step(reading(10, named(spo2=55), received=301))
    assert len(ward.transitions) == 1


def test_a_recordings_own_time_is_its_live_time() -> None:
    ward = Timetable()
    ward.step(reading(0, named(spo2=55), received=1_000_000, origin=Origin.REPLAY))
    assert len(ward.transitions) == 1
    assert ward.last.origin is Origin.REPLAY


def test_a_reading_older_than_the_newest_of_its_device_changes_nothing() -> None:
    ward = Timetable()
    ward.hold(0, 20, spo2=96)
    ward.step(reading(15.5, named(spo2=55)))
    assert not ward.transitions
    assert ward.outcomes[-1].value == "retrospective"


def test_a_second_device_whose_clock_lags_keeps_its_alarms() -> None:
    ward = Timetable()
    for second in range(60):
        ward.step(reading(second, named(heart_rate=80), device="chest-strap"))
        ward.step(reading(second - 4, named(spo2=84), device="finger-clip", sequence=second, received=second))
    assert ward.said(AlertKind.SPO2_LOW) == [(36.0, RAISED)]


def test_a_repeated_reading_changes_nothing() -> None:
    ward = Timetable()
    ward.hold(0, 20, spo2=84)
    before = ward.engine.state.machines[AlertKind.SPO2_LOW].since_ms[:]
    for second in range(21):
        assert ward.at(second, spo2=84) == ()
        assert ward.outcomes[-1].value == "duplicate"
    assert ward.engine.state.machines[AlertKind.SPO2_LOW].since_ms == before


def test_low_and_high_sides_are_told_apart() -> None:
    ward = Timetable()
    ward.hold(0, 70, heart_rate=190)
    ward.hold(71, 140, heart_rate=28)
    assert {transition.kind for transition in ward.transitions} == {AlertKind.HEART_RATE_HIGH, AlertKind.HEART_RATE_LOW}
    high = [transition for transition in ward.transitions if transition.kind is AlertKind.HEART_RATE_HIGH]
    assert [transition.transition for transition in high] == [RAISED, RESOLVED]


def test_a_clock_a_little_ahead_switches_no_alarm_off() -> None:
    ward = Timetable()
    ward.step(reading(90, named(heart_rate=80), device="device-2", received=0))
    ward.step(reading(91, named(spo2=97), sequence=1, received=1))
    for second in range(2, 60):
        ward.step(reading(second + 90, named(heart_rate=80), device="device-2", received=second))
        ward.at(second, spo2=84)
    assert ward.said(AlertKind.SPO2_LOW) == [(42.0, TransitionKind.RAISED)]


def test_one_spot_value_of_a_poor_signal_pages_nobody_and_a_second_does() -> None:
    ward = Timetable()
    for minute in range(5):
        ward.at(60 * minute, spo2=97, signal_quality=90)
    ward.at(300, spo2=86, signal_quality=30)
    ward.at(360, spo2=97, signal_quality=90)
    assert not ward.transitions
    ward.at(420, spo2=86, signal_quality=30)
    ward.at(480, spo2=86, signal_quality=30)
    assert ward.said() == [(480.0, RAISED)]


def test_one_spot_value_of_high_priority_pages_whatever_the_signal() -> None:
    ward = Timetable()
    for minute in range(5):
        ward.at(60 * minute, spo2=97, signal_quality=90)
    ward.at(300, spo2=72, signal_quality=5)
    assert ward.said() == [(300.0, RAISED)]


def test_a_fast_heart_is_one_alert_through_the_waves_of_minutes_in_which_it_comes() -> None:
    ward = Timetable()
    for start in range(0, 3600, 600):
        ward.hold(start, start + 179, heart_rate=160)
        ward.hold(start + 180, start + 599, heart_rate=110)
    assert ward.said() == [(120.0, RAISED)]
    ward.hold(3600, 4300, heart_rate=90)
    assert len(ward.transitions) == 2


def test_a_rate_that_no_exertion_explains_is_told_after_a_minute() -> None:
    ward = Timetable()
    ward.hold(0, 60, heart_rate=170)
    assert ward.said() == [(60.0, RAISED)]
