"""Lost contact as timetables of readings and ticks."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate, pairwise

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from alerts.rules import AlertRules
from alerts.watchdog import BURSTS_KEPT, Contact, ContactRule, Watch
from tests.support.alert_timetable import START_MS, Timetable, ms, named, reading
from tests.support.examples import examples
from vitals.alert import Action, AlertKind, Priority, Reason, TransitionKind
from vitals.reading import Origin

RULE = ContactRule()
RAISED, RESOLVED = TransitionKind.RAISED, TransitionKind.RESOLVED


def test_silence_is_told_after_two_minutes_and_ends_with_the_next_reading() -> None:
    ward = Timetable()
    ward.hold(0, 180, heart_rate=80)
    ward.tick(181, 420)
    assert ward.said() == [(301.0, RAISED)]
    assert (ward.last.priority, ward.last.onset_ms) == (Priority.MEDIUM, ms(180))
    assert ward.last.text == "No reading for 2 min 1 s, usually every 1 s"
    ward.at(421, heart_rate=80)
    assert ward.said()[-1] == (421.0, RESOLVED)
    assert ward.last.reason is Reason.CONTACT_REGAINED
    assert ward.last.text == "Contact again after 4 min 1 s"


@pytest.mark.parametrize("every_s", [1, 7, 15, 39, 40])
def test_contact_that_goes_on_and_on_is_missed_after_two_minutes_however_often_it_comes(every_s: int) -> None:
    ward = Timetable()
    for second in range(0, 20 * every_s + 600, every_s):
        ward.at(second, heart_rate=80)
    ward.tick(second + 1, second + 300)
    assert ward.said(AlertKind.LOST_CONTACT) == [(second + 121.0, RAISED)]
    assert ward.last.text == f"No reading for 2 min 1 s, usually every {every_s} s"


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


def test_a_first_burst_makes_no_cadence() -> None:
    ward = Timetable()
    ward.hold(0, 10, heart_rate=80)
    ward.tick(11, 910)
    assert not ward.transitions
    ward.tick(911, 1000)
    assert ward.said() == [(911.0, RAISED)]


def test_a_sensor_that_comes_off_half_a_minute_after_it_was_put_on_is_missed_after_two() -> None:
    ward = Timetable()
    ward.hold(0, 30, heart_rate=80)
    ward.tick(31, 200)
    assert ward.said() == [(151.0, RAISED)]


def test_contact_is_judged_on_arrival_not_on_measurement() -> None:
    ward = Timetable()
    for second in range(500, 700):
        ward.step(reading(second - 200, named(heart_rate=80), received=second))
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
    ward.hold(-120, 60, heart_rate=80)
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


def arrivals(
    *, burst_s: int, pause_s: int, bursts: int, every_s: int = 1, gateway_s: int = 1, start_s: int = 0
) -> list[int]:
    """When readings arrive that are measured in bursts, and handed on by a gateway once in `gateway_s`."""
    measured = [
        start_s + number * (burst_s + pause_s) + second
        for number in range(bursts)
        for second in range(0, burst_s + 1, every_s)
    ]
    return [-(-second // gateway_s) * gateway_s for second in measured]


def pauses_lost(contact: Contact, seconds: Sequence[int]) -> list[int]:
    """Before which of these arrivals contact was lost: silence only ever grows up to the next one."""
    lost: list[int] = []
    for second in seconds:
        if contact.is_lost(ms(second) - 1, RULE):
            lost.append(second)
        contact.hear(ms(second), Origin.REAL, RULE)
    return lost


def told_after_s(contact: Contact) -> int:
    """After how long a silence from now on is told."""
    assert contact.heard_ms is not None
    heard_ms = contact.heard_ms
    seconds = range(1, 200_000)
    return seconds[bisect_left(seconds, True, key=lambda s: contact.is_lost(heard_ms + s * 1000, RULE))]


@pytest.mark.parametrize(
    ("gateway_s", "told", "pause_s"),
    [(1, 0, 600), (60, 2, 540)],
    ids=["each burst whole", "cut in two by a gateway: what looks like a minute of contact is none"],
)
def test_a_bursting_device_is_missed_when_truly_silent_and_in_its_first_pauses_at_most(
    gateway_s: int, told: int, pause_s: int
) -> None:
    ward = Timetable()
    seconds = arrivals(burst_s=9, pause_s=591, bursts=60, gateway_s=gateway_s, start_s=55)
    for number, second in enumerate(seconds):
        ward.step(reading(second, named(heart_rate=80), sequence=number))
        following = seconds[number + 1] if number + 1 < len(seconds) else second
        if following > second + 60:
            ward.tick(second + 1, following - 1)
    assert [said for _, said in ward.said()] == [RAISED, RESOLVED] * told
    ward.tick(seconds[-1] + 1, seconds[-1] + 3 * pause_s + 2)
    assert ward.said()[-1] == (seconds[-1] + 3 * pause_s + 1, RAISED), "who is truly silent is told after three pauses"


def test_a_steady_device_that_began_in_bursts_is_missed_after_two_minutes_again() -> None:
    contact = Contact()
    pauses_lost(contact, arrivals(burst_s=60, pause_s=540, bursts=20))
    assert told_after_s(contact) == 3 * 540 + 1
    begin = 20 * 600
    pauses_lost(contact, range(begin, begin + 2 * 60 + 122))
    assert told_after_s(contact) == 121


def test_hours_of_contact_lost_now_and_then_make_no_rhythm() -> None:
    contact = Contact()
    lost = pauses_lost(contact, arrivals(burst_s=3600, pause_s=600, bursts=6))
    assert len(lost) == 5
    assert told_after_s(contact) == 121


def test_a_state_that_was_kept_before_bursts_were_noted_is_read_as_it_is() -> None:
    kept = msgspec.json.decode(
        b'{"heard_ms": 1700000060000, "moment_ms": 1700000060000, "readings": 2, "intervals_ms": [40000]}', type=Contact
    )
    assert told_after_s(kept) == 121
    lost = pauses_lost(kept, arrivals(burst_s=60, pause_s=540, bursts=9, start_s=600))
    assert len(lost) <= 3
    assert msgspec.json.decode(msgspec.json.encode(kept), type=Contact) == kept


@examples(40)
@given(
    burst_s=st.integers(0, 600),
    pause_s=st.integers(121, 3600),
    every_s=st.sampled_from([1, 5, 10, 30]),
    gateway_s=st.sampled_from([1, 60, 120]),
    start_s=st.integers(0, 600),
)
def test_a_pause_as_usual_is_not_told_and_a_true_silence_always_is(
    burst_s: int, pause_s: int, every_s: int, gateway_s: int, start_s: int
) -> None:
    assume(burst_s + 2 * gateway_s <= 2 * pause_s)
    contact = Contact()
    seconds = arrivals(
        burst_s=burst_s, pause_s=pause_s, bursts=14, every_s=every_s, gateway_s=gateway_s, start_s=start_s
    )
    lost = pauses_lost(contact, seconds)
    known_from = seconds[0] + 4 * (burst_s + pause_s) + 2 * gateway_s
    assert [second for second in lost if second > known_from] == []
    longest = max(after - before for before, after in pairwise(seconds))
    assert told_after_s(contact) <= max(120, 3 * (longest + 40)) + 1


@given(
    gaps=st.lists(st.integers(0, 5000), max_size=40),
    every_s=st.sampled_from([1, 5, 30, 60]),
)
def test_whatever_came_before_steady_contact_is_soon_missed_as_steady(gaps: list[int], every_s: int) -> None:
    contact = Contact()
    seconds = list(accumulate([0, *gaps]))
    pauses_lost(contact, seconds)
    assert told_after_s(contact) <= max(900, 3 * (max([0, *gaps]) + 40)) + 1
    assert len(contact.bursts) <= BURSTS_KEPT
    longest_s = max([burst_ms for burst_ms, _ in contact.bursts], default=0) // 1000
    begun_s = seconds[-1] - (contact.burst_from_ms or 0) // 1000 + START_MS // 1000
    steady_s = max(longest_s, begun_s) * 2 + 120 + 6 * 60
    assert not pauses_lost(contact, range(seconds[-1] + every_s, seconds[-1] + steady_s, every_s))
    moment_s = max(every_s, -(-40 // every_s) * every_s)
    assert told_after_s(contact) <= max(120, 3 * moment_s) + 1
