"""A batch of messages to log records: decode all, find their patients, and keep what the answer to each device will be."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from ingest.decoder import Complaint, Decoded, DecoderLimits, Impossible, Refused, decode
from ingest.patient_directory import PatientDirectory, Wearer
from ingest.receipts import Safe
from runtime.bus import Outgoing
from runtime.mqtt import Received
from vitals.age import age_band, age_years
from vitals.codec import encode
from vitals.identity import rejection_id
from vitals.reading import PROBE, DeviceId, Reading, RefusedSigns, Rejection, RejectionReason, Tick
from vitals.topics import LogTopic

DETAIL_CHARACTERS_MAX = 300
_READINGS = LogTopic.READINGS.value
_REJECTED = LogTopic.REJECTED.value
_UNASSIGNED = Complaint(
    RejectionReason.UNASSIGNED,
    "Nobody was assigned this device at the time of measurement: make it known if it is new (wardlight devices add),"
    " assign it from then on (wardlight devices assign --from), then replay.",
)


@dataclass(kw_only=True)
class Batch:
    """Messages taken together, and what becomes of them."""

    messages: Sequence[Received]
    received_at_ms: int
    decoded: Sequence[Decoded | Refused]
    device_ids: frozenset[DeviceId]
    """Devices whose patients must be known before `resolve`."""
    records: list[Outgoing] = field(default_factory=list)
    safe: list[Safe] = field(default_factory=list)
    """What may be receipted once the log has `records`."""
    accepted: int = 0
    rejected: Counter[RejectionReason] = field(default_factory=Counter)


def decode_batch(messages: Sequence[Received], *, received_at_ms: int, limits: DecoderLimits) -> Batch:
    """Judge every message by itself."""
    decoded = [
        decode(message.topic, message.payload, received_at_ms=received_at_ms, limits=limits) for message in messages
    ]
    return Batch(
        messages=messages,
        received_at_ms=received_at_ms,
        decoded=decoded,
        device_ids=frozenset(
            DeviceId(verdict.device_id)
            for verdict in decoded
            if verdict.device_id != PROBE and (isinstance(verdict, Decoded) or verdict.impossible is not None)
        ),
    )


def resolve(batch: Batch, directory: PatientDirectory, *, limits: DecoderLimits, payload_bytes_kept: int) -> None:
    """Fill in records and receipts, in the order of the messages; the directory knows all of `device_ids`."""
    records, safe, received_at_ms = batch.records, batch.safe, batch.received_at_ms
    for message, judged in zip(batch.messages, batch.decoded, strict=True):
        verdict = judged
        if judged.impossible is not None and _is_of_child(judged, judged.impossible, directory):
            verdict = decode(
                message.topic, message.payload, received_at_ms=received_at_ms, limits=limits, of_child=True
            )
        if isinstance(verdict, Refused):
            _refuse(batch, message, verdict, payload_bytes_kept)
            if verdict.impossible is not None and verdict.device_id != PROBE:
                device_id = DeviceId(verdict.device_id)
                wearer = directory.wearer(device_id, min(verdict.impossible.measured_at_ms, received_at_ms))
                _tell(batch, device_id, wearer, verdict.impossible)
            continue
        if verdict.device_id == PROBE:
            _pass_probe(batch, verdict)
            continue
        wearer = directory.wearer(verdict.device_id, verdict.measured_at_ms)
        if wearer is None:
            refused = Refused(*_UNASSIGNED, verdict.device_id, verdict.boot, verdict.sequence)
            _refuse(batch, message, refused, payload_bytes_kept)
            continue
        reading = Reading(
            reading_id=verdict.reading_id,
            patient_id=wearer.patient_id,
            device_id=verdict.device_id,
            measured_at_ms=verdict.measured_at_ms,
            received_at_ms=received_at_ms,
            signs=verdict.signs,
            boot=verdict.boot,
            sequence=verdict.sequence,
            origin=verdict.origin,
            age_band=age_band(wearer.born, verdict.measured_at_ms),
            age_years=age_years(wearer.born, verdict.measured_at_ms),
            sex=wearer.sex,
        )
        records.append(Outgoing(_READINGS, wearer.key, encode(reading)))
        batch.accepted += 1
        if verdict.boot is not None and verdict.sequence is not None:
            safe.append((verdict.device_id, verdict.boot, verdict.sequence, None))
        if verdict.complaint is not None:
            records.append(_rejection(batch, message, verdict, verdict.complaint, payload_bytes_kept))
        if verdict.impossible is not None:
            _tell(batch, verdict.device_id, wearer, verdict.impossible)


def _is_of_child(verdict: Decoded | Refused, impossible: Impossible, directory: PatientDirectory) -> bool:
    """Whether what was refused is a child's, of whom more is possible."""
    if verdict.device_id == PROBE:
        return False
    wearer = directory.wearer(DeviceId(verdict.device_id), impossible.measured_at_ms)
    return wearer is not None and age_band(wearer.born, impossible.measured_at_ms) is not None


def _pass_probe(batch: Batch, probe: Decoded) -> None:
    """Into the log and receipted like a reading, and nobody's reading."""
    batch.records.append(Outgoing(_READINGS, PROBE.encode(), encode(Tick(batch.received_at_ms, probe=True))))
    if probe.boot is not None and probe.sequence is not None:
        batch.safe.append((probe.device_id, probe.boot, probe.sequence, None))


def _tell(batch: Batch, device_id: DeviceId, wearer: Wearer | None, impossible: Impossible) -> None:
    """Let alerts hear of values that were refused as impossible, or for their time."""
    if wearer is None:
        return
    refused = RefusedSigns(
        reading_id=impossible.reading_id,
        patient_id=wearer.patient_id,
        device_id=device_id,
        measured_at_ms=impossible.measured_at_ms,
        received_at_ms=batch.received_at_ms,
        signs=impossible.signs,
        origin=impossible.origin,
        from_future=impossible.from_future,
    )
    batch.records.append(Outgoing(_READINGS, wearer.key, encode(refused)))


def _refuse(batch: Batch, message: Received, refused: Refused, payload_bytes_kept: int) -> None:
    complaint = Complaint(refused.reason, refused.detail)
    batch.records.append(_rejection(batch, message, refused, complaint, payload_bytes_kept))
    if refused.boot is not None and refused.sequence is not None:
        batch.safe.append((DeviceId(refused.device_id), refused.boot, refused.sequence, refused.reason))


def _rejection(
    batch: Batch, message: Received, verdict: Decoded | Refused, complaint: Complaint, payload_bytes_kept: int
) -> Outgoing:
    batch.rejected[complaint.reason] += 1
    device_id = verdict.device_id
    rejection = Rejection(
        rejection_id=rejection_id(device_id, message.topic, message.payload),
        reason=complaint.reason,
        detail=_printable(complaint.detail)[:DETAIL_CHARACTERS_MAX],
        device_id=_printable(device_id),
        received_at_ms=batch.received_at_ms,
        payload=message.payload[:payload_bytes_kept],
        payload_bytes=len(message.payload),
        boot=verdict.boot,
        sequence=verdict.sequence,
        in_part=isinstance(verdict, Decoded),
    )
    return Outgoing(_REJECTED, rejection.device_id.encode(), encode(rejection))


def _printable(text: str) -> str:
    """JSON can escape half a surrogate pair, which no UTF-8 can carry on."""
    return text.encode("utf-8", "replace").decode("utf-8")
