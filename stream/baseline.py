"""What is usual for one patient: a robust running level and spread per sign, weighted by elapsed time.

Usual follows the values with a time constant, whatever the rate of readings; a value far out moves it only as far as a
value `CLIP_SPREADS` out would (Huber's clipping), so that an artefact or a crisis is not learned as normal.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from vitals.sign import PHYSIOLOGICAL_SIGNS, Sign


class SpreadFacts(NamedTuple):
    """How one sign varies within a person at rest, in the sign's unit; our choices."""

    expected: float
    """Standard deviation to start from."""
    least: float
    """Floor: what the sensor and the moment always add."""


SPREAD_FACTS: Mapping[Sign, SpreadFacts] = MappingProxyType(
    {
        Sign.HEART_RATE: SpreadFacts(8, 2),
        Sign.RESPIRATORY_RATE: SpreadFacts(3, 1),
        Sign.SPO2: SpreadFacts(1.5, 0.75),
        Sign.TEMPERATURE: SpreadFacts(0.3, 0.1),
        Sign.SYSTOLIC: SpreadFacts(10, 4),
        Sign.DIASTOLIC: SpreadFacts(7, 3),
        Sign.MEAN_PRESSURE: SpreadFacts(8, 3),
    }
)

CLIP_SPREADS = 2.5
"""Beyond this many spreads a value pulls no harder; 1.5-3 is the usual range of Huber's constant."""
_SIGMA_PER_MEAN_DEVIATION = math.sqrt(math.pi / 2)
"""Standard deviation over mean absolute deviation of a normal distribution."""


class SignBaseline(msgspec.Struct):
    """One sign's usual level and spread; mutable."""

    usual: float
    spread: float
    count: int
    elapsed_s: float
    """Time learned over, gaps cut short."""
    learned_at_ms: int


class BaselineParameters(msgspec.Struct, frozen=True, kw_only=True):
    """How fast and how much a baseline learns."""

    time_constant_s: float = 6 * 3600.0
    """Time in which an old level fades to 1/e: follows the day, not the hour."""
    gap_s_max: float = 3600.0
    """The most time that one value may stand for, however long the pause before it."""
    warm_count: int = 12
    """Values before a baseline is told to anyone."""
    warm_s: float = 300.0
    """Time before a baseline is told to anyone."""


class PersonalBaselines:
    """The baselines of one patient, one per physiological sign; other signs are ignored."""

    def __init__(self, parameters: BaselineParameters, signs: dict[Sign, SignBaseline] | None = None) -> None:
        self._parameters = parameters
        self.signs = {} if signs is None else signs
        """Every sign ever learned; at most the physiological ones."""
        self.warm = {sign: baseline for sign, baseline in self.signs.items() if self._is_warm(baseline)}
        """The baselines that have learned long enough to be told."""

    def deviation(self, sign: Sign, value: float) -> float | None:
        """(value - usual) / spread; None while the sign's baseline warms up."""
        baseline = self.warm.get(sign)
        return None if baseline is None else (value - baseline.usual) / baseline.spread

    def score(self, signs: Mapping[Sign, float], at_ms: int) -> float | None:  # noqa: ARG002 - as every model
        """The largest deviation of any sign, in spreads; None while all warm up."""
        deviations = [
            deviation for sign, value in signs.items() if (deviation := self.deviation(sign, value)) is not None
        ]
        return max(map(abs, deviations), default=None)

    def learn(self, signs: Mapping[Sign, float], at_ms: int) -> None:
        """Move each sign's baseline towards its value; raises ValueError on NaN and infinities, before anything moved."""
        refuse_not_finite(signs)
        for sign, value in signs.items():
            facts = SPREAD_FACTS.get(sign)
            if facts is None:
                continue
            baseline = self.signs.get(sign)
            if baseline is None:
                self.signs[sign] = SignBaseline(value, facts.expected, 1, 0.0, at_ms)
                continue
            self._move(baseline, facts.least, value, at_ms)
            if sign not in self.warm and self._is_warm(baseline):
                self.warm[sign] = baseline

    def dump(self) -> dict[Sign, SignBaseline]:
        """The whole state, as plain records."""
        return self.signs

    @classmethod
    def load(cls, parameters: BaselineParameters, signs: dict[Sign, SignBaseline]) -> "PersonalBaselines":
        """The baselines that `dump` described; their future is bit-identical."""
        return cls(parameters, signs)

    def _is_warm(self, baseline: SignBaseline) -> bool:
        return baseline.count >= self._parameters.warm_count and baseline.elapsed_s >= self._parameters.warm_s

    def _move(self, baseline: SignBaseline, spread_least: float, value: float, at_ms: int) -> None:
        elapsed_s = min(max(at_ms - baseline.learned_at_ms, 0) / 1000, self._parameters.gap_s_max)
        baseline.count += 1
        baseline.elapsed_s += elapsed_s
        baseline.learned_at_ms = max(at_ms, baseline.learned_at_ms)
        rate = (
            max(1 - math.exp(-elapsed_s / self._parameters.time_constant_s), 1 / baseline.count) if elapsed_s else 0.0
        )
        reach = CLIP_SPREADS * baseline.spread
        residual = min(max(value - baseline.usual, -reach), reach)
        baseline.usual += rate * residual
        sigma = abs(residual) * _SIGMA_PER_MEAN_DEVIATION
        baseline.spread = max(baseline.spread + rate * (sigma - baseline.spread), spread_least)


def refuse_not_finite(signs: Mapping[Sign, float]) -> None:
    """Raise ValueError where a value is NaN or infinite: such a value would poison a model for ever."""
    if not all(map(math.isfinite, signs.values())):
        raise ValueError(f"{dict(signs)} reached a model; the codec must refuse it.")


assert SPREAD_FACTS.keys() == set(PHYSIOLOGICAL_SIGNS)  # noqa: S101 - holds at import or never
