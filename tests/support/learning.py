"""Outcomes, examples and lessons, for tests."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from stream.population import Candidate
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
    patient: str = "p1",
    pipeline: str = "test",
    **features: float,
) -> Lesson:
    """A moment and what became of it."""
    return Lesson(
        example=msgspec.structs.replace(
            example(name, at_s=at_s, patient=patient, pipeline=pipeline), features=features or {"ill": float(label)}
        ),
        label=label,
        weight=weight,
        known_at_ms=at_ms(at_s + 12 * HOUR_S),
        source=LessonSource.OUTCOME if label else LessonSource.NO_OUTCOME,
        horizon_s=12 * HOUR_S,
    )


class Told(NamedTuple):
    """A probability, and what brought it."""

    probability: float
    log_odds: float
    intercept: float
    contributions: Mapping[str, float]


class LogisticModel:
    """The smallest model that learns: log-odds linear in the features, by one step of gradient descent a lesson."""

    def __init__(self, weights: dict[str, float] | None = None, *, rate: float = 0.5) -> None:
        self.weights = {"": -2.0} if weights is None else weights
        self.rate = rate

    @property
    def is_taught(self) -> bool:
        return True

    def score(self, features: Mapping[str, float], /) -> Told:
        intercept = self.weights.get("", 0.0)
        contributions = {name: self.weights.get(name, 0.0) * value for name, value in features.items()}
        log_odds = intercept + sum(contributions.values())
        return Told(1 / (1 + math.exp(-log_odds)), log_odds, intercept, contributions)

    def learn(self, features: Mapping[str, float], label: bool, weight: float, /) -> None:  # noqa: FBT001 - as the port
        if not all(map(math.isfinite, features.values())):
            raise ValueError("Features are finite.")
        error = (label - self.score(features).probability) * weight * self.rate
        for name, value in sorted({"": 1.0, **features}.items()):
            self.weights[name] = self.weights.get(name, 0.0) + error * value

    def dump(self) -> bytes:
        return msgspec.json.encode((self.rate, self.weights))


def logistic(name: str = "logistic", *, rate: float = 0.5, pipeline: str = "test") -> Candidate:
    """A candidate that learns with it."""

    def load(blob: bytes) -> LogisticModel:
        known_rate, weights = msgspec.json.decode(blob, type=tuple[float, dict[str, float]])
        return LogisticModel(weights, rate=known_rate)

    return Candidate(name, pipeline, lambda: LogisticModel(rate=rate), load)
