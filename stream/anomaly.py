"""How unusual a moment is for this patient: how far the signs are from usual together, and how rarely they are together so.

Each sign's deviation counts in robust standard deviations and only where it can mean harm; it is smoothed over minutes,
since what this is for comes slowly (limits and NEWS2 hear of what comes fast). The distance is the root of the sum of
squares over the signs; River's half-space trees over the same deviations add how thinly populated the place is. Which
detectors to combine was measured (docs/learning.md, *Anomaly*; `python -m evaluation.unusual`). Scores compare only
within one patient: what they are held against is the patient's own (`stream.budget`).
"""

import math
from collections.abc import Mapping

import msgspec

from stream.anomaly_trees import DEVIATION_LIMITS, AnomalyTrees, TreeParameters, TreeState
from stream.baseline import PersonalBaselines
from vitals.lateness import CLOCK_SKEW_MS_MAX
from vitals.sign import Sign

CORE_SIGNS = frozenset({Sign.HEART_RATE, Sign.RESPIRATORY_RATE, Sign.SPO2})
"""At least one of these must have been measured within `core_held_s`, its baseline warm, for a moment to be scored."""
EXERTED_SIGNS = frozenset({Sign.HEART_RATE, Sign.RESPIRATORY_RATE, Sign.SYSTOLIC})
"""What rises in everybody who walks, and falls by itself afterwards: then its rise is no sign of harm."""


class UnusualParameters(msgspec.Struct, frozen=True, kw_only=True):
    """How deviations are put together; tuned on simulated wards, see docs/learning.md."""

    trees: TreeParameters = TreeParameters()
    smoothed_s: float = 600.0
    """Time constant over which deviations are smoothed."""
    gap_s_max: float = 3600.0
    """The most time that one value may stand for."""
    held_s: float = 900.0
    """A sign counts for so long after it was measured."""
    core_held_s: float = 60.0
    """And one of the core signs must be as fresh as this: devices of one patient take turns."""
    spreads_max: float = 6.0
    """Farther than this from usual one sign alone counts no more: what one sensor says is for the limits."""
    distance_weight: float = 1.0
    """How much the distance counts …"""
    trees_weight: float = 1.0
    """… and how many standard deviations an empty place does."""


class UnusualState(msgspec.Struct):
    """What is remembered of one patient's deviations; mutable."""

    trees: TreeState
    spreads: dict[Sign, float] = {}
    """Smoothed deviations, in robust standard deviations, as directed towards harm."""
    at_ms: dict[Sign, int] = {}


class Unusual(msgspec.Struct, frozen=True):
    """How unusual a moment is, and what must be remembered of it."""

    score: float | None
    """In standard deviations; None where too little is known."""
    at_ms: int
    spreads: Mapping[Sign, float]
    """Smoothed deviations of the signs that were measured …"""
    counted: Mapping[Sign, float]
    """… and of all that counted."""


class UnusualPattern:
    """One patient's detectors. `judge` changes nothing; `observe` remembers a moment, `learn` lets it teach the trees."""

    __slots__ = ("_at_ms", "_newest_ms", "_parameters", "_spreads", "_trees")

    def __init__(self, parameters: UnusualParameters, state: UnusualState | None = None) -> None:
        self._parameters = parameters
        limits = dict.fromkeys(DEVIATION_LIMITS, parameters.spreads_max)
        self._trees = AnomalyTrees(parameters.trees, None if state is None else state.trees, limits=limits)
        self._spreads = {} if state is None else state.spreads
        self._at_ms = {} if state is None else state.at_ms
        self._newest_ms = max(self._at_ms.values(), default=0)

    def judge(
        self, signs: Mapping[Sign, float], at_ms: int, baselines: PersonalBaselines, *, exerted: bool = False
    ) -> Unusual:
        """How unusual `signs` are beside what was measured shortly before; all of them finite."""
        most, warm, known = self._parameters.spreads_max, baselines.warm, self._spreads
        variation, measured_at = baselines.variation, self._at_ms
        spreads: dict[Sign, float] = {}
        since_ms, gain = -1, 1.0
        for sign in DEVIATION_LIMITS:
            value, baseline = signs.get(sign), warm.get(sign)
            if value is None or baseline is None:
                continue
            away = variation[sign].towards_harm(value, baseline.usual) / baseline.spread
            if exerted and away > 0 and sign in EXERTED_SIGNS:
                away = 0.0
            if not -most <= away <= most:
                away = most if away > most else -most
            before = known.get(sign)
            if before is not None:
                if measured_at[sign] != since_ms:
                    since_ms = measured_at[sign]
                    gain = self._gain(at_ms - since_ms)
                away = before + gain * (away - before)
            spreads[sign] = away
        counted, has_core = self._counted(spreads, at_ms)
        return Unusual(self._score(counted, at_ms) if has_core else None, at_ms, spreads, counted)

    def observe(self, unusual: Unusual) -> None:
        """Remember a moment that came in order."""
        at_ms, spreads = unusual.at_ms, unusual.spreads
        self._spreads.update(spreads)
        if at_ms >= self._newest_ms:
            self._newest_ms = at_ms
            self._at_ms.update(dict.fromkeys(spreads, at_ms))
            return
        for sign in spreads:
            self._at_ms[sign] = max(at_ms, self._at_ms.get(sign, at_ms))

    def learn(self, unusual: Unusual) -> None:
        """Let a moment teach what is populated."""
        if unusual.score is not None:
            self._trees.learn(unusual.counted, unusual.at_ms)

    def dump(self) -> UnusualState:
        """The whole state, as plain records."""
        return UnusualState(self._trees.dump(), self._spreads, self._at_ms)

    def _gain(self, elapsed_ms: int) -> float:
        """How much of the way to a new value is gone after this time."""
        elapsed_s = min(max(elapsed_ms, 0) / 1000, self._parameters.gap_s_max)
        return 1 - math.exp(-elapsed_s / self._parameters.smoothed_s)

    def _counted(self, spreads: Mapping[Sign, float], at_ms: int) -> tuple[Mapping[Sign, float], bool]:
        """These, and those that were measured shortly before; and whether a core sign is among them, and fresh."""
        has_core = not CORE_SIGNS.isdisjoint(spreads)
        if len(spreads) == len(self._at_ms):
            return spreads, has_core
        counted = dict(spreads)
        for sign, measured_ms in self._at_ms.items():
            age_ms = at_ms - measured_ms
            if sign not in counted and -CLOCK_SKEW_MS_MAX <= age_ms <= self._parameters.held_s * 1000:
                counted[sign] = self._spreads[sign]
                has_core = has_core or (sign in CORE_SIGNS and age_ms <= self._parameters.core_held_s * 1000)
        return counted, has_core

    def _score(self, counted: Mapping[Sign, float], at_ms: int) -> float:
        parameters = self._parameters
        distance = parameters.distance_weight * math.sqrt(sum([away * away for away in counted.values()]))
        if not parameters.trees_weight:
            return distance
        rarity = self._trees.score(counted, at_ms)
        return distance if rarity is None else distance + parameters.trees_weight * rarity


def shown(score: float) -> float:
    """A score in standard deviations as assessments carry it, in [0, 1]: 3 is a half.

    >>> shown(0.0), shown(3.0), round(shown(6.0), 2)
    (0.0, 0.5, 0.8)
    """
    return score * score / (score * score + 9.0)
