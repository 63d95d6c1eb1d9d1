"""One set in several orders of arrival: the live code replays the first, further ones differ in the population model only."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from evaluation import column_scorers, offline_reference
from evaluation.known_features import KnownFeatures, RiskInOrder
from evaluation.labelled import Array, Recorded
from evaluation.live_scorer import LiveScorer, challengers, population_model
from evaluation.replay import CLOCK_FROM_MS, Replay, Replayed, arrival_places, order_of
from evaluation.scorers import BedsideScores
from stream.population import PopulationModel

Tell = Callable[[str, int, int], None]
"""Told what is being done, how much of it, of how much."""
_TELL_EVERY_ROWS = 5_000


class Plan(NamedTuple):
    """What to evaluate."""

    datasets: tuple[Path, ...]
    after: tuple[Path, ...] = ()
    prior: str = "none"
    seeds: tuple[int, ...] = (1,)
    reference: bool = True
    """Whether to fit the offline reference too."""


def in_orders(recorded: Recorded, before: Sequence[Recorded], plan: Plan, tell: Tell) -> Iterator[Replayed]:
    """The scores of the set in the order of each seed; the model learns from the sets `before` first, in that order too."""
    others = challengers()
    again = len(plan.seeds) > 1 or others
    known = [KnownFeatures(each) for each in (*before, recorded)] if again else []
    first = _replayed(recorded, before, plan, known, tell)
    seed = plan.seeds[0]
    shadow = {name: _risk_in_order(known, fresh(), seed, name, tell) for name, fresh in others.items()}
    yield first._replace(scores=first.scores | shadow)
    for seed in plan.seeds[1:]:
        order = arrival_places(order_of(recorded, seed))
        model = population_model(plan.prior)
        if model is None:
            yield Replayed(seed, order, first.scores)
            continue
        risk = _risk_in_order(known, model, seed, "risk", tell)
        yield Replayed(seed, order, first.scores | {"risk": risk})


def _risk_in_order(known: Sequence[KnownFeatures], model: PopulationModel, seed: int, name: str, tell: Tell) -> Array:
    """The last set's risk, by a model that comes through all of them in the order of the seed."""
    taught = model.is_taught
    for each in known:
        learner = RiskInOrder(each, model, seed=seed, taught=taught)
        _show(learner.steps(), each.recorded, f"seed {seed}: {name} of {each.recorded.name}", tell)
        taught, risk = learner.taught, learner.result()
    return risk


def _replayed(
    recorded: Recorded, before: Sequence[Recorded], plan: Plan, known: Sequence[KnownFeatures], tell: Tell
) -> Replayed:
    live, bedside = LiveScorer(population_model(plan.prior)), BedsideScores()
    seed, from_ms = plan.seeds[0], CLOCK_FROM_MS
    for place, each in enumerate((*before, recorded)):
        is_last = place == len(before)
        replay = Replay(
            each,
            [live, bedside] if is_last else [live],
            seed=seed,
            from_ms=from_ms,
            scored=_noting(known[place], live) if known else None,
        )
        doing = "replaying" if is_last else "learning from"
        _show(replay.steps(), each, f"seed {seed}: {doing} {each.name}", tell)
        from_ms = replay.now_ms
    return replay.result()


def _noting(known: KnownFeatures, live: LiveScorer) -> Callable[[Sequence[int]], None]:
    def note(rows: Sequence[int]) -> None:
        known.note(rows, live.scored)

    return note


def unmoved_by_order(recorded: Recorded, plan: Plan, notes: list[str], tell: Tell) -> dict[str, Array]:
    """Scores that need no replay; a note where the offline reference cannot be had."""
    found = {
        "thresholds_15s": column_scorers.held_beyond_limits(recorded),
        "rolling_z": column_scorers.rolling_z(recorded),
    }
    if not plan.reference or recorded.truth is None:
        return found
    if not offline_reference.is_available():
        notes.append(offline_reference.MISSING)
        return found
    title = f"fitting the offline reference to {recorded.name}"
    tell(title, 0, offline_reference.FOLDS)
    for fold, scores in offline_reference.scores(recorded, seed=plan.seeds[0]):
        found[offline_reference.NAME] = scores
        tell(title, fold, offline_reference.FOLDS)
    return found


def _show(steps: Iterator[int], recorded: Recorded, title: str, tell: Tell) -> None:
    told = 0
    for done in steps:
        if done - told >= _TELL_EVERY_ROWS:
            told = done
            tell(title, done, recorded.rows)
    tell(title, recorded.rows, recorded.rows)
