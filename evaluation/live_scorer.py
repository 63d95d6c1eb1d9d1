"""The one door by which the live code enters the evaluation: `stream.scoring.assess` and the population model, as on a ward."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from evaluation.scorers import CHALLENGER, Arrival
from stream.candidates import CANDIDATES
from stream.pipeline import PatientPipeline, PipelineParameters
from stream.population import Candidate, InForce, PopulationModel, hash_of
from stream.risk_model import AdditiveRisk
from stream.scoring import PatientState, assess
from vitals.assessment import Assessment
from vitals.errors import InvalidArgument
from vitals.model_version import SHIPPED
from vitals.reading import PatientId, Reading

UNTAUGHT = "none"
"""The prior that knows nothing."""
SHIPPED_PRIOR = "shipped"
"""What the champion of a new installation knows."""
LESSON_WEIGHT = 1.0
"""Every label of a recording counts alike: nobody left an alert unreviewed."""
_TAUGHT = SHIPPED + 1
"""The number of a model that has learned from somebody here."""


class LiveScorer:
    """Risk, unusual patterns, and NEWS2 as an interval, of one patient after another; one population model learns from all.

    It scores with what the patients before taught it. Lessons are the features exactly as they were scored.
    """

    names = ("risk", "anomaly", "news2", "news2_partial", "news2_high")

    def __init__(self, model: PopulationModel | None = None, parameters: PipelineParameters | None = None) -> None:
        self._parameters = PipelineParameters() if parameters is None else parameters
        self.model = model
        """None where there is no population model: then nothing says anything of risk, and nothing is learned."""
        self._taught = False
        self._state = self._anew(PatientId(""))
        self.scored: list[Mapping[str, float] | None] = []
        """Of the patient at hand, per reading the features that were scored; None where none were."""

    @property
    def model_version(self) -> str:
        """Which models: revision, River's version, hash of the parameters."""
        return self._parameters.model_version

    def begin(self, arrival: Arrival) -> None:
        self._state = self._anew(arrival.patient_id)
        self.scored = []

    def score(self, reading: Reading) -> Sequence[float | None]:
        state = self._state
        assessment = assess(state, reading)
        told = state.scored_risk
        self.scored.append(None if assessment is None or told is None else told.features)
        if assessment is None:
            return (None,) * len(self.names)
        return (assessment.risk, _above_own(assessment), *_news2(assessment))

    def learn(self, labels: Sequence[bool], known_at_ms: int) -> None:  # noqa: ARG002 - the model keeps no clock
        if self.model is None:
            return
        for features, label in zip(self.scored, labels, strict=True):
            if features is not None:
                self.model.learn(features, label, LESSON_WEIGHT)
                self._taught = True

    def _anew(self, patient_id: PatientId) -> PatientState:
        state = PatientState(patient_id, PatientPipeline(self._parameters))
        state.in_force = InForce(_TAUGHT if self._taught else SHIPPED, self.model)
        return state


def population_model(prior: str) -> PopulationModel | None:
    """The champion of a new installation, with what it ships with or without; None where this program has none.

    Raises InvalidArgument for a prior there is not.
    """
    if prior not in (UNTAUGHT, SHIPPED_PRIOR):
        raise InvalidArgument(f"There is no prior {prior}: begin with --prior {UNTAUGHT} or {SHIPPED_PRIOR}.")
    if not CANDIDATES:
        return None
    return CANDIDATES[0].fresh() if prior == SHIPPED_PRIOR else _untaught(CANDIDATES[0])


def challengers() -> Mapping[str, Callable[[], PopulationModel]]:
    """The other candidates that learn from the champion's features, by the names of their scores; untaught."""
    return {
        f"{CHALLENGER}{each.name.replace('-', '_')}": partial(_untaught, each)
        for each in CANDIDATES[1:]
        if each.pipeline == CANDIDATES[0].pipeline
    }


def copied(model: PopulationModel) -> PopulationModel:
    """The champion's model as it is now, in a copy that learns nothing of what the other learns from here on."""
    return CANDIDATES[0].load(model.dump())


def move_elsewhere(model: PopulationModel | None) -> None:
    """The champion's model comes to another hospital, where lessons of the ones before count less."""
    if isinstance(model, AdditiveRisk):
        model.move_elsewhere()


def settings_of(model: PopulationModel | None) -> dict[str, Any]:
    """With what everything scores and learns, for the report: parameters of the patients' models and of the population's."""
    learning = model.parameters if isinstance(model, AdditiveRisk) else None
    return {
        "patients": msgspec.to_builtins(PipelineParameters()),
        "population": msgspec.to_builtins(learning),
        "lesson_weight": LESSON_WEIGHT,
        "begins_with": None if model is None else hash_of(model.dump()),
    }


def _untaught(candidate: Candidate) -> PopulationModel:
    return candidate.fresh() if candidate.untaught is None else candidate.untaught()


def population_model_name() -> str | None:
    """The champion's name, and the hash of the code that makes its features."""
    return f"{CANDIDATES[0].name}/{CANDIDATES[0].pipeline}" if CANDIDATES else None


def _above_own(assessment: Assessment) -> float | None:
    """Anomaly compares only within one patient: so far above the patient's own threshold."""
    if assessment.anomaly is None or assessment.anomaly_threshold is None:
        return None
    return assessment.anomaly - assessment.anomaly_threshold


def _news2(assessment: Assessment) -> tuple[float | None, float | None, float | None]:
    summary = assessment.news2
    return (None, None, None) if summary is None else (summary.total, summary.low, summary.high)
