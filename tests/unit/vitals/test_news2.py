"""NEWS2 scores what the chart says, and says honestly what it cannot know."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.builders import signs
from vitals.errors import InvalidArgument
from vitals.news2 import NEWS2_INPUTS, POINTS_MAX, Response, points_of, response_of, score
from vitals.sign import Sign

RR, SPO2, OXYGEN = Sign.RESPIRATORY_RATE, Sign.SPO2, Sign.SUPPLEMENTAL_OXYGEN
SBP, PULSE, MIND, TEMPERATURE = Sign.SYSTOLIC, Sign.HEART_RATE, Sign.CONSCIOUSNESS, Sign.TEMPERATURE

NORMAL = {RR: 15.0, SPO2: 97.0, OXYGEN: 0.0, SBP: 120.0, PULSE: 70.0, MIND: 0.0, TEMPERATURE: 37.0}
WORST = {RR: 30.0, SPO2: 80.0, OXYGEN: 1.0, SBP: 80.0, PULSE: 150.0, MIND: 4.0, TEMPERATURE: 34.0}

BOUNDARIES = [
    *[(RR, value, points) for value, points in [(8, 3), (9, 1), (11, 1), (12, 0), (20, 0), (21, 2), (24, 2), (25, 3)]],
    *[(SPO2, value, points) for value, points in [(91, 3), (92, 2), (93, 2), (94, 1), (95, 1), (96, 0), (100, 0)]],
    *[(SBP, v, p) for v, p in [(90, 3), (91, 2), (100, 2), (101, 1), (110, 1), (111, 0), (219, 0), (220, 3)]],
    *[(PULSE, v, p) for v, p in [(40, 3), (41, 1), (50, 1), (51, 0), (90, 0), (91, 1), (110, 1), (111, 2)]],
    *[(PULSE, v, p) for v, p in [(130, 2), (131, 3)]],
    *[(TEMPERATURE, v, p) for v, p in [(35.0, 3), (35.1, 1), (36.0, 1), (36.1, 0), (38.0, 0), (38.1, 1)]],
    *[(TEMPERATURE, v, p) for v, p in [(39.0, 1), (39.1, 2)]],
    *[(MIND, v, p) for v, p in [(0, 0), (1, 3), (2, 3), (3, 3), (4, 3)]],
    *[(OXYGEN, v, p) for v, p in [(0, 0), (1, 2)]],
]

SCALE_2 = [
    *[(value, on_oxygen, points) for on_oxygen in (False, True) for value, points in [(83, 3), (84, 2), (85, 2)]],
    *[(value, on_oxygen, points) for on_oxygen in (False, True) for value, points in [(86, 1), (87, 1)]],
    *[(value, on_oxygen, 0) for on_oxygen in (False, True) for value in (88, 92)],
    *[(value, False, 0) for value in (93, 95, 97, 100)],
    *[(value, True, points) for value, points in [(93, 1), (94, 1), (95, 2), (96, 2), (97, 3), (100, 3)]],
]


@pytest.mark.parametrize(("sign", "value", "points"), BOUNDARIES)
def test_each_boundary_of_the_chart_scores_what_the_chart_says(sign: Sign, value: float, points: int) -> None:
    assert points_of(sign, value) == points
    assert score({**NORMAL, sign: value}).points[sign] == points


@pytest.mark.parametrize(("percent", "on_oxygen", "points"), SCALE_2)
def test_each_boundary_of_spo2_scale_2_scores_what_the_chart_says(percent: float, on_oxygen: bool, points: int) -> None:  # noqa: FBT001
    assert points_of(SPO2, percent, spo2_scale=2, on_oxygen=on_oxygen) == points
    summary = score({**NORMAL, SPO2: percent, OXYGEN: float(on_oxygen)}, spo2_scale=2)
    assert summary.total == points + (2 if on_oxygen else 0)


@pytest.mark.parametrize(
    ("sign", "value", "points"),
    [
        (SPO2, 91.49, 3),
        (SPO2, 91.5, 2),
        (RR, 24.49, 2),
        (RR, 24.5, 3),
        (PULSE, 130.5, 3),
        (TEMPERATURE, 38.049, 0),
        (TEMPERATURE, 38.05, 1),
        (TEMPERATURE, 35.05, 1),
        (TEMPERATURE, 39.05, 2),
        (SBP, 219.5, 3),
    ],
)
def test_values_between_bands_are_rounded_half_up_before_scoring(sign: Sign, value: float, points: int) -> None:
    assert points_of(sign, value) == points


def test_the_worst_patient_scores_20_and_a_healthy_one_0_or_2_on_oxygen() -> None:
    assert score(WORST).total == 20
    assert score(NORMAL).total == 0
    assert score({**NORMAL, OXYGEN: 1.0}).total == 2
    assert sum(POINTS_MAX.values()) == 20


def test_a_single_parameter_at_3_asks_for_a_review_though_the_total_is_low() -> None:
    summary = score({**NORMAL, RR: 25.0})
    assert (summary.total, summary.single_red, summary.response) == (3, True, Response.LOW_MEDIUM)


@pytest.mark.parametrize(
    ("aggregate", "single_red", "response"),
    [
        (0, False, "low"),
        (4, False, "low"),
        (4, True, "low_medium"),
        (5, True, "urgent"),
        (6, False, "urgent"),
        (7, False, "emergency"),
        (20, True, "emergency"),
    ],
)
def test_the_aggregate_decides_the_response(aggregate: int, single_red: bool, response: str) -> None:  # noqa: FBT001
    assert response_of(aggregate, single_red=single_red) == response


def test_nothing_known_may_be_anything() -> None:
    summary = score({})
    assert (summary.low, summary.high, summary.total, summary.points) == (0, 20, None, {})
    assert summary.missing == NEWS2_INPUTS


def test_a_missing_input_is_named_and_has_no_points() -> None:
    summary = score(signs(heart_rate_bpm=120, spo2_percent=93))
    assert summary.points == {PULSE: 2, SPO2: 2}
    assert summary.missing == (RR, OXYGEN, SBP, MIND, TEMPERATURE)
    assert (summary.low, summary.high, summary.total) == (4, 4 + 3 + 2 + 3 + 3 + 3, None)


def test_scale_2_with_oxygen_unknown_spans_air_and_oxygen() -> None:
    known = {sign: value for sign, value in NORMAL.items() if sign is not OXYGEN}
    summary = score({**known, SPO2: 95.0}, spo2_scale=2)
    assert (summary.low, summary.high, summary.missing) == (0, 2 + 2, (OXYGEN,))
    assert SPO2 not in summary.points
    assert not score({**known, SPO2: 98.0}, spo2_scale=2).single_red
    assert points_of(SPO2, 95, spo2_scale=2) is None
    assert points_of(SPO2, 90, spo2_scale=2) == 0


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_a_number_is_refused(value: float) -> None:
    with pytest.raises(InvalidArgument, match="give a number"):
        score({**NORMAL, PULSE: value})
    with pytest.raises(InvalidArgument, match="give a number"):
        points_of(PULSE, value)


def test_signs_that_news2_does_not_use_are_ignored_in_a_score_and_refused_alone() -> None:
    assert score({**NORMAL, Sign.STEPS: 12.0}) == score(NORMAL)
    with pytest.raises(InvalidArgument, match="does not use steps_count"):
        points_of(Sign.STEPS, 12.0)


def test_a_scale_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="scale 3 does not exist"):
        score(NORMAL, spo2_scale=3)


SHARED = Path(os.environ.get("WARDLIGHT_SHARED", Path(__file__).parents[3].parent / "shared"))
VECTORS = SHARED / "data" / "vectors" / "news2.json"
RESPONSES = {
    "Low": Response.LOW,
    "Low-Medium": Response.LOW_MEDIUM,
    "Medium": Response.URGENT,
    "High": Response.EMERGENCY,
}


def vectors() -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads(VECTORS.read_text(encoding="utf-8")) if VECTORS.exists() else []
    return loaded


def observations(given: dict[str, float]) -> dict[Sign, float]:
    """The vectors code oxygen and consciousness by their points (2; 3), not by ACVPU or yes and no."""
    return {
        SBP: given["sbp"],
        SPO2: given["spo2"],
        PULSE: given["pulse"],
        TEMPERATURE: given["temp_c"],
        RR: given["resp"],
        OXYGEN: float(given["on_oxygen"] > 0),
        MIND: float(given["acvpu_score"] > 0),
    }


@pytest.mark.skipif(not VECTORS.exists(), reason=f"no test vectors at {VECTORS}; set WARDLIGHT_SHARED")
@pytest.mark.parametrize("vector", vectors(), ids=lambda vector: str(vector["id"]))
def test_the_openehr_vectors_agree(vector: dict[str, Any]) -> None:
    given, expected = vector["input"], vector["expected"]
    summary = score(observations(given), spo2_scale=2 if given["scale2"] else 1)
    assert summary.total == expected["Total score"]
    assert summary.response == RESPONSES[expected["Clinical risk text"]]
    names = {
        PULSE: "Pulse",
        TEMPERATURE: "Temperature",
        SBP: "Systolic blood pressure",
        RR: "Respiratory rate",
        SPO2: "SpO2",
    }
    assert {sign: summary.points[sign] for sign in names} == {sign: expected[name] for sign, name in names.items()}


@pytest.mark.skipif(not VECTORS.exists(), reason=f"no test vectors at {VECTORS}; set WARDLIGHT_SHARED")
def test_the_openehr_vectors_are_all_there() -> None:
    assert len(vectors()) == 10


@pytest.mark.parametrize("sign", [sign for sign in NEWS2_INPUTS if sign not in {OXYGEN, MIND}])
@pytest.mark.parametrize(("scale", "oxygen"), [(1, None), (1, 1.0), (2, None), (2, 0.0), (2, 1.0)])
def test_the_score_looks_up_what_the_chart_says_for_every_value_there_is(
    sign: Sign, scale: int, oxygen: float | None
) -> None:
    per_unit = 100 if sign is TEMPERATURE else 20
    beside = {} if oxygen is None else {OXYGEN: oxygen}
    for number in [*range(-per_unit, 400 * per_unit), 10**7, -(10**7)]:
        value = number / per_unit
        from_bands = points_of(sign, value, spo2_scale=scale, on_oxygen=None if oxygen is None else oxygen > 0)
        assert score({sign: value, **beside}, spo2_scale=scale).points.get(sign) == from_bands, value
