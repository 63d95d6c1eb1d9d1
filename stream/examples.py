"""Which moments of a patient become examples: real, live, scored, and no more often than the setting says. Pure."""

from typing import Final

from stream.scoring import PatientState
from vitals.assessment import Assessment
from vitals.reading import Origin, Reading
from vitals.training import Example

_REAL: Final = Origin.REAL
"""Python 3.11 looks a member up in its enumeration by a call; this is asked of every reading."""


def example_of(
    state: PatientState, reading: Reading, assessment: Assessment | None, *, every_ms: int
) -> Example | None:
    """The example that this moment makes, noted in the state; None where it makes none, as a duplicate never does."""
    scored = state.scored_risk
    if assessment is None or scored is None or not scored.is_new:
        return None
    if assessment.late or reading.origin is not _REAL:
        return None
    last_ms = state.example_at_ms
    if last_ms is not None and reading.measured_at_ms - last_ms < every_ms:
        return None
    state.example_at_ms = reading.measured_at_ms
    return Example(
        example_id=reading.reading_id,
        patient_id=reading.patient_id,
        measured_at_ms=reading.measured_at_ms,
        received_at_ms=reading.received_at_ms,
        features=dict(scored.features),
        pipeline=scored.pipeline,
        model_number=scored.number,
        risk=scored.probability,
    )
