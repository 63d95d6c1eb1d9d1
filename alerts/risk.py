"""Deterioration risk: a learned probability that has stayed at or above its threshold. It adds alerts and lowers none. Pure.

The probability and its threshold come with the assessment, from whatever model published them; without them nothing is
said, and an open alert stays as it is.
"""

import msgspec

from alerts.evidence import Moment
from alerts.state import Machine
from vitals.assessment import Assessment


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
    if not moment.is_consecutive or not machine.since_ms:
        machine.since_ms, machine.clear_since_ms = [None], None
    risk, threshold = assessment.risk, assessment.risk_threshold
    if risk is None or threshold is None:
        machine.since_ms[0] = machine.clear_since_ms = None
        return None
    if risk < threshold:
        machine.since_ms[0] = moment.drained(machine.since_ms[0])
        return None
    since_ms = machine.since_ms[0]
    if since_ms is None:
        since_ms = machine.since_ms[0] = moment.at_ms
    return since_ms if moment.has_held(since_ms, rule.delay_s) else None


def has_fallen(machine: Machine, assessment: Assessment, moment: Moment, rule: RiskRule) -> bool:
    """Step the evidence against it; whether the risk has been low for long enough."""
    risk, threshold = assessment.risk, assessment.risk_threshold
    if risk is None or threshold is None or risk >= threshold * rule.clear_factor:
        machine.clear_since_ms = None
        return False
    if machine.clear_since_ms is None:
        machine.clear_since_ms = moment.at_ms
    return moment.has_held(machine.clear_since_ms, rule.clear_s)
