"""The alert budget against the state machine it stands for: alerts counted at every threshold are those that would begin."""

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.rules import AlertRules
from stream.budget import BIN, BINS, AlertBudget, BudgetParameters, BudgetState, expected_threshold
from tests.support.examples import examples

UNCOUNTED = BudgetParameters(learned_s_min=1e12, expected_s=1e-9, time_constant_s=1e15)
"""Nothing is expected, nothing fades, no threshold is ever found: only counted."""


def wander(seed: int, count: int, *, every_s: float) -> list[tuple[int, float]]:
    """A score that wanders, with excursions."""
    source, level, found = random.Random(seed), 1.5, []
    for number in range(count):
        level = max(0.0, level + source.gauss(0, 0.35) - 0.08 * (level - 1.5) + (source.random() < 0.02) * 2)
        found.append((round(number * every_s * 1000), level))
    return found


def alerts_at(threshold: float, scores: list[tuple[int, float]], parameters: BudgetParameters) -> int:
    """How many alerts a machine with this threshold begins: delay, then time below the share of it."""
    since_ms: int | None = None
    clear_ms: int | None = None
    is_open, count = False, 0
    for at_ms, score in scores:
        since_ms = (at_ms if since_ms is None else since_ms) if score > threshold else None
        is_clear = score <= parameters.released_share * threshold
        clear_ms = (at_ms if clear_ms is None else clear_ms) if is_clear else None
        if not is_open and since_ms is not None and at_ms - since_ms >= parameters.delay_s * 1000:
            is_open, count = True, count + 1
        elif is_open and clear_ms is not None and at_ms - clear_ms >= parameters.clear_s * 1000:
            is_open = False
    return count


@examples(10)
@given(seed=st.integers(0, 10**6), every_s=st.sampled_from([10.0, 30.0, 60.0, 100.0]))
def test_alerts_of_every_threshold_are_counted_at_once(seed: int, every_s: float) -> None:
    scores = wander(seed, 400, every_s=every_s)
    budget = AlertBudget(UNCOUNTED)
    for at_ms, score in scores:
        budget.take(score, at_ms)
    counted = [round(count) for count in budget.dump().passed]
    for number in range(1, BINS):
        expected = alerts_at(number * BIN, scores, UNCOUNTED)
        assert (counted[number] if number < len(counted) else 0) == expected, number * BIN


@examples(10)
@given(seed=st.integers(0, 10**6), every_s=st.sampled_from([1.0, 7.0, 60.0, 3600.0]), cut=st.integers(5, 400))
def test_a_snapshot_anywhere_changes_nothing_afterwards(seed: int, every_s: float, cut: int) -> None:
    parameters = BudgetParameters(learned_s_min=600)
    straight, cut_short = AlertBudget(parameters), AlertBudget(parameters)
    for number, (at_ms, score) in enumerate(wander(seed, 500, every_s=every_s)):
        for budget in (straight, cut_short):
            budget.take(score, at_ms, held_back=budget.is_flagged(score))
        if number % cut == 0:
            blob = msgspec.msgpack.encode(cut_short.dump())
            cut_short = AlertBudget.load(parameters, msgspec.msgpack.decode(blob, type=BudgetState))
        assert straight.threshold == cut_short.threshold
    assert msgspec.msgpack.encode(straight.dump()) == msgspec.msgpack.encode(cut_short.dump())


def lived(per_day: float, *, days: float, every_s: float, seed: int) -> tuple[int, AlertBudget]:
    """Alerts in the second half of a wandering patient's days."""
    parameters = BudgetParameters(unusual_per_day_max=per_day)
    budget, opened, is_open = AlertBudget(parameters), 0, False
    for at_ms, score in wander(seed, round(days * 86_400 / every_s), every_s=every_s):
        budget.take(score, at_ms, held_back=budget.is_flagged(score))
        threshold = budget.threshold
        now_open = threshold is not None and budget.is_flagged((parameters.released_share + 0.01) * threshold)
        opened += now_open and not is_open and at_ms > days * 43_200_000
        is_open = now_open
    return opened, budget


@pytest.mark.parametrize("every_s", [120.0, 1200.0])
def test_alerts_keep_to_the_budget_in_time_whatever_the_cadence(every_s: float) -> None:
    days = 10.0
    rates = [lived(0.5, days=days, every_s=every_s, seed=seed)[0] / (days / 2) for seed in range(2)]
    assert sum(rates) / len(rates) <= 0.7


def test_a_larger_budget_asks_for_less() -> None:
    strict, lax = (lived(per_day, days=2, every_s=120, seed=3)[1].threshold for per_day in (0.2, 4.0))
    assert strict is not None
    assert lax is not None
    assert strict > lax


def test_a_day_of_being_flagged_moves_the_threshold_no_further() -> None:
    budget = AlertBudget(BudgetParameters())
    for at_ms, score in wander(5, 2000, every_s=60):
        budget.take(min(score, 3.0), at_ms)
    before = budget.threshold
    assert before is not None
    for number in range(2000, 2000 + 24 * 60):
        score = before + 2
        assert budget.is_flagged(score)
        budget.take(score, number * 60_000, held_back=True)
    assert budget.threshold == before


def test_a_single_score_above_the_threshold_keeps_no_flag() -> None:
    budget = AlertBudget(BudgetParameters())
    for at_ms, score in wander(6, 300, every_s=60):
        budget.take(min(score, 2.0), at_ms)
    threshold = budget.threshold
    assert threshold is not None
    budget.take(threshold + 3, 300 * 60_000, held_back=True)
    assert not budget.is_flagged(0.9 * threshold)


@examples(30)
@given(seed=st.integers(0, 10**6), begins_s=st.floats(0, 7200), height=st.floats(0.5, 8), rise_s=st.floats(0, 5400))
def test_no_crisis_raises_the_threshold_that_it_is_held_against(
    seed: int, begins_s: float, height: float, rise_s: float
) -> None:
    parameters = BudgetParameters()
    budget = AlertBudget(parameters)
    calm = [(at_ms, min(score, 2.0)) for at_ms, score in wander(seed, 120, every_s=60)]
    for at_ms, score in calm:
        if at_ms <= begins_s * 1000:
            budget.take(score, at_ms)
    before = expected_threshold(parameters) if budget.threshold is None else budget.threshold
    released = parameters.released_share * before
    top = before + height
    for minute in range(24 * 60):
        second = begins_s + minute * 60
        score = top if second - begins_s >= rise_s else released + (top - released) * (second - begins_s) / rise_s
        budget.take(score, round(second * 1000), held_back=budget.is_flagged(score))
        assert budget.threshold is not None
        before = budget.threshold if not minute else before
        assert budget.threshold <= before
    assert budget.is_flagged(top)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -0.1])
def test_what_is_no_score_is_refused_and_leaves_no_trace(bad: float) -> None:
    budget = AlertBudget(BudgetParameters())
    budget.take(1.0, 0)
    before = msgspec.msgpack.encode(budget.dump())
    with pytest.raises(ValueError, match="not in"):
        budget.take(bad, 60_000)
    assert msgspec.msgpack.encode(budget.dump()) == before


def test_the_budget_counts_by_the_delays_of_the_rules() -> None:
    budget, rules = BudgetParameters(), AlertRules()
    assert (budget.delay_s, budget.clear_s) == (rules.pattern_delay_s, rules.pattern_clear_s)
