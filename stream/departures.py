"""Which signs of a reading are away from what is usual for the patient, and which are not. Pure.

Said of every sign with a warm baseline, however well the patient is: that a sign stays away, or is back, can only be told
by who hears of both.
"""

from collections.abc import Mapping

import msgspec

from stream.baseline import PersonalBaselines
from vitals.assessment import Driver
from vitals.sign import Sign

SPREADS_AWAY = 2.0
"""From so many robust standard deviations on a sign is away; whoever alarms asks for more."""


class Departures(msgspec.Struct, frozen=True):
    """The two halves of a reading's signs with a warm baseline."""

    departed: tuple[Driver, ...] = ()
    as_usual: tuple[Sign, ...] = ()


NOWHERE = Departures()
"""Nothing is known."""


def departures(baselines: PersonalBaselines, signs: Mapping[Sign, float]) -> Departures:
    """Where each sign is, before the models learn from it."""
    departed: list[Driver] = []
    as_usual: list[Sign] = []
    warm = baselines.warm
    for sign, value in signs.items():
        baseline = warm.get(sign)
        if baseline is None:
            continue
        deviation = (value - baseline.usual) / baseline.spread
        if -SPREADS_AWAY < deviation < SPREADS_AWAY:
            as_usual.append(sign)
        else:
            departed.append(Driver(sign, value, round(baseline.usual, 2), round(deviation, 2)))
    return Departures(tuple(departed), tuple(as_usual))
