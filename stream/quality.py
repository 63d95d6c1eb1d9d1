"""The quality gate: which values of a reading the models may score, and which they may learn from. Pure.

It stands before everything learned and before nothing else: NEWS2, limits and lost contact judge what was measured, as
ever. Nothing is clamped or filled in: a value passes as it came or is withheld, and what is withheld is told with its
cause. Windows are in time, so that a sensor each second and a chart each hour are held to the same rules. Only a flat line,
an impossible value and a duplicate are never scored; every other doubt ends by itself (`stream/quality_memory.py`).

What is impossible leaves no trace: later verdicts are, to the bit, those of a course without it.
"""

from collections.abc import Mapping

import msgspec

from stream.quality_facts import LEVEL_MS, MEAN_SLACK_MMHG, POOR_BELOW_PERCENT, REFERENCE_MS_MAX, SIGN_MOTIONS
from stream.quality_memory import SignMemory, doubted, hear
from vitals.quality import Withheld, WithheldCause
from vitals.sign import PHYSIOLOGICAL_SIGNS, SIGN_FACTS, Sign, possible_high_of

_PHYSIOLOGICAL = frozenset(PHYSIOLOGICAL_SIGNS)
_NOTHING: frozenset[Sign] = frozenset()
_GOOD_PERCENT = 100.0
_SIGNAL_QUALITY = Sign.SIGNAL_QUALITY
_DIASTOLIC = Sign.DIASTOLIC
"""Python 3.11 looks a member up in its enumeration by a call; these are asked for at every reading."""


def _ranges(*, of_child: bool) -> Mapping[Sign, tuple[float, float]]:
    return {sign: (facts.possible_low, possible_high_of(sign, of_child=of_child)) for sign, facts in SIGN_FACTS.items()}


_ADULT_RANGES, _CHILD_RANGES = _ranges(of_child=False), _ranges(of_child=True)


class Sifted(msgspec.Struct, frozen=True):
    """A reading's values, the impossible ones apart."""

    signs: Mapping[Sign, float]
    """What a living patient's working sensor can report; the reading's own mapping where that is all."""
    withheld: tuple[Withheld, ...]


class Judged(msgspec.Struct, frozen=True):
    """The verdict on one reading."""

    scored: Mapping[Sign, float]
    """What the models may score; the reading's own mapping where nothing is withheld."""
    barred: frozenset[Sign]
    """Of those, what they may not learn from."""
    withheld: tuple[Withheld, ...]
    """Every value that is not to be scored, or not to be learned from, with its cause."""

    @property
    def is_telling(self) -> bool:
        """Whether any sign of the patient is left: without one the models take no step."""
        return not _PHYSIOLOGICAL.isdisjoint(self.scored)


def sift(signs: Mapping[Sign, float], *, of_child: bool = False) -> Sifted:
    """Part what is possible from what is not, NaN and infinities included; nobody judges or remembers the latter."""
    ranges = _CHILD_RANGES if of_child else _ADULT_RANGES
    for sign, value in signs.items():
        low, high = ranges[sign]
        if not low <= value <= high:
            break
    else:
        return Sifted(signs, ())
    kept: dict[Sign, float] = {}
    withheld: list[Withheld] = []
    for sign, value in signs.items():
        low, high = ranges[sign]
        if low <= value <= high:
            kept[sign] = value
        else:
            number = value if abs(value) < float("inf") else None
            withheld.append(Withheld(sign, number, WithheldCause.IMPLAUSIBLE))
    return Sifted(kept, tuple(withheld))


def passed(signs: Mapping[Sign, float]) -> Judged:
    """The verdict where there is no gate."""
    return Judged(signs, _NOTHING, ())


def stale(signs: Mapping[Sign, float]) -> Judged:
    """The verdict on the plausible values of a late reading: neither scored nor learned, and not remembered."""
    withheld = [Withheld(sign, value, WithheldCause.STALE) for sign, value in signs.items() if sign in _PHYSIOLOGICAL]
    return Judged({}, _NOTHING, tuple(withheld))


class QualityGate(msgspec.Struct):
    """One patient's gate; mutable, the whole state in plain records, at most one `SignMemory` per physiological sign."""

    signs: dict[Sign, SignMemory] = {}

    def judge(self, signs: Mapping[Sign, float], at_ms: int, *, walking: bool = False) -> Judged:
        """The verdict on plausible values that came in order; takes note of them.

        `walking` says that steps were counted around `at_ms`. Signs that are not physiological pass.
        """
        poor = signs.get(_SIGNAL_QUALITY, _GOOD_PERCENT) < POOR_BELOW_PERCENT
        withheld = _contradictions(signs) if _DIASTOLIC in signs else []
        judged = signs if not withheld else _without(signs, withheld)
        doubtful = poor or walking
        memories, motions = self.signs, SIGN_MOTIONS
        for sign, value in judged.items():
            motion = motions.get(sign)
            if motion is None:
                continue
            memory = memories.get(sign)
            if memory is None:
                memory = memories[sign] = SignMemory(value, value)
            elapsed_ms = at_ms - memory.raw_ms
            if elapsed_ms == 0:
                withheld.append(Withheld(sign, value, WithheldCause.DUPLICATE))
                continue
            away = value - memory.level
            verdict = None
            if (
                memory.doubt is None
                and not doubtful
                and -motion.sudden <= away <= motion.sudden
                and 0 < elapsed_ms <= REFERENCE_MS_MAX
            ):
                memory.level += away * (elapsed_ms / (elapsed_ms + LEVEL_MS))
            else:
                verdict = doubted(memory, motion, sign, value, at_ms, poor=poor, walking=walking)
                if verdict is not None and verdict.cause is WithheldCause.POOR_SIGNAL and not verdict.scored:
                    withheld.append(Withheld(sign, value, verdict.cause))
                    continue
            if hear(memory, motion.still, value, at_ms):
                withheld.append(Withheld(sign, value, WithheldCause.FLAT_LINE))
            elif verdict is not None:
                withheld.append(Withheld(sign, value, verdict.cause, verdict.scored))
        return _verdict(signs, withheld) if withheld else Judged(signs, _NOTHING, ())


def _verdict(signs: Mapping[Sign, float], withheld: list[Withheld]) -> Judged:
    barred = frozenset([each.sign for each in withheld if each.scored])
    return Judged(_without(signs, withheld), barred, tuple(withheld))


def _without(signs: Mapping[Sign, float], withheld: list[Withheld]) -> Mapping[Sign, float]:
    gone = {each.sign for each in withheld if not each.scored}
    return {sign: value for sign, value in signs.items() if sign not in gone} if gone else signs


def _contradictions(signs: Mapping[Sign, float]) -> list[Withheld]:
    """Pressures of one reading that cannot all be true: systolic not above diastolic, or a mean well outside the two."""
    systolic, diastolic, mean = signs.get(Sign.SYSTOLIC), signs[Sign.DIASTOLIC], signs.get(Sign.MEAN_PRESSURE)
    if systolic is None:
        return []
    wrong: tuple[Sign, ...] = ()
    if systolic <= diastolic:
        wrong = (Sign.SYSTOLIC, Sign.DIASTOLIC)
    elif mean is not None and not diastolic - MEAN_SLACK_MMHG <= mean <= systolic + MEAN_SLACK_MMHG:
        wrong = (Sign.MEAN_PRESSURE,)
    return [Withheld(sign, signs[sign], WithheldCause.IMPLAUSIBLE) for sign in wrong]
