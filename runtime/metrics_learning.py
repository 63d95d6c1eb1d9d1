"""Metrics of the learning loop; part of `runtime.metrics_table`."""

from typing import Final

from runtime.metric import Label, Metric, MetricKind

FATE: Final = Label(name="fate", values="stream.lessons.Fate")
LESSON_SOURCE: Final = Label(name="source", values="vitals.training.LessonSource")

LEARNING_METRICS: Final[tuple[Metric, ...]] = (
    Metric(
        name="wardlight_stream_examples_total",
        kind=MetricKind.COUNTER,
        help="Moments of patients handed to the trainer, as they were scored.",
    ),
    Metric(
        name="wardlight_stream_model_switches_total",
        kind=MetricKind.COUNTER,
        help="Switches of a partition to another version of the population model.",
    ),
    Metric(
        name="wardlight_stream_model_versions_refused_total",
        kind=MetricKind.COUNTER,
        help="Versions that could not be put in force: not stored, not as announced, or of other features; the last goes on.",
    ),
    Metric(
        name="wardlight_trainer_failures_total",
        kind=MetricKind.COUNTER,
        help="Times that the trainer ended for a reason that nobody foresaw, to be tried again. Must stay 0.",
    ),
    Metric(
        name="wardlight_trainer_examples_total",
        kind=MetricKind.COUNTER,
        help="Examples whose outcome is settled, and what they came to.",
        labels=(FATE,),
    ),
    Metric(
        name="wardlight_trainer_lessons_total",
        kind=MetricKind.COUNTER,
        help="Lessons learned from, once each.",
        labels=(LESSON_SOURCE,),
    ),
    Metric(
        name="wardlight_trainer_faults_total",
        kind=MetricKind.COUNTER,
        help="Lessons, and steps over a block of lessons, on which a candidate broke; it goes on without them, as it was before.",
    ),
    Metric(
        name="wardlight_trainer_versions_total",
        kind=MetricKind.COUNTER,
        help="Versions of the population model made, those of challengers included.",
    ),
    Metric(
        name="wardlight_trainer_malformed_records_total",
        kind=MetricKind.COUNTER,
        help="Records of the log that the trainer could not read and passed over.",
    ),
    Metric(
        name="wardlight_trainer_trimmed_records_total",
        kind=MetricKind.COUNTER,
        help="Records the log had dropped before the trainer came to them.",
    ),
)
