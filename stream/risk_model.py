"""The population model of risk: log-odds that are a sum of one curve per feature, learned by online Newton steps. Pure.

Each feature has a piecewise-linear curve over fixed points (`risk_shapes`), so that a score is a sum and its parts are its
explanation. The curves are the mode of a Bayesian logistic regression that is carried from one block of lessons to the next
by its curvature (the recursive Laplace approximation; Spiegelhalter and Lauritzen, Networks 20, 1990): every lesson counts
as much as in a fit of all lessons, rare positives too, with no learning rate to tune. What was learned fades slowly towards
the prior, so that another hospital, or another year, is adapted to. The prior says: no feature matters, and curves are smooth.
"""

import math
from bisect import bisect_right
from collections.abc import Hashable, Mapping
from typing import Any, Final, NamedTuple, cast

import msgspec
import numpy as np
from river import base

from stream.risk_loading import WaitingLesson, check_heights, check_numbers, check_shapes, check_waiting, floats
from stream.risk_shapes import SHAPES
from stream.risk_step import LOG_ODDS_MAX, Block, Floats, Shift, mode_of, shifted
from vitals.errors import SnapshotMismatch


class LearningParameters(msgspec.Struct, frozen=True, kw_only=True):
    """How the curves learn; chosen on four fifths of one hospital's patients, see docs/learning.md."""

    block_lessons: int = 256
    """Lessons that are learned together, in one step."""
    ridge: float = 3.0
    """Precision of the prior of each point around 0 log-odds."""
    smoothness: float = 10.0
    """Precision of the prior of the difference between neighbouring points."""
    base_rate: float = 0.02
    """The share of positives before anything is learned."""
    base_precision: float = 1.0
    """Precision of the prior of the intercept."""
    shift_precision: float = 5.0
    """Precision of the prior of the shift around 0."""
    memory_lessons: float = 400_000.0
    """Lessons in which an old one fades to 1/e."""
    base_memory_lessons: float = 100_000.0
    """The same for how common deterioration is here and now, which changes faster than what brings it."""
    elsewhere_share: float = 0.2
    """What a lesson from another hospital counts against one from here: hospitals measure and chart differently."""


class RiskScore(NamedTuple):
    """What the model makes of one patient's features: `intercept + sum(contributions.values()) == log_odds`, exactly."""

    probability: float
    log_odds: float
    intercept: float
    contributions: Mapping[str, float]
    """Log-odds by feature, against the average of all lessons so far; of what is not known, too: that it is not, says something."""


class Prior(msgspec.Struct, frozen=True):
    """What is held to be likely before a lesson: heights of curves, and how sure that is."""

    intercept: float
    heights: dict[str, tuple[float, ...]]
    strength: float
    """Times the precision of knowing nothing."""
    shares: dict[str, tuple[float, ...]] = {}
    """How much of each point the lessons touched that it came from: parts are told against their average. Empty: not known."""


class AdditiveState(msgspec.Struct):
    """The whole model as plain records; arrays as bytes, little-endian."""

    parameters: LearningParameters
    shapes: dict[str, tuple[float, ...]]
    prior: Prior | None
    weights: bytes
    information: bytes
    """Upper triangle of what the lessons say of the weights, without the prior; float64."""
    anchor: bytes
    """`information` times the weights at which the lessons alone would rest; float64."""
    shift: Shift
    seen: bytes
    """How much of each weight the lessons touched, older ones fading; float64."""
    waiting: list[WaitingLesson]
    """Lessons of the block in progress: places, shares, label, weight."""
    lessons: int


class _Curve(NamedTuple):
    name: str
    points: tuple[float, ...]
    place: int
    """Of its first weight."""


class _Told(NamedTuple):
    """A curve as scores read it."""

    name: str
    points: tuple[float, ...]
    lines: list[tuple[float, float]]
    """Level and slope of each straight line, from the one below all points on."""
    unknown: float
    """What it adds where the feature is not known."""


BLOCK_LESSONS_MAX: Final = 100_000
"""More lessons of one block no stored model asks anybody to gather."""
_decoder = msgspec.msgpack.Decoder(AdditiveState)


class AdditiveRisk(base.Classifier):
    """One curve per feature, learned from lessons in their order; equal lessons give equal weights.

    Scores in about 10 us. Learning gathers a block, then goes to its mode in about 5 ms: about 30 us a lesson.
    """

    def __init__(
        self,
        parameters: LearningParameters = LearningParameters(),  # noqa: B008 - frozen
        shapes: Mapping[str, tuple[float, ...]] = SHAPES,
        prior: Prior | None = None,
    ) -> None:
        self.parameters = parameters
        self.shapes = dict(shapes)
        self.prior = prior
        """None for one that knows nothing."""
        self._curves: list[_Curve] = []
        place = 0
        for name, points in self.shapes.items():
            self._curves.append(_Curve(name, tuple(points), place))
            place += len(points)
        self._size = place + 1
        self._precision = self._prior_precision()
        self._prior_weights = self._prior_mode()
        self._weights: list[float] = []
        self._told: list[_Told] = []
        self._intercept = 0.0
        self._seen = self._prior_seen()
        self._shift = Shift()
        self._take_weights(self._prior_weights)
        self._information: Floats = np.zeros((self._size, self._size))
        self._anchor: Floats = np.zeros(self._size)
        self._waiting: list[WaitingLesson] = []
        self.lessons = 0
        """How many it was given."""

    def score(self, features: Mapping[str, float], /) -> RiskScore:
        """The risk of whoever has these features; changes nothing. Features of other names are passed over."""
        get = features.get
        contributions: dict[str, float] = {}
        for name, points, lines, unknown in self._told:
            value = get(name)
            if value is None:
                contributions[name] = unknown
            else:
                level, slope = lines[bisect_right(points, value)]
                contributions[name] = level + slope * value
        intercept = self._intercept
        log_odds = intercept + sum(contributions.values())
        return RiskScore(_probability(log_odds), log_odds, intercept, contributions)

    def learn(self, features: Mapping[str, float], label: bool, weight: float, /) -> None:  # noqa: FBT001 - as River's
        """Learn one lesson; raises ValueError on what is not finite or a weight not above 0, before anything moved.

        Raises FloatingPointError where the step that this lesson completes comes to nothing: the model is as before it.
        """
        if not 0 < weight < math.inf:
            raise ValueError(f"A lesson cannot weigh {weight}.")
        if not all(map(math.isfinite, features.values())):
            raise ValueError("A lesson's features must be finite; what is not known is left out.")
        places, shares = self._placed(features)
        self._waiting.append((places, shares, bool(label), weight))
        self.lessons += 1
        if len(self._waiting) >= self.parameters.block_lessons:
            self._step()

    def move_elsewhere(self) -> None:
        """Go on at another hospital: lessons so far count `elsewhere_share` of what they did. Changes no score by itself."""
        share, shift = self.parameters.elsewhere_share, self._shift
        self._information = share * self._information
        self._anchor = share * self._anchor
        self._seen = share * self._seen
        self._shift = Shift(shift.value, share * shift.information, share * shift.anchor)

    def learn_one(self, x: dict[Hashable, Any], y: bool | str | int, w: float = 1.0) -> None:  # noqa: FBT001 - River's
        """As River asks."""
        self.learn(cast("Mapping[str, float]", x), bool(y), w)

    def predict_proba_one(self, x: dict[Hashable, Any], **_: Any) -> dict[bool | str | int, float]:  # noqa: ANN401
        """As River asks."""
        probability = self.score(cast("Mapping[str, float]", x)).probability
        return {False: 1 - probability, True: probability}

    def dump(self) -> bytes:
        """All of it; equal bytes score alike, now and after any same further lessons."""
        upper = np.triu_indices(self._size)
        state = AdditiveState(
            parameters=self.parameters,
            shapes=self.shapes,
            prior=self.prior,
            weights=_as_bytes(np.array(self._weights)),
            information=_as_bytes(self._information[upper]),
            anchor=_as_bytes(self._anchor),
            shift=self._shift,
            seen=_as_bytes(self._seen),
            waiting=self._waiting,
            lessons=self.lessons,
        )
        return msgspec.msgpack.encode(state)

    @classmethod
    def load(cls, blob: bytes, /) -> "AdditiveRisk":
        """As `dump` described it; raises SnapshotMismatch where it cannot be, or holds what is no finite number."""
        try:
            state = _decoder.decode(blob)
        except msgspec.DecodeError as error:
            raise SnapshotMismatch(f"A risk model has another shape: {error}.") from error
        _check(state)
        model = cls(state.parameters, state.shapes, state.prior)
        size = model._size
        upper = np.triu_indices(size)
        model._shift = state.shift
        model._seen = floats(state.seen, size, "counts")
        check_numbers(model._seen.tolist(), "counts", least=0)
        check_waiting(state.waiting, size=size, block_lessons=state.parameters.block_lessons)
        model._take_weights(floats(state.weights, size, "weights"))
        for told in model._told:
            check_numbers([told.unknown, *(number for line in told.lines for number in line)], "curves")
        check_numbers([model._intercept], "curves")
        model._anchor = floats(state.anchor, size, "anchors")
        model._information[upper] = floats(state.information, len(upper[0]), "curvatures")
        model._information.T[upper] = model._information[upper]
        model._waiting = state.waiting
        model.lessons = state.lessons
        return model

    def _placed(self, features: Mapping[str, float]) -> tuple[list[int], list[float]]:
        """Which weights a lesson touches, and with which shares."""
        places: list[int] = []
        shares: list[float] = []
        for name, points, place in self._curves:
            value = features.get(name)
            if value is None:
                continue
            above = bisect_right(points, value)
            if 0 < above < len(points):
                low = points[above - 1]
                share = (value - low) / (points[above] - low)
                places += (place + above - 1, place + above)
                shares += (1 - share, share)
            else:
                places.append(place + max(above - 1, 0))
                shares.append(1.0)
        places.append(self._size - 1)
        shares.append(1.0)
        return places, shares

    def _step(self) -> None:
        """Take the block in: to the mode of what the lessons so far left as their curvature, and of the block.

        Raises FloatingPointError where that comes to no finite weights: the block is lost, and the model is as before it.
        """
        waiting, self._waiting = self._waiting, []
        design = np.zeros((len(waiting), self._size))
        for row, (places, shares, _, _) in enumerate(waiting):
            design[row, places] = shares
        block = Block(
            design,
            np.array([each[2] for each in waiting], dtype=float),
            np.array([each[3] for each in waiting]),
        )
        keep = math.exp(-len(waiting) / self.parameters.memory_lessons)
        with np.errstate(all="ignore"):
            weights, information, anchor = mode_of(
                block,
                np.array(self._weights),
                keep * self._information,
                keep * self._anchor,
                (self._precision, self._prior_weights),
            )
            seen = keep * self._seen + block.counted @ design
            shift = self._shifted(block, design @ weights)
        found = (weights, information, anchor, seen, np.array([shift.value, shift.information, shift.anchor]))
        if not all(np.isfinite(each).all() for each in found):
            raise FloatingPointError(f"A step of {len(waiting)} lessons came to no finite weights.")
        self._information, self._anchor, self._seen, self._shift = information, anchor, seen, shift
        self._take_weights(weights)

    def _shifted(self, block: Block, log_odds: Floats) -> Shift:
        known = self.parameters
        keep = math.exp(-len(block.labels) / known.base_memory_lessons)
        return shifted(self._shift, block, log_odds, keep=keep, precision=known.shift_precision)

    def _take_weights(self, weights: Floats) -> None:
        """Score by these weights from now on: each straight line as a level and a slope, against the average lesson."""
        self._weights = weights.tolist()
        self._told = []
        told = (weights * self._seen / max(float(self._seen[-1]), 1.0)).tolist()
        self._intercept = self._weights[-1] + sum(told[:-1]) + self._shift.value
        for name, points, place in self._curves:
            average = sum(told[place : place + len(points)])
            heights = [height - average for height in self._weights[place : place + len(points)]]
            lines = [(heights[0], 0.0)]
            for at in range(1, len(points)):
                slope = (heights[at] - heights[at - 1]) / (points[at] - points[at - 1])
                lines.append((heights[at - 1] - slope * points[at - 1], slope))
            lines.append((heights[-1], 0.0))
            self._told.append(_Told(name, points, lines, -average))

    @property
    def is_taught(self) -> bool:
        """Whether it knows anything: then its probabilities may be told."""
        return self.prior is not None or self.lessons > 0

    def _prior_mode(self) -> Floats:
        """Raises ValueError where the prior does not fit the shapes."""
        weights = np.zeros(self._size)
        if self.prior is None:
            base_rate = self.parameters.base_rate
            weights[-1] = math.log(base_rate / (1 - base_rate))
            return weights
        for name, points, place in self._curves:
            heights = self.prior.heights[name]
            if len(heights) != len(points):
                raise ValueError(f"{len(heights)} heights do not fit the {len(points)} points of {name}.")
            weights[place : place + len(points)] = heights
        weights[-1] = self.prior.intercept
        return weights

    def _prior_seen(self) -> Floats:
        """What the prior's lessons touched, as many as one block has; raises ValueError where that does not fit the shapes."""
        seen = np.zeros(self._size)
        if self.prior is None or not self.prior.shares:
            return seen
        for name, points, place in self._curves:
            shares = self.prior.shares[name]
            if len(shares) != len(points):
                raise ValueError(f"{len(shares)} shares do not fit the {len(points)} points of {name}.")
            seen[place : place + len(points)] = shares
        seen[-1] = 1.0
        return seen * self.parameters.block_lessons

    def _prior_precision(self) -> Floats:
        strength = 1.0 if self.prior is None else self.prior.strength
        precision = np.eye(self._size) * self.parameters.ridge * strength
        precision[-1, -1] = self.parameters.base_precision
        smoothness = self.parameters.smoothness * strength
        for _, points, place in self._curves:
            for at in range(place, place + len(points) - 1):
                precision[at, at] += smoothness
                precision[at + 1, at + 1] += smoothness
                precision[at, at + 1] -= smoothness
                precision[at + 1, at] -= smoothness
        return precision


def _probability(log_odds: float) -> float:
    held = min(max(log_odds, -LOG_ODDS_MAX), LOG_ODDS_MAX)
    return 1 / (1 + math.exp(-held))


def _as_bytes(values: Floats) -> bytes:
    return values.astype("<f8").tobytes()


def _check(state: AdditiveState) -> None:
    """What does not depend on the model made of it; raises SnapshotMismatch."""
    known, shift = state.parameters, state.shift
    if not 0 < known.block_lessons <= BLOCK_LESSONS_MAX or not 0 < known.base_rate < 1 or state.lessons < 0:
        raise SnapshotMismatch("A risk model's parameters are not what they can be.")
    positive = (
        known.ridge,
        known.base_precision,
        known.shift_precision,
        known.memory_lessons,
        known.base_memory_lessons,
    )
    check_numbers(positive, "parameters", above=0)
    check_numbers([known.smoothness, known.elsewhere_share, shift.information], "parameters", least=0)
    check_numbers([shift.value, shift.anchor], "shift")
    check_shapes(state.shapes)
    if state.prior is not None:
        check_heights(state.prior.heights, state.shapes)
        if state.prior.shares:
            check_heights(state.prior.shares, state.shapes)
        check_numbers([state.prior.intercept], "prior")
        check_numbers([state.prior.strength], "prior", above=0)
