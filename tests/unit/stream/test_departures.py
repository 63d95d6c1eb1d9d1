"""Which signs are away from what is usual for the patient, and which are not."""

import random
from collections.abc import Iterator

from stream.baseline import BaselineParameters, PersonalBaselines
from stream.departures import NOWHERE, departures
from stream.pipeline import PatientPipeline, PipelineParameters
from stream.scoring import PatientState, assess
from tests.support.builders import reading
from vitals.assessment import Assessment
from vitals.reading import PatientId
from vitals.sign import Sign


def warm() -> PersonalBaselines:
    """A patient known for an hour."""
    baselines = PersonalBaselines(BaselineParameters())
    for minute in range(60):
        baselines.learn({Sign.SPO2: 96 + minute % 2, Sign.HEART_RATE: 70 + minute % 3}, minute * 60_000)
    return baselines


def test_each_sign_with_a_warm_baseline_is_in_one_of_the_two_halves() -> None:
    found = departures(warm(), {Sign.SPO2: 89, Sign.HEART_RATE: 71, Sign.TEMPERATURE: 37})
    assert [driver.sign for driver in found.departed] == [Sign.SPO2]
    assert found.as_usual == (Sign.HEART_RATE,)
    (spo2,) = found.departed
    assert spo2.value == 89
    assert 96 <= (spo2.usual or 0) <= 97
    assert (spo2.deviation or 0) < -2


def test_nothing_is_said_of_a_patient_nobody_knows_yet() -> None:
    assert departures(PersonalBaselines(BaselineParameters()), {Sign.SPO2: 80}) == NOWHERE


def bedside(
    state: PatientState, hours: range, rate: float, saturation: float, *, seed: int = 1
) -> Iterator[Assessment]:
    """A reading each three minutes around these, through the whole of stream."""
    source = random.Random(seed)
    for second in range(hours.start * 3600, hours.stop * 3600, 180):
        made = reading(
            at_s=second, heart_rate_bpm=source.gauss(rate, 3), spo2_percent=round(source.gauss(saturation, 0.6))
        )
        assessment = assess(state, made)
        assert assessment is not None
        yield assessment


def test_a_day_of_deterioration_is_told_in_every_hour_and_two_days_of_it_are_usual_once() -> None:
    state = PatientState(PatientId("p1"), PatientPipeline(PipelineParameters()))
    for _ in bedside(state, range(12), 70, 97):
        pass
    ill = list(bedside(state, range(12, 70), 100, 92))
    departed = [{driver.sign for driver in assessment.departed} for assessment in ill]
    for hour in range(1, 24):
        told = departed[20 * hour : 20 * (hour + 1)]
        assert sum({Sign.HEART_RATE, Sign.SPO2} <= signs for signs in told) >= 18
    relearned = [sign for assessment in ill for sign in assessment.relearned]
    assert sorted(relearned) == [Sign.HEART_RATE, Sign.SPO2]
    assert not any(assessment.relearned for assessment in ill[: 20 * 47])
    assert Sign.HEART_RATE in ill[-1].as_usual
    lowest = min((driver.distance or 0 for driver in ill[100].departed), default=0)
    assert -7 < lowest < -3
