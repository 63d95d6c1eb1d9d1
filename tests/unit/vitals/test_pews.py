"""Bedside PEWS: the bands of its table, what is unknown, and whom NEWS2 must not score."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitals.age import AgeBand
from vitals.child_limits import CHILD_LIMITS, LIMITED_BY_AGE
from vitals.errors import InvalidArgument
from vitals.limits import HARD_LIMITS, Side
from vitals.pews import PEWS_INPUTS, POINTS_MAX, points_of, score
from vitals.sign import Sign

CHARTED = {Sign.CAPILLARY_REFILL: 2.0, Sign.RESPIRATORY_EFFORT: 0.0, Sign.SUPPLEMENTAL_OXYGEN: 0.0}
WELL = {Sign.HEART_RATE: 100.0, Sign.SYSTOLIC: 100.0, Sign.RESPIRATORY_RATE: 30.0, Sign.SPO2: 98.0, **CHARTED}
"""A child of two."""


@pytest.mark.parametrize(
    ("sign", "band", "by_value"),
    [
        (Sign.HEART_RATE, AgeBand.UNDER_3_MONTHS, {149: 0, 150: 1, 180: 2, 190: 4, 111: 0, 110: 1, 90: 2, 80: 4}),
        (Sign.HEART_RATE, AgeBand.UNDER_16_YEARS, {99: 0, 100: 1, 120: 2, 140: 4, 61: 0, 60: 1, 50: 2, 40: 4}),
        (Sign.SYSTOLIC, AgeBand.UNDER_4_YEARS, {109: 0, 110: 1, 125: 2, 160: 4, 91: 0, 90: 1, 75: 2, 65: 4}),
        (Sign.RESPIRATORY_RATE, AgeBand.UNDER_1_YEAR, {50: 0, 51: 1, 71: 2, 81: 4, 25: 0, 24: 1, 19: 2, 15: 4}),
        (Sign.SPO2, AgeBand.UNDER_1_YEAR, {95: 0, 94: 1, 91: 1, 90: 2}),
        (Sign.CAPILLARY_REFILL, AgeBand.UNDER_1_YEAR, {2: 0, 3: 4}),
        (Sign.RESPIRATORY_EFFORT, AgeBand.UNDER_1_YEAR, {0: 0, 1: 1, 2: 2, 3: 4}),
    ],
)
def test_the_bands_are_those_of_the_table(sign: Sign, band: AgeBand, by_value: dict[float, int]) -> None:
    assert {value: points_of(sign, value, band) for value in by_value} == by_value


def test_how_much_oxygen_a_child_needs_decides_its_points() -> None:
    band = AgeBand.UNDER_4_YEARS
    assert [points_of(Sign.SUPPLEMENTAL_OXYGEN, 1, band, flow_l_per_min=flow) for flow in (2, 4)] == [2, 4]
    unknown = score({**WELL, Sign.SUPPLEMENTAL_OXYGEN: 1}, band)
    assert (unknown.low, unknown.high, unknown.total, unknown.missing) == (2, 4, None, ())


def test_a_whole_set_of_observations_has_a_total() -> None:
    assert score(WELL, AgeBand.UNDER_4_YEARS).total == 0
    worst = {
        **dict.fromkeys((Sign.HEART_RATE, Sign.SYSTOLIC, Sign.RESPIRATORY_RATE), 200.0),
        Sign.SPO2: 80.0,
        Sign.CAPILLARY_REFILL: 5.0,
        Sign.RESPIRATORY_EFFORT: 3.0,
        Sign.SUPPLEMENTAL_OXYGEN: 1.0,
        Sign.OXYGEN_FLOW: 8.0,
    }
    assert score(worst, AgeBand.UNDER_4_YEARS).total == 26 == sum(POINTS_MAX.values())


@given(
    band=st.sampled_from(AgeBand),
    values=st.dictionaries(st.sampled_from(PEWS_INPUTS), st.floats(0, 300, allow_nan=False)),
    sign=st.sampled_from(PEWS_INPUTS),
    value=st.floats(0, 300, allow_nan=False),
)
def test_learning_one_more_input_never_widens_the_interval(
    band: AgeBand, values: dict[Sign, float], sign: Sign, value: float
) -> None:
    before = score({key: known for key, known in values.items() if key is not sign}, band)
    after = score({**values, sign: value}, band)
    assert before.low <= after.low <= after.high <= before.high
    assert (after.total is None) == (after.low != after.high)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(InvalidArgument, match="give a number"):
        points_of(Sign.HEART_RATE, value, AgeBand.UNDER_1_YEAR)


def test_a_sign_that_pews_does_not_use_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="PEWS does not use temperature_celsius"):
        points_of(Sign.TEMPERATURE, 37, AgeBand.UNDER_1_YEAR)


@pytest.mark.parametrize("band", AgeBand)
def test_limits_of_a_child_begin_where_pews_gives_two_and_four_points(band: AgeBand) -> None:
    assert [rule.kind for rule in CHILD_LIMITS[band]] == [rule.kind for rule in HARD_LIMITS]
    for rule in CHILD_LIMITS[band]:
        if rule.sign not in LIMITED_BY_AGE:
            continue
        assert [points_of(rule.sign, depth.limit, band) for depth in rule.depths] == [2, 4]
        limits = [depth.limit for depth in rule.depths]
        assert limits == sorted(limits, reverse=rule.side is Side.LOW)
        assert [depth.delay_s for depth in rule.depths] == sorted((d.delay_s for d in rule.depths), reverse=True)
