"""Motion artefact, benign: while the hand moves the oximeter reads too low, locks on to the movement, or reads nothing.

In ten volunteers whose hand was moved mechanically, oximeters of three makes were within 7 points of the still hand for 76,
87 and 99 % of the time, and dropped out (Barker and Shah, Anesthesiology 1996;85:774, abstract). Chest-patch breathing was
rejected as invalid in half of ward recordings (Hernandez-Silveira et al., BMJ Open 2015;5:e006606). How often and how long
patients move is our choice. The patient is well: the sensor misreads, the signal quality says so.
"""

from dataclasses import dataclass

import numpy as np

from simulators.physiology import Array, Signs
from simulators.scenarios.course import Bouts, Scenario, all_but, flutter
from simulators.truth import Severity, Truth
from vitals.sign import Sign

SPELL_S = 3 * 3600.0
_DROPPED_OUT = 0.3
"""Share of the time in motion without a value."""


@dataclass(frozen=True, kw_only=True)
class MotionArtefact(Scenario):
    """A movement of 5 to 60 seconds each 3 to 10 minutes for 3 hours, and again every `every_s`."""

    every_s: float | None = None
    """Seconds of the course from one restless spell to the next; one only where it is None."""
    name = "motion-artefact"
    summary = "restless hand: saturation reads low or nothing, heart rate locks on to the movement"

    def sense(self, elapsed_s: Array, signs: Signs) -> Signs:
        since_s, by, generator = self._since_s(elapsed_s), self.variant.by_severity, self.variant.generator()
        if self.every_s is not None:
            since_s = np.where(since_s < 0, since_s, since_s % self.every_s)
        apart_s = self.variant.by_pace(600, 180)
        moves = Bouts.drawn(generator, within_s=SPELL_S, apart_s=apart_s, lasts_s=(5, by(30, 60)))
        into_s, index = moves.at(since_s)
        in_motion = (into_s >= 0) & (into_s < moves.lasts_s[index])
        strength = 0.3 + 0.7 * moves.strength[index]
        noise = flutter(elapsed_s, generator, shortest_s=2.1, longest_s=9)
        gone = in_motion & (flutter(elapsed_s, generator, shortest_s=3, longest_s=15) > 0.52)
        misread = np.where(in_motion, strength, 0.0)
        locked_bpm = 95 + 45 * moves.strength[index]
        spo2 = signs[Sign.SPO2] - misread * np.maximum(by(5, 14) + 4 * noise, 0)
        heart = signs[Sign.HEART_RATE] + misread * (locked_bpm - signs[Sign.HEART_RATE] + 12 * noise)
        quality = np.clip(95 - 70 * misread - 6 * np.abs(noise) * in_motion, 0, 100)
        return {
            **signs,
            Sign.SPO2: np.where(gone, np.nan, np.clip(spo2, 50, 100)),
            Sign.HEART_RATE: np.where(gone, np.nan, np.maximum(heart, 25)),
            Sign.RESPIRATORY_RATE: np.where(
                gone, np.nan, np.maximum(signs[Sign.RESPIRATORY_RATE] + 8 * misread * noise, 3)
            ),
            Sign.SIGNAL_QUALITY: quality,
        }

    def truth(self, every_s: float = 1.0) -> Truth:  # noqa: ARG002
        return self._truth(
            Severity.NONE,
            ends_s=None if self.every_s is not None else self._at_s(SPELL_S),
            must_not_alarm=all_but(),
            phases=self._phases(("restless", SPELL_S)),
        )
