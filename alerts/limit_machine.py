"""Limits of signs, and charted consciousness, at the engine: readings in, transitions out. Pure."""

from alerts import charted
from alerts.casebook import Casebook, Outcome
from alerts.episode import Cause, Finding
from alerts.evidence import Cadence
from alerts.rules import NOTHING, judge_limit
from alerts.state import Machine, remember_id
from alerts.suppression import LIMIT_KINDS_BY_SIGN
from vitals.alert import AlertKind, Reason, Transition
from vitals.lateness import event_ms
from vitals.limits import LimitRule
from vitals.reading import Charted, Reading
from vitals.sign import Sign


def step_limits(book: Casebook, reading: Reading) -> list[Transition]:
    """Hold every value of a reading of now against the limits of its sign."""
    cause = Cause.of(reading, event_ms(reading), reading.received_at_ms)
    transitions: list[Transition] = []
    is_doubtful = reading.signs.get(Sign.SIGNAL_QUALITY, 100.0) < book.rules.irregular.poor_below_percent
    limits = book.limits if reading.age_band is None else book.child_limits(reading.age_band)
    for sign, value in reading.signs.items():
        rules = limits.get(sign)
        if rules is not None:
            transitions += _step_sign(book, sign, rules, value, cause, is_doubtful=is_doubtful)
    return transitions


def step_charted(book: Casebook, reading: Reading, said: Charted) -> list[Transition]:
    """What somebody charted of consciousness."""
    if not remember_id(book.state.charted_ids, reading.reading_id):
        book.outcome = Outcome.DUPLICATE
        return []
    if not charted.observe(book.state, reading, said):
        return []
    return settle_consciousness(book, Cause.of(reading, event_ms(reading), reading.received_at_ms))


def settle_consciousness(book: Casebook, cause: Cause) -> list[Transition]:
    """What the observations of consciousness say now."""
    machine = book.state.machine(AlertKind.CONSCIOUSNESS)
    judgement = charted.judge_consciousness(machine, book.state.consciousness)
    return book.settle(AlertKind.CONSCIOUSNESS, machine, judgement, cause, Reason.ALERT_AGAIN, 0.0)


def _step_sign(
    book: Casebook, sign: Sign, rules: tuple[LimitRule, ...], value: float, cause: Cause, *, is_doubtful: bool
) -> list[Transition]:
    cadence = book.state.cadences.get(sign)
    if cadence is None:
        cadence = book.state.cadences[sign] = Cadence()
    # Two devices of one patient may measure the same sign, their clocks a little apart.
    if cadence.last_ms is not None and cause.at_ms < cadence.last_ms:
        book.outcome = Outcome.RETROSPECTIVE
        return []
    moment = cadence.step(cause.at_ms, book.rules.gap)
    transitions: list[Transition] = []
    for rule in rules:
        machine = book.state.machine(rule.kind)
        judgement = judge_limit(rule, machine, value, moment, book.rules.clear_s, is_doubtful=is_doubtful)
        if judgement is NOTHING:
            continue
        ended = _why_ended(rule, machine, value) if judgement.finding is None else Reason.BACK_WITHIN_LIMIT
        stepped = book.settle(rule.kind, machine, judgement, cause, ended, value)
        transitions += stepped
        if stepped and judgement.finding is not None:
            transitions += _end_other_side(book, rule, judgement.finding, cause)
    return transitions


def _why_ended(rule: LimitRule, machine: Machine, value: float) -> Reason:
    """Whether the sign came back, or only the limit went away from it."""
    told = None if machine.episode is None else machine.episode.limit
    return Reason.RULES_CHANGED if told is not None and rule.is_beyond(value, told) else Reason.BACK_WITHIN_LIMIT


def _end_other_side(book: Casebook, rule: LimitRule, finding: Finding, cause: Cause) -> list[Transition]:
    """A sign is on one side of its limits only: what was open on the other is over, whatever it still waits for."""
    return [
        transition
        for kind in LIMIT_KINDS_BY_SIGN.get(rule.sign, ())
        if kind is not rule.kind and kind in book.state.machines
        for transition in book.close(
            book.state.machine(kind), Reason.SUPERSEDED, finding.text, cause, superseded_by=finding.priority
        )
    ]
