"""Strict decoding of what a device published: topic, payload and time of receipt to a reading, or the reason why not. Pure.

One bad value does not cost the patient the good ones beside it: a monitor whose pressure cuff reports 9999 must not hide a
falling SpO2. So the plausible signs of a message are accepted, and its bad ones are refused by name in one rejection that
keeps the whole message's bytes; both are counted, and the message's receipt says accepted. Only a message without any good
sign is refused as a whole. Where one of two values must be wrong (systolic not above diastolic) both are refused.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite, isnan
from typing import NamedTuple

from ingest.measured_at import epoch_ms_of
from ingest.message import Fields, Misshapen, kind_of, read_fields
from vitals.identity import hashed_reading_id, sequenced_reading_id
from vitals.limits import WITHIN_LIMITS
from vitals.reading import DeviceId, DeviceReading, Origin, RejectionReason
from vitals.sign import CONSCIOUSNESS_LETTERS, SIGN_FACTS, Sign, possible_high_of
from vitals.topics import device_of, is_level

SEQUENCE_MAX = 2**53 - 1
"""Beyond this, JSON numbers are not exact everywhere."""
DEVICE_NAME_CHARACTERS_MAX = 64
_TOPIC_CHARACTERS_MAX = 256
_VALUE_CHARACTERS_MAX = 24
"""Shown of a text that stands where a number should."""
_TOPICS_REMEMBERED = 10_000
_BOOT_CHARACTERS_MAX = 64
_READINGS_LEVEL = "/readings"


@dataclass(frozen=True, kw_only=True)
class DecoderLimits:
    """What is still a message, and still worth hearing."""

    payload_bytes_max: int
    future_ms_max: int
    """How far a device's clock may be ahead of ours."""
    age_ms_max: int
    """How long ago a measurement may be; replayed recordings are exempt, but nothing may lie in the future."""
    origins_allowed: frozenset[Origin] = frozenset({Origin.REAL})
    """What a device may call its readings: the word is its own, so where patients are real only `real` is one."""


class Complaint(NamedTuple):
    """Why something was refused; `detail` is one sentence for people."""

    reason: RejectionReason
    detail: str


class Impossible(NamedTuple):
    """Values of signs with hard limits that were refused as impossible, or for their time: nothing watches them."""

    reading_id: str
    measured_at_ms: int
    signs: dict[Sign, float]
    origin: Origin
    from_future: bool = False
    """The whole message was refused, since the device's clock is too far ahead."""


class Decoded(NamedTuple):
    """A reading whose patient is not yet known; `complaint` tells of signs that were refused."""

    reading_id: str
    device_id: DeviceId
    measured_at_ms: int
    signs: dict[Sign, float]
    boot: str | None
    sequence: int | None
    origin: Origin
    complaint: Complaint | None
    impossible: Impossible | None = None


class Refused(NamedTuple):
    """A message of which nothing was accepted; boot and sequence where they could be read."""

    reason: RejectionReason
    detail: str
    device_id: str
    """As the topic named it, cut to 64 characters."""
    boot: str | None = None
    sequence: int | None = None
    impossible: Impossible | None = None


class _SignRule(NamedTuple):
    sign: Sign
    low: float
    high: float
    is_coded: bool
    """Its value is a code, not a measure: whole numbers only, and letters or booleans besides."""


_CODED = frozenset({Sign.CONSCIOUSNESS, Sign.SUPPLEMENTAL_OXYGEN})
_Rules = Mapping[str, _SignRule]


def _rules(*, of_child: bool) -> _Rules:
    return {
        sign.value: _SignRule(sign, facts.possible_low, possible_high_of(sign, of_child=of_child), sign in _CODED)
        for sign, facts in SIGN_FACTS.items()
    }


_ADULT_RULES, _CHILD_RULES = _rules(of_child=False), _rules(of_child=True)


def decode(
    topic: str, payload: bytes, *, received_at_ms: int, limits: DecoderLimits, of_child: bool = False
) -> Decoded | Refused:
    """Judge one message; never raises, whatever the topic and the bytes. A child's signs may reach higher."""
    device_id = _device_of_readings_topic(topic) if len(topic) <= _TOPIC_CHARACTERS_MAX else None
    if device_id is None:
        name = topic.split("/")[3] if topic.count("/") >= 4 else topic
        return _refused(Complaint(RejectionReason.BAD_TOPIC, f"Topic {topic[:200]!r} names no device of ours."), name)
    if not payload:
        return _refused(Complaint(RejectionReason.EMPTY, "The payload is empty."), device_id)
    if len(payload) > limits.payload_bytes_max:
        detail = f"The payload has {len(payload)} bytes; at most {limits.payload_bytes_max} are read."
        return _refused(Complaint(RejectionReason.TOO_LARGE, detail), device_id)
    message = read_fields(payload)
    identity = _identity_of(message.boot, message.sequence)
    if isinstance(message, Misshapen):
        known = _ANONYMOUS if isinstance(identity, Complaint) else identity
        return _refused(Complaint(message.reason, message.detail), device_id, known)
    if isinstance(identity, Complaint):
        return _refused(identity, device_id)
    rules = _CHILD_RULES if of_child else _ADULT_RULES
    return _judge(message, device_id, identity, received_at_ms, limits, rules)


class _Identity(NamedTuple):
    boot: str | None
    sequence: int | None


_ANONYMOUS = _Identity(None, None)


def _judge(
    message: DeviceReading | Fields,
    device_id: DeviceId,
    identity: _Identity,
    received_at_ms: int,
    limits: DecoderLimits,
    rules: _Rules,
) -> Decoded | Refused:
    if message.origin not in limits.origins_allowed:
        return _refused(_complaint_of_origin(message.origin, limits), device_id, identity)
    measured_at_ms = epoch_ms_of(message.measured_at)
    if isinstance(measured_at_ms, str):
        return _refused(Complaint(RejectionReason.BAD_TIME, measured_at_ms), device_id, identity)
    age_ms = received_at_ms - measured_at_ms
    is_too_old = age_ms > limits.age_ms_max and message.origin is not Origin.REPLAY
    is_from_future = age_ms < -limits.future_ms_max
    if is_too_old:
        return _refused(_complaint_of_age(age_ms, limits), device_id, identity)
    signs, complaint, refused = _signs_of(message.signs, rules)
    boot, sequence = identity
    if boot is not None and sequence is not None:
        reading_id = sequenced_reading_id(device_id, boot, sequence)
    else:
        reading_id = hashed_reading_id(device_id, measured_at_ms, signs or refused)
    if is_from_future:
        limited = {sign: value for sign, value in (signs | refused).items() if sign in WITHIN_LIMITS}
        ahead = Impossible(reading_id, measured_at_ms, limited, message.origin, from_future=True)
        return _refused(_complaint_of_age(age_ms, limits), device_id, identity)._replace(impossible=ahead)
    impossible = Impossible(reading_id, measured_at_ms, refused, message.origin) if refused else None
    if not signs:
        complaint = complaint or Complaint(RejectionReason.NO_SIGNS, "The message has no signs.")
        return _refused(complaint, device_id, identity)._replace(impossible=impossible)
    return Decoded(reading_id, device_id, measured_at_ms, signs, boot, sequence, message.origin, complaint, impossible)


@lru_cache(maxsize=_TOPICS_REMEMBERED)
def _device_of_readings_topic(topic: str) -> DeviceId | None:
    return device_of(topic) if topic.endswith(_READINGS_LEVEL) else None


def _identity_of(boot: object, sequence: object) -> _Identity | Complaint:
    if boot is None and sequence is None:
        return _ANONYMOUS
    if boot is None or sequence is None:
        detail = "Fields 'boot' and 'sequence' come together or not at all."
    elif not isinstance(boot, str) or len(boot) > _BOOT_CHARACTERS_MAX or not _is_boot(boot):
        detail = "Field 'boot' must be 1-64 letters, digits, '.', '_' or '-'."
    elif isinstance(sequence, bool) or not isinstance(sequence, int) or not 0 <= sequence <= SEQUENCE_MAX:
        detail = f"Field 'sequence' must be a whole number from 0 to {SEQUENCE_MAX}."
    else:
        return _Identity(boot, sequence)
    return Complaint(RejectionReason.BAD_IDENTITY, detail)


_is_boot = lru_cache(maxsize=_TOPICS_REMEMBERED)(is_level)


def _complaint_of_origin(origin: Origin, limits: DecoderLimits) -> Complaint:
    detail = (
        f"Origin {origin.value!r} is not let in here, only {' and '.join(sorted(limits.origins_allowed))}"
        " (setting ingest.origins_allowed)."
    )
    return Complaint(RejectionReason.WRONG_SHAPE, detail)


def _complaint_of_age(age_ms: int, limits: DecoderLimits) -> Complaint:
    if age_ms < 0:
        detail = (
            f"It was measured {-age_ms / 1000:.0f} s in the future ({limits.future_ms_max / 1000:.0f} s are let pass)"
        )
        return Complaint(RejectionReason.TIME_IN_FUTURE, f"{detail}: set the device's clock.")
    days, days_max = age_ms / 86_400_000, limits.age_ms_max / 86_400_000
    return Complaint(RejectionReason.TOO_OLD, f"It was measured {days:.1f} days ago; {days_max:.1f} are let pass.")


def _signs_of(
    values: Mapping[str, object], rules: _Rules
) -> tuple[dict[Sign, float], Complaint | None, dict[Sign, float]]:
    """The plausible signs, what is wrong with the others, and impossible values of signs that have hard limits."""
    signs: dict[Sign, float] = {}
    impossible: dict[Sign, float] = {}
    complaints: list[Complaint] = []
    for name, value in values.items():
        rule = rules.get(name)
        if type(value) is float and rule is not None and rule.low <= value <= rule.high and not rule.is_coded:
            signs[rule.sign] = value
            continue
        judged = _judge_value(name, value, rule)
        if isinstance(judged, Complaint):
            complaints.append(judged)
            number = None if rule is None or rule.sign not in WITHIN_LIMITS else _number_of(rule.sign, value)
            if rule is not None and number is not None:
                impossible[rule.sign] = number
        elif rule is not None:
            signs[rule.sign] = judged
    systolic, diastolic = signs.get(Sign.SYSTOLIC), signs.get(Sign.DIASTOLIC)
    if systolic is not None and diastolic is not None and systolic <= diastolic:
        del signs[Sign.SYSTOLIC], signs[Sign.DIASTOLIC]
        impossible[Sign.SYSTOLIC] = systolic
        detail = f"Systolic pressure {systolic:g} is not above diastolic {diastolic:g} mmHg: one of them must be wrong."
        complaints.append(Complaint(RejectionReason.IMPLAUSIBLE, detail))
    if not complaints:
        return signs, None, impossible
    complaint = Complaint(complaints[0].reason, " ".join(complaint.detail for complaint in complaints))
    return signs, complaint, impossible


def _judge_value(name: str, value: object, rule: _SignRule | None) -> float | Complaint:
    if rule is None:
        return Complaint(RejectionReason.UNKNOWN_SIGN, f"There is no sign {name[:64]!r}.")
    number = _number_of(rule.sign, value)
    if number is None:
        expected = "a letter of ACVPU" if rule.sign is Sign.CONSCIOUSNESS else "a finite number"
        return Complaint(RejectionReason.NOT_A_NUMBER, f"Sign {name} is {_as_sent(value)}, not {expected}.")
    if not rule.low <= number <= rule.high or (rule.is_coded and not number.is_integer()):
        values = "whole numbers from" if rule.is_coded else "from"
        detail = f"Sign {name} is {number:g}; possible is {values} {rule.low:g} to {rule.high:g}."
        return Complaint(RejectionReason.IMPLAUSIBLE, detail)
    return number


def _as_sent(value: object) -> str:
    """What is no number, in the words of JSON; short and of ASCII, whatever was sent."""
    if isinstance(value, str):
        return f"the text {json.dumps(value[:_VALUE_CHARACTERS_MAX])}"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int | float):
        return "NaN" if isinstance(value, float) and isnan(value) else "a number too large"
    return kind_of(value)


def _number_of(sign: Sign, value: object) -> float | None:
    if sign is Sign.CONSCIOUSNESS and isinstance(value, str) and len(value) == 1:
        position = CONSCIOUSNESS_LETTERS.find(value)
        return None if position < 0 else float(position)
    if isinstance(value, bool):
        return float(value) if sign is Sign.SUPPLEMENTAL_OXYGEN else None
    if not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if isfinite(number) else None


def _refused(complaint: Complaint, device_id: str, identity: _Identity = _ANONYMOUS) -> Refused:
    return Refused(complaint.reason, complaint.detail, device_id[:DEVICE_NAME_CHARACTERS_MAX], *identity)
