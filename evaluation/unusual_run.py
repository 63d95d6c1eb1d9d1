"""One staged bed through scorer and alert engine as they run live: what was told, and what a plain monitor would have. Pure."""

from collections.abc import Iterator

import msgspec

from alerts.partition import PartitionAlerts
from alerts.place import Place
from alerts.policy import FixedPolicy
from alerts.rules import AlertRules
from evaluation.alarm_load_beds import START_MS, RecordedBed, arrivals, patient_of
from evaluation.alarm_load_run import TELLING
from evaluation.alarm_load_thresholds import PlainThresholds
from evaluation.trend_coverage import Forecast, Moment, forecasts
from evaluation.unusual_ward import StagedBed
from stream.charted import assess_charted
from stream.pipeline import PatientPipeline, PipelineParameters
from stream.scoring import PatientState, assess
from vitals.alert import AlertKind
from vitals.assessment import Trend
from vitals.limits import HARD_LIMITS
from vitals.reading import Reading, WardId

PATIENT_KINDS = frozenset(
    {
        *(rule.kind for rule in HARD_LIMITS),
        AlertKind.NEWS2_SINGLE_RED,
        AlertKind.NEWS2_URGENT,
        AlertKind.NEWS2_EMERGENCY,
        AlertKind.UNUSUAL_PATTERN,
        AlertKind.BASELINE_SHIFT,
        AlertKind.DETERIORATION_RISK,
    }
)
"""Alerts that measurements bring, about the patient: no charted consciousness, no sensor, device or contact."""


class Told(msgspec.Struct, frozen=True):
    """An alert that began."""

    at_s: float
    kind: AlertKind


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one bed."""

    bed: StagedBed
    told: tuple[Told, ...]
    plain: tuple[Told, ...]
    warm_s: float | None
    """When the unusual pattern could first be judged."""
    flagged_s: tuple[float, ...]
    """Readings above the patient's own threshold."""
    forecasts: tuple[Forecast, ...]
    """Of limits, by trends, and what came."""

    def unusual_s(self) -> tuple[float, ...]:
        """When an unusual pattern was told."""
        return tuple(each.at_s for each in self.told if each.kind is AlertKind.UNUSUAL_PATTERN)


def replay(bed: StagedBed, parameters: PipelineParameters, *, keep_every: int = 1) -> Replayed:
    """Send all that arrives from a bed through scorer and engine; of readings one in `keep_every`, without charts then."""
    state = PatientState(patient_of(bed), PatientPipeline(parameters))
    engine = PartitionAlerts(FixedPolicy(AlertRules()), lambda _: Place(WardId("ward")), patients_max=2)
    plain, told, flagged, warm_s = PlainThresholds(), list[Told](), list[float](), None
    trends, moments = list[tuple[float, Trend]](), list[Moment]()
    for record in readings(bed, keep_every=keep_every):
        plain.step(record)
        if record.charted is None:
            moments.append(((record.measured_at_ms - START_MS) / 1000, record.signs))
        assessment = assess(state, record) if record.charted is None else assess_charted(state, record)
        steps = engine.step(record)
        if assessment is not None:
            steps += engine.step(assessment)
            second = (assessment.stands_at_ms - START_MS) / 1000
            if warm_s is None and not assessment.warming_up and record.charted is None:
                warm_s = second
            if assessment.flagged:
                flagged.append(second)
            trends += [(second, trend) for trend in assessment.trends]
        told += [
            Told((step.at_ms - START_MS) / 1000, step.kind)
            for step in steps
            if step.transition in TELLING and not step.retrospective
        ]
    return Replayed(
        bed=bed,
        told=tuple(told),
        plain=tuple(Told((each.at_ms - START_MS) / 1000, each.kind) for each in plain.activations),
        warm_s=warm_s,
        flagged_s=tuple(flagged),
        forecasts=tuple(forecasts(trends, moments)),
    )


def readings(bed: StagedBed, *, keep_every: int = 1) -> Iterator[Reading]:
    """What the bed's devices and its nurse say, or one in so many of what its devices say."""
    number = 0
    for record in arrivals(bed):
        if not isinstance(record, Reading) or (keep_every > 1 and record.charted is not None):
            continue
        if number % keep_every == 0:
            yield record
        number += 1


def recorded_moments(bed: RecordedBed) -> tuple[list[tuple[float, Trend]], list[Moment]]:
    """What trends tell of a recorded patient, and what was measured."""
    state = PatientState(patient_of(bed), PatientPipeline(PipelineParameters()))
    trends, moments = list[tuple[float, Trend]](), list[Moment]()
    for record in arrivals(bed):
        if isinstance(record, Reading):
            second = (record.measured_at_ms - START_MS) / 1000
            assessment = assess(state, record)
            moments.append((second, record.signs))
            trends += [(second, trend) for trend in (() if assessment is None else assessment.trends)]
    return trends, moments
