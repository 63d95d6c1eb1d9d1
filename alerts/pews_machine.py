"""Bedside PEWS of a child at the engine: assessments in, transitions out. Pure.

As NEWS2: only what is certain already counts, a high score calls sooner, what people charted calls at once, and an input
that vanished counts at its last known points, so that a fallen-off sensor cures nobody.
"""

from collections.abc import Mapping

from alerts import wording
from alerts.casebook import Casebook
from alerts.charted import rest_on_people
from alerts.episode import Cause, Finding
from alerts.evidence import Moment
from alerts.pews_rule import PewsRule
from alerts.rules import NOTHING, Judgement
from alerts.state import Machine
from vitals.alert import AlertKind, Priority, Reason, Transition
from vitals.assessment import Assessment, PewsSummary
from vitals.reading import CHARTING
from vitals.sign import Sign

_DEPTHS: Mapping[Priority, float] = {Priority.MEDIUM: 0.0, Priority.HIGH: 1.0}


def step_pews(book: Casebook, summary: PewsSummary, moment: Moment, cause: Cause) -> list[Transition]:
    """What devices measured of a child."""
    state, rule = book.state, book.rules.pews
    machine = state.machine(AlertKind.PEWS_HIGH)
    if machine.episode is not None:
        state.pews_points.update(summary.points)
    judgement = judge_pews(machine, state.pews_points, summary, moment, rule)
    return _settle(book, machine, judgement, summary, cause)


def step_charted_pews(book: Casebook, assessment: Assessment, summary: PewsSummary, at_ms: int) -> list[Transition]:
    """What people charted of a child, or took back: at once, where it suffices by itself."""
    state, rule = book.state, book.rules.pews
    machine = state.machine(AlertKind.PEWS_HIGH)
    cause = Cause(assessment.reading_id, at_ms, assessment.received_at_ms, assessment.origin, CHARTING)
    if machine.episode is not None:
        for sign in assessment.forgotten:
            state.pews_points.pop(sign, None)
        state.pews_points.update(summary.points)
    by_people = sum(summary.points.get(sign, 0) for sign in assessment.charted)
    judgement = NOTHING
    priority = _reached(by_people, rule)
    if priority is not None:
        rest_on_people(machine)
    if priority is not None and _is_news(machine, priority):
        judgement = _found(machine, priority, at_ms, summary, rule)
    elif machine.is_active and sum(state.pews_points.values()) < rule.medium_from:
        said = {sign for sign, points in summary.points.items() if points} <= set(assessment.charted)
        if said or assessment.forgotten:
            judgement = Judgement(ended_text=wording.pews(summary))
    return _settle(book, machine, judgement, summary, cause)


def judge_pews(
    machine: Machine, known: Mapping[Sign, int], summary: PewsSummary, moment: Moment, rule: PewsRule
) -> Judgement:
    """Step both thresholds by the lower end of the interval, and the ending by what was last known."""
    levels = (
        (rule.medium_from, rule.medium_delay_s, Priority.MEDIUM),
        (rule.high_from, rule.high_delay_s, Priority.HIGH),
    )
    if not moment.is_consecutive or len(machine.since_ms) != len(levels):
        machine.since_ms, machine.clear_since_ms = [None] * len(levels), None
    found: Judgement | None = None
    for index, (threshold, delay_s, priority) in enumerate(levels):
        since_ms = machine.since_ms[index]
        if summary.low < threshold:
            machine.since_ms[index] = moment.drained(since_ms)
            continue
        if since_ms is None:
            since_ms = machine.since_ms[index] = moment.at_ms
        if moment.has_held(since_ms, delay_s) and _is_news(machine, priority):
            found = _found(machine, priority, since_ms, summary, rule)
    if found is not None:
        return found
    return _ended(machine, known, summary, moment, rule)


def _ended(
    machine: Machine, known: Mapping[Sign, int], summary: PewsSummary, moment: Moment, rule: PewsRule
) -> Judgement:
    if not machine.is_active or sum(known.values()) >= rule.medium_from:
        machine.clear_since_ms = None
        return NOTHING
    if machine.clear_since_ms is None:
        machine.clear_since_ms = moment.at_ms
    if not moment.has_held(machine.clear_since_ms, rule.clear_s):
        return NOTHING
    return Judgement(ended_text=wording.pews(summary))


def _found(machine: Machine, priority: Priority, since_ms: int, summary: PewsSummary, rule: PewsRule) -> Judgement:
    threshold = rule.high_from if priority is Priority.HIGH else rule.medium_from
    reason = Reason.SCORE_REACHED
    onset_ms = since_ms if machine.since_ms[:1] in ([], [None]) else min(since_ms, machine.since_ms[0] or since_ms)
    return Judgement(
        Finding(
            priority,
            reason,
            onset_ms,
            wording.pews(summary),
            value=float(summary.low),
            limit=float(threshold),
            depth=_DEPTHS[priority],
        )
    )


def _settle(
    book: Casebook, machine: Machine, judgement: Judgement, summary: PewsSummary, cause: Cause
) -> list[Transition]:
    was_open = machine.episode is not None
    told = book.settle(AlertKind.PEWS_HIGH, machine, judgement, cause, Reason.SCORE_FELL, float(summary.low))
    if machine.episode is None:
        book.state.pews_points = {}
    elif not was_open:
        book.state.pews_points = dict(summary.points)
    return told


def _reached(points: int, rule: PewsRule) -> Priority | None:
    if points >= rule.high_from:
        return Priority.HIGH
    return Priority.MEDIUM if points >= rule.medium_from else None


def _is_news(machine: Machine, priority: Priority) -> bool:
    return machine.wants(priority, _DEPTHS[priority])
