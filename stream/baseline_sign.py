"""One sign's usual: a slow level by day and by night, a fast one, what activity adds, and how each moves. Pure.

The better known of day and night is the anchor. The other is learned freely, yet only within what sleep changes in
anybody, and not from a sign that had left its usual before; so a first night is not a departure, and no illness is put
down to the night.
"""

import math

import msgspec

from stream.baseline_facts import Variation
from stream.context import Context
from stream.drift import DriftParameters, Settled, Stretch

CLIP_SPREADS = 2.5
"""Beyond this many spreads a value pulls no harder; 1.5-3 is the usual range of Huber's constant."""
FAST_CLIP_SPREADS = 5.0
"""The same of the fast level, which is to follow a crisis and not a single artefact."""
AWAY_SPREADS = 2.0
"""From here on the fast level has left what is usual …"""
BACK_SPREADS = 1.0
"""… until it is as near as this."""
_SIGMA_PER_MEAN_DEVIATION = math.sqrt(math.pi / 2)
"""Standard deviation over mean absolute deviation of a normal distribution."""


class BaselineParameters(msgspec.Struct, frozen=True, kw_only=True):
    """How fast and how much a baseline learns; where nothing else is said, our choice."""

    time_constant_s: float = 48 * 3600.0
    """Time in which an old slow level fades to 1/e; a younger one is the mean of what was learned."""
    fast_time_constant_s: float = 900.0
    learn_every_s: float = 30.0
    """A sign's values closer together than this are heard once: levels of minutes and days need no more."""
    gap_s_max: float = 3600.0
    """The most time that one value may stand for, however long the pause before it."""
    warm_count: int = 12
    """Values before a baseline is told to anyone."""
    warm_s: float = 300.0
    """Time before a baseline is told to anyone."""
    expected_s: float = 7200.0
    """What is expected of a spread weighs as much as so much time of this patient."""
    derived_s: float = 3600.0
    """What the anchor says of the other half of the day weighs as much as so much time in it."""
    held_from_s: float = 3600.0
    """From so much time learned over, the anchor is not moved by a sign that leaves it …"""
    young_s: float = 6 * 3600.0
    """… and before this much it is, if the sign calms down: people are admitted upset."""
    better_s: float = 24 * 3600.0
    """Settled for so long nearer to what is unremarkable, a sign is learned anew: a whole day and night."""
    changed_s: float = 48 * 3600.0
    """The same where it has settled elsewhere otherwise: a deterioration of a day stays one."""
    drift: DriftParameters = DriftParameters()


class Level(msgspec.Struct, array_like=True):
    """A running mean; mutable."""

    value: float
    learned_s: float
    """Time learned over, gaps cut short."""


class SignBaseline(msgspec.Struct):
    """What is usual for one sign of one patient; mutable."""

    usual: float
    """What is usual in the present context, in the sign's unit."""
    spread: float
    """Robust standard deviation around `usual`."""
    fast: float
    """Where the sign has been in the last quarter of an hour at rest, whatever is usual."""
    heard_s: float
    heard_at_ms: int
    learned_at_ms: int
    count: int = 0
    """Values learned."""
    day: Level | None = None
    night: Level | None = None
    active: Level | None = None
    """What activity adds."""
    left: bool = False
    """The sign has left what is usual, beyond single values, and is not back."""
    by_night: bool = False
    """Which half of the day it was last told in."""
    left_before: bool = False
    """It had when this half of the day began, and has not been back since."""
    kept: Stretch = msgspec.field(default_factory=Stretch)
    """What it has kept to since it last changed."""

    @property
    def elapsed_s(self) -> float:
        """Time learned over at rest."""
        return (0.0 if self.day is None else self.day.learned_s) + (0.0 if self.night is None else self.night.learned_s)

    @property
    def anchor(self) -> Level | None:
        """The better known of day and night; None before anything was learned at rest."""
        day, night = self.day, self.night
        if day is None or (night is not None and night.learned_s > day.learned_s):
            return night
        return day


def first(value: float, variation: Variation, at_ms: int, context: Context) -> SignBaseline:
    """A sign heard for the first time; nothing is learned of it yet."""
    return SignBaseline(value, variation.expected, value, 0.0, at_ms, at_ms, by_night=context.night)


def enter(baseline: SignBaseline, context: Context) -> None:
    """Judge by what is usual in this context from now on."""
    if baseline.by_night is not context.night:
        baseline.by_night = context.night
        baseline.left_before = baseline.left
    baseline.usual = usual_in(baseline, context)


def usual_in(baseline: SignBaseline, context: Context) -> float:
    """What is usual in a context; what was never learned in it is as in the other half of the day, or at rest."""
    own = baseline.night if context.night else baseline.day
    level = baseline.anchor if own is None else own
    rest = baseline.usual if level is None else level.value
    return rest + baseline.active.value if context.active and baseline.active is not None else rest


def follow(baseline: SignBaseline, value: float, at_ms: int, parameters: BaselineParameters) -> None:
    """Move the fast level."""
    elapsed_s = (at_ms - baseline.heard_at_ms) / 1000
    if elapsed_s <= 0:
        return
    if elapsed_s > parameters.gap_s_max:  # noqa: PLR1730 - a call for each value
        elapsed_s = parameters.gap_s_max
    spread, fast, was_left = baseline.spread, baseline.fast, baseline.left
    pull, reach = value - fast, FAST_CLIP_SPREADS * spread
    if not -reach <= pull <= reach:
        pull = _clipped(pull, reach)
    baseline.fast = fast = fast + pull * _rate(elapsed_s, baseline.heard_s, parameters.fast_time_constant_s)
    baseline.heard_s += elapsed_s
    baseline.heard_at_ms = at_ms
    reach = spread * (BACK_SPREADS if was_left else AWAY_SPREADS)
    left = not -reach < fast - baseline.usual < reach
    if left is not was_left:
        baseline.left = left
    if not left and baseline.left_before:
        baseline.left_before = False


def move(
    baseline: SignBaseline,
    variation: Variation,
    value: float,
    at_ms: int,
    *,
    context: Context,
    parameters: BaselineParameters,
) -> None:
    """Move what is usual in a context towards a value, and the spread; what is held back only notes the time."""
    elapsed_s = (at_ms - baseline.learned_at_ms) / 1000
    if elapsed_s > 0:
        baseline.learned_at_ms = at_ms
        if elapsed_s > parameters.gap_s_max:  # noqa: PLR1730 - a call for each value
            elapsed_s = parameters.gap_s_max
    night, active = context
    level = None if active else baseline.night if night else baseline.day
    if level is None:
        level = _level_in(baseline, context, value, parameters)
    anchor = baseline.anchor
    if level is anchor:
        near = BACK_SPREADS * baseline.spread
        is_near = -near < baseline.fast - baseline.usual < near
        if not is_near and _holds(baseline, level, variation, value, parameters):
            return
    elif baseline.left_before:
        return
    baseline.count += 1
    if elapsed_s > 0:
        is_anchor = level is anchor
        _teach(
            baseline, variation, level, value, elapsed_s, is_anchor=is_anchor, context=context, parameters=parameters
        )


def _teach(
    baseline: SignBaseline,
    variation: Variation,
    level: Level,
    value: float,
    elapsed_s: float,
    *,
    is_anchor: bool,
    context: Context,
    parameters: BaselineParameters,
) -> None:
    """Move a level and the spread by what a value says that stands for so much time."""
    spread, learned_s, time_constant_s, active = (
        baseline.spread,
        level.learned_s,
        parameters.time_constant_s,
        context.active,
    )
    residual, reach = value - baseline.usual, spread * (FAST_CLIP_SPREADS if active else CLIP_SPREADS)
    if not -reach <= residual <= reach:
        residual = _clipped(residual, reach)
    moved = level.value + residual * _rate(elapsed_s, learned_s, time_constant_s)
    if is_anchor or not baseline.left:
        if not active:
            rate = _rate(elapsed_s, baseline.elapsed_s + parameters.expected_s, time_constant_s)
            spread += rate * (abs(residual) * _SIGMA_PER_MEAN_DEVIATION - spread)
            baseline.spread = max(spread, variation.least)
        level.learned_s = learned_s + elapsed_s
    if is_anchor:
        level.value = baseline.usual = moved
    elif level is baseline.active:
        level.value = variation.active.clipped(moved)
        baseline.usual = usual_in(baseline, context)
    else:
        level.value = baseline.usual = _within_sleep(baseline, level, moved, variation)


def relearn(baseline: SignBaseline, settled: Settled, context: Context, parameters: BaselineParameters) -> None:
    """What is usual is where the sign has settled; from there it is as easily moved as a young baseline."""
    anchor = baseline.anchor
    if anchor is None:
        return
    shift = settled.level - anchor.value
    for level in (baseline.day, baseline.night):
        if level is not None:
            level.value += shift
            level.learned_s = min(level.learned_s, parameters.young_s)
    baseline.spread = max(baseline.spread, settled.sigma)
    baseline.usual = usual_in(baseline, context)


def is_for_good(baseline: SignBaseline, variation: Variation, settled: Settled, parameters: BaselineParameters) -> bool:
    """Whether a sign has kept to another level for long enough to call it this patient's usual."""
    anchor = baseline.anchor
    if anchor is None or abs(settled.level - anchor.value) < BACK_SPREADS * baseline.spread:
        return False
    is_better = variation.is_recovery(anchor.value, settled.level)
    return settled.lasted_s >= (parameters.better_s if is_better else parameters.changed_s)


def _rate(elapsed_s: float, known_s: float, time_constant_s: float) -> float:
    """The share of a pull that is followed: of a young level that of a mean, of an old one that of a fading mean."""
    if known_s + elapsed_s < time_constant_s:
        return elapsed_s / (elapsed_s + known_s)
    return 1 - math.exp(-elapsed_s / time_constant_s)


def _clipped(pull: float, reach: float) -> float:
    return reach if pull > reach else max(pull, -reach)


def _level_in(baseline: SignBaseline, context: Context, value: float, parameters: BaselineParameters) -> Level:
    """What a value in this context teaches, begun where there is none."""
    if context.active and baseline.count:
        if baseline.active is None:
            baseline.active = Level(0.0, parameters.fast_time_constant_s)
        return baseline.active
    level = baseline.night if context.night else baseline.day
    if level is None:
        anchor = baseline.anchor
        level = Level(value, 0.0) if anchor is None else Level(anchor.value, parameters.derived_s)
        if context.night:
            baseline.night = level
        else:
            baseline.day = level
        baseline.usual = usual_in(baseline, context)
    return level


def _holds(
    baseline: SignBaseline, level: Level, variation: Variation, value: float, parameters: BaselineParameters
) -> bool:
    """Whether the anchor stays where it is though the fast level is away: the sign has left it or is about to, and not for the better."""
    fast, usual, spread = baseline.fast, baseline.usual, baseline.spread
    if level.learned_s < parameters.held_from_s or baseline.count < parameters.warm_count:
        return False
    if not baseline.left and abs(value - usual) <= CLIP_SPREADS * spread:
        return False
    if variation.is_recovery(usual, fast):
        return False
    calms = variation.calms * (fast - usual) > 0 and variation.unremarkable.contains(fast)
    return level.learned_s >= parameters.young_s or not calms


def _within_sleep(baseline: SignBaseline, level: Level, value: float, variation: Variation) -> float:
    """A value for a level by day or by night, kept within what sleep changes in anybody unless it has become the anchor."""
    anchor, sleep = baseline.anchor, variation.night
    if anchor is None or level is anchor:
        return value
    low, high = sleep if level is baseline.night else (-sleep.high, -sleep.low)
    return anchor.value + min(max(value - anchor.value, low), high)
