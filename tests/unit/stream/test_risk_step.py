"""One step of the risk model: it ends at the mode, however far that is, and is a lone Newton step where that is near."""

import numpy as np
import pytest

from stream.risk_step import STEPS_MAX, Block, Floats, Mode, Shift, mode_of, shifted

NOTHING = np.zeros((2, 2))
PRIOR = np.diag([3.0, 1.0]), np.array([0.0, -4.4])
"""One feature and an intercept at 1 %."""


def block(labels: list[int], values: list[float] | None = None) -> Block:
    shares = np.zeros(len(labels)) if values is None else np.array(values)
    return Block(np.column_stack([shares, np.ones(len(labels))]), np.array(labels, dtype=float), np.ones(len(labels)))


def told(weights: Floats, of: Block) -> Floats:
    return np.asarray(1 / (1 + np.exp(-(of.design @ weights))), dtype=np.float64)


def of_block(learned: Block, *, information: Floats = NOTHING) -> Mode:
    weights = PRIOR[1]
    return mode_of(learned, weights, information, information @ weights, PRIOR)


def slope_at(found: Mode, learned: Block, *, information: Floats = NOTHING) -> Floats:
    """Of the posterior at the weights found: nothing at the mode."""
    precision, mode = PRIOR
    weights = found.weights
    errors = learned.labels - told(weights, learned)
    return np.asarray(learned.design.T @ errors - (precision + information) @ (weights - mode), dtype=np.float64)


@pytest.mark.parametrize("positives", [1, 12, 24, 48, 128, 255])
def test_few_lessons_lead_no_further_than_they_say(positives: int) -> None:
    learned = block([1] * positives + [0] * (256 - positives))
    found = of_block(learned)
    assert abs(slope_at(found, learned)).max() < 1.5
    assert positives / 256 - 0.04 < told(found.weights, learned).mean() < positives / 256 + 0.012


def test_a_lone_newton_step_would_have_led_half_of_all_to_certainty() -> None:
    learned = block([1] * 48 + [0] * 208)
    weights = PRIOR[1]
    curvature = told(weights, learned) * (1 - told(weights, learned))
    gradient = learned.design.T @ (learned.labels - told(weights, learned))
    hessian = learned.design.T @ (learned.design * curvature[:, None]) + PRIOR[0]
    overshot = weights + np.linalg.solve(hessian, gradient)
    assert told(overshot, learned).mean() > 0.9
    assert told(of_block(learned).weights, learned).mean() < 0.2


def test_all_of_one_kind_end_where_the_prior_holds_them() -> None:
    learned = block([1] * 256, [1.0] * 256)
    found = of_block(learned)
    assert np.isfinite(found.weights).all()
    assert abs(slope_at(found, learned)).max() < 1.5


def test_with_many_lessons_behind_it_one_step_is_enough() -> None:
    learned = block([1] * 10 + [0] * 246, [1.0] * 10 + [0.0] * 246)
    known = np.diag([5_000.0, 9_000.0])
    found = of_block(learned, information=known)
    assert abs(slope_at(found, learned, information=known)).max() < 0.05
    weights = np.linalg.solve(found.information + PRIOR[0], found.anchor + PRIOR[0] @ PRIOR[1])
    assert np.array_equal(weights, found.weights)
    errors = learned.labels - told(PRIOR[1], learned)
    assert found.anchor == pytest.approx(found.information @ PRIOR[1] + learned.design.T @ errors)


def test_what_has_no_mode_ends_and_is_no_number() -> None:
    learned = block([1, 0])
    with np.errstate(all="ignore"):
        assert not np.isfinite(of_block(learned, information=np.full((2, 2), np.nan)).weights).any()


@pytest.mark.parametrize("positives", [0, 3, 60, 256])
def test_the_shift_makes_good_what_the_weights_left_and_no_more(positives: int) -> None:
    learned = block([1] * positives + [0] * (256 - positives))
    log_odds = np.full(256, -4.4)
    found = shifted(Shift(), learned, log_odds, keep=0.99, precision=5.0)
    expected = float((1 / (1 + np.exp(-(log_odds + found.value)))).sum())
    assert positives - 5.0 * found.value == pytest.approx(expected, abs=2.0)
    assert found.information > 0
    assert abs(found.value) < STEPS_MAX * 1.0
