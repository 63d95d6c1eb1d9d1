"""Outcomes, examples and lessons, for tests."""

import msgspec

from tests.support.builders import at_ms
from vitals.outcome import Outcome, OutcomeKind, OutcomeWithdrawn
from vitals.reading import PatientId, WardId
from vitals.training import Example, Lesson, LessonSource

HOUR_S = 3600.0


def outcome(
    name: str = "o1",
    *,
    patient: str = "p1",
    kind: OutcomeKind = OutcomeKind.SEPSIS,
    at_s: float = 0,
    said_s: float = 60,
) -> Outcome:
    """What somebody charted of a patient: it happened at `at_s`, and was charted at `said_s`."""
    return Outcome(
        outcome_id=name,
        patient_id=PatientId(patient),
        ward_id=WardId("west"),
        kind=kind,
        happened_at_ms=at_ms(at_s),
        at_ms=at_ms(said_s),
        person_id="kim",
        by="Kim Nurse",
    )


def outcome_withdrawn(name: str = "o1", *, patient: str = "p1", at_s: float = 120) -> OutcomeWithdrawn:
    """Somebody took it back."""
    return OutcomeWithdrawn(
        outcome_id=name,
        patient_id=PatientId(patient),
        at_ms=at_ms(at_s),
        person_id="kim",
        by="Kim Nurse",
        reason="the wrong patient",
    )


def example(
    name: str = "e1", *, patient: str = "p1", at_s: float = 0, pipeline: str = "test", **features: float
) -> Example:
    """A moment as it was scored."""
    return Example(
        example_id=name,
        patient_id=PatientId(patient),
        measured_at_ms=at_ms(at_s),
        received_at_ms=at_ms(at_s + 1),
        features=features or {"ill": 0.0},
        pipeline=pipeline,
        risk=0.1,
    )


def lesson(
    name: str = "e1",
    *,
    label: bool = False,
    weight: float = 1.0,
    at_s: float = 0,
    pipeline: str = "test",
    **features: float,
) -> Lesson:
    """A moment and what became of it."""
    return Lesson(
        example=msgspec.structs.replace(
            example(name, at_s=at_s, pipeline=pipeline), features=features or {"ill": float(label)}
        ),
        label=label,
        weight=weight,
        known_at_ms=at_ms(at_s + 12 * HOUR_S),
        source=LessonSource.OUTCOME if label else LessonSource.NO_OUTCOME,
        horizon_s=12 * HOUR_S,
    )
