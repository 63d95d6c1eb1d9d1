"""Silences: alerts that people keep quiet for a time, who answers for that, and what a silence never covers. Pure."""

from collections.abc import Iterable
from typing import Final

import msgspec

from vitals.alert import AlertKind, Priority, Reason, Suppression
from vitals.reading import PatientId, WardId

_RANK: Final = {Priority.LOW: 0, Priority.MEDIUM: 1, Priority.HIGH: 2}
USUAL_CEILING: Final = Priority.MEDIUM
"""What a silence covers at most unless it names a priority: nothing high goes quiet by accident."""


class Silence(msgspec.Struct, frozen=True):
    """One silence; what is None of ward, patient and kind narrows nothing.

    It holds from `effective_ms`, a few seconds after it was ordered, so that every worker knows it before; each moment is
    the time at which a record was received, so that a replay decides alike.
    """

    silence_id: str
    ward_id: WardId | None
    patient_id: PatientId | None
    kind: AlertKind | None
    priority: Priority | None
    """The highest that it covers; None: medium. High is covered by a silence of one patient and one kind only."""
    person_id: str
    by: str
    """Their name, as it is shown."""
    reason: str
    ordered_at_ms: int
    effective_ms: int
    until_ms: int
    ended_at_ms: int | None = None
    """When somebody ended it early,"""
    end_effective_ms: int | None = None
    """from when that holds,"""
    ended_by: str | None = None
    """and who."""

    @property
    def ceiling(self) -> Priority:
        """The highest priority it covers, whatever its row says: high only of one patient and one kind."""
        asked = USUAL_CEILING if self.priority is None else self.priority
        if asked is Priority.HIGH and (self.patient_id is None or self.kind is None):
            return USUAL_CEILING
        return asked

    @property
    def last_ms(self) -> int:
        """The moment from which it holds no more."""
        return self.until_ms if self.end_effective_ms is None else min(self.until_ms, self.end_effective_ms)

    def holds(self, at_ms: int) -> bool:
        """Whether it is in force at this moment."""
        return self.effective_ms <= at_ms < self.last_ms

    def covers(self, patient_id: PatientId, ward_id: WardId, kind: AlertKind, priority: Priority) -> bool:
        """Whether such an alert is meant, whatever the time."""
        return (
            self.ward_id in (None, ward_id)
            and self.patient_id in (None, patient_id)
            and self.kind in (None, kind)
            and _RANK[priority] <= _RANK[self.ceiling]
        )

    @property
    def suppression(self) -> Suppression:
        """What an alert that it covers carries."""
        return Suppression(
            reason=Reason.SILENCED,
            since_ms=self.effective_ms,
            by=self.by,
            silence_id=self.silence_id,
            until_ms=self.until_ms,
        )


def silence_of(
    silences: Iterable[Silence],
    patient_id: PatientId,
    ward_id: WardId,
    kind: AlertKind,
    priority: Priority,
    at_ms: int,
) -> Silence | None:
    """The silence that covers such an alert at this moment, of several the one that lasts longest; None where none does.

    An early end still to come does not make one shorter before it is known: `until_ms` decides, then the id.
    """
    found = [one for one in silences if one.holds(at_ms) and one.covers(patient_id, ward_id, kind, priority)]
    return max(found, key=lambda one: (one.until_ms, one.silence_id), default=None)
