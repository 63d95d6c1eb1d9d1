"""Learned risk and baseline shift at the engine: assessments in, transitions out. Pure."""

from alerts import wording
from alerts.casebook import Casebook
from alerts.episode import Cause, Finding
from alerts.evidence import Moment
from alerts.risk import UNTOLD_MS, has_fallen, has_lasted, is_untold
from alerts.rules import NOTHING, Judgement
from alerts.shift import SignShift, least_of
from vitals.alert import AlertKind, Priority, Reason, Transition
from vitals.assessment import Assessment, Driver
from vitals.explanation import raised_by
from vitals.sign import Sign


def step_risk(book: Casebook, assessment: Assessment, moment: Moment, cause: Cause) -> list[Transition]:
    """What the risk model says; where there is none any more, an open alert ends in time."""
    kind = AlertKind.DETERIORATION_RISK
    if assessment.risk is None and kind not in book.state.machines:
        return []
    machine, rule = book.state.machine(kind), book.rules.risk
    since_ms = has_lasted(machine, assessment, moment, rule)
    fallen = has_fallen(machine, assessment, moment, rule)
    if is_untold(machine, assessment, moment):
        return book.close(machine, Reason.RULES_CHANGED, wording.risk_untold(UNTOLD_MS), cause)
    judgement = NOTHING
    if assessment.risk is not None and assessment.risk_threshold is not None:
        figures = assessment.risk, assessment.risk_threshold, assessment.risk_horizon_s
        is_active = machine.episode is not None and machine.episode.active
        if since_ms is not None and not is_active:
            text = wording.risk(*figures, raised_by(assessment.risk_parts))
            finding = Finding(Priority.MEDIUM, Reason.RISK_REACHED, since_ms, text, value=assessment.risk)
            judgement = Judgement(finding._replace(limit=assessment.risk_threshold))
        elif fallen and is_active:
            judgement = Judgement(ended_text=wording.risk(*figures))
    return book.settle(kind, machine, judgement, cause, Reason.RISK_FELL, assessment.risk)


def step_shift(book: Casebook, assessment: Assessment, cause: Cause) -> list[Transition]:
    """Which signs have left what is usual for this patient, and stay away."""
    state, rules = book.state, book.rules
    watched = least_of(rules.shift)
    drivers: dict[Sign, Driver | None] = dict.fromkeys(assessment.as_usual)
    drivers.update({driver.sign: driver for driver in assessment.departed})
    for sign, driver in drivers.items():
        if sign not in watched:
            continue
        shift = state.shifts.get(sign)
        if shift is None:
            # Nothing to remember of a sign that was never away.
            if driver is None:
                continue
            shift = state.shifts[sign] = SignShift()
        shift.step(driver, cause.at_ms, rules.shift, rules.gap)
        shift.relearned = shift.relearned or sign in assessment.relearned
    return _settle_shift(book, drivers, cause)


def _settle_shift(book: Casebook, drivers: dict[Sign, Driver | None], cause: Cause) -> list[Transition]:
    kind, shifts = AlertKind.BASELINE_SHIFT, book.state.shifts
    machine = book.state.machines.get(kind)
    lasting = [sign for sign, shift in shifts.items() if shift.lasts]
    if machine is None or machine.episode is None:
        found = next((driver for sign in lasting if (driver := drivers.get(sign)) is not None), None)
        if found is None or found.usual is None:
            return []
        since_ms = shifts[found.sign].since_ms
        onset_ms = cause.at_ms if since_ms is None else since_ms
        text = wording.shift(found.sign, found.value, found.usual, cause.at_ms - onset_ms)
        finding = Finding(Priority.LOW, Reason.BASELINE_LEFT, onset_ms, text, found.sign, found.value)
        return book.open(kind, book.state.machine(kind), finding, cause)
    sign = machine.episode.sign
    if lasting or not drivers or sign is None:
        return []
    shift = shifts.get(sign)
    text = wording.shift_over(sign, relearned=shift is not None and shift.is_relearned(sign, book.rules.shift))
    return book.close(machine, Reason.BASELINE_REGAINED, text, cause)
