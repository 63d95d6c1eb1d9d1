"""A change of the rules for one ward or one patient: what, by whom, why, and from when until when. Pure."""

from typing import NamedTuple

from vitals.alert import AlertKind
from vitals.kind_rules import Change
from vitals.reading import PatientId, WardId


class RuleChange(NamedTuple):
    """One change, of a ward or of a patient."""

    change_id: str
    ward_id: WardId | None
    patient_id: PatientId | None
    kind: AlertKind
    change: Change
    person_id: str
    by: str
    reason: str
    ordered_at_ms: int
    effective_ms: int
    expires_ms: int | None = None
    ended_at_ms: int | None = None
    """When somebody ended it early, or ordered another in its place,"""
    end_effective_ms: int | None = None
    """from when that holds,"""
    ended_by: str | None = None
    """and who."""

    @property
    def last_ms(self) -> int | None:
        """The moment from which it holds no more; None where it has no end yet."""
        ends = [end for end in (self.expires_ms, self.end_effective_ms) if end is not None]
        return min(ends, default=None)

    def holds(self, at_ms: int) -> bool:
        """Whether it is in force at this moment."""
        return self.effective_ms <= at_ms and (self.last_ms is None or at_ms < self.last_ms)
