"""Values, distances and durations as people say them, and what drove an assessment in one line."""

import pytest

from stream.risk_shapes import SHAPES
from vitals import phrases
from vitals.assessment import Driver, RiskParts
from vitals.explanation import drivers_in_words, raised_by
from vitals.sign import Sign


def test_durations_are_rounded_down_to_two_units() -> None:
    assert [phrases.duration(seconds * 1000) for seconds in (0, 59, 60, 61, 3600, 3660, 90_000)] == [
        "0 s",
        "59 s",
        "1 min",
        "1 min 1 s",
        "1 h",
        "1 h 1 min",
        "25 h",
    ]


def test_a_sign_without_a_unit_of_its_own_reads_well() -> None:
    assert phrases.amount(Sign.SYSTOLIC, 120) == "120 mmHg"


@pytest.mark.parametrize(
    ("sign", "value", "usual", "words"),
    [
        (Sign.SPO2, 88, 93.2, "5 below usual"),
        (Sign.HEART_RATE, 118, 72.4, "46 above usual"),
        (Sign.TEMPERATURE, 39.2, 36.9, "2.3 above usual"),
        (Sign.SPO2, 95, 95.2, "as usual"),
    ],
)
def test_a_distance_from_usual_is_said_in_the_signs_unit(sign: Sign, value: float, usual: float, words: str) -> None:
    assert phrases.distance(sign, value, usual) == words


def test_an_explanation_names_the_three_strongest_drivers_and_how_far_each_is_from_usual() -> None:
    drivers = [
        Driver(Sign.SPO2, 88, 93, -4.0, 3),
        Driver(Sign.RESPIRATORY_RATE, 26, news2_points=3),
        Driver(Sign.HEART_RATE, 92, 88, 0.5, 1),
        Driver(Sign.TEMPERATURE, 38.4, 36.8, 5.0, 1),
    ]
    assert drivers_in_words(drivers) == "SpO2 88 %, 5 below usual; Respiratory rate 26 /min; Heart rate 92 /min"


def test_every_subject_of_the_risk_model_has_words_of_its_own() -> None:
    for subject in {feature.partition(".")[0] for feature in SHAPES}:
        (words,) = raised_by(RiskParts(0.0, -1.0, {subject: 1.0}, 0.0))
        assert words != subject


def test_of_a_sign_that_was_not_measured_it_is_that_which_raises_a_risk() -> None:
    parts = RiskParts(-1.0, -4.0, {"temperature_celsius": 2.0, "heart_rate_bpm": 1.0}, 0.0, ("temperature_celsius",))
    assert raised_by(parts) == ("Temperature not being measured", "Heart rate")


def test_what_lowers_a_risk_is_not_named_and_no_parts_name_nothing() -> None:
    assert raised_by(RiskParts(-5.0, -4.0, {"age_years": -1.0}, 0.0)) == ()
    assert raised_by(None) == ()
