"""The population model of risk: sums that are exact, lessons that teach, states that go on to the bit."""

import math
import random
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import pytest
from river import base

from stream.candidates import CANDIDATES
from stream.risk_model import AdditiveRisk, LearningParameters, Prior
from stream.risk_prior import SHARES
from stream.risk_shapes import SHAPES
from vitals.errors import ErrorCode, SnapshotMismatch

QUICK = LearningParameters(block_lessons=64)
SHORT = {name: SHAPES[name] for name in ("heart_rate_bpm.last", "temperature_celsius.last", "age_years")}


def lessons(count: int, *, seed: int = 1, missing: float = 0.2) -> Iterator[tuple[dict[str, float], bool]]:
    """Patients of whom the fast hearts deteriorate more often; each feature is unknown with probability `missing`."""
    source = random.Random(seed)
    for _ in range(count):
        rate = source.gauss(85, 15)
        known = {"heart_rate_bpm.last": rate, "temperature_celsius.last": source.gauss(37, 0.7), "age_years": 60.0}
        features = {name: value for name, value in known.items() if source.random() >= missing}
        yield features, source.random() < 1 / (1 + math.exp(-(rate - 115) / 10))


def taught(count: int = 1500, *, missing: float = 0.2) -> AdditiveRisk:
    model = AdditiveRisk(QUICK, SHORT)
    for features, label in lessons(count, missing=missing):
        model.learn(features, label, 1.0)
    return model


def test_it_is_a_classifier_of_river() -> None:
    model = AdditiveRisk()
    assert isinstance(model, base.Classifier)
    model.learn_one({"heart_rate_bpm.last": 80.0}, False)
    told = model.predict_proba_one({"heart_rate_bpm.last": 80.0})
    assert told[False] + told[True] == pytest.approx(1)


def test_before_it_learned_it_tells_everybody_the_base_rate() -> None:
    model = AdditiveRisk()
    assert model.score({}).probability == pytest.approx(QUICK.base_rate)
    assert model.score({name: points[0] for name, points in SHAPES.items()}).probability == pytest.approx(0.02)


def test_contributions_and_intercept_add_up_to_the_log_odds_exactly() -> None:
    model = taught()
    for features, _ in lessons(200, seed=2):
        score = model.score(features)
        assert score.intercept + sum(score.contributions.values()) == score.log_odds
        assert score.probability == pytest.approx(1 / (1 + math.exp(-score.log_odds)))
        assert score.contributions.keys() == SHORT.keys()


def test_what_brings_harm_scores_higher_and_probabilities_are_about_right() -> None:
    model = taught(6000, missing=0.0)
    slow = model.score({"heart_rate_bpm.last": 70.0, "temperature_celsius.last": 37.0, "age_years": 60.0})
    fast = model.score({"heart_rate_bpm.last": 115.0, "temperature_celsius.last": 37.0, "age_years": 60.0})
    assert slow.probability < 0.05
    assert fast.probability == pytest.approx(0.5, abs=0.12)
    told = [model.score(features).probability for features, _ in lessons(2000, seed=3, missing=0.0)]
    came = [label for _, label in lessons(2000, seed=3, missing=0.0)]
    assert sum(told) == pytest.approx(sum(came), rel=0.15)


def test_contributions_are_held_against_the_average_lesson() -> None:
    model, told = AdditiveRisk(QUICK, SHORT), list(lessons(64 * 20))
    for features, label in told:
        model.learn(features, label, 1.0)
    scores = [model.score(features) for features, _ in told]
    for name in SHORT:
        assert sum(score.contributions[name] for score in scores) / len(scores) == pytest.approx(0, abs=1e-3)
    mean = sum(score.log_odds for score in scores) / len(scores)
    assert scores[0].intercept == pytest.approx(mean, abs=3e-3)


def test_scoring_changes_nothing() -> None:
    model = taught()
    before = model.dump()
    for features, _ in lessons(50, seed=4):
        model.score(features)
    assert model.dump() == before


def test_a_state_goes_on_to_the_bit_in_the_middle_of_a_block() -> None:
    model = taught(1000)
    again = AdditiveRisk.load(model.dump())
    for number, (features, label) in enumerate(lessons(300, seed=5)):
        assert again.score(features) == model.score(features)
        model.learn(features, label, 0.5)
        again.learn(features, label, 0.5)
        if number % 100 == 0:
            again = AdditiveRisk.load(again.dump())
    assert again.dump() == model.dump()


def test_the_order_of_features_and_unknown_ones_are_irrelevant() -> None:
    model, other = AdditiveRisk(QUICK, SHORT), AdditiveRisk(QUICK, SHORT)
    for features, label in lessons(200):
        model.learn(features, label, 1.0)
        other.learn({"of_another_kind": 5.0, **dict(reversed(features.items()))}, label, 1.0)
    assert model.dump() == other.dump()


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused_and_leaves_no_trace(bad: float) -> None:
    model = taught(100)
    before = model.dump()
    with pytest.raises(ValueError, match="finite"):
        model.learn({"heart_rate_bpm.last": bad}, True, 1.0)
    with pytest.raises(ValueError, match="weigh"):
        model.learn({"heart_rate_bpm.last": 80.0}, True, 0.0)
    assert model.dump() == before


def test_an_absurd_value_moves_no_further_than_the_outermost_point() -> None:
    model = taught()
    outermost = model.score({"heart_rate_bpm.last": SHAPES["heart_rate_bpm.last"][-1]})
    assert model.score({"heart_rate_bpm.last": 9999.0}) == outermost


def array(*changed: float, size: int) -> bytes:
    """Ones, and at the end these numbers."""
    values = np.ones(size)
    if changed:
        values[-len(changed) :] = changed
    return values.astype("<f8").tobytes()


@pytest.mark.parametrize("name", ["weights", "information", "anchor", "seen"])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, "short", "long", "cut"])
def test_numbers_that_are_none_or_not_as_many_as_there_must_be_are_refused(name: str, bad: float | str) -> None:
    state = msgspec.msgpack.decode(taught(10).dump())
    size = len(state[name]) // 8
    broken = {"short": array(size=size - 1), "long": array(size=size + 1), "cut": array(size=size)[:-3]}
    state[name] = broken[bad] if isinstance(bad, str) else array(bad, size=size)
    with pytest.raises(SnapshotMismatch) as refused:
        AdditiveRisk.load(msgspec.msgpack.encode(state))
    assert refused.value.code is ErrorCode.SNAPSHOT_MISMATCH
    state[name] = array(size=size)
    AdditiveRisk.load(msgspec.msgpack.encode(state))


@pytest.mark.parametrize(
    ("where", "what"),
    [
        (("shift", "value"), math.nan),
        (("shift", "information"), -1.0),
        (("shift", "anchor"), math.inf),
        (("shapes", "age_years"), [50.0, 50.0]),
        (("shapes", "age_years"), [50.0, math.nan]),
        (("shapes", "age_years"), []),
        (("shapes", "age_years"), [float(point) for point in range(65)]),
        (("shapes",), {}),
        (("shapes",), {str(number): [0.0, 1.0] for number in range(257)}),
        (("parameters", "ridge"), math.nan),
        (("parameters", "base_rate"), 1.0),
        (("parameters", "memory_lessons"), 0.0),
        (("parameters", "block_lessons"), 10**9),
        (("prior",), {"intercept": -3.0, "heights": {"age_years": [0.0]}, "strength": 1.0}),
        (("prior",), {"intercept": math.nan, "heights": {}, "strength": 1.0}),
        (("waiting",), [[[0], [1.0, 1.0], True, 1.0]]),
        (("waiting",), [[[10**6], [1.0], True, 1.0]]),
        (("waiting",), [[[-1], [1.0], True, 1.0]]),
        (("waiting",), [[[0], [math.nan], True, 1.0]]),
        (("waiting",), [[[0], [1.0], True, math.inf]]),
        (("waiting",), [[[0], [1.0], True, 1.0]] * 64),
        (("weights",), array(1e308, -1e308, 1e308, size=23)),
        (("seen",), array(-1.0, size=23)),
        (("lessons",), -1),
        (("shift",), "none"),
    ],
)
def test_a_state_that_no_model_has_is_refused(where: tuple[str, ...], what: Any) -> None:
    state = msgspec.msgpack.decode(taught(10).dump())
    place = state if len(where) == 1 else state[where[0]]
    assert where[-1] in place
    place[where[-1]] = what
    with pytest.raises(SnapshotMismatch):
        AdditiveRisk.load(msgspec.msgpack.encode(state))


@pytest.mark.parametrize("blob", [b"", b"{}", b"\x80\x04."])
def test_bytes_that_are_no_state_are_refused(blob: bytes) -> None:
    with pytest.raises(SnapshotMismatch):
        AdditiveRisk.load(blob)


def test_a_step_that_comes_to_nothing_leaves_the_model_as_it_was_and_it_learns_on() -> None:
    model, told = taught(640), list(lessons(128, seed=7))
    sound, before = model.dump(), model.score({"heart_rate_bpm.last": 120.0})
    state = msgspec.msgpack.decode(sound)
    state["information"] = array(*[1e308] * 20, size=len(state["information"]) // 8)
    broken = AdditiveRisk.load(msgspec.msgpack.encode(state))
    held = msgspec.msgpack.decode(broken.dump())
    for features, label in told[:63]:
        broken.learn(features, label, 1.0)
    with pytest.raises(FloatingPointError, match="64 lessons"):
        broken.learn(*told[63], 1.0)
    after = msgspec.msgpack.decode(broken.dump())
    assert {**after, "lessons": held["lessons"]} == held
    assert broken.score({"heart_rate_bpm.last": 120.0}) == before
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(np.linalg, "solve", no_solution)
        for features, label in told[:63]:
            model.learn(features, label, 1.0)
        with pytest.raises(FloatingPointError):
            model.learn(*told[63], 1.0)
    for features, label in told[64:]:
        model.learn(features, label, 1.0)
    straight = AdditiveRisk.load(sound)
    for features, label in told[64:]:
        straight.learn(features, label, 1.0)
    assert model.score({"heart_rate_bpm.last": 120.0}) == straight.score({"heart_rate_bpm.last": 120.0})


def no_solution(left: object, right: object) -> None:
    raise np.linalg.LinAlgError("Singular matrix")


def test_what_was_learned_long_ago_fades() -> None:
    fading = LearningParameters(block_lessons=64, memory_lessons=500)
    quick, slow = AdditiveRisk(fading, SHORT), AdditiveRisk(QUICK, SHORT)
    for model in (quick, slow):
        for harmful in (True, False):
            for number in range(1500 if harmful else 700):
                fast = number % 2 == 0
                label = fast is harmful if number % 5 else not fast
                model.learn({"heart_rate_bpm.last": 120.0 if fast else 70.0}, label, 1.0)
    ill = {"heart_rate_bpm.last": 120.0}
    assert quick.score(ill).probability < 0.6 * slow.score(ill).probability


def test_deteriorations_that_are_told_first_carry_nobody_beyond_their_share() -> None:
    model = CANDIDATES[0].fresh()
    features = [typical(seed) for seed in range(256)]
    for number, each in enumerate(features):
        model.learn(each, number < 24, 1.0)
    told = [model.score(each).probability for each in features]
    assert sum(told) / len(told) < 1.3 * 24 / 256
    for _ in range(3):
        for each in features:
            model.learn(each, False, 1.0)
    told = [model.score(each).probability for each in features]
    assert sum(told) / len(told) < 1.3 * 24 / 1024


def typical(seed: int) -> dict[str, float]:
    """Somebody within the points of every curve."""
    source = random.Random(seed)
    return {name: source.uniform(points[0], points[-1]) for name, points in SHAPES.items()}


def test_elsewhere_no_score_changes_by_itself_and_lessons_from_there_weigh_more() -> None:
    stayed, moved = taught(), taught()
    moved.move_elsewhere()
    asked = [features for features, _ in lessons(50, seed=3)]
    assert [moved.score(each).log_odds for each in asked] == [stayed.score(each).log_odds for each in asked]
    for model in (stayed, moved):
        for features, label in lessons(QUICK.block_lessons * 10, seed=4):
            model.learn(features, not label, 1.0)
    fast, slow = {"heart_rate_bpm.last": 120.0}, {"heart_rate_bpm.last": 70.0}

    def preference(model: AdditiveRisk) -> float:
        return model.score(fast).log_odds - model.score(slow).log_odds

    assert preference(moved) < preference(stayed) - 0.3
    assert AdditiveRisk.load(moved.dump()).dump() == moved.dump()


def test_parts_of_what_is_shipped_are_against_the_average_of_where_it_comes_from() -> None:
    model = CANDIDATES[0].fresh()
    unknown = model.score({}).contributions
    for name, shares in SHARES.items():
        at_points = [model.score({name: point}).contributions[name] for point in SHAPES[name]]
        known = sum(share * part for share, part in zip(shares, at_points, strict=True))
        assert known + (1 - sum(shares)) * unknown[name] == pytest.approx(0, abs=1e-9)
    assert model.score({"news2_points.last": 0.0}).contributions["news2_points.last"] < 0


def test_a_prior_speaks_first_and_gives_way_to_lessons() -> None:
    heights = {name: tuple(0.0 for _ in points) for name, points in SHORT.items()}
    heights["heart_rate_bpm.last"] = tuple(-float(number) / 4 for number in range(8))
    model = AdditiveRisk(QUICK, SHORT, Prior(-3.0, heights, 5.0))
    slow, fast = {"heart_rate_bpm.last": 55.0}, {"heart_rate_bpm.last": 120.0}
    assert model.is_taught
    assert model.score(slow).log_odds > model.score(fast).log_odds
    for features, label in lessons(6000, missing=0.0):
        model.learn(features, label, 1.0)
    assert model.score(slow).log_odds < model.score(fast).log_odds
    assert AdditiveRisk.load(model.dump()).dump() == model.dump()


def test_a_prior_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="heights"):
        AdditiveRisk(QUICK, SHORT, Prior(-3.0, dict.fromkeys(SHORT, (0.0,)), 1.0))
