"""Whatever a patient's course and whatever was learned: a risk's parts add up, states go on to the bit, junk leaves no trace."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.population import InForce
from stream.risk import PatientRisk, RiskState
from stream.risk_model import AdditiveRisk, LearningParameters
from stream.risk_shapes import SHAPES
from stream.risk_windows import HOUR_MS
from tests.support.examples import examples
from vitals.sex import Sex
from vitals.sign import PHYSIOLOGICAL_SIGNS, SIGN_FACTS, Sign

START_MS = 490_000 * HOUR_MS
JUNK = st.sampled_from([math.nan, math.inf, -math.inf, 9999.0, -1.0])


@st.composite
def readings(draw: st.DrawFn) -> list[tuple[int, dict[Sign, float], dict[Sign, float]]]:
    """Times in order, what was measured, and junk that came with it of signs that were not."""
    at_ms, found = START_MS, []
    for _ in range(draw(st.integers(1, 25))):
        at_ms += draw(st.sampled_from([1000, 400_000, HOUR_MS, 5 * HOUR_MS, 60 * HOUR_MS]))
        signs = {
            sign: draw(st.floats(SIGN_FACTS[sign].possible_low, SIGN_FACTS[sign].possible_high))
            for sign in draw(st.sets(st.sampled_from(PHYSIOLOGICAL_SIGNS), max_size=4))
        }
        junk = draw(st.dictionaries(st.sampled_from(PHYSIOLOGICAL_SIGNS), JUNK, max_size=2))
        found.append((at_ms, signs, {sign: value for sign, value in junk.items() if sign not in signs}))
    return found


@st.composite
def models(draw: st.DrawFn) -> AdditiveRisk:
    model = AdditiveRisk(LearningParameters(block_lessons=8))
    for _ in range(draw(st.integers(0, 24))):
        names = draw(st.sets(st.sampled_from(sorted(SHAPES)), max_size=5))
        features = {name: draw(st.floats(-1e6, 1e6)) for name in names}
        model.learn(features, draw(st.booleans()), draw(st.floats(0.01, 1.0)))
    return model


@examples(40)
@given(models(), readings(), st.integers(0, 24))
def test_parts_add_up_junk_leaves_no_trace_and_a_restored_patient_goes_on(
    model: AdditiveRisk, course: list[tuple[int, dict[Sign, float], dict[Sign, float]]], restored_at: int
) -> None:
    risk, clean, in_force = PatientRisk(), PatientRisk(), InForce(1, model)
    for number, (at_ms, signs, junk) in enumerate(course):
        told = risk.step({**junk, **signs}, at_ms, 64, Sex.FEMALE, in_force)
        assert told == clean.step(signs, at_ms, 64, Sex.FEMALE, in_force)
        if told is not None:
            assert all(map(math.isfinite, told.features.values()))
            score = model.score(told.features)
            assert score.intercept + sum(score.contributions.values()) == score.log_odds
        if told is not None and told.parts is not None:
            parts = told.parts
            assert parts.usual + sum(parts.parts.values()) + parts.others == pytest.approx(parts.log_odds, abs=1e-9)
        if number == restored_at:
            risk = PatientRisk(msgspec.msgpack.decode(msgspec.msgpack.encode(risk.dump()), type=RiskState))


@examples(30)
@given(models())
def test_a_model_of_any_lessons_is_the_same_after_a_dump(model: AdditiveRisk) -> None:
    again = AdditiveRisk.load(model.dump())
    for number in range(20):
        features = {name: points[number % len(points)] for name, points in SHAPES.items()}
        assert again.score(features) == model.score(features)
        model.learn(features, number % 3 == 0, 1.0)
        again.learn(features, number % 3 == 0, 1.0)
    assert again.dump() == model.dump()
