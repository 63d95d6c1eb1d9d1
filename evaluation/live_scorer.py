"""The one door by which the live code enters the evaluation: `stream.scoring.assess`, as it runs on a ward."""

from collections.abc import Sequence

from evaluation.scorers import Arrival
from stream.pipeline import PatientPipeline, PipelineParameters
from stream.scoring import PatientState, assess
from vitals.assessment import Assessment
from vitals.reading import PatientId, Reading


class LiveScorer:
    """NEWS2 as an interval, unusual patterns, and risk, of one patient after another."""

    names = ("risk", "anomaly", "news2", "news2_partial", "news2_high")

    def __init__(self, parameters: PipelineParameters | None = None) -> None:
        self._parameters = PipelineParameters() if parameters is None else parameters
        self._state = self._anew(PatientId(""))

    @property
    def model_version(self) -> str:
        """Which models: revision, River's version, hash of the parameters."""
        return self._parameters.model_version

    def begin(self, arrival: Arrival) -> None:
        self._state = self._anew(arrival.patient_id)

    def score(self, reading: Reading) -> Sequence[float | None]:
        assessment = assess(self._state, reading)
        if assessment is None:
            return (None,) * len(self.names)
        return (assessment.risk, _above_own(assessment), *_news2(assessment))

    def learn(self, labels: Sequence[bool], known_at_ms: int) -> None:
        """Nothing yet learns of labels."""

    def _anew(self, patient_id: PatientId) -> PatientState:
        return PatientState(patient_id, PatientPipeline(self._parameters))


def _above_own(assessment: Assessment) -> float | None:
    """Anomaly compares only within one patient: so far above the patient's own threshold."""
    if assessment.anomaly is None or assessment.anomaly_threshold is None:
        return None
    return assessment.anomaly - assessment.anomaly_threshold


def _news2(assessment: Assessment) -> tuple[float | None, float | None, float | None]:
    summary = assessment.news2
    return (None, None, None) if summary is None else (summary.total, summary.low, summary.high)
