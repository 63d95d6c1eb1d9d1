"""Scenarios keep their own truth: what must alarm does by the time named, what must not never does, whoever the patient is."""

import msgspec
import numpy as np
import pytest

from simulators.bedside import Bedside, Sampling
from simulators.physiology import healthy
from simulators.scenarios import SCENARIOS, Scenario, demo_mix, scenario
from simulators.truth import TruthRecord, as_lines
from vitals.alert import AlertKind
from vitals.errors import InvalidArgument
from vitals.limits import HARD_LIMITS
from vitals.news2 import score
from vitals.reading import DeviceId
from vitals.sign import Sign

PATIENTS = 8
BEDS = 24


class Watch:
    """Limits with their delays and NEWS2 held against one course, as plainly as they can be: when each kind first alarms."""

    def __init__(self) -> None:
        self.first_s: dict[AlertKind, float] = {}
        self._since_s: dict[tuple[AlertKind, float], float] = {}
        self._current: dict[Sign, float] = {}

    def see(self, elapsed_s: float, observed: dict[Sign, float]) -> None:
        for rule in HARD_LIMITS:
            if rule.sign not in observed:
                continue
            for depth in rule.depths:
                key = (rule.kind, depth.limit)
                if not rule.is_beyond(observed[rule.sign], depth.limit):
                    self._since_s.pop(key, None)
                elif elapsed_s - self._since_s.setdefault(key, elapsed_s) >= depth.delay_s:
                    self.first_s.setdefault(rule.kind, elapsed_s)
        self._current.update(observed)
        news2 = score(self._current)
        for kind, is_reached in (
            (AlertKind.NEWS2_SINGLE_RED, news2.single_red),
            (AlertKind.NEWS2_URGENT, news2.low >= 5),
            (AlertKind.NEWS2_EMERGENCY, news2.low >= 7),
        ):
            if is_reached:
                self.first_s.setdefault(kind, elapsed_s)


def bedside(course: Scenario, *, bed: int = 0, rate_hz: float = 1.0, has_rounds: bool = True) -> Bedside:
    sampling = Sampling(rate_hz=rate_hz, phase_s=0, day_s=10 * 3600, cuff_phase_s=bed % 60)
    return Bedside(physiology=healthy(seed=11, bed=bed), scenario=course, sampling=sampling, has_rounds=has_rounds)


def watched(course: Scenario, *, bed: int, for_s: int) -> Watch:
    watch, device = Watch(), bedside(course, bed=bed)
    for second in range(for_s):
        reading = device.reading(second)
        watch.see(second, {Sign(name): 0.0 if value == "A" else float(value) for name, value in reading.items()})
    return watch


COURSES = [
    *[(course, 300) for course in demo_mix(BEDS) if course.name != "healthy"],
    (scenario("healthy"), 900),
    (scenario("desaturation", onset_s=60), 2000),
    (scenario("sepsis", onset_s=60, time_scale=12), 2400),
    (scenario("exercise", onset_s=60), 1000),
    (scenario("sensor-off", onset_s=60), 300),
]


@pytest.mark.parametrize(("course", "for_s"), COURSES, ids=lambda value: str(getattr(value, "name", value)))
def test_a_course_keeps_its_truth_for_every_patient(course: Scenario, for_s: int) -> None:
    truth = course.truth()
    for bed in range(PATIENTS):
        first_s = watched(course, bed=bed, for_s=for_s).first_s
        for expected in truth.must_alarm:
            if expected.kind is not AlertKind.LOST_CONTACT:
                assert truth.onset_s is not None
                assert first_s[expected.kind] <= truth.onset_s + expected.within_s
        assert not first_s.keys() & set(truth.must_not_alarm)
        assert all(second >= (truth.onset_s or 0) for second in first_s.values())


@pytest.mark.parametrize("bed", range(PATIENTS))
def test_the_demos_desaturation_alarms_within_forty_seconds_of_the_start(bed: int) -> None:
    course = next(course for course in demo_mix(BEDS) if course.name == "desaturation")
    assert watched(course, bed=bed, for_s=40).first_s[AlertKind.SPO2_LOW] < 40


def test_a_sensor_that_is_off_reports_nothing_after_a_while_of_poor_contact() -> None:
    device = bedside(scenario("sensor-off", onset_s=10, time_scale=6))
    contact = [device.reading(second) for second in range(40)]
    assert all(Sign.HEART_RATE.value in reading for reading in contact[:10])
    poor = contact[10:20]
    assert any(Sign.HEART_RATE.value not in reading for reading in poor)
    assert all(float(reading[Sign.SIGNAL_QUALITY.value]) <= 80 for reading in poor)
    assert contact[20:] == [{}] * 20


def test_a_sensor_that_comes_back_reports_as_before() -> None:
    course = SCENARIOS["sensor-off"](onset_s=10, time_scale=6, off_s=5)
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
    assert all(np.array_equal(signs[sign], kept[sign]) for sign in kept)
    assert signs.keys() == kept.keys()


@pytest.mark.parametrize("beds", [1, 2, 3, 5, 24, 500])
def test_the_demo_mix_has_each_scenario_once_and_leaves_most_beds_well(beds: int) -> None:
    names = [course.name for course in demo_mix(beds)]
    assert len(names) == beds
    ill = [name for name in names if name != "healthy"]
    assert len(ill) == len(set(ill)) == min(4, beds - 1)


def test_an_unknown_scenario_and_impossible_time_scales_are_explained() -> None:
    with pytest.raises(InvalidArgument, match="desaturation"):
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
