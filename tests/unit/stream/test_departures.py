"""Which signs are away from what is usual for the patient, and which are not."""

from stream.baseline import BaselineParameters, PersonalBaselines
from stream.departures import NOWHERE, departures
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
