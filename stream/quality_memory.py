"""What the quality gate knows of one sign, and what it makes of a value that it doubts. Pure.

A crisis looks like an artefact at first, so no doubt lasts: a jump that stays is scored once it has lasted `CONFIRM_MS` in
two values; a sign that jumps about, after `DOUBT_MS_MAX` of it; a poor signal, after `POOR_MS_MAX`. Learning waits longer.
"""

from typing import NamedTuple

import msgspec

from stream.quality_facts import (
    CALM_SHARE,
    CONFIRM_MS,
    DOUBT_MS_MAX,
    FINE_MS,
    FLAT_GAP_MS_MAX,
    GAP_MS_MAX,
    LEARN_AFTER_MS,
    LEVEL_MS,
    LOOK_EVERY_MS,
    MOTION_AWAY,
    MOTION_SIGN,
    OWED_MS_MAX,
    POOR_MS_MAX,
    REFERENCE_MS_MAX,
    SIGNAL_SIGNS,
    SignMotion,
    Stillness,
)
from vitals.quality import WithheldCause
from vitals.sign import Sign

NEVER_MS = -(2**60)
_SETTLED = 2
"""So many values without a jump end a doubt, once its time is made up for."""
_RESOLUTION_SLACK = 1e-6
"""What binary fractions lose of a decimal tenth."""


class Verdict(NamedTuple):
    """Why a value is not to be learned from."""

    cause: WithheldCause
    scored: bool = False
    """It may be scored all the same."""


_TOO_FAST, _STEPPED = Verdict(WithheldCause.TOO_FAST), Verdict(WithheldCause.STEPPED)
_NEW_LEVEL = Verdict(WithheldCause.STEPPED, scored=True)
_UNSTEADY = Verdict(WithheldCause.TOO_FAST, scored=True)
"""Near the level, amid values that are not."""


class Doubt(msgspec.Struct, array_like=True):
    """What is unsettled about one sign; mutable, dropped when it has been calm for long enough."""

    level_ms: int
    """When the level was last known."""
    jump: float | None = None
    """The new level that waits to be confirmed."""
    jump_from_ms: int = 0
    jump_ms: int = 0
    """When a value last agreed with it."""
    former: float | None = None
    """The level before the last confirmed jump: a return to it needs no confirmation."""
    learn_from_ms: int = NEVER_MS
    """Before this nothing is learned: the level came by a jump."""
    owed_ms: float = 0.0
    """Time of jumping about, calm time taken off."""
    calm: int = _SETTLED
    """Values since the last jump."""
    poor_from_ms: int | None = None
    """Since when the signal has been poor."""
    moved_from_ms: int | None = None
    """Since when the sign has been away in motion."""


class SignMemory(msgspec.Struct, array_like=True):
    """What the gate knows of one sign; mutable, at most 140 bytes in a snapshot."""

    level: float
    """Where the sign is, by the values of the last seconds that were believed."""
    raw: float
    """The last value of a signal that was not poor, believed or not."""
    raw_ms: int = NEVER_MS
    """When it was measured; without a doubt that is when the level was last known, too."""
    same: int = 0
    """In how many values it has been identical."""
    same_from_ms: int = NEVER_MS
    """Since when, once there are two."""
    fine_ms: int = NEVER_MS
    """When the sensor last showed a fraction of its coarse resolution."""
    looked_ms: int = NEVER_MS
    """When somebody last looked for one."""
    doubt: Doubt | None = None

    @property
    def level_ms(self) -> int:
        """When the level was last known."""
        return self.raw_ms if self.doubt is None else self.doubt.level_ms


def hear(memory: SignMemory, still: Stillness, value: float, at_ms: int) -> bool:
    """Take note of a value, whatever it is worth; whether it has been identical for longer than a living sign stays."""
    pause_ms = at_ms - memory.raw_ms
    if pause_ms > 0:
        memory.raw_ms = at_ms
    if value == memory.raw and pause_ms <= FLAT_GAP_MS_MAX:
        memory.same += 1
        if memory.same == 2:
            memory.same_from_ms = at_ms - pause_ms
        return memory.same >= still.fine_values and _is_flat(memory, still, at_ms)
    memory.raw = value
    if memory.same != 1:
        memory.same = 1
    if at_ms - memory.looked_ms >= LOOK_EVERY_MS:
        memory.looked_ms = at_ms
        steps = value * still.steps_per_unit
        if abs(steps - round(steps)) > _RESOLUTION_SLACK:
            memory.fine_ms = at_ms
    return False


def _is_flat(memory: SignMemory, still: Stillness, at_ms: int) -> bool:
    if memory.raw >= still.ceiling:
        return False
    fine = memory.same_from_ms - memory.fine_ms <= FINE_MS
    values, least_ms = (still.fine_values, still.fine_ms) if fine else (still.coarse_values, still.coarse_ms)
    return memory.same >= values and at_ms - memory.same_from_ms >= least_ms


def doubted(
    memory: SignMemory, motion: SignMotion, sign: Sign, value: float, at_ms: int, *, poor: bool, walking: bool
) -> Verdict | None:
    """Judge a value that is not simply near the level; None where it is believed."""
    doubt = memory.doubt
    if doubt is None:
        doubt = memory.doubt = Doubt(memory.raw_ms)
    waiting = _poor(doubt, at_ms, poor=poor and sign in SIGNAL_SIGNS) or _moved(
        doubt, at_ms, moved=walking and sign is MOTION_SIGN and _is_away(memory, doubt, value, at_ms)
    )
    if waiting is not None and not waiting.scored:
        return waiting
    verdict = _judged(memory, doubt, motion, value, at_ms) or waiting
    if verdict is None and _is_settled(memory.doubt or doubt, at_ms):
        memory.doubt = None
    return verdict


def _is_settled(doubt: Doubt, at_ms: int) -> bool:
    return doubt.calm >= _SETTLED and doubt.owed_ms <= 0 and doubt.level_ms == at_ms


def _poor(doubt: Doubt, at_ms: int, *, poor: bool) -> Verdict | None:
    if not poor:
        doubt.poor_from_ms = None
        return None
    if doubt.poor_from_ms is None:
        doubt.poor_from_ms = at_ms
    return Verdict(WithheldCause.POOR_SIGNAL, scored=at_ms - doubt.poor_from_ms >= POOR_MS_MAX)


def _moved(doubt: Doubt, at_ms: int, *, moved: bool) -> Verdict | None:
    if not moved:
        doubt.moved_from_ms = None
        return None
    if doubt.moved_from_ms is None:
        doubt.moved_from_ms = at_ms
    return Verdict(WithheldCause.MOTION, scored=at_ms - doubt.moved_from_ms >= DOUBT_MS_MAX)


def _is_away(memory: SignMemory, doubt: Doubt, value: float, at_ms: int) -> bool:
    return at_ms - doubt.level_ms <= REFERENCE_MS_MAX and abs(value - memory.level) > MOTION_AWAY


def _judged(memory: SignMemory, doubt: Doubt, motion: SignMotion, value: float, at_ms: int) -> Verdict | None:
    """Hold a value against the level."""
    elapsed_ms = max(at_ms - doubt.level_ms, 0)
    away = value - memory.level
    pause_ms = min(max(at_ms - memory.raw_ms, 0), GAP_MS_MAX)
    if elapsed_ms > REFERENCE_MS_MAX:
        memory.level = value
        memory.doubt = Doubt(at_ms, poor_from_ms=doubt.poor_from_ms, moved_from_ms=doubt.moved_from_ms)
        return None
    if abs(away) <= _reach(motion, elapsed_ms):
        memory.level += away * (elapsed_ms / (elapsed_ms + LEVEL_MS))
        doubt.level_ms += elapsed_ms
    elif doubt.former is not None and at_ms < doubt.learn_from_ms and abs(value - doubt.former) <= motion.sudden:
        doubt.former, doubt.learn_from_ms = None, NEVER_MS
        memory.level = value
        doubt.level_ms += elapsed_ms
    else:
        return _jumped(memory, doubt, motion, value, at_ms, pause_ms)
    doubt.jump = None
    doubt.calm += 1
    doubt.owed_ms = max(doubt.owed_ms - pause_ms * CALM_SHARE, 0.0)
    if doubt.owed_ms >= CONFIRM_MS:
        return _UNSTEADY
    return _NEW_LEVEL if at_ms < doubt.learn_from_ms else None


def _jumped(
    memory: SignMemory, doubt: Doubt, motion: SignMotion, value: float, at_ms: int, pause_ms: int
) -> Verdict | None:
    """A value further from the level than a body moves: held until it is confirmed, or has gone on for long."""
    if doubt.calm < _SETTLED:
        doubt.owed_ms = min(doubt.owed_ms + pause_ms, OWED_MS_MAX)
    doubt.calm = 0
    jump, since_ms = doubt.jump, max(at_ms - doubt.jump_ms, 0)
    if jump is None or abs(value - jump) > _reach(motion, since_ms):
        doubt.jump, doubt.jump_from_ms, doubt.jump_ms = value, at_ms, at_ms
        held = _TOO_FAST
    else:
        doubt.jump = jump + (value - jump) * (since_ms / (since_ms + LEVEL_MS))
        doubt.jump_ms += since_ms
        if at_ms - doubt.jump_from_ms >= CONFIRM_MS:
            doubt.former, doubt.learn_from_ms = memory.level, doubt.jump_from_ms + LEARN_AFTER_MS
            memory.level, doubt.level_ms = doubt.jump, doubt.jump_ms
            doubt.jump, doubt.owed_ms = None, 0.0
            return _NEW_LEVEL if at_ms < doubt.learn_from_ms else None
        held = _STEPPED
    if doubt.owed_ms < DOUBT_MS_MAX:
        return held
    memory.level, doubt.level_ms = value, max(at_ms, doubt.level_ms)
    return held._replace(scored=True)


def _reach(motion: SignMotion, elapsed_ms: int) -> float:
    return min(motion.sudden + motion.per_ms * elapsed_ms, motion.at_most)
