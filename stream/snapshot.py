"""A patient's state as bytes and back: plain records in MessagePack, so that reading one runs nobody's code."""

import msgspec

from stream.deduplication import SeenReadings
from stream.freshness import FreshSigns
from stream.nights import Nights
from stream.pipeline import PatientPipeline, PipelineParameters, PipelineState
from stream.quality import QualityGate
from stream.risk import PatientRisk, RiskState
from stream.scales import Scales
from stream.scoring import MODEL_FAULTS, PatientState
from vitals.errors import SnapshotMismatch
from vitals.reading import PatientId


class Snapshot(msgspec.Struct, frozen=True):
    """What stands in a snapshot; the models stay raw so that the rest can be read when they cannot."""

    seen: SeenReadings
    fresh: FreshSigns
    pipeline: msgspec.Raw
    scales: Scales = msgspec.field(default_factory=Scales)
    quality: QualityGate = msgspec.field(default_factory=QualityGate)
    example_at_ms: int | None = None
    risk: RiskState = msgspec.field(default_factory=RiskState)
    nights: Nights = msgspec.field(default_factory=Nights)


_encoder = msgspec.msgpack.Encoder()
_snapshot_decoder = msgspec.msgpack.Decoder(Snapshot)
_pipeline_decoder = msgspec.msgpack.Decoder(PipelineState)


def encode_snapshot(state: PatientState) -> bytes:
    """The whole state of a patient; about 4 kB in 0.1 ms."""
    pipeline = msgspec.Raw(_encoder.encode(state.pipeline.dump()))
    return _encoder.encode(
        Snapshot(
            state.seen,
            state.fresh,
            pipeline,
            state.scales,
            state.quality,
            state.example_at_ms,
            state.risk.dump(),
            state.nights,
        )
    )


def decode_snapshot(
    patient_id: PatientId, blob: bytes, parameters: PipelineParameters, *, with_models: bool
) -> PatientState:
    """The state that was encoded; without models they start anew and warm up. Raises SnapshotMismatch."""
    try:
        snapshot = _snapshot_decoder.decode(blob)
        models = _pipeline_decoder.decode(snapshot.pipeline) if with_models else None
        pipeline = PatientPipeline(parameters, models)
    except (msgspec.DecodeError, *MODEL_FAULTS) as error:
        raise SnapshotMismatch(f"The state of patient {patient_id} has another shape: {error}") from error
    state = PatientState(
        patient_id,
        pipeline,
        scales=snapshot.scales,
        seen=snapshot.seen,
        fresh=snapshot.fresh,
        quality=snapshot.quality if with_models else None,
        nights=snapshot.nights,
        risk=PatientRisk(snapshot.risk) if with_models else None,
    )
    state.example_at_ms = snapshot.example_at_ms
    return state
