"""A ward's patients without a worker: their bare models in a plain loop, and their whole pipelines."""

from collections.abc import Mapping, Sequence

from runtime.bus import Incoming
from stream.pipeline import PatientPipeline, PipelineParameters
from stream.population import InForce
from stream.quality import QualityGate
from stream.risk import PatientRisk
from stream.scoring import PatientState, assess
from vitals import codec
from vitals.reading import PatientId, Reading


class BareModels:
    """Quality gate, baselines, unusual pattern, budget, trends and risk of each patient, nothing around them."""

    def __init__(self, in_force: InForce) -> None:
        self._in_force = in_force
        self._models: dict[PatientId, tuple[QualityGate, PatientPipeline, PatientRisk]] = {}

    def run(self, readings: Sequence[Reading]) -> None:
        """Score, then learn, each reading."""
        for reading in readings:
            models = self._models.get(reading.patient_id)
            if models is None:
                models = QualityGate(), PatientPipeline(PipelineParameters()), PatientRisk()
                self._models[reading.patient_id] = models
            gate, pipeline, risk = models
            at_ms = reading.measured_at_ms
            pipeline.enter(at_ms, active=False)
            judged = gate.judge(reading.signs, at_ms)
            scored = pipeline.score(judged.scored, at_ms, judged.barred)
            pipeline.learn(scored, held_back=scored.flagged)
            risk.step(judged.scored, at_ms, reading.age_years, reading.sex, self._in_force)


class Pipelines:
    """Each patient's whole pipeline, as the worker calls it."""

    def __init__(self, in_force: InForce, states: Mapping[PatientId, PatientState] | None = None) -> None:
        self._in_force = in_force
        self._states = {} if states is None else dict(states)

    def run(self, readings: Sequence[Reading]) -> None:
        """Assess each reading."""
        for reading in readings:
            state = self._states.get(reading.patient_id)
            if state is None:
                state = PatientState(reading.patient_id, PatientPipeline(PipelineParameters()))
                self._states[reading.patient_id] = state
            state.in_force = self._in_force
            assess(state, reading)


def decoded(records: Sequence[Incoming]) -> list[Reading]:
    """The readings of these records."""
    told = [codec.decode_readings_record(record.value) for record in records]
    return [reading for reading in told if isinstance(reading, Reading)]
