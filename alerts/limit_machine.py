"""Limits of signs, and charted consciousness, at the engine: readings in, transitions out. Pure."""

from alerts import charted
from alerts.casebook import Casebook, Outcome
from alerts.episode import Cause
from alerts.evidence import Cadence
from alerts.rules import judge_limit
from alerts.state import remember_id
from vitals.alert import AlertKind, Reason, Transition
from vitals.lateness import event_ms
from vitals.reading import Charted, Reading
from vitals.sign import Sign


def step_limits(book: Casebook, reading: Reading) -> list[Transition]:
    """Hold every value of a reading of now against the limits of its sign."""
    cause = Cause.of(reading, event_ms(reading), reading.received_at_ms)
    transitions: list[Transition] = []
    for sign, value in reading.signs.items():
        if sign in book.limits:
            transitions += _step_sign(book, sign, value, cause)
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


def _step_sign(book: Casebook, sign: Sign, value: float, cause: Cause) -> list[Transition]:
    cadence = book.state.cadences.get(sign)
    if cadence is None:
        cadence = book.state.cadences[sign] = Cadence()
    # Two devices of one patient may measure the same sign, their clocks a little apart.
    if cadence.last_ms is not None and cause.at_ms < cadence.last_ms:
        book.outcome = Outcome.RETROSPECTIVE
        return []
    moment = cadence.step(cause.at_ms, book.rules.gap)
    transitions: list[Transition] = []
    for rule in book.limits[sign]:
        machine = book.state.machine(rule.kind)
        judgement = judge_limit(rule, machine, value, moment, book.rules.clear_s)
        transitions += book.settle(rule.kind, machine, judgement, cause, Reason.BACK_WITHIN_LIMIT, value)
    return transitions
