"""Getting better is the way back into health and no further: beyond it on the other side is harm."""

from hypothesis import given
from hypothesis import strategies as st

from stream.baseline import PersonalBaselines
from stream.baseline_facts import RECOVERY_INTO, VARIATION_AT, Variation
from stream.baseline_sign import BaselineParameters, is_for_good
from stream.context import BY_DAY_AT_REST
from stream.drift import Settled
from tests.support.examples import examples
from vitals.age import AgeBand
from vitals.sign import Sign

BANDS = st.sampled_from([None, *AgeBand])
TWO_SIDED = [Sign.HEART_RATE, Sign.RESPIRATORY_RATE, Sign.TEMPERATURE, Sign.SYSTOLIC]
HOUR_MS = 3_600_000
DAY_S = 86_400.0


def level(variation: Variation, at: float) -> float:
    """-1 to 0 below what is unremarkable, 0 to 1 in it, 1 to 2 above, each as wide as it is."""
    good = variation.unremarkable
    return good.low + at * (good.high - good.low)


AT = st.floats(-1, 2)


@examples(400)
@given(band=BANDS, sign=st.sampled_from(TWO_SIDED), usual_at=AT, value_at=AT)
def test_within_the_way_back_nothing_is_harm_and_past_health_at_least_what_lies_past_it_is(
    band: AgeBand | None, sign: Sign, usual_at: float, value_at: float
) -> None:
    variation = VARIATION_AT[band][sign]
    good, usual, value = variation.unremarkable, level(variation, usual_at), level(variation, value_at)
    harm = variation.towards_harm(value, usual)
    away = value - usual
    assert harm * away >= 0
    assert abs(harm) <= abs(away) + 1e-9
    if variation.is_recovery(usual, value):
        assert harm == 0
        assert not good.contains(usual)
        assert min(usual, good.low) <= value <= max(usual, good.high)
    if usual > good.high and value < good.low:
        assert harm <= value - good.low
        assert harm >= value - good.high - 1e-9
    if usual < good.low and value > good.high:
        assert harm >= value - good.high
    if good.contains(usual):
        assert harm == away


@examples(300)
@given(band=BANDS, sign=st.sampled_from(TWO_SIDED), usual_at=AT, values_at=st.tuples(AT, AT))
def test_further_from_usual_on_one_side_is_never_less_harm(
    band: AgeBand | None, sign: Sign, usual_at: float, values_at: tuple[float, float]
) -> None:
    variation = VARIATION_AT[band][sign]
    usual = level(variation, usual_at)
    low, high = sorted(level(variation, at) for at in values_at)
    assert variation.towards_harm(low, usual) <= variation.towards_harm(high, usual) + 1e-9


@examples(200)
@given(band=BANDS, sign=st.sampled_from(TWO_SIDED), outside=st.floats(0, 1e-3), value_at=AT, above=st.booleans())
def test_who_is_barely_outside_of_health_is_judged_as_who_is_barely_inside(
    band: AgeBand | None, sign: Sign, outside: float, value_at: float, *, above: bool
) -> None:
    variation = VARIATION_AT[band][sign]
    good, value = variation.unremarkable, level(variation, value_at)
    edge, usual = (good.high, good.high + outside) if above else (good.low, good.low - outside)
    difference = variation.towards_harm(value, usual) - variation.towards_harm(value, edge)
    assert abs(difference) <= 4 * (1 + RECOVERY_INTO) * outside + 1e-9


def baselines(usual: float, sign: Sign, band: AgeBand | None) -> PersonalBaselines:
    """Of who has been at one level for half a day."""
    known = PersonalBaselines(BaselineParameters())
    known.enter(BY_DAY_AT_REST, band)
    for minute in range(0, 12 * 60, 5):
        known.learn({sign: usual + minute % 2 * 0.01}, minute * 60_000)
    return known


@examples(60)
@given(
    band=BANDS,
    sign=st.sampled_from(TWO_SIDED),
    outside=st.floats(0.2, 0.8),
    past=st.floats(0.05, 0.8),
    above=st.booleans(),
)
def test_no_usual_is_moved_by_a_sign_that_swings_past_health(
    band: AgeBand | None, sign: Sign, outside: float, past: float, *, above: bool
) -> None:
    variation = VARIATION_AT[band][sign]
    usual = level(variation, 1 + outside if above else -outside)
    beyond = level(variation, -past if above else 1 + past)
    known = baselines(usual, sign, band)
    baseline = known.signs[sign]
    before = baseline.usual
    for minute in range(12 * 60, 36 * 60, 5):
        known.learn({sign: beyond}, minute * 60_000)
    assert abs(baseline.usual - before) < 0.1 * abs(beyond - before)
    assert known.take_relearned() == ()
    day, two = Settled(beyond, 0.1, DAY_S), Settled(beyond, 0.1, 2 * DAY_S)
    assert not is_for_good(baseline, variation, day, BaselineParameters())
    assert is_for_good(baseline, variation, two, BaselineParameters())


def test_a_saturation_that_rises_is_never_harm_and_may_rise_to_the_top() -> None:
    saturation = VARIATION_AT[None][Sign.SPO2]
    assert saturation.is_recovery(95, 100)
    assert saturation.towards_harm(100, 88) == 0
    assert saturation.towards_harm(90, 95) == -5
