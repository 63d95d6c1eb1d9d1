"""Deterministic ids: the same record has the same id however often it is sent, decoded or replayed."""

import hashlib
import json
from collections.abc import Mapping

from vitals.alert import AlertKind, TransitionKind
from vitals.reading import DeviceId, PatientId
from vitals.sign import Sign

_DIGEST_BYTES = 16


def sequenced_reading_id(device_id: DeviceId, boot: str, sequence: int) -> str:
    """Id of a reading whose device counts: device, boot and sequence."""
    return f"{device_id}/{boot}/{sequence}"


def hashed_reading_id(device_id: DeviceId, measured_at_ms: int, signs: Mapping[Sign, float]) -> str:
    """Id of a reading without boot and sequence: a hash of device, time and signs, whatever the order of signs."""
    body = json.dumps([device_id, measured_at_ms, sorted(signs.items())], separators=(",", ":"))
    return f"{device_id}/~{_digest(body)}"


def corrected_reading_id(reading_id: str, device_id: DeviceId, correction_id: str) -> str:
    """Id of the copy that a correction makes of a reading; a reading may be corrected more than once."""
    return f"{device_id}/~c{_digest(f'{reading_id}|{correction_id}')}"


def episode_id(patient_id: PatientId, kind: AlertKind, opened_by: str) -> str:
    """Id of an episode: patient, kind, and the log record (reading id, assessment's reading id, or `tick@ms`) that opened it."""
    return _digest(f"{patient_id}|{kind.value}|{opened_by}")


def transition_id(episode: str, transition: TransitionKind, caused_by: str) -> str:
    """Id of one step of an episode."""
    return _digest(f"{episode}|{transition.value}|{caused_by}")


def rejection_id(device_id: str, received_from: str, payload: bytes) -> str:
    """Id of a rejection: the same bytes from the same topic are one rejection, however often the broker redelivers them."""
    return hashlib.blake2b(
        payload, digest_size=_DIGEST_BYTES, key=hashlib.blake2b(f"{device_id}|{received_from}".encode()).digest()
    ).hexdigest()


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).hexdigest()
