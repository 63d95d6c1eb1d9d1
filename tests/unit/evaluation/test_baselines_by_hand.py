"""Each score that the risk model is held against, on one course whose points were counted by hand, and by its name in the report."""

import math

import numpy as np
import pytest

from evaluation.column_scorers import held_beyond_limits
from evaluation.live_scorer import LiveScorer
from evaluation.nights import Wearer, nightsignal_verdicts
from evaluation.replay import Replay
from evaluation.scorers import FACTS, BedsideScores
from tests.support.recorded_sets import recorded
from vitals.sign import Sign

NAN = math.nan
COURSE = {
    Sign.HEART_RATE: [131.0, 95.0, NAN],
    Sign.RESPIRATORY_RATE: [25.0, 20.0, NAN],
    Sign.SPO2: [87.0, 95.0, NAN],
    Sign.TEMPERATURE: [39.1, NAN, NAN],
    Sign.SYSTOLIC: [90.0, NAN, NAN],
    Sign.CONSCIOUSNESS: [0.0, NAN, NAN],
    Sign.SUPPLEMENTAL_OXYGEN: [1.0, NAN, NAN],
}
BY_HAND = {
    # breathing 3, saturation 3, oxygen 2, pressure 3, pulse 3, temperature 2; an hour later all of them are fresh or measured anew:
    # breathing 0, saturation 1, pulse 1, pressure 3, temperature 2, while what was charted stands (oxygen 2)
    "news2": (16, 9),
    "news2_partial": (16, 9),
    "news2_high": (16, 9),
    # breathing 22 or more, pressure 100 or less; then the pressure alone
    "qsofa_partial": (2, 1),
    # temperature above 38, pulse above 90, breathing above 20; then no longer the breathing
    "sirs_partial": (3, 2),
    # pressure 1, pulse 3, breathing 2, temperature 2; then 1, 0, 1 (15 to 20), 2
    "mews_partial": (8, 4),
    "shock_index": (131 / 90, 95 / 90),
    # pulse above 130, saturation below 88, temperature above 39; 90 is not below 90
    "thresholds_15s": (3, 0),
}


def test_every_score_of_the_bedside_counts_as_a_person_would() -> None:
    made = recorded([COURSE[Sign.HEART_RATE]], onset_hours=[None])
    made = made._replace(signs={sign: np.array(values) for sign, values in COURSE.items()})
    replay = Replay(made, [LiveScorer(), BedsideScores()], seed=1)
    list(replay.steps())
    scores = replay.result().scores | {"thresholds_15s": held_beyond_limits(made)}
    found = {name: tuple(scores[name][:2].tolist()) for name in BY_HAND}
    assert found == {name: pytest.approx(points) for name, points in BY_HAND.items()}
    held = {name: scores[name][2] for name in BY_HAND if name != "thresholds_15s"}
    assert held == {name: pytest.approx(BY_HAND[name][1]) for name in held}, "an hour without a reading keeps them"
    assert set(BY_HAND) <= set(FACTS)


def test_nightsignal_tells_the_second_of_two_nights_so_far_above_the_median_of_all_before() -> None:
    rates = [60.0, 60.0, 62.0, 63.0, 63.0, 60.0, 66.0, 60.0]
    events: list[tuple[int, float | None, float | None]] = [
        (night * 86_400_000 + minute * 60_000, rate, None) for night, rate in enumerate(rates) for minute in range(420)
    ]
    events.append((len(rates) * 86_400_000, None, 0.0))
    # medians before each night: 60, 60, 60, 61, 62, 61, 62; 63 is 3 above 60, then 2 above 61
    assert not any(nightsignal_verdicts(Wearer("w", None, events), 3).nights.values())
    lower = nightsignal_verdicts(Wearer("w", None, events), 2).nights
    assert [night for night, told in lower.items() if told] == [3, 4]
    assert min(lower) == 1, "the first night has none before it"
