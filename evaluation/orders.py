"""One set in several orders of arrival: the live code replays the first, further ones differ in the population model only."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from evaluation import column_scorers, offline_reference
from evaluation.known_features import KnownFeatures, RiskInOrder
from evaluation.labelled import Array, Recorded
from evaluation.live_scorer import UNTAUGHT, LiveScorer, challengers, copied, move_elsewhere, population_model
from evaluation.replay import CLOCK_FROM_MS, Replay, Replayed, arrival_places, order_of
from evaluation.scorers import ANEW, FROZEN, BedsideScores
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
    """The scores of the set in the order of each seed; the model learns from the sets `before` first, in that order too.

    A model that begins with knowledge stands beside itself without lessons here, and beside one that begins here.
    """
    others = challengers()
    begins_taught = bool(before) or plan.prior != UNTAUGHT
    again = len(plan.seeds) > 1 or others or begins_taught
    known = [KnownFeatures(each) for each in (*before, recorded)] if again else []
    first, begun = _replayed(recorded, before, plan, known, tell)
    seed = plan.seeds[0]
    shadow = {name: _risk_in_order(known, fresh(), seed, name, tell) for name, fresh in others.items()}
    beside = _without_lessons_and_anew(known[-1], begun, seed, tell) if begins_taught and begun else {}
    yield first._replace(scores=first.scores | shadow | beside)
    for seed in plan.seeds[1:]:
        order = arrival_places(order_of(recorded, seed))
        model = population_model(plan.prior)
        if model is None:
            yield Replayed(seed, order, first.scores)
            continue
        for each in known[:-1]:
            _in_order(each, model, seed, "risk", tell)
            move_elsewhere(model)
        begun = copied(model)
        risk = _in_order(known[-1], model, seed, "risk", tell)
        beside = _without_lessons_and_anew(known[-1], begun, seed, tell) if begins_taught else {}
        yield Replayed(seed, order, first.scores | {"risk": risk} | beside)


def _without_lessons_and_anew(known: KnownFeatures, begun: PopulationModel, seed: int, tell: Tell) -> dict[str, Array]:
    """What the model as it came here would say if it learned nothing more, and what one says that knew nothing when it came."""
    found = {FROZEN: _in_order(known, begun, seed, FROZEN, tell, learns=False)}
    anew = population_model(UNTAUGHT)
    return found if anew is None else found | {ANEW: _in_order(known, anew, seed, ANEW, tell)}


def _risk_in_order(known: Sequence[KnownFeatures], model: PopulationModel, seed: int, name: str, tell: Tell) -> Array:
    """The last set's risk, by a model that comes through all of them in the order of the seed."""
    *before, last = known
    for each in before:
        _in_order(each, model, seed, name, tell)
        move_elsewhere(model)
    return _in_order(last, model, seed, name, tell)


def _in_order(
    known: KnownFeatures, model: PopulationModel, seed: int, name: str, tell: Tell, *, learns: bool = True
) -> Array:
    order = RiskInOrder(known, model, seed=seed, learns=learns)
    _show(order.steps(), known.recorded, f"seed {seed}: {name} of {known.recorded.name}", tell)
    return order.result()


def _replayed(
    recorded: Recorded, before: Sequence[Recorded], plan: Plan, known: Sequence[KnownFeatures], tell: Tell
) -> tuple[Replayed, PopulationModel | None]:
    """The first order, through the code that runs live; and the population model as it was when the set to be judged began."""
    model = population_model(plan.prior)
    live, bedside = LiveScorer(model), BedsideScores()
    begun: PopulationModel | None = None
    seed, from_ms = plan.seeds[0], CLOCK_FROM_MS
    for place, each in enumerate((*before, recorded)):
        is_last = place == len(before)
        if place:
            move_elsewhere(model)
        begun = copied(model) if is_last and model is not None else begun
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
    return replay.result(), begun


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
