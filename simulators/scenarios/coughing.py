"""Coughing, benign: bouts of seconds in which the heart leaps, the sensor misreads breathing, and saturation shows a dent.

Coughing raises the heart rate at most by 28 ± 8 beats (10 healthy people, Clin Sci 1989;77:305), less and later with age
(213 people, Am J Physiol 1983;245:R18), and systolic pressure is back within about 8 s (Benditt et al., Heart Rhythm
2005;2:807). Bouts are coughs at most 3 s apart (Holt et al., ERJ Open Res 2024;10:00316). How often, how long, and what a
chest sensor makes of them is our choice.
"""

from dataclasses import dataclass

import numpy as np

from simulators.physiology import Array, Signs
from simulators.scenarios.course import Bouts, Scenario, all_but
from simulators.truth import Severity, Truth
from vitals.sign import Sign

SPELL_S = 2 * 3600.0
"""Bouts come in spells of this length."""
_BOUT_S = (3.0, 16.0)
_CALMING_S = 12.0
"""Time constant with which the heart rate comes down after a bout."""


@dataclass(frozen=True, kw_only=True)
class Coughing(Scenario):
    """A bout each 2 to 6 minutes for 2 hours, and again every `every_s`."""

    every_s: float | None = None
    """Seconds of the course from one spell to the next; one spell only where it is None."""
    name = "coughing"
    summary = "bouts of coughing: the heart leaps, breathing is misread for seconds"

    def _bouts(self) -> Bouts:
        apart_s = self.variant.by_pace(360, 120)
        return Bouts.drawn(self.variant.generator(), within_s=SPELL_S, apart_s=apart_s, lasts_s=_BOUT_S)

    def shape(self, elapsed_s: Array, signs: Signs) -> Signs:
        since_s, bouts, by = self._since_s(elapsed_s), self._bouts(), self.variant.by_severity
        if self.every_s is not None:
            since_s = np.where(since_s < 0, since_s, since_s % self.every_s)
        into_s, index = bouts.at(since_s)
        lasts_s, strength = bouts.lasts_s[index], 0.5 + 0.5 * bouts.strength[index]
        is_coughing = (into_s >= 0) & (into_s < lasts_s)
        rise = np.clip(into_s / 4.0, 0, 1) * np.exp(-np.maximum(into_s - lasts_s, 0) / _CALMING_S)
        leap = np.where(into_s >= 0, rise * strength, 0.0)
        misread = np.where(is_coughing, strength, 0.0)
        return {
            **signs,
            Sign.HEART_RATE: signs[Sign.HEART_RATE] + by(10, 28) * leap,
            Sign.RESPIRATORY_RATE: signs[Sign.RESPIRATORY_RATE] + by(10, 30) * misread,
            Sign.SYSTOLIC: signs[Sign.SYSTOLIC] + by(10, 30) * misread,
            Sign.SPO2: signs[Sign.SPO2] - by(0, 2) * leap,
        }

    def truth(self, every_s: float = 1.0) -> Truth:  # noqa: ARG002
        return self._truth(
            Severity.NONE,
            ends_s=None if self.every_s is not None else self._at_s(SPELL_S + 60),
            must_not_alarm=all_but(),
            phases=self._phases(("spell", SPELL_S)),
        )
