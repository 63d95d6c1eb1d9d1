"""The one line a nurse reads."""

import pytest

from alerts import wording
from vitals.alert import AlertKind
from vitals.limits import HARD_LIMITS, LimitRule


def rule_of(kind: AlertKind) -> LimitRule:
    return next(rule for rule in HARD_LIMITS if rule.kind is kind)


@pytest.mark.parametrize(
    ("kind", "value", "limit", "lasted_ms", "line"),
    [
        (AlertKind.SPO2_LOW, 84, 88, 45_000, "SpO2 84 % for 45 s, limit 88 %"),
        (AlertKind.SPO2_LOW, 87.6, 88, 40_000, "SpO2 87.6 % for 40 s, limit 88 %"),
        (AlertKind.TEMPERATURE_HIGH, 39.4, 39, 600_000, "Temperature 39.4 °C for 10 min, limit 39.0 °C"),
        (AlertKind.SYSTOLIC_LOW, 78, 80, 0, "Systolic pressure 78 mmHg, limit 80 mmHg"),
        (AlertKind.HEART_RATE_HIGH, 151, 150, 61_000, "Heart rate 151 /min for 1 min 1 s, limit 150 /min"),
    ],
)
def test_a_breach_names_value_duration_and_limit(
    kind: AlertKind, value: float, limit: float, lasted_ms: int, line: str
) -> None:
    assert wording.breach(rule_of(kind), value, limit, lasted_ms) == line
