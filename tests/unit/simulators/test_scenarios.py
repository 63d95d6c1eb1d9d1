"""Scenarios do what they say to signs, sensors and devices; what they raise is in `test_scenario_timetables.py`."""

import msgspec
import numpy as np
import pytest

from simulators.bedside import Bedside, Sampling, battery_percent
from simulators.physiology import healthy
from simulators.scenarios import MIXES, SCENARIOS, Scenario, Variant, demo_mix, scenario, ward_mix
from simulators.scenarios.course import DeviceCourse, Span, all_but
from simulators.scenarios.exercise import Exercise
from simulators.scenarios.sensor_off import SensorOff
from simulators.truth import TruthRecord, as_lines, read_lines
from vitals.errors import InvalidArgument
from vitals.reading import DeviceId
from vitals.sign import Sign


def bedside(course: Scenario, *, bed: int = 0, rate_hz: float = 1.0, has_rounds: bool = True) -> Bedside:
    sampling = Sampling(rate_hz=rate_hz, phase_s=0, day_s=10 * 3600, cuff_phase_s=bed % 60)
    return Bedside(physiology=healthy(seed=11, bed=bed), scenario=course, sampling=sampling, has_rounds=has_rounds)


def test_a_sensor_that_is_off_reports_nothing_after_a_while_of_poor_contact() -> None:
    device = bedside(scenario("sensor-off", onset_s=10, time_scale=6))
    contact = [device.reading(second) for second in range(40)]
    assert all(Sign.HEART_RATE.value in reading for reading in contact[:10])
    poor = contact[10:20]
    assert any(Sign.HEART_RATE.value not in reading for reading in poor)
    assert all(float(reading[Sign.SIGNAL_QUALITY.value]) <= 80 for reading in poor)
    assert contact[20:] == [{}] * 20


def test_a_sensor_that_comes_back_reports_as_before() -> None:
    course = SensorOff(onset_s=10, time_scale=6, off_s=5)
    device = bedside(course)
    assert device.reading(22) == {}
    assert Sign.SPO2.value in device.reading(26)
    assert course.truth().must_alarm == ()


def test_exercise_counts_steps_keeps_saturation_and_passes() -> None:
    device = bedside(scenario("exercise", onset_s=10))
    before, walking, after = device.reading(5), device.reading(300), device.reading(1500)
    assert before[Sign.STEPS.value] == 0
    assert float(walking[Sign.HEART_RATE.value]) > float(before[Sign.HEART_RATE.value]) + 20
    assert abs(float(walking[Sign.SPO2.value]) - float(before[Sign.SPO2.value])) <= 3
    assert after[Sign.STEPS.value] == device.reading(1000)[Sign.STEPS.value]
    assert float(after[Sign.HEART_RATE.value]) < float(walking[Sign.HEART_RATE.value]) - 20


def test_scenarios_do_not_change_what_they_are_given() -> None:
    moments = np.arange(0, 3600, 10.0)
    signs = healthy(seed=1, bed=1).signs(moments, moments)
    kept = {sign: values.copy() for sign, values in signs.items()}
    for name in SCENARIOS:
        scenario(name, onset_s=100).shape(moments, signs)
        scenario(name, onset_s=100).sense(moments, signs)
    assert all(np.array_equal(signs[sign], kept[sign]) for sign in kept)
    assert signs.keys() == kept.keys()


@pytest.mark.parametrize("beds", [1, 2, 3, 5, 24, 48, 500])
def test_the_demo_mix_has_each_story_at_most_once_and_leaves_most_beds_well(beds: int) -> None:
    names = [course.name for course in demo_mix(beds)]
    assert len(names) == beds
    stories = [name for name in names if name != "healthy"]
    assert len(stories) == len(set(stories)) >= min(4, beds - 1)
    assert beds < 8 or len(stories) <= beds // 2


def test_the_ward_mix_has_every_scenario_and_no_two_beds_alike() -> None:
    mix = ward_mix(48, seed=1)
    assert {course.name for course in mix} == set(SCENARIOS)
    assert len({course.variant for course in mix}) == 48
    assert ward_mix(48, seed=1) == mix != ward_mix(48, seed=2)
    assert all(course.onset_s <= 86_400 + 1800 for course in mix)


def test_variants_stay_within_the_scenarios_bounds() -> None:
    variants = [Variant.drawn(seed=1, bed=bed) for bed in range(200)]
    for share in ([variant.severity for variant in variants], [variant.pace for variant in variants]):
        assert 0 <= min(share) < 0.05
        assert 0.95 < max(share) <= 1


def test_an_unknown_scenario_and_impossible_time_scales_are_explained() -> None:
    with pytest.raises(InvalidArgument, match=r"no scenario 'nonsense': choose demo, mix, or one of healthy, sepsis"):
        scenario("nonsense")
    with pytest.raises(InvalidArgument, match="greater than 0"):
        scenario("sepsis", time_scale=0)
    with pytest.raises(InvalidArgument, match="40 times"):
        scenario("desaturation", time_scale=100)


def test_truth_is_written_as_json_lines_that_can_be_read_back() -> None:
    records = [
        TruthRecord(device_id=DeviceId(f"sim-{bed}"), started_at_ms=5, truth=course.truth())
        for bed, course in enumerate(demo_mix(5))
    ]
    lines = as_lines(records).splitlines()
    assert [msgspec.json.decode(line, type=TruthRecord) for line in lines] == records
    assert read_lines(as_lines(records)) == records


def test_pressure_comes_by_the_minute_and_rounds_every_few_minutes() -> None:
    device = bedside(scenario("healthy"))
    readings = [device.reading(second) for second in range(900)]
    with_pressure = [second for second, reading in enumerate(readings) if Sign.SYSTOLIC.value in reading]
    with_round = [second for second, reading in enumerate(readings) if reading.get(Sign.CONSCIOUSNESS.value) == "A"]
    assert with_pressure == [0, *range(60, 900, 60)]
    assert with_round == [0, 300, 600]
    assert readings[0][Sign.SUPPLEMENTAL_OXYGEN.value] is False


def test_a_bed_without_rounds_never_reports_consciousness() -> None:
    device = bedside(scenario("healthy"), has_rounds=False)
    assert all(Sign.CONSCIOUSNESS.value not in device.reading(second) for second in range(700))


@pytest.mark.parametrize("rate_hz", [0.01, 0.5, 7.0, 100.0])
def test_readings_at_the_same_moment_are_the_same_at_any_rate(rate_hz: float) -> None:
    slow, fast = bedside(scenario("exercise"), rate_hz=rate_hz), bedside(scenario("exercise"), rate_hz=2 * rate_hz)
    usual = (Sign.HEART_RATE.value, Sign.SPO2.value, Sign.TEMPERATURE.value)
    for number in range(50):
        one, other = slow.reading(number), fast.reading(2 * number)
        assert [one[name] for name in usual] == [other[name] for name in usual]


def test_every_scenario_says_in_a_line_what_it_is_and_its_phases_follow_one_another() -> None:
    for name, kind in SCENARIOS.items():
        assert kind.summary
        assert len(kind.summary) < 90
        for severity in (0.0, 1.0):
            truth = kind(variant=Variant(severity=severity, pace=severity)).truth()
            assert truth.scenario == name
            assert (truth.severity_share, truth.pace_share) in {(severity, severity), (0.5, 0.5)}
            for phase, after in zip(truth.phases, truth.phases[1:], strict=False):
                assert phase.until_s is not None
                assert phase.from_s <= phase.until_s <= after.from_s + 1e-6
            assert [entry.at_s for entry in truth.charted] == sorted(entry.at_s for entry in truth.charted)
            assert not {must.kind for must in truth.must_alarm} & set(truth.must_not_alarm)
    assert set(MIXES) == {"demo", "mix"}


def test_illness_passes_and_leaves_the_patient_as_before() -> None:
    for name in SCENARIOS:
        course = scenario(name, onset_s=100)
        ends_s = course.truth().ends_s
        if ends_s is None or name == "copd-oxygen":
            continue
        moments = np.arange(ends_s + 600, ends_s + 1200, 10.0)
        signs = healthy(seed=1, bed=1).signs(moments, moments)
        shaped = course.sense(moments, course.shape(moments, signs))
        for sign, values in signs.items():
            assert np.allclose(shaped[sign], values, atol=0.3), (name, sign)


def test_walks_come_again_and_steps_add_up() -> None:
    course = Exercise(onset_s=0, every_s=3600)
    moments = np.array([1800.0, 3600 + 1800.0, 7200 + 1800.0])
    steps = course.shape(moments, healthy(seed=1, bed=1).signs(moments, moments))[Sign.STEPS]
    assert steps[0] > 300
    assert np.allclose(steps, steps[0] * np.array([1, 2, 3]), atol=3)


def test_a_device_without_power_reports_nothing_and_its_battery_tells_before() -> None:
    course = scenario("battery-death", onset_s=900, variant=Variant(severity=0))
    device = bedside(course)
    rounds = [device.reading(second).get(Sign.BATTERY.value) for second in (0, 300, 600)]
    assert rounds == [0, 0, 0]
    assert device.reading(899) != {}
    assert [device.reading(second) for second in (900, 2000, 2699)] == [{}, {}, {}]
    assert device.reading(2700) != {}
    empty_in_two_days = DeviceCourse(unpowered=Span(172_800, 180_000))
    assert [battery_percent(empty_in_two_days, at_s) for at_s in (0, 86_400, 172_000, 180_000)] == [66, 33, 0, 100]


def test_a_clock_runs_free_until_it_is_set() -> None:
    slow = scenario("clock-drift", onset_s=100, variant=Variant(severity=1, seed=2)).device
    fast = scenario("clock-drift", onset_s=100, variant=Variant(severity=1, seed=3)).device
    assert [round(slow.clock_error_s(second)) for second in (99, 100, 10_100, 60_000)] == [0, 0, -100, 0]
    assert round(fast.clock_error_s(10_100)) == 100


def test_what_a_nurse_charts_follows_the_course() -> None:
    course = scenario("copd-oxygen", onset_s=600)
    device = bedside(course, rate_hz=1 / 60)
    assert device.reading(0)[Sign.SUPPLEMENTAL_OXYGEN.value] is True
    assert course.truth().charted[0].spo2_scale == 2
    opioid = scenario("opioid", onset_s=0, variant=Variant(pace=1))
    told = {bedside(opioid, rate_hz=1 / 60).reading(minute).get(Sign.CONSCIOUSNESS.value) for minute in range(60)}
    assert told == {"A", "V", "P", None}


def test_bursts_and_averages_keep_the_rate_and_smooth_what_is_brief() -> None:
    person = healthy(seed=11, bed=0)
    sampling = Sampling(rate_hz=1 / 60, phase_s=0, day_s=0, cuff_phase_s=0, burst=10)
    burst = Bedside(physiology=person, scenario=scenario("healthy"), sampling=sampling, has_rounds=True)
    assert [burst.elapsed_s(number) for number in (0, 1, 9, 10, 11)] == [0, 1, 9, 600, 601]
    restless = scenario("motion-artefact", onset_s=0, variant=Variant(severity=1, pace=1, seed=5))
    lowest = []
    for average_s in (0.0, 30.0):
        plain = Sampling(rate_hz=1 / 60, phase_s=0, day_s=0, cuff_phase_s=0, average_s=average_s)
        device = Bedside(physiology=person, scenario=restless, sampling=plain, has_rounds=True)
        values = [device.reading(minute).get(Sign.SPO2.value) for minute in range(180)]
        lowest.append(min(float(value) for value in values if value is not None))
    assert lowest[0] < lowest[1]


def test_all_but_leaves_the_models_opinion_out() -> None:
    assert "unusual-pattern" not in all_but()
