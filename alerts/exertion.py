"""Exertion: a patient who walks is not scored as one at rest. Pure.

NEWS2 was made for patients at rest; a brisk walk in the corridor scores heart rate 2 and breathing 3, and passes. So where
steps were counted up to a few minutes ago and little but heart rate and breathing scores, the score must last longer than a
walk and the recovery from it. Whatever else scores more than a point (saturation, pressure, temperature, consciousness,
oxygen) ends that patience, and an emergency never waits.
"""

import msgspec

from vitals.alert import AlertKind
from vitals.assessment import News2Summary
from vitals.sign import Sign

EXERTED_SIGNS = frozenset({Sign.HEART_RATE, Sign.RESPIRATORY_RATE})
"""What rises with exertion in everybody, and falls by itself afterwards."""
PATIENT_KINDS = frozenset({AlertKind.NEWS2_SINGLE_RED, AlertKind.NEWS2_URGENT})


class ExertionRule(msgspec.Struct, frozen=True, kw_only=True):
    """How long a score of exertion alone may last."""

    delay_s: float = 900.0
    """Longer than a six-minute walk and the five minutes in which heart rate recovers; our choice."""
    other_points_max: float = 1.0
    """What else may score: saturation of 94 or 95 % is one point, and a point lower in exertion is nothing; our choice."""


def delay_s(kind: AlertKind, summary: News2Summary, usual_s: float, rule: ExertionRule, *, exerted: bool) -> float:
    """How long this score must last: `usual_s`, or longer where it says no more than that the patient walks."""
    if not exerted or kind not in PATIENT_KINDS:
        return usual_s
    if sum(points for sign, points in summary.points.items() if sign not in EXERTED_SIGNS) > rule.other_points_max:
        return usual_s
    return max(usual_s, rule.delay_s)
