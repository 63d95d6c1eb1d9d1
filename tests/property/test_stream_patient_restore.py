"""A patient restored from a snapshot, anywhere, goes on to the bit: days with walks, nights, late readings and corrections."""

import random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from stream.charted import withdraw
from stream.pipeline import PatientPipeline, PipelineParameters
from stream.scoring import PatientState, assess
from stream.snapshot import decode_snapshot, encode_snapshot
from tests.support.builders import at_ms, reading, withdrawn
from tests.support.examples import examples
from tests.support.stream_log import QUICK
from vitals.age import AgeBand
from vitals.assessment import Assessment
from vitals.reading import DeviceId, PatientId, Reading, Withdrawn

PATIENT = PatientId("p1")
DAY_S = 86_400


def course(source: random.Random, band: AgeBand | None, *, records: int) -> list[Reading | Withdrawn]:
    """A stay at changing cadences: walks with steps counted, hours of illness, readings late in every way, corrections."""
    said: list[Reading | Withdrawn] = []
    second, steps, walks_until, ill_until = source.uniform(0, DAY_S), 0.0, 0.0, 0.0
    every_s = source.choice([1.0, 10.0, 60.0])
    for number in range(records):
        second += every_s * source.uniform(0.9, 1.1)
        if source.random() < 0.004:
            second += source.choice([600.0, 7200.0, 30_000.0])
            every_s = source.choice([1.0, 10.0, 60.0, 600.0])
        if source.random() < 0.01:
            walks_until = second + 20 * every_s
        if source.random() < 0.005:
            ill_until = second + 60 * every_s
        walking, ill = second < walks_until, second < ill_until
        steps += 1.5 * every_s * walking
        made = _measured(source, second, steps, walking=walking, ill=ill)
        late = source.random()
        if late < 0.05:
            made = reading(at_s=second, delay_s=source.choice([400.0, 5000.0]), **_values(source, ill=ill))  # type: ignore[arg-type]
        elif late < 0.12:
            back_s = source.choice([3.0, 90.0, 3000.0, 40_000.0])
            made = reading(at_s=max(second - back_s, 0.0), device="d2", **_values(source, ill=ill))  # type: ignore[arg-type]
        elif late < 0.14:
            made = msgspec.structs.replace(made, correction_id=f"c{number}", reading_id=f"{made.reading_id}/c{number}")
        said.append(msgspec.structs.replace(made, age_band=band))
        if source.random() < 0.002:
            said.append(_taken_back(made, number, second))
        if source.random() < 0.003:
            band = source.choice([None, AgeBand.UNDER_3_MONTHS, AgeBand.UNDER_12_YEARS])
    return said


def _values(source: random.Random, *, ill: bool) -> dict[str, float]:
    values = {
        "heart_rate_bpm": round(source.gauss(78 + 40 * ill, 3), 1),
        "respiratory_rate_bpm": round(source.gauss(16 + 8 * ill, 1), 1),
        "spo2_percent": float(round(min(source.gauss(97 - 5 * ill, 0.7), 100))),
    }
    if source.random() < 0.1:
        values |= {
            "systolic_mmhg": round(source.gauss(120, 6), 1),
            "temperature_celsius": round(source.gauss(36.9, 0.1), 2),
        }
    return values


def _measured(source: random.Random, second: float, steps: float, *, walking: bool, ill: bool) -> Reading:
    values = _values(source, ill=ill)
    if walking:
        values["heart_rate_bpm"] += 25
    return reading(at_s=second, steps_count=round(steps), **values)  # type: ignore[arg-type]


def _taken_back(of: Reading, number: int, second: float) -> Withdrawn:
    order = withdrawn(of, at_s=second + 1)
    return msgspec.structs.replace(
        order, reading_id=None, device_id=DeviceId("d1"), correction_id=f"w{number}", from_ms=at_ms(second - 60)
    )


def stepped(state: PatientState, record: Reading | Withdrawn) -> bytes:
    """What is said of one record."""
    said = withdraw(state, record) if isinstance(record, Withdrawn) else assess(state, record)
    return msgspec.msgpack.encode(said)


@examples(20)
@given(
    seed=st.integers(0, 10**6),
    band=st.sampled_from([None, AgeBand.UNDER_3_MONTHS]),
    often=st.sampled_from([0.02, 0.3]),
    parameters=st.sampled_from([QUICK, PipelineParameters()]),
)
def test_a_patient_restored_anywhere_goes_on_as_one_undisturbed(
    seed: int, band: AgeBand | None, often: float, parameters: PipelineParameters
) -> None:
    source = random.Random(seed)
    straight = PatientState(PATIENT, PatientPipeline(parameters))
    restored = PatientState(PATIENT, PatientPipeline(parameters))
    for record in course(source, band, records=300):
        if source.random() < often:
            restored = decode_snapshot(PATIENT, encode_snapshot(restored), parameters, with_models=True)
        assert stepped(straight, record) == stepped(restored, record)
    assert _known(straight, parameters) == _known(restored, parameters)


def _known(state: PatientState, parameters: PipelineParameters) -> bytes:
    """The state as it is stored; once more restored, so that a whole number in a field of fractions is one."""
    return encode_snapshot(decode_snapshot(PATIENT, encode_snapshot(state), parameters, with_models=True))


def test_the_courses_of_these_tests_reach_every_state() -> None:
    said: list[Assessment | None] = []
    for seed in range(6):
        state = PatientState(PATIENT, PatientPipeline(QUICK))
        records = course(random.Random(seed), None, records=300)
        said += [assess(state, record) for record in records if isinstance(record, Reading)]
    known = [each for each in said if each is not None]
    assert any(each.exerted for each in known)
    assert any(each.flagged for each in known)
    assert any(each.late for each in known)
    assert any(each.pews is not None for each in known)
    assert any(each.trends for each in known)
    assert {each.learned for each in known} == {True, False}


def test_of_a_late_reading_the_models_say_nothing_whatever_came_shortly_before() -> None:
    state = PatientState(PATIENT, PatientPipeline(QUICK))
    for second in range(0, 400, 2):
        assess(state, reading(at_s=second, heart_rate_bpm=75 + second % 3, respiratory_rate_bpm=15, spo2_percent=97))
    live = assess(state, reading(at_s=402, heart_rate_bpm=76, respiratory_rate_bpm=15, spo2_percent=97))
    before = encode_snapshot(state)
    assert live is not None
    assert live.anomaly is not None
    for late in (
        reading(at_s=300, device="d2", heart_rate_bpm=140, respiratory_rate_bpm=15, spo2_percent=88),
        reading(at_s=403, delay_s=900, heart_rate_bpm=140, respiratory_rate_bpm=15, spo2_percent=88),
    ):
        said = assess(state, late)
        assert said is not None
        assert said.late
        assert (said.anomaly, said.flagged, said.warming_up, said.departed) == (None, False, False, ())
        assert said.drivers
        assert {(driver.usual, driver.deviation) for driver in said.drivers} == {(None, None)}
        assert {value.scored for value in said.withheld} == {False}
    after = decode_snapshot(PATIENT, encode_snapshot(state), QUICK, with_models=True)
    assert msgspec.msgpack.encode(after.pipeline.dump()) == msgspec.msgpack.encode(
        decode_snapshot(PATIENT, before, QUICK, with_models=True).pipeline.dump()
    )


def test_what_comes_late_after_a_walk_is_judged_alike_by_who_was_restored() -> None:
    states = [PatientState(PATIENT, PatientPipeline(QUICK)) for _ in range(2)]
    for second in range(0, 600, 2):
        walked = max(0, second - 400) * 2
        made = reading(at_s=second, steps_count=walked, heart_rate_bpm=75 + walked / 8, spo2_percent=97)
        for state in states:
            assess(state, made)
    states[1] = decode_snapshot(PATIENT, encode_snapshot(states[1]), QUICK, with_models=True)
    assert states[0].fresh.steps.is_exerted(at_ms(598))
    late = reading(at_s=640, device="d2", delay_s=900, heart_rate_bpm=110, spo2_percent=93)
    assert stepped(states[0], late) == stepped(states[1], late)
