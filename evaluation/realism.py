"""How far simulated healthy patients are from recorded ones: marginals, memory and coupling, each beside its floor.

Everything is measured alike on both sides: as many people, as long, as often, rounded alike. The floor is the same
distance between two random halves of the recorded people: nothing can be closer than people are to each other.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from evaluation.recordings import SCORED_SIGNS, Array, Person, RecordedSet, points
from simulators.physiology import DAY_S, INTEGER_SIGNS, as_reported, healthy
from vitals.sign import Sign

LAGS_S = (1.0, 60.0, 900.0)
"""Memory is measured over a second, a minute and a quarter of an hour."""
PAIRS = (
    (Sign.HEART_RATE, Sign.RESPIRATORY_RATE),
    (Sign.HEART_RATE, Sign.SPO2),
    (Sign.RESPIRATORY_RATE, Sign.SPO2),
)
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
HALVINGS = 20
"""Random halvings of the recorded people, whose mean distance is the floor."""
_GRID = (np.arange(200) + 0.5) / 200
_VALUES_MIN = 20
_PEOPLE_MIN = 4
"""Halves of fewer people say nothing of how far people are apart."""
_PAIRS_MIN = 30
"""Fewer pairs of values give no correlation."""


class Distance(msgspec.Struct, frozen=True):
    """One line: what was measured on both sides, how far apart, and how far two halves of the recorded people are."""

    recording: str
    sign: str
    """A sign, or two joined by a plus."""
    measure: str
    recorded: float
    simulated: float
    distance: float
    floor: float
    people: int


class Marginal(msgspec.Struct, frozen=True):
    """Values of all people together, side by side."""

    recording: str
    sign: str
    side: str
    mean: float
    sd: float
    quantiles: tuple[float, ...]
    """At 5, 25, 50, 75 and 95 %."""


class _Measure(NamedTuple):
    name: str
    of: Callable[[Sequence[Person]], float]
    """A figure of these people; NaN where they have none."""


def simulate_like(recorded: RecordedSet, *, seed: int) -> tuple[Person, ...]:
    """As many healthy simulated people, each as long as their recorded counterpart, missing values where it has them."""
    return tuple(_counterpart(recorded, person, seed=seed, bed=bed) for bed, person in enumerate(recorded.people))


def marginals(recorded: RecordedSet, simulated: Sequence[Person]) -> Iterator[Marginal]:
    """Mean, spread and quantiles of each sign on both sides."""
    for sign in _signs(recorded.people):
        for side, people in (("recorded", recorded.people), ("simulated", simulated)):
            values = _pooled(people, sign)
            quantiles = tuple(round(float(value), 2) for value in np.quantile(values, QUANTILES))
            yield Marginal(
                recorded.name,
                sign.value,
                side,
                round(float(values.mean()), 2),
                round(float(values.std()), 2),
                quantiles,
            )


def distances(recorded: RecordedSet, simulated: Sequence[Person], *, seed: int = 0) -> Iterator[Distance]:
    """Every distance that this set can tell."""
    halves = _halvings(recorded.people, seed=seed)
    for sign in _signs(recorded.people):
        for name, column in (("values", _pooled), ("within person", _within)):
            yield _wasserstein(recorded, simulated, halves, sign, name, column)
        for measure in _figures(recorded, sign):
            if not math.isnan(measure.of(recorded.people)):
                yield _difference(recorded, simulated, halves, sign.value, measure)
    for one, other in PAIRS:
        if one in _signs(recorded.people) and other in _signs(recorded.people):
            measure = _Measure("correlation", lambda people, a=one, b=other: _coupling(people, a, b))  # type: ignore[misc]
            yield _difference(recorded, simulated, halves, f"{one.value}+{other.value}", measure)


def news2_shares(*, seed: int, people: int = 60, days: int = 2, every_s: float = 1200.0) -> dict[int, float]:
    """In what share of moments simulated healthy patients have which NEWS2, alert and on air, in percent."""
    elapsed_s: Array = np.arange(0, days * DAY_S, every_s, dtype=np.float64)
    counted: Counter[int] = Counter()
    for bed in range(people):
        signs = as_reported(healthy(seed=seed, bed=bed).signs(elapsed_s, elapsed_s))
        totals = np.sum([points(sign, values) for sign, values in signs.items() if sign in SCORED_SIGNS], axis=0)
        counted.update(totals.tolist())
    return {total: round(100 * count / counted.total(), 2) for total, count in sorted(counted.items())}


def wasserstein(one: Array, other: Array) -> float:
    """The mean distance between two samples' quantiles: 0 where they are alike, in the unit of the values.

    >>> wasserstein(np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.0, 4.0]))
    1.0
    """
    return float(np.abs(np.quantile(one, _GRID) - np.quantile(other, _GRID)).mean())


def autocorrelation(values: Array, lag: int) -> float:
    """Correlation of a column with itself so many places later, over what is present; NaN where too little is, or it is flat."""
    return _correlation(values[:-lag], values[lag:]) if 0 < lag < len(values) else float("nan")


def _counterpart(recorded: RecordedSet, person: Person, *, seed: int, bed: int) -> Person:
    length = max(len(values) for values in person.signs.values())
    start_s = np.random.default_rng([seed, bed, 3]).uniform(0, DAY_S)
    elapsed_s: Array = start_s + np.arange(length, dtype=np.float64) * recorded.every_s
    signs = healthy(seed=seed, bed=bed).signs(elapsed_s, elapsed_s)
    made = {}
    for sign, like in person.signs.items():
        values = np.round(signs[sign], 0 if sign in INTEGER_SIGNS else 1) if recorded.rounds_to_whole else signs[sign]
        values = np.minimum(values, 100.0) if sign is Sign.SPO2 else values
        made[sign] = np.where(np.isfinite(like), values[: len(like)], np.nan)
    return Person(person.name, made)


def _figures(recorded: RecordedSet, sign: Sign) -> Iterator[_Measure]:
    yield _Measure("spread between people", lambda people: _spread_between(people, sign))
    yield _Measure("spread within person", lambda people: _spread_within(people, sign))
    for lag_s in LAGS_S:
        lag = round(lag_s / recorded.every_s)
        if lag >= 1:
            name = f"autocorrelation {lag_s:g} s"
            yield _Measure(name, lambda people, lag=lag: _memory(people, sign, lag))  # type: ignore[misc]
    if recorded.every_s > LAGS_S[-1]:
        yield _Measure(f"autocorrelation {recorded.every_s:g} s", lambda people: _memory(people, sign, 1))


def _wasserstein(
    recorded: RecordedSet,
    simulated: Sequence[Person],
    halves: Sequence[tuple[list[Person], list[Person]]],
    sign: Sign,
    name: str,
    column: Callable[[Sequence[Person], Sign], Array],
) -> Distance:
    theirs, ours = column(recorded.people, sign), column(simulated, sign)
    unit = float(theirs.std())
    floor = _mean([wasserstein(column(one, sign), column(other, sign)) for one, other in halves])
    return Distance(
        recording=recorded.name,
        sign=sign.value,
        measure=f"Wasserstein, {name}, in sd",
        recorded=round(unit, 3),
        simulated=round(float(ours.std()), 3),
        distance=round(wasserstein(theirs, ours) / unit, 3),
        floor=round(floor / unit, 3),
        people=len(recorded.people),
    )


def _difference(
    recorded: RecordedSet,
    simulated: Sequence[Person],
    halves: Sequence[tuple[list[Person], list[Person]]],
    sign: str,
    measure: _Measure,
) -> Distance:
    theirs, ours = measure.of(recorded.people), measure.of(simulated)
    floor = _mean([abs(measure.of(one) - measure.of(other)) for one, other in halves])
    return Distance(
        recording=recorded.name,
        sign=sign,
        measure=measure.name,
        recorded=round(theirs, 3),
        simulated=round(ours, 3),
        distance=round(abs(theirs - ours), 3),
        floor=round(floor, 3),
        people=len(recorded.people),
    )


def _halvings(people: Sequence[Person], *, seed: int) -> list[tuple[list[Person], list[Person]]]:
    generator = np.random.default_rng([seed, 4])
    halvings = []
    for _ in range(HALVINGS if len(people) >= _PEOPLE_MIN else 0):
        order = generator.permutation(len(people))
        halvings.append(
            ([people[index] for index in order[::2]], [people[index] for index in order[1::2]]),
        )
    return halvings


def _signs(people: Sequence[Person]) -> list[Sign]:
    return list(dict.fromkeys(sign for person in people for sign in person.signs))


def _pooled(people: Sequence[Person], sign: Sign) -> Array:
    return np.concatenate([values[np.isfinite(values)] for values in _columns(people, sign)])


def _within(people: Sequence[Person], sign: Sign) -> Array:
    """Deviations from each person's own median."""
    return np.concatenate([values[np.isfinite(values)] - np.nanmedian(values) for values in _columns(people, sign)])


def _spread_between(people: Sequence[Person], sign: Sign) -> float:
    return float(np.std([np.nanmedian(values) for values in _columns(people, sign)]))


def _spread_within(people: Sequence[Person], sign: Sign) -> float:
    return float(np.median([np.nanstd(values) for values in _columns(people, sign)]))


def _memory(people: Sequence[Person], sign: Sign, lag: int) -> float:
    return _mean([autocorrelation(values, lag) for values in _columns(people, sign)])


def _coupling(people: Sequence[Person], one: Sign, other: Sign) -> float:
    return _mean([_correlation(person.signs[one], person.signs[other]) for person in people])


def _columns(people: Sequence[Person], sign: Sign) -> list[Array]:
    return [person.signs[sign] for person in people if np.isfinite(person.signs[sign]).sum() >= _VALUES_MIN]


def _correlation(one: Array, other: Array) -> float:
    both = np.isfinite(one) & np.isfinite(other)
    if both.sum() < _PAIRS_MIN:
        return float("nan")
    one, other = one[both] - one[both].mean(), other[both] - other[both].mean()
    size = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / size if size > 0 else float("nan")


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")
