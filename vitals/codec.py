"""Bytes to records and back: JSON by msgspec, strict both ways."""

from typing import Any, Final, TypeVar

import msgspec

from vitals.alert import Command, Transition
from vitals.assessment import Assessment
from vitals.errors import MalformedRecord
from vitals.fault import SystemFault
from vitals.heartbeat import Beat
from vitals.label import Label
from vitals.model_version import ModelsRecord, ModelSwitch
from vitals.outcome import OutcomeRecord
from vitals.reading import DeviceReading, Reading, Receipt, RefusedSigns, Rejection, Tick, Unaccounted, Withdrawn
from vitals.training import TrainingRecord

RecordT = TypeVar("RecordT", bound=msgspec.Struct)

_UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_encoder = msgspec.json.Encoder()
_WITH_NUL: Final = (Rejection, Label)
"""They quote what devices and people wrote; their rows go without."""
_NUL_ESCAPED: Final = rb"\u0000"
ReadingsRecord = Reading | RefusedSigns | Withdrawn | Unaccounted | SystemFault | ModelSwitch | Tick
"""Whatever may stand on log topic `readings`; whoever wants one kind passes over the others."""

_readings_decoder: msgspec.json.Decoder[ReadingsRecord] = msgspec.json.Decoder(ReadingsRecord)
_training_decoder: msgspec.json.Decoder[TrainingRecord] = msgspec.json.Decoder(TrainingRecord)
_outcomes_decoder: msgspec.json.Decoder[OutcomeRecord] = msgspec.json.Decoder(OutcomeRecord)
_models_decoder: msgspec.json.Decoder[ModelsRecord] = msgspec.json.Decoder(ModelsRecord)
_decoders: dict[type[msgspec.Struct], msgspec.json.Decoder[Any]] = {
    record: msgspec.json.Decoder(record)
    for record in (
        Assessment,
        Transition,
        Command,
        Label,
        Rejection,
        Receipt,
        DeviceReading,
        Beat,
    )
}


def encode(record: msgspec.Struct) -> bytes:
    """One record as JSON.

    >>> encode(Tick(at_ms=5))
    b'{"type":"tick","at_ms":5}'
    """
    return _encoder.encode(record)


def decode_readings_record(value: bytes) -> ReadingsRecord:
    """A record of log topic `readings`; raises MalformedRecord on anything else.

    Values are finite: JSON has no NaN or infinity, and the decoder refuses numbers too big for a float.
    """
    return _decoded(_readings_decoder, value, "record of topic readings")


def decode_training_record(value: bytes) -> TrainingRecord:
    """A record of log topic `training`; raises MalformedRecord on anything else."""
    return _decoded(_training_decoder, value, "record of topic training")


def decode_outcomes_record(value: bytes) -> OutcomeRecord:
    """A record of log topic `outcomes`; raises MalformedRecord on anything else."""
    return _decoded(_outcomes_decoder, value, "record of topic outcomes")


def decode_models_record(value: bytes) -> ModelsRecord:
    """A record of log topic `models`; raises MalformedRecord on anything else."""
    return _decoded(_models_decoder, value, "record of topic models")


def decode(record: type[RecordT], value: bytes) -> RecordT:
    """A record of another log topic, a receipt or a device's own reading; raises MalformedRecord where `value` is not one."""
    decoder: msgspec.json.Decoder[RecordT] = _decoders[record]
    if record in _WITH_NUL:
        return _parsed(decoder, value, record.__name__)
    return _decoded(decoder, value, record.__name__)


def refuse_nul(record: msgspec.Struct, value: bytes, what: str) -> None:
    """Raises MalformedRecord where an id, or another text that has a column of its own, holds the character NUL.

    No text of PostgreSQL can: whoever stored it would fail, claim anew and read it again, for ever. What people noted may
    hold it: it is kept within JSON, and no reason to lose what they observed. `value` is what `record` was decoded from.
    """
    if _NUL_ESCAPED not in value:
        return
    for name, text in msgspec.structs.asdict(record).items():
        if isinstance(text, str) and "\0" in text and name != "note":
            raise MalformedRecord(f"Not a {what}: {name} holds the character NUL.")


def _decoded(decoder: msgspec.json.Decoder[RecordT], value: bytes, what: str) -> RecordT:
    decoded = _parsed(decoder, value, what)
    refuse_nul(decoded, value, what)
    return decoded


def _parsed(decoder: msgspec.json.Decoder[RecordT], value: bytes, what: str) -> RecordT:
    try:
        return decoder.decode(value)
    except _UNDECODABLE as error:
        raise MalformedRecord(f"Not a {what}: {error}") from error
