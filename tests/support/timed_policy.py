"""A policy written out as a timetable: which rules hold from when, and which silences stand."""

from collections.abc import Sequence

from alerts.rules import AlertRules
from tests.support.alert_timetable import ms
from vitals.alert import AlertKind, Priority, Reason, Suppression
from vitals.reading import PatientId, WardId

FOR_EVER_MS = 1 << 62


def silence(start: float, end: float | None = None, *, silence_id: str = "s-1", by: str = "Ada Nurse") -> Suppression:
    """A silence from one second to another; without an end for ever."""
    return Suppression(
        Reason.SILENCED, ms(start), by=by, silence_id=silence_id, until_ms=None if end is None else ms(end)
    )


class TimedPolicy:
    """Rules by the second from which they hold; silences of kinds (None: all)."""

    def __init__(
        self,
        rules: AlertRules | Sequence[tuple[float, AlertRules]] = (),
        silences: Sequence[tuple[AlertKind | None, Suppression]] = (),
    ) -> None:
        given = [(0.0, rules)] if isinstance(rules, AlertRules) else list(rules) or [(0.0, AlertRules())]
        self._rules = [(0 if index == 0 else ms(second), held) for index, (second, held) in enumerate(given)]
        self.silences = list(silences)

    def rules(self, patient_id: PatientId, ward_id: WardId, at_ms: int) -> AlertRules:
        """See `alerts.policy.Policy`."""
        return [held for from_ms, held in self._rules if from_ms <= at_ms][-1]

    def silence(
        self,
        patient_id: PatientId,
        ward_id: WardId,
        kind: AlertKind,
        priority: Priority,
        at_ms: int,
    ) -> Suppression | None:
        """See `alerts.policy.Policy`."""
        standing = [
            found
            for silenced, found in self.silences
            if silenced in (None, kind) and found.since_ms <= at_ms < (found.until_ms or FOR_EVER_MS)
        ]
        return max(standing, key=lambda found: (found.until_ms or FOR_EVER_MS, found.silence_id or ""), default=None)
