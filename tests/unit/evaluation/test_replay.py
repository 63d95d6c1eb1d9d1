"""Patients come in an order that a seed decides; each is scored whole before its labels are told, when they can be known."""

from collections.abc import Sequence

import numpy as np
import pytest

from evaluation.column_scorers import held_beyond_limits, rolling_z
from evaluation.known_features import KnownFeatures, RiskInOrder
from evaluation.live_scorer import LiveScorer, population_model
from evaluation.replay import Replay, order_of
from evaluation.scorers import FACTS, Arrival, BedsideScores, Scorer
from stream.population import PopulationModel
from tests.support.recorded_sets import recorded
from vitals.reading import Reading
from vitals.sign import Sign

NAN = float("nan")


class Witness:
    """A scorer that notes what it is told, in order."""

    names = ("risk",)

    def __init__(self) -> None:
        self.heard: list[tuple[str, object]] = []
        self.newest_ms = 0

    def begin(self, arrival: Arrival) -> None:
        self.heard.append(("begin", arrival.patient_id))

    def score(self, reading: Reading) -> Sequence[float | None]:
        assert reading.measured_at_ms > self.newest_ms, "one clock for all, and it never goes back"
        self.newest_ms = reading.measured_at_ms
        self.heard.append(("score", reading.signs[Sign.HEART_RATE]))
        return (reading.signs[Sign.HEART_RATE],)

    def learn(self, labels: Sequence[bool], known_at_ms: int) -> None:
        assert known_at_ms >= self.newest_ms + 6 * 3_600_000, "never before its horizon has passed"
        self.newest_ms = known_at_ms
        self.heard.append(("learn", tuple(labels)))


def replayed(
    made_of: Sequence[Sequence[float]], onset: Sequence[float | None], *, seed: int = 1
) -> tuple[Witness, Replay]:
    witness = Witness()
    replay = Replay(recorded(made_of, onset_hours=onset), [witness], seed=seed)
    assert list(replay.steps())[-1] == sum(map(len, made_of))
    return witness, replay


def test_every_hour_of_a_patient_is_scored_before_any_is_learned() -> None:
    witness, _ = replayed([[71.0, NAN, 73.0], [81.0, 82.0]], [2, None])
    of_patient = {name: witness.heard.index(("begin", name)) for name in ("p0", "p1")}
    first = of_patient["p0"]
    assert witness.heard[first : first + 4] == [
        ("begin", "p0"),
        ("score", 71.0),
        ("score", 73.0),
        ("learn", (True, True)),
    ]


def test_an_hour_without_a_reading_keeps_the_score_before_it_and_none_is_carried_to_another_patient() -> None:
    _, replay = replayed([[71.0, NAN, 73.0], [NAN, 82.0]], [None, None])
    scores = replay.result().scores["risk"]
    assert scores[:3].tolist() == [71, 71, 73]
    assert np.isnan(scores[3])
    assert scores[4] == 82


def test_a_seed_decides_the_order_and_nothing_else() -> None:
    courses = [[60.0 + patient] * 3 for patient in range(30)]
    one, again, other = (replayed(courses, [None] * 30, seed=seed)[1].result() for seed in (1, 1, 2))
    assert one.arrival.tolist() == again.arrival.tolist() != other.arrival.tolist()
    assert sorted(other.arrival.tolist()) == list(range(30))
    assert one.scores["risk"].tolist() == other.scores["risk"].tolist()


def test_the_live_code_scores_as_on_a_ward_and_bedside_scores_stand_beside_it() -> None:
    scorers: list[Scorer] = [LiveScorer(), BedsideScores()]
    replay = Replay(recorded([[135.0, 70.0]], onset_hours=[None]), scorers, seed=1)
    list(replay.steps())
    scores = replay.result().scores
    assert set(scores) == {name for scorer in scorers for name in scorer.names} <= set(FACTS)
    assert scores["news2_partial"].tolist() == [3, 0]
    assert scores["news2_high"].tolist() == [20, 17]
    assert np.isnan(scores["news2"]).all(), "never complete with one sign"
    assert scores["mews_partial"].tolist() == [3, 0]
    assert np.isnan(scores["shock_index"]).all()


def test_limits_must_be_held_where_seconds_are_seen_and_stand_for_the_hour_where_they_are_not() -> None:
    hourly = recorded([[70.0, 140.0, NAN, 135.0]], onset_hours=[None])
    assert np.array_equal(held_beyond_limits(hourly), [0, 1, NAN, 1], equal_nan=True), (
        "without a value nothing is judged"
    )
    seconds = recorded([[140.0] * 20 + [70.0] + [140.0] * 5], onset_hours=[None])
    seconds = seconds._replace(at_ms=np.arange(26) * 1000)
    assert np.flatnonzero(held_beyond_limits(seconds)).tolist() == list(range(14, 20))


def test_a_z_score_looks_back_a_day_and_never_at_another_patient() -> None:
    made = recorded([[70.0, 72.0] * 10 + [91.0], [200.0] * 3], onset_hours=[None, None])
    z = rolling_z(made)
    assert np.isnan(z[:6]).all()
    assert z[20] == pytest.approx((91 - 71) / 1.0)
    assert np.isnan(z[21:]).all()


def test_another_order_from_known_features_gives_the_bits_of_a_replay() -> None:
    generator = np.random.default_rng(1)
    courses = [(70 + 10 * generator.random(30) + patient).tolist() for patient in range(30)]
    made = recorded(courses, onset_hours=[20 if patient % 3 == 0 else None for patient in range(30)])
    live = LiveScorer(population_model("none"))
    known = KnownFeatures(made)
    first = Replay(made, [live], seed=1, scored=lambda rows: known.note(rows, live.scored))
    list(first.steps())
    again = RiskInOrder(known, model_of(), seed=2)
    whole = Replay(made, [LiveScorer(model_of())], seed=2)
    assert list(again.steps()) == list(whole.steps())
    risk = whole.result().scores["risk"]
    assert np.isfinite(risk).sum() > 500
    assert len(np.unique(risk[np.isfinite(risk)])) > 100, "it learned"
    assert np.array_equal(again.result(), risk, equal_nan=True)


def test_only_what_was_shipped_tells_a_risk_of_the_first_patient() -> None:
    made = recorded([[70.0] * 30, [120.0] * 30], onset_hours=[None, 20])
    for prior, told in (("none", False), ("shipped", True)):
        replay = Replay(made, [LiveScorer(population_model(prior))], seed=1)
        first = int(order_of(made, 1)[0])
        list(replay.steps())
        risk = replay.result().scores["risk"][made.first[first] : made.first[first + 1]]
        assert np.isfinite(risk).any() == told


def model_of() -> PopulationModel:
    model = population_model("none")
    assert model is not None
    return model
