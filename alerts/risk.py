"""Deterioration risk: a learned probability that has stayed at or above its threshold. It adds alerts and lowers none. Pure.

The probability and its threshold come with the assessment, from whatever model published them; without them nothing is
said, and an open alert stays as it is, until no risk was told for longer than one is worth anything.
"""

from typing import Final

import msgspec

from alerts.evidence import Moment
from alerts.state import Machine
from vitals.assessment import Assessment

UNTOLD_MS: Final = 2 * 3_600_000
"""An alert of a risk that no assessment has told for so long ends: its model was withdrawn, or knows nothing of the patient
now. As long as stream lets a score stand that nothing new is heard for; our choice."""

_EVIDENCE: Final = 2
"""Since when the risk has held, and since when none was told."""


class RiskRule(msgspec.Struct, frozen=True, kw_only=True):
    """How long a risk must last, and how far it must fall."""

    delay_s: float = 300.0
    """At or above the threshold; a risk speaks of hours, and one artefact must not make it; our choice."""
    clear_factor: float = 0.8
    """Below this share of the threshold it has fallen, so that a risk at its threshold does not come and go; our choice."""
    clear_s: float = 900.0
    """For so long; our choice."""


def has_lasted(machine: Machine, assessment: Assessment, moment: Moment, rule: RiskRule) -> int | None:
    """Step the evidence for the risk; since when it holds, where that is for long enough."""
    if not moment.is_consecutive or len(machine.since_ms) != _EVIDENCE:
        machine.since_ms, machine.clear_since_ms = [None] * _EVIDENCE, None
    risk, threshold = assessment.risk, assessment.risk_threshold
    if risk is None or threshold is None:
        machine.since_ms[0] = machine.clear_since_ms = None
        return None
    machine.since_ms[1] = None
    if risk < threshold:
        machine.since_ms[0] = moment.drained(machine.since_ms[0])
        return None
    since_ms = machine.since_ms[0]
    if since_ms is None:
        since_ms = machine.since_ms[0] = moment.at_ms
    return since_ms if moment.has_held(since_ms, rule.delay_s) else None


def is_untold(machine: Machine, assessment: Assessment, moment: Moment) -> bool:
    """Step the evidence that no risk is told any more; whether that has lasted, which one reading never shows."""
    if assessment.risk is not None and assessment.risk_threshold is not None:
        return False
    since_ms = machine.since_ms[1]
    if since_ms is None:
        since_ms = machine.since_ms[1] = moment.at_ms
    return moment.at_ms - since_ms >= UNTOLD_MS


def has_fallen(machine: Machine, assessment: Assessment, moment: Moment, rule: RiskRule) -> bool:
    """Step the evidence against it; whether the risk has been low for long enough."""
    risk, threshold = assessment.risk, assessment.risk_threshold
    if risk is None or threshold is None or risk >= threshold * rule.clear_factor:
        machine.clear_since_ms = None
        return False
    if machine.clear_since_ms is None:
        machine.clear_since_ms = moment.at_ms
    return moment.has_held(machine.clear_since_ms, rule.clear_s)
