"""What operators see of each step of an alert: one log line, and counters; nothing that tells who the patient is."""

import structlog

from runtime.telemetry import Telemetry
from vitals.alert import Transition, TransitionKind

log = structlog.get_logger()

_TELLING = frozenset({TransitionKind.RAISED, TransitionKind.ESCALATED, TransitionKind.REALARMED})


def announce(telemetry: Telemetry, step: Transition) -> None:
    """Log and count a step; where it is kept from everybody also by what, and who answers for that."""
    kind, quiet = step.kind.value, step.suppression
    telemetry.count(
        "wardlight_alerts_transitions_total", kind=kind, transition=step.transition.value, reason=step.reason.value
    )
    if quiet is not None and (step.transition in _TELLING or step.transition is TransitionKind.SUPPRESSED):
        telemetry.count("wardlight_alerts_suppressed_total", kind=kind, reason=quiet.reason.value)
    log.info(
        "alert_step",
        episode_id=step.episode_id,
        ward_id=step.ward_id,
        kind=kind,
        transition=step.transition.value,
        reason=step.reason.value,
        priority=step.priority.value,
        round=step.round,
        suppressed=None if quiet is None else quiet.reason.value,
        suppressed_by=None if quiet is None else (quiet.by or quiet.kind),
    )
