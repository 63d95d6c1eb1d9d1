"""Alarm load: what counts as an alarm, by which yardsticks, and that a ward of every scenario is told with few."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest

from alerts.rules import AlertRules
from evaluation.alarm_load import Absorbed, Alarm, events, loads_by_set, scenarios, yardsticks
from evaluation.alarm_load_beds import START_MS, TICK_S, RecordedBed, SimulatedBed, arrivals
from evaluation.alarm_load_run import NO_DELAY, NURSE, WashingPolicy, replay, without
from evaluation.alarm_load_thresholds import PlainThresholds
from vitals.alert import AlertKind, Priority, Reason
from vitals.reading import DeviceId, Origin, PatientId, Reading, RefusedSigns, Tick, WardId
from vitals.sign import Sign

PATIENT, WARD = PatientId("p"), WardId("w")
HOUR_MS = 3_600_000


def recorded(values: Sequence[float], *, sign: Sign = Sign.SPO2, every_s: float = 1.0) -> RecordedBed:
    """One patient with one sign, in steps of `every_s`."""
    return RecordedBed("set", "one", [(index * every_s, {sign: value}) for index, value in enumerate(values)])


def readings(values: Sequence[float], sign: Sign = Sign.SPO2) -> Iterator[Reading]:
    """The same as readings alone."""
    return (record for record in arrivals(recorded(values, sign=sign)) if isinstance(record, Reading))


def monitor(values: Sequence[float], sign: Sign = Sign.SPO2) -> PlainThresholds:
    """A plain monitor that has seen these values, a second apart."""
    plain = PlainThresholds()
    for reading in readings(values, sign):
        plain.step(reading)
    return plain


def test_a_plain_monitor_alarms_each_time_a_value_goes_beyond_its_shallowest_limit() -> None:
    plain = monitor([97, 87, 60, 87, 88, 87, 97])
    assert [(alarm.at_ms - START_MS, alarm.ended_ms and alarm.ended_ms - START_MS) for alarm in plain.activations] == [
        (1000, 4000),
        (5000, 6000),
    ]
    assert {alarm.kind for alarm in plain.activations} == {AlertKind.SPO2_LOW}


@pytest.mark.parametrize(("seconds", "told"), [(14, 0), (15, 1), (400, 1)])
def test_the_named_monitor_tells_a_heart_rate_above_120_once_it_has_lasted_fifteen_seconds(
    seconds: int, told: int
) -> None:
    assert monitor([120] * 5 + [121] * seconds + [120], Sign.HEART_RATE).held_heart_rate == told


def test_a_short_dip_is_a_plain_monitors_alarm_and_none_of_the_engines() -> None:
    load = replay(recorded([97] * 60 + [86] * 20 + [97] * 120))
    assert len(load.plain) == 1
    assert load.signals == []
    assert load.without[NO_DELAY] == 1  # the limit, which absorbs the one red input of NEWS2


def test_the_nurse_takes_in_hand_what_is_told_and_an_end_is_the_conditions() -> None:
    load = replay(recorded([97] * 60 + [86] * 200 + [97] * 200))
    first = load.signals[0]
    assert (first.kind, first.priority) == (AlertKind.SPO2_LOW, Priority.MEDIUM)
    (held,) = [each for each in load.held if each.episode_id == first.episode_id]
    assert held.ended_ms is not None
    assert 260_000 < held.ended_ms - START_MS <= 400_000


def test_lesser_alerts_are_silent_while_the_patient_is_washed_and_high_ones_never() -> None:
    policy = WashingPolicy(AlertRules(), bed=16)
    at_ms = START_MS + 32 * HOUR_MS
    silence = policy.silence(PATIENT, WARD, AlertKind.SPO2_LOW, Priority.MEDIUM, at_ms)
    assert silence is not None
    assert (silence.reason, silence.by) == (Reason.SILENCED, NURSE)
    assert silence.since_ms <= at_ms < (silence.until_ms or 0) == at_ms + HOUR_MS // 2
    assert policy.silence(PATIENT, WARD, AlertKind.SPO2_LOW, Priority.HIGH, at_ms) is None
    assert policy.silence(PATIENT, WARD, AlertKind.SPO2_LOW, Priority.LOW, at_ms - 1) is None


def test_rules_without_delays_keep_everything_else() -> None:
    rules = AlertRules()
    bare = without(rules, ("delay_s",))
    assert {depth.delay_s for rule in bare.limits for depth in rule.depths} == {0.0}
    assert bare.clear_s == rules.clear_s
    assert [rule.kind for rule in bare.limits] == [rule.kind for rule in rules.limits]


def test_yardsticks_count_floods_chatter_and_empty_windows() -> None:
    burst = [Alarm("ward", "a", START_MS + second * 1000, AlertKind.SPO2_LOW) for second in range(0, 110, 10)]
    lone = Alarm("ward", "b", START_MS + HOUR_MS, AlertKind.SPO2_LOW, START_MS + HOUR_MS + 30_000)
    found = yardsticks([*burst, lone], {("ward", "a"): 2.0, ("ward", "b"): 2.0, ("ward", "c"): 2.0})
    assert (found.positions, found.beds, found.bed_hours) == (1, 3, 6.0)
    assert (found.windows, found.empty_windows, found.flood_windows, found.peak_per_window) == (12, 10, 1, 11)
    assert found.chattering == 9
    assert found.fleeting == 1
    assert (found.sources, found.top_sources_share) == (2, 1.0)
    assert found.per_patient_day == pytest.approx(12 / 6 * 24)


def test_an_alarm_that_holds_for_more_than_a_day_is_stale() -> None:
    held = Alarm("ward", "a", START_MS, AlertKind.LOST_CONTACT)
    assert yardsticks([held], {("ward", "a"): 25.0}).stale == 1
    assert yardsticks([held], {("ward", "a"): 23.0}).stale == 0


def test_nothing_told_has_no_shares() -> None:
    found = yardsticks([], {("ward", "a"): 1.0})
    assert (found.told, found.top_sources_share, found.empty_windows) == (0, None, 6)
    assert Absorbed("delay", 0, 0).share is None


def test_a_bed_arrives_in_order_with_time_in_between_and_always_alike() -> None:
    bed = SimulatedBed(19, 13, seed=2, hours=0.5, every_s=10)
    records = list(arrivals(bed))
    arrived = [record.at_ms if isinstance(record, Tick) else record.received_at_ms for record in records]
    assert arrived == sorted(arrived)
    ticks = [record.at_ms for record in records if isinstance(record, Tick)]
    assert {later - earlier for earlier, later in pairwise(ticks)} == {TICK_S * 1000}
    assert records == list(arrivals(bed))
    assert any(isinstance(record, Reading) and record.charted is not None for record in records)


def test_an_impossible_value_arrives_as_refused() -> None:
    records = list(arrivals(recorded([97, 20, 97])))
    refused = [record for record in records if isinstance(record, RefusedSigns)]
    assert [record.signs for record in refused] == [{Sign.SPO2: 20}]
    assert {record.origin for record in records if not isinstance(record, Tick)} == {Origin.REPLAY}


def test_a_desaturation_is_caught_by_both_and_told_once_or_twice() -> None:
    bed = SimulatedBed(19, 4, seed=1, hours=1.5, every_s=10)
    load = replay(bed)
    (event,) = found = events([bed], {bed.name: load})
    assert event.engine_s is not None
    assert event.plain_s is not None
    assert event.plain_s <= event.engine_s <= event.within_s
    (line,) = scenarios([bed], {bed.name: load}, found)
    assert (line.scenario, line.due, line.caught, line.plain_caught, line.false) == ("desaturation", 1, 1, 1, 0)
    (ward,) = loads_by_set([load], {"simulated": 1})
    assert ward.engine.told == len(load.signals) >= ward.episodes >= 1
    assert [means.means for means in ward.absorbed] == ["delay", "hysteresis", "inhibition", "silence", "grouping"]


def test_what_people_chart_is_no_monitors() -> None:
    plain = PlainThresholds()
    arrived = arrivals(SimulatedBed(19, 0, 1, 0.5, 60))
    (charted,) = [record for record in arrived if isinstance(record, Reading) and record.charted is not None]
    plain.step(charted)
    assert plain.activations == []
    assert charted.device_id != DeviceId("simulated-1")
