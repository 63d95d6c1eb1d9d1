"""Values that were kept from the models, and why. They are shown, counted, and judged by every rule as ever."""

from enum import StrEnum

import msgspec

from vitals.sign import Sign


class WithheldCause(StrEnum):
    """Why a value is kept from the models; bounded, used as metric label."""

    IMPLAUSIBLE = "implausible"
    """Not a number, outside the sign's possible range, or in contradiction to another pressure of the reading."""
    FLAT_LINE = "flat_line"
    """Identical for longer than a living body's value stays, at the rate and the resolution of its sensor."""
    TOO_FAST = "too_fast"
    """Further from the last trusted value than a body moves in that time, and not confirmed by a second value."""
    STEPPED = "stepped"
    """At a new level after a jump: not trusted until it has lasted, then scored, and only later learned."""
    POOR_SIGNAL = "poor_signal"
    """The device itself calls its signal poor."""
    MOTION = "motion"
    """An optical value away from usual while steps are counted."""
    DUPLICATE = "duplicate"
    """A second value of the sign for the same moment; the first one stays."""
    STALE = "stale"
    """Late: out of order, long after it was measured, or from a correction. What was usual then nobody knows any more."""


class Withheld(msgspec.Struct, frozen=True, omit_defaults=True):
    """One value that the models did not learn from, nor score unless `scored`."""

    sign: Sign
    value: float | None
    """As it was measured; None where it was not a finite number."""
    cause: WithheldCause
    scored: bool = False
    """The models scored it, and only did not learn from it."""
