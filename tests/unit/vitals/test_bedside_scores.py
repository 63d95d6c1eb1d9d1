"""qSOFA, SIRS, MEWS and the shock index: each band at its edges, and what is missing is never 0 for sure."""

import pytest

from vitals import mews, qsofa, sirs
from vitals.shock_index import shock_index
from vitals.sign import Sign


@pytest.mark.parametrize(
    ("sign", "value", "points"),
    [
        (Sign.RESPIRATORY_RATE, 21.9, 0),
        (Sign.RESPIRATORY_RATE, 22, 1),
        (Sign.SYSTOLIC, 100, 1),
        (Sign.SYSTOLIC, 100.1, 0),
        (Sign.CONSCIOUSNESS, 0, 0),
        (Sign.CONSCIOUSNESS, 1, 1),
        (Sign.SPO2, 50, 0),
    ],
)
def test_qsofa_counts_the_equalities(sign: Sign, value: float, points: int) -> None:
    assert qsofa.score({sign: value}).low == points


def test_qsofa_is_an_interval_until_all_three_are_known() -> None:
    known = qsofa.score({Sign.RESPIRATORY_RATE: 25})
    assert (known.low, known.high, known.total) == (1, 3, None)
    whole = qsofa.score({Sign.RESPIRATORY_RATE: 25, Sign.SYSTOLIC: 90, Sign.CONSCIOUSNESS: 3})
    assert (whole.low, whole.high, whole.total) == (3, 3, 3)


@pytest.mark.parametrize(
    ("sign", "value", "points"),
    [
        (Sign.TEMPERATURE, 38.0, 0),
        (Sign.TEMPERATURE, 38.1, 1),
        (Sign.TEMPERATURE, 36.0, 0),
        (Sign.TEMPERATURE, 35.9, 1),
        (Sign.HEART_RATE, 90, 0),
        (Sign.HEART_RATE, 91, 1),
        (Sign.RESPIRATORY_RATE, 20, 0),
        (Sign.RESPIRATORY_RATE, 21, 1),
    ],
)
def test_sirs_is_strictly_beyond_and_never_complete_without_a_laboratory(sign: Sign, value: float, points: int) -> None:
    said = sirs.score({sign: value})
    assert said.low == points
    assert said.high == points + 2 + sirs.LABORATORY_POINTS


@pytest.mark.parametrize(
    ("sign", "steps"),
    [
        (Sign.SYSTOLIC, {70: 3, 71: 2, 80: 2, 81: 1, 100: 1, 101: 0, 199: 0, 200: 2}),
        (Sign.HEART_RATE, {40: 2, 41: 1, 50: 1, 51: 0, 100: 0, 101: 1, 110: 1, 111: 2, 129: 2, 130: 3}),
        (Sign.RESPIRATORY_RATE, {8: 2, 9: 0, 14: 0, 15: 1, 20: 1, 21: 2, 29: 2, 30: 3}),
        (Sign.TEMPERATURE, {34.9: 2, 35.0: 0, 38.4: 0, 38.5: 2}),
        (Sign.CONSCIOUSNESS, {0: 0, 1: 1, 2: 1, 3: 2, 4: 3}),
    ],
)
def test_mews_at_the_edges_of_its_bands(sign: Sign, steps: dict[float, int]) -> None:
    assert {value: mews.score({sign: value}).low for value in steps} == steps


def test_mews_rounds_and_says_how_high_it_may_be() -> None:
    assert mews.score({Sign.SYSTOLIC: 80.4}).low == 2
    assert mews.score({Sign.SYSTOLIC: 80.5}).low == 1
    assert mews.score({}).high == 3 + 3 + 3 + 2 + 3
    assert mews.score({Sign.HEART_RATE: 135}).missing == (
        Sign.SYSTOLIC,
        Sign.RESPIRATORY_RATE,
        Sign.TEMPERATURE,
        Sign.CONSCIOUSNESS,
    )


def test_the_shock_index_needs_both_and_no_pressure_of_nothing() -> None:
    assert shock_index({Sign.HEART_RATE: 108, Sign.SYSTOLIC: 90}) == pytest.approx(1.2)
    assert shock_index({Sign.HEART_RATE: 108}) is None
    assert shock_index({Sign.HEART_RATE: 108, Sign.SYSTOLIC: 0}) is None
