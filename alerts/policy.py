"""What people decided about alerts, as it stood when a record was received. Pure: an interface and its fixed form.

Everything is asked by the time of receipt, so that a replay, which hears the same records with the same times, is given
the same answers, whatever was decided since.
"""

from typing import Protocol

from alerts.rules import AlertRules
from vitals.alert import AlertKind, Priority, Suppression
from vitals.reading import PatientId, WardId


class Policy(Protocol):
    """Rules and silences; each answer holds for the moment asked for."""

    def rules(self, patient_id: PatientId, ward_id: WardId, at_ms: int) -> AlertRules:
        """The rules for a patient: the book's, as changed for the ward, then for the patient."""
        ...

    def silence(
        self, patient_id: PatientId, ward_id: WardId, kind: AlertKind, priority: Priority, at_ms: int
    ) -> Suppression | None:
        """The silence that covers such an alert, the one that lasts longest where several do; None where none does."""
        ...


class FixedPolicy:
    """One set of rules for everybody, and no silence."""

    def __init__(self, rules: AlertRules) -> None:
        self._rules = rules

    def rules(self, patient_id: PatientId, ward_id: WardId, at_ms: int) -> AlertRules:  # noqa: ARG002 - the same for all
        """See `Policy`."""
        return self._rules

    def silence(
        self,
        patient_id: PatientId,  # noqa: ARG002 - none for anybody
        ward_id: WardId,  # noqa: ARG002
        kind: AlertKind,  # noqa: ARG002
        priority: Priority,  # noqa: ARG002
        at_ms: int,  # noqa: ARG002
    ) -> Suppression | None:
        """See `Policy`."""
        return None
