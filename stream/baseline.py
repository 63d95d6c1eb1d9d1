"""What is usual for one patient, per sign and context, weighted by elapsed time, whatever the rate of readings.

Each sign has a fast level (a quarter of an hour) and a slow one (two days) by day and by night with its spread, and what
activity adds (`stream.baseline_sign`). A value far out moves a level only as far as one 2.5 spreads out would (Huber's
clipping). While the fast level stays away from usual the slow one learns nothing, however long that lasts, so that a
deterioration is never learned away; what ends it is that the sign is back, or that it has settled elsewhere for a day (for
the better) or two (otherwise), as ADWIN's window shows (`stream.drift`): then it is learned anew, which is said once.
"""

import math
from collections.abc import Mapping

from stream.baseline_facts import VARIATION_AT
from stream.baseline_sign import (
    BACK_SPREADS,
    BaselineParameters,
    SignBaseline,
    enter,
    first,
    follow,
    is_for_good,
    move,
    relearn,
)
from stream.context import BY_DAY_AT_REST, Context
from stream.drift import DriftWatch
from vitals.age import AgeBand
from vitals.sign import Sign

__all__ = ["BaselineParameters", "PersonalBaselines", "SignBaseline", "refuse_not_finite"]


class PersonalBaselines:
    """The baselines of one patient, one per physiological sign; other signs are ignored."""

    def __init__(self, parameters: BaselineParameters, signs: dict[Sign, SignBaseline] | None = None) -> None:
        self._parameters = parameters
        self._context: Context | None = None
        self.variation = VARIATION_AT[None]
        """What is known of people of this patient's age."""
        self._relearned: list[Sign] = []
        self.signs = {} if signs is None else signs
        """Every sign ever heard; at most the physiological ones."""
        self.warm = {sign: baseline for sign, baseline in self.signs.items() if self._is_warm(baseline)}
        """The baselines that have learned long enough to be told."""
        self._learn_every_ms = round(parameters.learn_every_s * 1000)
        self._watch_every_ms = round(parameters.drift.every_s * 1000)
        self._watches = {sign: DriftWatch(parameters.drift, baseline.kept) for sign, baseline in self.signs.items()}

    def enter(self, context: Context, band: AgeBand | None = None) -> None:
        """Judge by what is usual in this context, and by what is healthy at this age, from now on."""
        self.variation = VARIATION_AT[band]
        if context != self._context:
            self._context = context
            for baseline in self.signs.values():
                enter(baseline, context)

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

    def learn(self, signs: Mapping[Sign, float], at_ms: int, *, alarming: bool = False) -> None:
        """Move each sign's levels towards its value; raises ValueError on NaN and infinities, before anything moved.

        `alarming` says that the patient is flagged, beyond a hard limit or of an alarming score: only the fast levels move.
        """
        refuse_not_finite(signs)
        parameters, context = self._parameters, BY_DAY_AT_REST if self._context is None else self._context
        variation_of = self.variation.get
        known, learn_every_ms, watch_every_ms = self.signs, self._learn_every_ms, self._watch_every_ms
        for sign, value in signs.items():
            variation = variation_of(sign)
            if variation is None:
                continue
            baseline = known.get(sign)
            if baseline is None:
                baseline = known[sign] = first(value, variation, at_ms, context)
                self._watches[sign] = DriftWatch(parameters.drift, baseline.kept)
            elif at_ms - baseline.learned_at_ms < learn_every_ms:
                continue
            elif not context.active:
                follow(baseline, value, at_ms, parameters)
            if alarming:
                baseline.learned_at_ms = max(at_ms, baseline.learned_at_ms)
            else:
                move(baseline, variation, value, at_ms, context=context, parameters=parameters)
                if sign not in self.warm and self._is_warm(baseline):
                    self.warm[sign] = baseline
            if at_ms - baseline.kept.last_ms >= watch_every_ms and not context.active:
                self._watch(sign, baseline, context, at_ms)

    def take_relearned(self) -> tuple[Sign, ...]:
        """The signs whose usual was learned anew since this was last asked."""
        if not self._relearned:
            return ()
        relearned, self._relearned = tuple(self._relearned), []
        return relearned

    def dump(self) -> dict[Sign, SignBaseline]:
        """The whole state, as plain records."""
        return self.signs

    @classmethod
    def load(cls, parameters: BaselineParameters, signs: dict[Sign, SignBaseline]) -> "PersonalBaselines":
        """The baselines that `dump` described; their future is bit-identical once the context is entered again."""
        return cls(parameters, signs)

    def _is_warm(self, baseline: SignBaseline) -> bool:
        return baseline.count >= self._parameters.warm_count and baseline.elapsed_s >= self._parameters.warm_s

    def _watch(self, sign: Sign, baseline: SignBaseline, context: Context, at_ms: int) -> None:
        """Look, each half hour, whether the sign has settled elsewhere."""
        watch, anchor = self._watches[sign], baseline.anchor
        level = baseline.fast if anchor is None else baseline.fast - (baseline.usual - anchor.value)
        watch.take(level, at_ms)
        if sign not in self.warm or not baseline.left or anchor is None:
            return
        parameters = self._parameters
        least_s = min(parameters.better_s, parameters.changed_s)
        away = BACK_SPREADS * baseline.spread
        settled = watch.settled(baseline.spread, away_from=anchor.value, by=away, least_s=least_s)
        if settled is not None and is_for_good(baseline, self.variation[sign], settled, self._parameters):
            relearn(baseline, settled, context, self._parameters)
            self._relearned.append(sign)


def refuse_not_finite(signs: Mapping[Sign, float]) -> None:
    """Raise ValueError where a value is NaN or infinite: such a value would poison a model for ever."""
    if not math.isfinite(sum(signs.values())) and not all(map(math.isfinite, signs.values())):
        raise ValueError(f"{dict(signs)} reached a model; the codec must refuse it.")
