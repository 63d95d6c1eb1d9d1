"""The rules: when signs, scores and patterns have been beyond their threshold for long enough, and when they are back. Pure.

Each rule steps the evidence of its machine and returns what follows from it. Limits and their delays come from
`vitals.limits`; what is chosen here is how a condition ends, and how long scores and patterns must last.
"""

from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from alerts import wording
from alerts.battery import BatteryRule
from alerts.clocks import ClockRule
from alerts.episode import Finding
from alerts.evidence import GapRule, Moment
from alerts.exertion import ExertionRule
from alerts.irregular import IrregularRule
from alerts.life import LifeRule
from alerts.pews_rule import PewsRule
from alerts.priorities import default_priorities
from alerts.risk import RiskRule
from alerts.shift import ShiftRule
from alerts.state import Machine
from alerts.unjudged import UnjudgedRule
from alerts.watchdog import ContactRule
from vitals.age import AgeBand
from vitals.alert import AlertKind, Priority, Reason
from vitals.assessment import Assessment, News2Summary
from vitals.child_limits import CHILD_LIMITS
from vitals.lateness import LIVE_AGE_MS_MAX
from vitals.limits import HARD_LIMITS, LimitRule, Side
from vitals.news2 import EMERGENCY_FROM, RED, URGENT_FROM
from vitals.sign import Sign

CLEAR_MARGINS: Mapping[Sign, float] = MappingProxyType(
    {
        Sign.HEART_RATE: 3,
        Sign.RESPIRATORY_RATE: 1,
        Sign.SPO2: 1,
        Sign.TEMPERATURE: 0.2,
        Sign.SYSTOLIC: 3,
    }
)
"""How far inside the limit a sign must be to count as back: about the resolution of its sensor; our choice."""


class AlertRules(msgspec.Struct, frozen=True, kw_only=True):
    """Every number that decides about alerts."""

    limits: tuple[LimitRule, ...] = HARD_LIMITS
    gap: GapRule = GapRule()
    contact: ContactRule = ContactRule()
    unjudged: UnjudgedRule = UnjudgedRule()
    irregular: IrregularRule = IrregularRule()
    battery: BatteryRule = BatteryRule()
    clock: ClockRule = ClockRule()
    exertion: ExertionRule = ExertionRule()
    risk: RiskRule = RiskRule()
    shift: ShiftRule = ShiftRule()
    clear_s: float = 60.0
    """How long a sign must be back within its limit and margin; tuned on bidmc, see docs/alerts.md."""
    live_age_ms_max: int = LIVE_AGE_MS_MAX
    """Older readings are history: they page nobody."""
    single_red_delay_s: float = 300.0
    urgent_delay_s: float = 120.0
    emergency_delay_s: float = 60.0
    """NEWS2 is made for spot observations; continuous signs pass through its bands. Shrinks with urgency; our choice."""
    score_clear_s: float = 300.0
    """How long NEWS2 must be below its threshold."""
    pattern_delay_s: float = 120.0
    pattern_clear_s: float = 300.0
    pews: PewsRule = PewsRule()
    child_limits: dict[AgeBand, tuple[LimitRule, ...]] = msgspec.field(default_factory=lambda: dict(CHILD_LIMITS))
    """In place of `limits`, by age."""
    life: LifeRule = LifeRule()
    priorities: dict[AlertKind, Priority] = msgspec.field(default_factory=default_priorities)
    """Of kinds without bands, in place of what their machines say."""
    version: str | None = None
    """Of the rulebook that says so, and of what was changed for the ward or the patient; set by whoever read it."""


@lru_cache(maxsize=256)
def limits_by_sign(limits: tuple[LimitRule, ...]) -> Mapping[Sign, tuple[LimitRule, ...]]:
    """The rules of each sign."""
    by_sign: defaultdict[Sign, list[LimitRule]] = defaultdict(list)
    for rule in limits:
        by_sign[rule.sign].append(rule)
    return {sign: tuple(rules) for sign, rules in by_sign.items()}


@lru_cache(maxsize=256)
def kinds_of(limits: tuple[LimitRule, ...]) -> frozenset[AlertKind]:
    """The kinds that these limits raise."""
    return frozenset(rule.kind for rule in limits)


class Judgement(NamedTuple):
    """What the evidence says now: at most one of the two."""

    finding: Finding | None = None
    """Raise it, or escalate to it."""
    ended_text: str | None = None
    """The open episode's condition has ended."""


NOTHING = Judgement()


def judge_limit(
    rule: LimitRule, machine: Machine, value: float, moment: Moment, clear_s: float, *, is_doubtful: bool = False
) -> Judgement:
    """Step one side of one sign's limits by a value.

    `is_doubtful`: its device calls its own signal poor. Then one value alone is no evidence, however rarely values come,
    except for what would be of high priority.
    """
    since_ms = machine.since_ms
    if not moment.is_consecutive or len(since_ms) != len(rule.depths):
        since_ms = machine.since_ms = [None] * len(rule.depths)
        machine.clear_since_ms = None
    deepest = -1
    for index, depth in enumerate(rule.depths):
        if not rule.is_beyond(value, depth.limit):
            since_ms[index:] = [moment.drained(began_ms) for began_ms in since_ms[index:]]
            break
        began_ms = since_ms[index]
        if began_ms is None:
            began_ms = since_ms[index] = moment.at_ms
        is_alone = is_doubtful and began_ms == moment.at_ms and depth.priority is not Priority.HIGH
        if not is_alone and moment.has_held(began_ms, depth.delay_s):
            deepest = index
    machine.holds = rule.depths[deepest].priority if deepest >= 0 else None
    if deepest >= 0:
        return _breached(rule, machine, value, moment, deepest)
    return _back_within(rule, machine, value, moment, clear_s if rule.clear_s is None else rule.clear_s)


def _breached(rule: LimitRule, machine: Machine, value: float, moment: Moment, deepest: int) -> Judgement:
    machine.clear_since_ms = None
    depth = rule.depths[deepest]
    how_deep = float(-depth.limit if rule.side is Side.LOW else depth.limit)
    if not machine.wants(depth.priority, how_deep):
        return NOTHING
    onset_ms = machine.since_ms[0] if machine.since_ms[0] is not None else moment.at_ms
    held_since_ms = machine.since_ms[deepest]
    lasted_ms = moment.at_ms - (onset_ms if held_since_ms is None else held_since_ms)
    reason = Reason.LIMIT_BREACHED if machine.episode is None else Reason.LIMIT_BREACHED_DEEPER
    text = wording.breach(rule, value, depth.limit, lasted_ms)
    return Judgement(
        Finding(depth.priority, reason, onset_ms, text, rule.sign, value, float(depth.limit), depth=how_deep)
    )


def _back_within(rule: LimitRule, machine: Machine, value: float, moment: Moment, clear_s: float) -> Judgement:
    if not machine.is_active:
        return NOTHING
    margin = CLEAR_MARGINS.get(rule.sign, 0.0)
    limit = rule.depths[0].limit
    if rule.is_beyond(value, limit + margin if rule.side is Side.LOW else limit - margin):
        machine.clear_since_ms = None
        return NOTHING
    if machine.clear_since_ms is None:
        machine.clear_since_ms = moment.at_ms
    if not moment.has_held(machine.clear_since_ms, clear_s):
        return NOTHING
    return Judgement(ended_text=wording.back_within(rule, value, limit, moment.at_ms - machine.clear_since_ms))


class ScoreLevel(NamedTuple):
    """One NEWS2 threshold and the kind of episode it opens."""

    kind: AlertKind
    priority: Priority
    threshold: int


SCORE_LEVELS: tuple[ScoreLevel, ...] = (
    ScoreLevel(AlertKind.NEWS2_SINGLE_RED, Priority.LOW, RED),
    ScoreLevel(AlertKind.NEWS2_URGENT, Priority.MEDIUM, URGENT_FROM),
    ScoreLevel(AlertKind.NEWS2_EMERGENCY, Priority.HIGH, EMERGENCY_FROM),
)
"""From least to most; a higher kind takes over from a lower one, so that one patient's score is one open episode."""


def judge_score(
    level: ScoreLevel, machine: Machine, summary: News2Summary, moment: Moment, delay_s: float
) -> Judgement:
    """Step one NEWS2 threshold by what is already certain: the lower end of the interval."""
    if not moment.is_consecutive or not machine.since_ms:
        machine.since_ms = [None]
    reached = summary.single_red if level.kind is AlertKind.NEWS2_SINGLE_RED else summary.low >= level.threshold
    if not reached:
        machine.since_ms[0] = moment.drained(machine.since_ms[0])
        return NOTHING
    since_ms = machine.since_ms[0]
    if since_ms is None:
        since_ms = machine.since_ms[0] = moment.at_ms
    if machine.is_active or not moment.has_held(since_ms, delay_s):
        return NOTHING
    text = wording.news2(summary)
    if level.kind is AlertKind.NEWS2_SINGLE_RED:
        text = f"{text} (one input alone scores {RED})"
    value = float(summary.low)
    return Judgement(
        Finding(level.priority, Reason.SCORE_REACHED, since_ms, text, value=value, limit=float(level.threshold))
    )


def judge_score_fall(
    level: ScoreLevel,
    machine: Machine,
    known: Mapping[Sign, int],
    summary: News2Summary,
    moment: Moment,
    clear_s: float,
) -> Judgement:
    """Whether the open episode's score has fallen for long enough, counting inputs that vanished at their last points.

    Urgent and emergency both end below the urgent threshold: an emergency that eases to 5 is not news of its own.
    """
    if not moment.is_consecutive:
        machine.clear_since_ms = None
    if not has_fallen(level, known):
        machine.clear_since_ms = None
        return NOTHING
    if machine.clear_since_ms is None:
        machine.clear_since_ms = moment.at_ms
    if not moment.has_held(machine.clear_since_ms, clear_s):
        return NOTHING
    return Judgement(ended_text=wording.news2(summary))


def has_fallen(level: ScoreLevel, known: Mapping[Sign, int]) -> bool:
    """Whether these points no longer hold an episode of this level open."""
    points = known.values()
    return RED not in points if level.kind is AlertKind.NEWS2_SINGLE_RED else sum(points) < URGENT_FROM


def judge_pattern(machine: Machine, assessment: Assessment, moment: Moment, rules: AlertRules) -> Judgement:
    """Step the unusual pattern: flagged against the patient's own threshold, and lasting.

    A moment that says too little to be judged, as steps or a temperature between other signs, neither adds nor takes away.
    """
    if not moment.is_consecutive or not machine.since_ms or assessment.warming_up:
        machine.since_ms = [None]
        machine.clear_since_ms = None
    if assessment.anomaly is None:
        return NOTHING
    if assessment.flagged:
        machine.clear_since_ms = None
        return _unusual(machine, assessment, moment, rules.pattern_delay_s)
    machine.since_ms[0] = None
    if not machine.is_active:
        return NOTHING
    if machine.clear_since_ms is None:
        machine.clear_since_ms = moment.at_ms
    if not moment.has_held(machine.clear_since_ms, rules.pattern_clear_s):
        return NOTHING
    return Judgement(ended_text=wording.usual_again(moment.at_ms - machine.clear_since_ms))


def _unusual(machine: Machine, assessment: Assessment, moment: Moment, delay_s: float) -> Judgement:
    since_ms = machine.since_ms[0]
    if since_ms is None:
        since_ms = machine.since_ms[0] = moment.at_ms
    if machine.is_active or not moment.has_held(since_ms, delay_s):
        return NOTHING
    text = wording.pattern(assessment, moment.at_ms - since_ms)
    return Judgement(
        Finding(
            Priority.LOW,
            Reason.PATTERN_UNUSUAL,
            since_ms,
            text,
            value=assessment.anomaly,
            limit=assessment.anomaly_threshold,
        )
    )
