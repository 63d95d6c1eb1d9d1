"""Payloads made to hurt: refused with a reason, whatever the bytes, and no value gets in that is none."""

import json

import pytest

from ingest.decoder import Decoded, DecoderLimits, Refused, decode
from runtime.clock import SystemClock
from vitals import codec
from vitals.errors import MalformedRecord
from vitals.fault import SystemFault
from vitals.label import Label
from vitals.reading import DeviceReading, Rejection, RejectionReason

NOW_MS = 1_767_225_600_000
LIMITS = DecoderLimits(payload_bytes_max=65_536, future_ms_max=120_000, age_ms_max=30 * 86_400_000)
TOPIC = "wardlight/v1/devices/w1/readings"
ANSWER_S_MAX = 2.0
"""Of one payload, on a busy machine; what is quadratic in its length takes longer."""
reason = RejectionReason


def judged(payload: bytes | str, topic: str = TOPIC) -> Decoded | Refused:
    """What the decoder says, and that it said it soon."""
    clock = SystemClock()
    began_s = clock.monotonic_s()
    body = payload if isinstance(payload, bytes) else payload.encode()
    verdict = decode(topic, body, received_at_ms=NOW_MS, limits=LIMITS)
    assert clock.monotonic_s() - began_s < ANSWER_S_MAX
    return verdict


def message(signs: str = '{"heart_rate_bpm": 70}', *, at: str = str(NOW_MS), more: str = "") -> str:
    """A message as a device writes it."""
    return f'{{"measured_at": {at}, "signs": {signs}{more}}}'


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"[" * 60_000, reason.NOT_JSON),
        (b'{"signs":' * 7_000, reason.NOT_JSON),
        (message('{"heart_rate_bpm": ' + "[" * 30_000 + "]" * 30_000 + "}"), reason.NOT_JSON),
        (b"\xef\xbb\xbf" + message().encode(), reason.NOT_JSON),
        (message().encode("utf-16"), reason.NOT_JSON),
        (message().encode("utf-32-le"), reason.NOT_JSON),
        (b"\0" * 1000, reason.NOT_JSON),
        (b'{"measured_at": 1, "signs": {"\xed\xa0\x80": 1}}', reason.NOT_JSON),
        (message() + message(), reason.NOT_JSON),
        (message() + "\0", reason.NOT_JSON),
        (message(more=', "signs": {"heart_rate_bpm": 20}'), reason.WRONG_SHAPE),
        (message('{"heart_rate_bpm": 70, "heart_rate_bpm": 20}'), reason.WRONG_SHAPE),
        (message('{"heart_rate_bpm": 70, "heart_rate\\u005fbpm": 20}'), reason.WRONG_SHAPE),
        (message(more=', "__proto__": {"admin": true}'), reason.WRONG_SHAPE),
        (message(more=', "patient_id": "somebody-else"'), reason.WRONG_SHAPE),
        (message(more=', "device_id": "another-device"'), reason.WRONG_SHAPE),
        (message(more=', "received_at_ms": 1'), reason.WRONG_SHAPE),
        (message(more=', "origin": "staff"'), reason.WRONG_SHAPE),
        (message('{"spo2_percent": 70}', more=', "origin": "demo"'), reason.WRONG_SHAPE),
        (message('{"spo2_percent": 70}', at="1400000000000", more=', "origin": "replay"'), reason.WRONG_SHAPE),
        ("[" + message() + "]", reason.WRONG_SHAPE),
        (message("[]"), reason.WRONG_SHAPE),
        (message('{"heart_rate_bpm": 1e999}'), reason.NOT_A_NUMBER),
        (message('{"heart_rate_bpm": Infinity}'), reason.NOT_A_NUMBER),
        (message('{"heart_rate_bpm": ' + "9" * 4000 + "}"), reason.NOT_A_NUMBER),
        (message('{"heart_rate_bpm": "70"}'), reason.NOT_A_NUMBER),
        (message('{"heart_rate_bpm": true}'), reason.NOT_A_NUMBER),
        (message('{"heart_rate_bpm": {"$gt": 0}}'), reason.NOT_A_NUMBER),
        (message('{"heart_rate_bpm": -0.0}'), reason.IMPLAUSIBLE),
        (message('{"consciousness_acvpu": "AVPU"}'), reason.NOT_A_NUMBER),
        (message('{"consciousness_acvpu": 0.5}'), reason.IMPLAUSIBLE),
        (message('{"heart\\u005frate_bpm\\u0000": 70}'), reason.UNKNOWN_SIGN),
        (message('{"Heart_Rate_bpm": 70}'), reason.UNKNOWN_SIGN),
        (message('{"\\uff48eart_rate_bpm": 70}'), reason.UNKNOWN_SIGN),
        (message(at='"2026-01-01T00:00:00Z; DROP TABLE readings"'), reason.BAD_TIME),
        (message(at='"\\u0662\\u0660\\u0662\\u0666-01-01T00:00:00Z"'), reason.BAD_TIME),
        (message(at='"9999-12-31T23:59:59.999999999-23:59"'), reason.TIME_IN_FUTURE),
        (message(at="1e12"), reason.BAD_TIME),
        (message(at="-1"), reason.BAD_TIME),
        (message(at=str(2**70)), reason.BAD_TIME),
        (message(at=str(NOW_MS + 10**9)), reason.TIME_IN_FUTURE),
        (message(at=str(NOW_MS - 10**11)), reason.TOO_OLD),
        (message(more=', "boot": "../../b", "sequence": 1'), reason.BAD_IDENTITY),
        (message(more=', "boot": "b\\n", "sequence": 1'), reason.BAD_IDENTITY),
        (message(more=', "boot": "b", "sequence": 9007199254740993'), reason.BAD_IDENTITY),
        (message(more=', "boot": "b", "sequence": -1'), reason.BAD_IDENTITY),
        (message(more=', "boot": "b", "sequence": 1.0'), reason.BAD_IDENTITY),
        (message(more=', "boot": {"a": 1}, "sequence": true'), reason.BAD_IDENTITY),
    ],
)  # fmt: skip
def test_a_payload_made_to_hurt_is_refused_with_its_reason(payload: bytes | str, why: RejectionReason) -> None:
    verdict = judged(payload)
    assert isinstance(verdict, Refused)
    assert verdict.reason is why
    assert len(verdict.detail) < 1000


def test_many_unknown_signs_are_refused_soon_and_the_good_one_beside_them_heard() -> None:
    signs = {f"sign{number}": number for number in range(3000)}
    verdict = judged(json.dumps({"measured_at": NOW_MS, "signs": {**signs, "heart_rate_bpm": 70.0}}))
    assert isinstance(verdict, Decoded)
    assert verdict.signs == {"heart_rate_bpm": 70.0}


def test_keys_made_to_collide_cost_no_time() -> None:
    colliding = {str(number * (2**61 - 1)): 1 for number in range(3000)}
    assert isinstance(judged(json.dumps({"measured_at": NOW_MS, "signs": colliding})), Refused)


def test_a_payload_beyond_the_limit_is_refused_unread() -> None:
    verdict = judged(b"[" * (LIMITS.payload_bytes_max + 1))
    assert isinstance(verdict, Refused)
    assert verdict.reason is reason.TOO_LARGE


@pytest.mark.parametrize("record", [Rejection, Label, DeviceReading, SystemFault])
@pytest.mark.parametrize(
    "value",
    [b"[" * 100_000, b'{"type":' * 50_000, b'"\xed\xa0\x80"', b'{"type":"pickle"}', b"\x80\x04\x95", b"", b"null"],
)
def test_a_record_of_the_log_that_is_none_is_refused(record: type, value: bytes) -> None:
    for read in (
        codec.decode_readings_record,
        codec.decode_training_record,
        codec.decode_models_record,
        codec.decode_outcomes_record,
    ):
        with pytest.raises(MalformedRecord):
            read(value)
    if record is not SystemFault:
        with pytest.raises(MalformedRecord):
            codec.decode(record, value)
