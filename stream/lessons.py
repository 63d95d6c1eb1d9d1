"""What an example teaches once its time has come: a label, a weight, or nothing. Pure.

The weights are our choices, bounded in (0, 1] so that nobody's word counts more than an outcome:

| what became of the patient within the horizon | label | weight |
|---|---|---|
| an outcome was charted | deteriorated | 1 |
| none, and an alert was called useful | deteriorated | `useful_weight` |
| none, and an alert was called true with nothing to do | did not | `not_actionable_weight` |
| none, and an alert stands that nobody has reviewed | did not | `unreviewed_weight` |
| none | did not | 1 |
| the alert that stood was called false or technical | nothing is taught: the values were not the patient's | |
| an outcome came before | nothing: it is the aftermath | |
| the patient was not observed after the end of the horizon | nothing: nobody knows | |
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

import msgspec

from vitals.alert import AlertKind
from vitals.label import Feedback
from vitals.training import Example, Lesson, LessonSource

TEACHING_KINDS: Final = frozenset(
    {
        AlertKind.HEART_RATE_LOW,
        AlertKind.HEART_RATE_HIGH,
        AlertKind.RESPIRATORY_RATE_LOW,
        AlertKind.RESPIRATORY_RATE_HIGH,
        AlertKind.SPO2_LOW,
        AlertKind.TEMPERATURE_LOW,
        AlertKind.TEMPERATURE_HIGH,
        AlertKind.SYSTOLIC_LOW,
        AlertKind.SYSTOLIC_HIGH,
        AlertKind.NEWS2_SINGLE_RED,
        AlertKind.NEWS2_URGENT,
        AlertKind.NEWS2_EMERGENCY,
        AlertKind.CONSCIOUSNESS,
        AlertKind.UNUSUAL_PATTERN,
        AlertKind.DETERIORATION_RISK,
        AlertKind.BASELINE_SHIFT,
        AlertKind.PEWS_HIGH,
    }
)
"""Alerts about the patient's own state; of others nothing is learned."""
_NOT_THE_PATIENT: Final = frozenset({Feedback.FALSE, Feedback.TECHNICAL})


class OutcomeAt(Protocol):
    """As much of an outcome as is needed."""

    @property
    def happened_at_ms(self) -> int: ...
    @property
    def said_at_ms(self) -> int: ...
    @property
    def withdrawn_at_ms(self) -> int | None: ...


class Alert(Protocol):
    """As much of an alert as is needed."""

    @property
    def kind(self) -> AlertKind: ...
    @property
    def raised_at_ms(self) -> int: ...
    @property
    def reviewed(self) -> bool: ...
    @property
    def feedback(self) -> tuple[Feedback, ...]: ...


class LessonRules(msgspec.Struct, frozen=True, kw_only=True):
    """When examples are settled, and what they weigh."""

    horizon_s: float = 12 * 3600.0
    """Deterioration within this time after an example makes it positive."""
    charting_s: float = 12 * 3600.0
    """So long after the horizon an outcome may still be charted, or taken back, before what became of the patient counts."""
    aftermath_s: float = 24 * 3600.0
    """For so long after an outcome a patient's examples teach nothing."""
    useful_weight: float = 0.3
    not_actionable_weight: float = 0.5
    unreviewed_weight: float = 0.25


class Fate(StrEnum):
    """What became of an example; bounded, used as metric label."""

    TAUGHT = "taught"
    CENSORED = "censored"
    """The patient was not heard of between the end of the horizon and that of the time to chart."""
    AFTERMATH = "aftermath"
    ARTEFACT = "artefact"
    """People said that the values were not the patient's."""
    WITHDRAWN = "withdrawn"
    """A correction took the reading back."""
    CROWDED_OUT = "crowded_out"
    """Too many of one patient were waiting."""


class Judgement(NamedTuple):
    """What an example comes to; a lesson only where it `TAUGHT`."""

    fate: Fate
    lesson: Lesson | None = None


def settles_at_ms(example: Example, rules: LessonRules) -> int:
    """When the example is settled: all at the same age, whatever became of the patient.

    Were deterioration told as soon as it is charted, what was learned lately would be mostly that: of the same hours the
    others would still wait (delayed feedback; Chapelle, KDD 2014). No record from then on, of whatever topic, changes it.
    """
    return example.measured_at_ms + round((rules.horizon_s + rules.charting_s) * 1000)


def horizon_end_ms(example: Example, rules: LessonRules) -> int:
    """Until when the example is about."""
    return example.measured_at_ms + round(rules.horizon_s * 1000)


def bears_on(example: Example, happened_at_ms: int, rules: LessonRules) -> bool:
    """Whether an outcome at that time makes the example positive."""
    return example.measured_at_ms < happened_at_ms <= horizon_end_ms(example, rules)


def judge(
    example: Example,
    *,
    outcomes: Sequence[OutcomeAt],
    alerts: Sequence[Alert],
    was_observed: bool,
    rules: LessonRules,
) -> Judgement:
    """What the example teaches, of all that stood on record just before `settles_at_ms`; later words are passed over.

    `alerts` are those that stood at any time from the example to the end of its horizon; `was_observed` says whether the
    patient was heard of between that end and the end of the time to chart.
    """
    at_ms, settles_ms = example.measured_at_ms, settles_at_ms(example, rules)

    def taught(label: bool, weight: float, source: LessonSource) -> Judgement:  # noqa: FBT001 - the label is the matter
        return Judgement(Fate.TAUGHT, Lesson(example, label, weight, settles_ms, source, rules.horizon_s))

    happened_ms = [each.happened_at_ms for each in outcomes if _stood(each, settles_ms)]
    if any(bears_on(example, each, rules) for each in happened_ms):
        return taught(True, 1.0, LessonSource.OUTCOME)
    if any(0 <= at_ms - each < rules.aftermath_s * 1000 for each in happened_ms):
        return Judgement(Fate.AFTERMATH)
    if not was_observed:
        return Judgement(Fate.CENSORED)
    teaching = [alert for alert in alerts if alert.kind in TEACHING_KINDS]
    if any(Feedback.USEFUL in alert.feedback for alert in teaching):
        return taught(True, rules.useful_weight, LessonSource.FEEDBACK)
    if any(alert.raised_at_ms <= at_ms and not _NOT_THE_PATIENT.isdisjoint(alert.feedback) for alert in teaching):
        return Judgement(Fate.ARTEFACT)
    return taught(False, _weight_without_outcome(teaching, rules), LessonSource.NO_OUTCOME)


def _stood(outcome: OutcomeAt, at_ms: int) -> bool:
    """Whether it was on record just before that moment."""
    return outcome.said_at_ms < at_ms and (outcome.withdrawn_at_ms is None or outcome.withdrawn_at_ms >= at_ms)


def _weight_without_outcome(alerts: Sequence[Alert], rules: LessonRules) -> float:
    """The least of what any alert leaves it."""
    weight = 1.0
    if any(Feedback.NOT_ACTIONABLE in alert.feedback for alert in alerts):
        weight = min(weight, rules.not_actionable_weight)
    if any(not alert.reviewed for alert in alerts):
        weight = min(weight, rules.unreviewed_weight)
    return weight
