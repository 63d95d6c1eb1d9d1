"""Candidates side by side: once each lesson, scored before learned, and progressive scores that are right."""

import math
import random

import numpy as np
import pytest

from storage.models import Weights
from storage.signing import Signer
from stream.population import Candidate
from stream.progressive import Progress, ProgressState
from stream.race import Race, Racer
from stream.race_states import race_of, rows_of
from stream.risk_model import AdditiveRisk, LearningParameters
from tests.support.learning import lesson, logistic
from vitals.training import Lesson


def lessons(count: int, *, seed: int = 1) -> list[tuple[int, Lesson]]:
    """Of patients of whom the ill ones mostly deteriorate."""
    source = random.Random(seed)
    found = []
    for number in range(count):
        ill = source.random()
        found.append((number, lesson(f"e{number}", patient=f"p{number}", label=source.random() < ill**3, ill=ill)))
    return found


def race(*, rates: tuple[float, ...] = (0.5,)) -> Race:
    return Race([Racer(logistic(f"at {rate}", rate=rate)) for rate in rates])


def test_a_lesson_told_twice_teaches_once() -> None:
    once, twice = race(), race()
    told = lessons(30)
    once.take(told)
    assert len(twice.take(told[:20])) == 20
    assert twice.take([(20, told[3][1]), (21, told[19][1])]) == []
    twice.take([(offset + 2, each) for offset, each in told[20:]])
    assert twice.racers["at 0.5"].model.dump() == once.racers["at 0.5"].model.dump()


def test_a_lesson_before_the_position_is_passed_over() -> None:
    begun = race()
    begun.take(lessons(10))
    assert begun.take(lessons(12)) == [each for _, each in lessons(12)[10:]]


def test_every_candidate_learns_the_same_lessons_and_is_scored_for_itself() -> None:
    both, told = race(rates=(0.5, 0.01)), lessons(2000)
    for first in range(0, 2000, 10):
        both.take(told[first : first + 10])
    quick, slow = both.racers.values()
    assert quick.lessons == slow.lessons == 2000
    assert quick.progress.scores().log_loss != slow.progress.scores().log_loss
    assert quick.progress.scores().auroc == pytest.approx(0.8, abs=0.1)


def test_who_is_retired_or_of_other_features_learns_nothing() -> None:
    other = Racer(logistic("other", pipeline="elsewhere"))
    retired = Racer(logistic("retired"))
    retired.is_retired = True
    Race([other, retired]).take(lessons(5))
    assert other.lessons == retired.lessons == 0


def test_a_lesson_that_breaks_a_candidate_is_counted_and_the_rest_are_learned() -> None:
    racer = Racer(logistic())
    Race([racer]).take([(0, lesson(ill=float("nan"))), (1, lesson("e2", ill=1.0))])
    assert (racer.faults, racer.lessons) == (1, 1)


def test_a_block_that_comes_to_nothing_is_counted_and_the_candidate_learns_on(monkeypatch: pytest.MonkeyPatch) -> None:
    small = LearningParameters(block_lessons=4)
    racer = Racer(Candidate("additive", "test", lambda: AdditiveRisk(small, {"ill": (0.0, 1.0)}), AdditiveRisk.load))
    racing = Race([racer])
    with monkeypatch.context() as patch:
        patch.setattr(np.linalg, "solve", lambda left, _: np.full(len(left), np.nan))
        racing.take(lessons(7))
    assert racer.faults == 1
    untouched = racer.model.score({"ill": 0.5})
    assert untouched == AdditiveRisk(small, {"ill": (0.0, 1.0)}).score({"ill": 0.5})
    racing.take(lessons(8))
    assert racer.faults == 1
    assert racer.model.score({"ill": 0.5}) != untouched


def test_what_was_stored_goes_on_as_if_nothing_had_happened() -> None:
    signer, told = Signer(b"k" * 32), lessons(60)
    straight, broken = race(), race()
    straight.take(told)
    broken.take(told[:25])
    rows = rows_of(broken, signer, group="trainer", partition=2)
    again = race_of(rows, [logistic("at 0.5")], signer, group="trainer", partition=2)
    again.take(told[20:])
    assert again.racers["at 0.5"].dump() == straight.racers["at 0.5"].dump()
    assert again.state == straight.state


def test_what_is_not_signed_here_or_is_of_other_features_starts_as_shipped() -> None:
    signer, begun = Signer(b"k" * 32), race()
    begun.take(lessons(9))
    rows = rows_of(begun, signer, group="trainer", partition=2)
    for candidate, partition in ((logistic("at 0.5"), 1), (logistic("at 0.5", pipeline="new"), 2)):
        assert race_of(rows, [candidate], signer, group="trainer", partition=partition).racers["at 0.5"].lessons == 0


def test_whose_state_is_lost_goes_on_from_its_newest_version_of_the_same_features() -> None:
    signer, begun = Signer(b"k" * 32), race()
    begun.take(lessons(30))
    blob = begun.racers["at 0.5"].model.dump()
    for pipeline, kept in (("test", 30), ("elsewhere", 0)):
        newest = {"at 0.5": (Weights("at 0.5", pipeline, blob, 3600.0, None), 30)}
        again = race_of([], [logistic("at 0.5")], signer, group="trainer", partition=2, newest=newest)
        racer = again.racers["at 0.5"]
        assert (racer.lessons, racer.published, racer.model.dump() == blob) == (kept, kept, kept == 30)


def test_progressive_scores_are_those_of_the_pairs_themselves() -> None:
    source, progress, told = random.Random(3), Progress(), []
    for _ in range(400):
        probability = source.uniform(0.02, 0.9)
        label = source.random() < probability
        told.append((probability, label))
        progress.take(probability, label, 1.0)
    positives = [p for p, label in told if label]
    negatives = [p for p, label in told if not label]
    right = sum((p > n) + 0.5 * (p == n) for p in positives for n in negatives)
    scores = progress.scores()
    assert scores.auroc == pytest.approx(right / (len(positives) * len(negatives)), abs=0.005)
    assert scores.brier == pytest.approx(sum((p - label) ** 2 for p, label in told) / 400, abs=0.01)
    assert (scores.lessons, scores.positives) == (400, len(positives))


def test_the_threshold_is_what_a_share_of_moments_reached_and_unknown_while_too_few_are() -> None:
    source, progress = random.Random(3), Progress()
    assert progress.threshold(0.02) is None
    told = [source.random() for _ in range(2000)]
    for probability in told:
        progress.take(probability, source.random() < probability, 1.0)
    threshold = progress.threshold(0.02)
    assert threshold is not None
    assert 0.015 <= sum(probability >= threshold for probability in told) / 2000 <= 0.02
    assert progress.threshold(0.5) == pytest.approx(0.5, abs=0.03)


def test_bins_of_calibration_hold_what_was_told_against_what_turned_out() -> None:
    source, progress = random.Random(5), Progress()
    for _ in range(3000):
        truth = source.uniform(0.001, 0.08)
        progress.take(min(2 * truth, 0.99), source.random() < truth, 1.0)
    bins = progress.scores().calibration
    assert 8 <= len(bins) <= 10
    assert [each.predicted for each in bins] == sorted(each.predicted for each in bins)
    worth = sum(each.lessons for each in bins)
    assert worth == pytest.approx(5000 * (1 - math.exp(-3000 / 5000)), rel=0.01)
    assert sum(each.lessons * each.predicted for each in bins) / worth == pytest.approx(0.081, abs=0.004)
    assert sum(each.lessons * each.observed for each in bins) / worth == pytest.approx(0.0405, abs=0.008)
    assert all(each.lessons >= worth / 20 for each in bins)


@pytest.mark.parametrize(("lessons", "every"), [(199, 10), (600, 75)])
def test_too_few_lessons_or_deteriorations_have_no_calibration(lessons: int, every: int) -> None:
    progress = Progress()
    for number in range(lessons):
        progress.take(0.1, number % every == 0, 1.0)
    assert progress.scores().auroc is not None
    assert progress.scores().calibration == ()


def test_nothing_is_said_of_too_few_lessons() -> None:
    progress = Progress()
    for _ in range(60):
        progress.take(0.1, False, 1.0)
    assert progress.scores().auroc is None
    assert progress.scores().lessons == 60


def test_old_lessons_fade_and_sums_stay_finite() -> None:
    progress = Progress(ProgressState(unit=2e7))
    for number in range(40_000):
        progress.take(0.9, number > 10_000, 1.0)
    scores = progress.scores()
    assert scores.brier == pytest.approx(0.01, abs=0.002)
    assert progress.state.unit < 1e9


def test_who_does_worse_than_no_model_at_all_is_known_for_it() -> None:
    racer = Racer(logistic())
    for _ in range(60):
        racer.progress.take(0.9, False, 1.0)
    for _ in range(6):
        racer.progress.take(0.1, True, 1.0)
    assert racer.is_worse_than_nothing
