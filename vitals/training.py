"""What the population model of risk learns from: examples as they were scored, and the lessons they become once the outcome is known."""

from enum import StrEnum
from typing import Annotated, Final

import msgspec

from vitals.model_version import IdText, Name
from vitals.reading import PatientId
from vitals.whole_numbers import Counted, EpochMs

POPULATION_KEY: Final = b"population"
"""The log key of every lesson: all stand in one partition, so that lessons have one order and one learner."""

FEATURES_MAX: Final = 1000
"""Of one example."""


class Example(msgspec.Struct, frozen=True, omit_defaults=True, tag="example"):
    """One moment of one patient as the risk model scored it, on log topic `training`, keyed by patient.

    Thinned by stream, and of real patients only: what a simulator measured teaches nothing about people. Says nothing yet
    of what became of the patient.
    """

    example_id: Name
    """The reading's id; an example told twice is one example."""
    patient_id: Annotated[PatientId, IdText]
    measured_at_ms: EpochMs
    received_at_ms: EpochMs
    features: Annotated[dict[Name, float], msgspec.Meta(max_length=FEATURES_MAX)]
    """Exactly those that were scored: finite; what was not known is absent."""
    pipeline: Name
    """Hash of the code that made the features: models learn from their own kind only."""
    model_number: Counted = 0
    """The version that scored it; 0 for what was shipped."""
    risk: float | None = None
    """The probability that was told; None where none was."""


class LessonSource(StrEnum):
    """How the label of a lesson came to be known; bounded, used as metric label."""

    OUTCOME = "outcome"
    """People charted that the patient deteriorated within the horizon."""
    NO_OUTCOME = "no_outcome"
    """The horizon passed, the patient was still under observation, and nobody charted an outcome."""
    FEEDBACK = "feedback"
    """No outcome, yet people said of an alert within the horizon that it was useful: a weak sign of deterioration."""


class Lesson(msgspec.Struct, frozen=True, omit_defaults=True, tag="lesson"):
    """One example with its label, on log topic `training`, keyed `population`; idempotent by `lesson_id`."""

    example: Example
    label: bool
    """Whether the patient deteriorated within `horizon_s` of the example."""
    weight: Annotated[float, msgspec.Meta(gt=0, le=1)]
    """How much it counts, above 0 and at most 1."""
    known_at_ms: EpochMs
    """When the label could be known, in the time of the log."""
    source: LessonSource
    horizon_s: float

    @property
    def lesson_id(self) -> str:
        """One example teaches at most once."""
        return self.example.example_id


TrainingRecord = Example | Lesson
"""Whatever may stand on log topic `training`."""
