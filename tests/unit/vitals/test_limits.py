"""Hard limits: each deeper band waits less and calls louder, and none lies inside what NEWS2 calls mild."""

import pytest

from vitals.alert import AlertKind, Priority
from vitals.fault import FAULT_KINDS
from vitals.limits import HARD_LIMITS, WITHIN_LIMITS, LimitRule, Side, any_beyond_limits, is_beyond_limits
from vitals.news2 import points_of
from vitals.sign import SIGN_FACTS, Sign

LOUDNESS = [Priority.LOW, Priority.MEDIUM, Priority.HIGH]
BY_KIND = {rule.kind: rule for rule in HARD_LIMITS}


@pytest.mark.parametrize("rule", HARD_LIMITS, ids=lambda rule: str(rule.kind))
def test_deeper_bands_lie_further_out_wait_less_and_call_louder(rule: LimitRule) -> None:
    for shallow, deep in zip(rule.depths, rule.depths[1:], strict=False):
        assert rule.is_beyond(deep.limit, shallow.limit)
        assert deep.delay_s < shallow.delay_s
        assert LOUDNESS.index(deep.priority) >= LOUDNESS.index(shallow.priority)


@pytest.mark.parametrize("rule", HARD_LIMITS, ids=lambda rule: str(rule.kind))
def test_every_limit_is_a_possible_value_and_has_a_source(rule: LimitRule) -> None:
    facts = SIGN_FACTS[rule.sign]
    assert all(facts.possible_low < depth.limit < facts.possible_high for depth in rule.depths)
    assert rule.source


@pytest.mark.parametrize("rule", HARD_LIMITS, ids=lambda rule: str(rule.kind))
def test_a_value_beyond_a_limit_scores_at_least_2_in_news2(rule: LimitRule) -> None:
    step = 0.1 if rule.sign is Sign.TEMPERATURE else 1.0
    beyond = rule.depths[0].limit + (-step if rule.side is Side.LOW else step)
    points = points_of(rule.sign, beyond)
    assert points is not None
    assert points >= 2


def test_each_kind_of_limit_alert_has_one_rule() -> None:
    assert len(BY_KIND) == len(HARD_LIMITS)
    others = {AlertKind.NEWS2_SINGLE_RED, AlertKind.NEWS2_URGENT, AlertKind.NEWS2_EMERGENCY}
    others |= {AlertKind.UNUSUAL_PATTERN, AlertKind.CONSCIOUSNESS, AlertKind.LOST_CONTACT, AlertKind.LEDGER_IMBALANCE}
    others |= {AlertKind.DETERIORATION_RISK, AlertKind.BASELINE_SHIFT, AlertKind.IRREGULAR_DATA, AlertKind.LOW_BATTERY}
    others |= {AlertKind.CLOCK_WRONG, AlertKind.PEWS_HIGH, *FAULT_KINDS}
    others |= {kind for kind in AlertKind if kind.value.endswith("-lost")}
    assert set(BY_KIND) == set(AlertKind) - others


@pytest.mark.parametrize(
    ("percent", "delay_s"), [(88.0, None), (87.9, 40), (80.0, 40), (79.9, 15), (69.9, 5), (59.9, 0)]
)
def test_spo2_waits_less_the_deeper_it_falls(percent: float, delay_s: float | None) -> None:
    depth = BY_KIND[AlertKind.SPO2_LOW].depth_of(percent)
    assert (None if depth is None else depth.delay_s) == delay_s


def test_the_limit_itself_is_within() -> None:
    assert not is_beyond_limits(Sign.HEART_RATE, 130)
    assert is_beyond_limits(Sign.HEART_RATE, 130.1)
    assert not is_beyond_limits(Sign.HEART_RATE, 40)
    assert is_beyond_limits(Sign.HEART_RATE, 39.9)


def test_signs_without_a_limit_are_never_beyond() -> None:
    assert not is_beyond_limits(Sign.STEPS, 1e9)
    assert not any_beyond_limits({Sign.STEPS: 1e9, Sign.DIASTOLIC: 20.0})
    assert any_beyond_limits({Sign.STEPS: 1.0, Sign.SPO2: 80.0})
    assert WITHIN_LIMITS[Sign.SPO2] == (88, float("inf"))
