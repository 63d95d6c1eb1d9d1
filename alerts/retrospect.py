"""What an alert would have been: the pure engine over readings that a correction gave to their right patient. Pure.

Each episode that the engine would have raised becomes one finding: a transition FOUND, over when it is told, that pages
nobody. Lost contact and lost signs are not looked for: they were about watching, and nobody watched.
"""

from collections.abc import Callable
from datetime import date
from typing import Final

import msgspec

from alerts.engine import PatientAlerts
from alerts.life import TECHNICAL_KINDS
from alerts.place import Place
from alerts.policy import Policy
from alerts.state import PatientState
from vitals.age import age_band, age_years
from vitals.alert import Reason, Transition, TransitionKind
from vitals.assessment import Assessment
from vitals.identity import corrected_reading_id, transition_id
from vitals.reading import Origin, PatientId, Reading, WardId
from vitals.sex import Sex

FINDINGS_MAX: Final = 1000
"""Findings of one correction; more are counted and left out."""


def copy_of(
    reading: Reading,
    *,
    correction_id: str,
    right_patient_id: PatientId,
    ordered_at_ms: int,
    born: date | None = None,
    sex: Sex | None = None,
) -> Reading:
    """The reading as its right patient's; the same bytes however often it is made.

    Its boot is named anew, so that it counts as no repetition of what the patient may have had from that device before.
    It was taken in when the correction was ordered; a replayed recording keeps its own times.
    """
    boot = None if reading.boot is None else f"{reading.boot}~{correction_id}"
    received_at_ms = reading.received_at_ms if reading.origin is Origin.REPLAY else ordered_at_ms
    return msgspec.structs.replace(
        reading,
        reading_id=corrected_reading_id(reading.reading_id, reading.device_id, correction_id),
        patient_id=right_patient_id,
        received_at_ms=max(received_at_ms, reading.received_at_ms),
        boot=boot,
        correction_id=correction_id,
        age_band=age_band(born, reading.measured_at_ms),
        age_years=age_years(born, reading.measured_at_ms),
        sex=sex,
    )


class Retrospect:
    """Steps the engine over copies and their assessments, in the order of measurement; one patient, one correction."""

    def __init__(
        self,
        patient_id: PatientId,
        policy: Policy,
        *,
        correction_id: str,
        by: str,
        ward_at: Callable[[int], WardId],
    ) -> None:
        self.left_out = 0
        """Findings beyond `FINDINGS_MAX`."""
        self._engine = PatientAlerts(PatientState(patient_id), policy, lambda _: Place(ward_at(0)))
        self._correction_id = correction_id
        self._by = by
        self._ward_at = ward_at
        self._worst: dict[str, Transition] = {}
        """Of each episode still open the step that says most."""
        self._found: list[Transition] = []
        self._last_ms = 0

    def step(self, record: Reading | Assessment) -> None:
        """As if the record had come when it was measured."""
        self._last_ms = max(self._last_ms, record.measured_at_ms)
        live: Reading | Assessment
        if isinstance(record, Reading):
            live = msgspec.structs.replace(record, correction_id=None, received_at_ms=record.measured_at_ms)
        else:
            live = msgspec.structs.replace(record, late=False, received_at_ms=record.measured_at_ms)
        for transition in self._engine.step(live):
            if transition.kind in TECHNICAL_KINDS:
                continue
            if transition.is_open:
                self._worst[transition.episode_id] = transition
            else:
                self._add(self._worst.pop(transition.episode_id, transition), ended_ms=transition.at_ms)

    def end(self) -> list[Transition]:
        """What was found; what still held at the last reading ends there."""
        for transition in self._worst.values():
            self._add(transition, ended_ms=max(self._last_ms, transition.raised_at_ms))
        self._worst.clear()
        return self._found

    def _add(self, worst: Transition, *, ended_ms: int) -> None:
        if len(self._found) >= FINDINGS_MAX:
            self.left_out += 1
            return
        self._found.append(
            msgspec.structs.replace(
                worst,
                transition_id=transition_id(worst.episode_id, TransitionKind.FOUND, self._correction_id),
                ward_id=self._ward_at(worst.raised_at_ms),
                transition=TransitionKind.FOUND,
                reason=Reason.FOUND_BY_CORRECTION,
                at_ms=ended_ms,
                active=False,
                acknowledged=False,
                text=f"Found afterwards: {worst.text}",
                by=self._by,
                retrospective=True,
                correction_id=self._correction_id,
            )
        )
