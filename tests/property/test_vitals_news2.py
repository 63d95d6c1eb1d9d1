"""Whatever a missing input turns out to be, NEWS2's interval told the truth."""

from hypothesis import given
from hypothesis import strategies as st

from vitals.news2 import NEWS2_INPUTS, RED, score
from vitals.sign import SIGN_FACTS, Sign

CODES = {
    Sign.CONSCIOUSNESS: st.sampled_from([0.0, 1.0, 2.0, 3.0, 4.0]),
    Sign.SUPPLEMENTAL_OXYGEN: st.sampled_from([0.0, 1.0]),
}


def value_of(sign: Sign) -> st.SearchStrategy[float]:
    facts = SIGN_FACTS[sign]
    return CODES.get(sign, st.floats(facts.possible_low, facts.possible_high))


COMPLETE = st.fixed_dictionaries({sign: value_of(sign) for sign in NEWS2_INPUTS})
SCALES = st.sampled_from([1, 2])


@given(everything=COMPLETE, scale=SCALES, order=st.permutations(NEWS2_INPUTS))
def test_learning_one_input_after_the_other_only_narrows_the_interval(
    everything: dict[Sign, float], scale: int, order: list[Sign]
) -> None:
    known: dict[Sign, float] = {}
    before = score(known, spo2_scale=scale)
    for sign in order:
        known[sign] = everything[sign]
        after = score(known, spo2_scale=scale)
        assert before.low <= after.low <= after.high <= before.high
        assert not (before.single_red and not after.single_red)
        before = after
    assert before.total == before.low == before.high == sum(before.points.values())
    assert before.single_red == (RED in before.points.values())


@given(everything=COMPLETE, scale=SCALES, kept=st.sets(st.sampled_from(NEWS2_INPUTS)))
def test_a_missing_input_never_counts_as_0_points(everything: dict[Sign, float], scale: int, kept: set[Sign]) -> None:
    known = {sign: value for sign, value in everything.items() if sign in kept}
    summary = score(known, spo2_scale=scale)
    assert set(summary.missing) == set(NEWS2_INPUTS) - kept
    assert summary.points.keys() <= kept
    assert (summary.total is None) == bool(summary.missing)
    assert 0 <= summary.low <= summary.high <= 20


@given(everything=COMPLETE, scale=SCALES, order=st.permutations(NEWS2_INPUTS))
def test_the_order_of_inputs_is_irrelevant(everything: dict[Sign, float], scale: int, order: list[Sign]) -> None:
    assert score({sign: everything[sign] for sign in order}, spo2_scale=scale) == score(everything, spo2_scale=scale)


@given(everything=COMPLETE, percent=st.integers(50, 100))
def test_the_interval_with_oxygen_unknown_is_exactly_what_air_and_oxygen_give(
    everything: dict[Sign, float], percent: int
) -> None:
    known = {**everything, Sign.SPO2: float(percent)}
    totals = [score({**known, Sign.SUPPLEMENTAL_OXYGEN: oxygen}, spo2_scale=2).low for oxygen in (0.0, 1.0)]
    del known[Sign.SUPPLEMENTAL_OXYGEN]
    summary = score(known, spo2_scale=2)
    assert (summary.low, summary.high) == (min(totals), max(totals))
