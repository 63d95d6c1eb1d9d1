"""What a device may say, and how each way of saying it wrong is named."""

import json
from dataclasses import replace

import pytest

from ingest.decoder import Decoded, DecoderLimits, Refused, decode
from vitals.reading import Origin, RejectionReason
from vitals.sign import Sign

NOW_MS = 1_767_225_600_000
LIMITS = DecoderLimits(payload_bytes_max=65_536, future_ms_max=120_000, age_ms_max=30 * 86_400_000)
PRETENDED = replace(LIMITS, origins_allowed=frozenset(Origin))
TOPIC = "wardlight/v1/devices/w1/readings"
GOOD = {"heart_rate_bpm": 72, "spo2_percent": 97.5}


def message(**fields: object) -> bytes:
    """A good message, with these fields instead."""
    return json.dumps({"measured_at": NOW_MS - 1000, "signs": GOOD, **fields}).encode()


def signs(**values: object) -> bytes:
    """A message with these signs only."""
    return message(signs=values)


def judge(payload: bytes, topic: str = TOPIC, limits: DecoderLimits = LIMITS) -> Decoded | Refused:
    return decode(topic, payload, received_at_ms=NOW_MS, limits=limits)


def accepted(payload: bytes, limits: DecoderLimits = LIMITS) -> Decoded:
    verdict = judge(payload, limits=limits)
    assert isinstance(verdict, Decoded), verdict
    return verdict


def refused(payload: bytes, topic: str = TOPIC, limits: DecoderLimits = LIMITS) -> Refused:
    verdict = judge(payload, topic, limits)
    assert isinstance(verdict, Refused), verdict
    return verdict


def test_a_message_with_boot_and_sequence_is_identified_by_them() -> None:
    verdict = accepted(message(boot="b1", sequence=0, origin="demo"), PRETENDED)
    assert verdict.reading_id == "w1/b1/0"
    assert verdict.signs == {Sign.HEART_RATE: 72.0, Sign.SPO2: 97.5}
    assert verdict.origin is Origin.DEMO
    assert verdict.complaint is None


def test_a_message_without_boot_and_sequence_is_identified_by_its_content() -> None:
    first, again, other = accepted(message()), accepted(message()), accepted(message(measured_at=NOW_MS))
    assert first.reading_id == again.reading_id != other.reading_id


@pytest.mark.parametrize(
    ("text", "epoch_ms"),
    [
        ("2025-12-31T23:59:59Z", NOW_MS - 1000),
        ("2025-12-31T23:59:59.123456Z", NOW_MS - 877),
        ("2026-01-01t01:59:59+02:00", NOW_MS - 1000),
        ("2025-12-31 18:29:59-05:30", NOW_MS - 1000),
    ],
)
def test_times_may_be_rfc_3339_with_any_offset(text: str, epoch_ms: int) -> None:
    assert accepted(message(measured_at=text)).measured_at_ms == epoch_ms


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (1_767_225_600, "seconds"),
        (1_767_225_600_000_000, "microseconds|micro-"),
        (True, "whole epoch milliseconds"),
        (1_767_225_600_000.5, "whole epoch milliseconds"),
        (None, "whole epoch milliseconds"),
        (0, "not after 1970"),
        (-5, "not after 1970"),
        ("2025-12-31T23:59:59", "time zone"),
        ("2025-13-31T23:59:59Z", "does not exist"),
        ("2025-12-31T23:59:60Z", "does not exist"),
        ("0000-12-31T23:59:59Z", "does not exist"),
        ("0001-01-01T00:00:00+23:59", "does not exist|before"),
        ("yesterday", "RFC 3339"),
        ("1767225600000", "RFC 3339"),
        ("٢٠٢٥-12-31T23:59:59Z", "RFC 3339"),
    ],
)
def test_what_is_no_time_is_explained(value: object, says: str) -> None:
    verdict = refused(message(measured_at=value, boot="b1", sequence=4))
    assert verdict.reason is RejectionReason.BAD_TIME
    assert any(part in verdict.detail for part in says.split("|")), verdict.detail
    assert (verdict.boot, verdict.sequence) == ("b1", 4)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", RejectionReason.EMPTY),
        (b"x" * 1_000_000, RejectionReason.TOO_LARGE),
        (b"\xff\xfe\x00", RejectionReason.NOT_JSON),
        (b"{", RejectionReason.NOT_JSON),
        (b"\xef\xbb\xbf{}", RejectionReason.NOT_JSON),
        ("{}".encode("utf-16"), RejectionReason.NOT_JSON),
        (b"[" * 60_000, RejectionReason.NOT_JSON),
        (b"9" * 60_000, RejectionReason.NOT_JSON),
        (b"null", RejectionReason.WRONG_SHAPE),
        (b"[]", RejectionReason.WRONG_SHAPE),
        (b"{}", RejectionReason.WRONG_SHAPE),
        (message(patient="Jane"), RejectionReason.WRONG_SHAPE),
        (message(signs=[1]), RejectionReason.WRONG_SHAPE),
        (message(signs=None), RejectionReason.WRONG_SHAPE),
        (message(origin="live"), RejectionReason.WRONG_SHAPE),
        (message(origin=None), RejectionReason.WRONG_SHAPE),
        (message(signs={}), RejectionReason.NO_SIGNS),
        (signs(pulse=72), RejectionReason.UNKNOWN_SIGN),
        (signs(heart_rate_bpm=None), RejectionReason.NOT_A_NUMBER),
        (signs(heart_rate_bpm="72"), RejectionReason.NOT_A_NUMBER),
        (signs(heart_rate_bpm=True), RejectionReason.NOT_A_NUMBER),
        (signs(heart_rate_bpm=[72]), RejectionReason.NOT_A_NUMBER),
        (signs(heart_rate_bpm=float("nan")), RejectionReason.NOT_A_NUMBER),
        (signs(heart_rate_bpm=float("-inf")), RejectionReason.NOT_A_NUMBER),
        (signs(heart_rate_bpm=10**400), RejectionReason.NOT_A_NUMBER),
        (signs(heart_rate_bpm=98.5).replace(b"98.5", b"1e999"), RejectionReason.NOT_A_NUMBER),
        (signs(heart_rate_bpm=9999), RejectionReason.IMPLAUSIBLE),
        (signs(spo2_percent=0.97), RejectionReason.IMPLAUSIBLE),
        (signs(systolic_mmhg=80, diastolic_mmhg=80), RejectionReason.IMPLAUSIBLE),
        (signs(consciousness_acvpu="X"), RejectionReason.NOT_A_NUMBER),
        (signs(consciousness_acvpu="AC"), RejectionReason.NOT_A_NUMBER),
        (signs(consciousness_acvpu=""), RejectionReason.NOT_A_NUMBER),
        (signs(consciousness_acvpu=True), RejectionReason.NOT_A_NUMBER),
        (signs(consciousness_acvpu=1.5), RejectionReason.IMPLAUSIBLE),
        (signs(supplemental_oxygen=0.5), RejectionReason.IMPLAUSIBLE),
        (message(measured_at=NOW_MS + 120_001), RejectionReason.TIME_IN_FUTURE),
        (message(measured_at=NOW_MS - 31 * 86_400_000), RejectionReason.TOO_OLD),
        (message(boot="b1"), RejectionReason.BAD_IDENTITY),
        (message(sequence=1), RejectionReason.BAD_IDENTITY),
        (message(boot="a/b", sequence=1), RejectionReason.BAD_IDENTITY),
        (message(boot="", sequence=1), RejectionReason.BAD_IDENTITY),
        (message(boot="b" * 65, sequence=1), RejectionReason.BAD_IDENTITY),
        (message(boot=7, sequence=1), RejectionReason.BAD_IDENTITY),
        (message(boot="b1", sequence=-1), RejectionReason.BAD_IDENTITY),
        (message(boot="b1", sequence=2**53), RejectionReason.BAD_IDENTITY),
        (message(boot="b1", sequence=True), RejectionReason.BAD_IDENTITY),
        (message(boot="b1", sequence=1.0), RejectionReason.BAD_IDENTITY),
    ],
    ids=lambda value: str(value)[:40],
)
def test_each_fault_has_its_own_reason(payload: bytes, reason: RejectionReason) -> None:
    verdict = refused(payload)
    assert verdict.reason is reason, verdict
    assert verdict.device_id == "w1"
    assert verdict.detail.endswith((".", ")"))


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("null", "null, not a finite number."),
        ("true", "true, not a finite number."),
        ("NaN", "NaN, not a finite number."),
        ("1e999", "a number too large, not a finite number."),
        ("-1e999", "a number too large, not a finite number."),
        ("1" + 400 * "0", "a number too large, not a finite number."),
        ('"72"', 'the text "72", not a finite number.'),
        ('"\\u001b[2J\\u202e\\u0085"', 'the text "\\u001b[2J\\u202e\\u0085", not a finite number.'),
        (f'"{60_000 * "x"}"', f'the text "{24 * "x"}", not a finite number.'),
        ("[72]", "an array, not a finite number."),
        (900 * "[" + 900 * "]", "an array, not a finite number."),
        ('{"value":72}', "an object, not a finite number."),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_no_number_is_told_in_the_words_of_json(sent: str, shown: str) -> None:
    payload = signs(heart_rate_bpm=98.5).replace(b"98.5", sent.encode())
    assert refused(payload).detail == f"Sign heart_rate_bpm is {shown}"


def test_what_is_no_consciousness_is_told_which_letters_there_are() -> None:
    assert refused(signs(consciousness_acvpu="AC")).detail == (
        'Sign consciousness_acvpu is the text "AC", not a letter of ACVPU.'
    )


@pytest.mark.parametrize(
    ("topic", "name"),
    [
        ("wardlight/v1/devices/w1/status", "w1"),
        ("wardlight/v1/devices/w 1/readings", "w 1"),
        ("wardlight/v1/devices//readings", ""),
        (f"wardlight/v1/devices/{'w' * 65}/readings", "w" * 64),
        ("wardlight/v2/devices/w1/readings", "w1"),
        ("elsewhere", "elsewhere"),
        ("/" * 60_000, ""),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_topic_that_names_no_device_is_refused(topic: str, name: str) -> None:
    verdict = refused(message(), topic)
    assert verdict.reason is RejectionReason.BAD_TOPIC
    assert verdict.device_id == name


@pytest.mark.parametrize(
    "payload",
    [
        b'{"measured_at":1767225599000,"signs":{"heart_rate_bpm":72,"heart_rate_bpm":190}}',
        b'{"measured_at":1767225599000,"measured_at":1767225599000,"signs":{"heart_rate_bpm":72}}',
        b'{"measured_at":1767225599000,"signs":{"heart_rate_bpm":72},"origin":"real","origin":"real"}',
        b'{"measured_at":1767225599000,"signs":{"heart_rate_bpm":72},"boot":"a","boot":"a","sequence":1}',
        b'{"measured_at":1767225599000,"signs":{"spo2_percent":97,"heart_rate_bpm":9,"spo2_percent":70,"heart_rate_bpm":99},"boot":"origin","sequence":1}',
        b'{"measured_at":1767225599000,"signs":{"consciousness_acvpu":"origin","heart_rate_bpm":72,"heart_rate_bpm":9,"heart_rate_bpm":99}}',
        b'{"measured_at":1767225599000,"signs":{"origin":1,"heart_rate_bpm":72,"heart_rate_bpm":9,"heart_rate_bpm":99}}',
    ],
)
def test_a_key_that_stands_twice_is_refused(payload: bytes) -> None:
    verdict = refused(payload)
    assert verdict.reason is RejectionReason.WRONG_SHAPE
    assert "twice" in verdict.detail


@pytest.mark.parametrize(
    "payload",
    [
        b'{"measured_at":1767225599000,"signs":{"heart_rate_bpm":72},"boot":null,"sequence":null}',
        b' { "measured_at" : 1767225599000 , "signs" : { "heart\\u005frate_bpm" : 72 } } ',
        b'{"measured_at":1767225599000,"signs":{"heart_rate_bpm":72},"origin":"real"}',
    ],
)
def test_an_unusual_spelling_of_a_good_message_is_good(payload: bytes) -> None:
    assert accepted(payload).signs == {Sign.HEART_RATE: 72.0}


@pytest.mark.parametrize(
    ("bad", "reason", "names"),
    [
        ({"systolic_mmhg": 9999}, RejectionReason.IMPLAUSIBLE, "systolic_mmhg is 9999"),
        ({"temperature_celsius": float("nan")}, RejectionReason.NOT_A_NUMBER, "temperature_celsius"),
        ({"stress": 5}, RejectionReason.UNKNOWN_SIGN, "'stress'"),
        ({"systolic_mmhg": 70, "diastolic_mmhg": 90}, RejectionReason.IMPLAUSIBLE, "Systolic pressure 70"),
    ],
)
def test_one_bad_sign_does_not_hide_the_good_ones(bad: dict[str, float], reason: RejectionReason, names: str) -> None:
    verdict = accepted(message(signs={**GOOD, **bad}))
    assert verdict.signs == {Sign.HEART_RATE: 72.0, Sign.SPO2: 97.5}
    assert verdict.complaint is not None
    assert verdict.complaint.reason is reason
    assert names in verdict.complaint.detail


@pytest.mark.parametrize(("letter", "value"), [("A", 0.0), ("C", 1.0), ("V", 2.0), ("P", 3.0), ("U", 4.0)])
def test_consciousness_is_a_letter_of_acvpu(letter: str, value: float) -> None:
    assert accepted(signs(consciousness_acvpu=letter)).signs == {Sign.CONSCIOUSNESS: value}


@pytest.mark.parametrize(("given", "value"), [(True, 1.0), (False, 0.0), (1, 1.0), (0, 0.0)])
def test_oxygen_is_yes_or_no(given: object, value: float) -> None:
    assert accepted(signs(supplemental_oxygen=given)).signs == {Sign.SUPPLEMENTAL_OXYGEN: value}


def test_not_even_a_replayed_recording_may_lie_in_the_future() -> None:
    payload = message(measured_at=NOW_MS + 31_557_600_000, origin="replay")
    assert refused(payload, limits=PRETENDED).reason is RejectionReason.TIME_IN_FUTURE


@pytest.mark.parametrize("years", [-60, -20, -1])
def test_a_replayed_recording_may_be_of_any_age(years: int) -> None:
    measured_at = NOW_MS + years * 31_557_600_000
    if measured_at > 100_000_000_000:
        assert accepted(message(measured_at=measured_at, origin="replay"), PRETENDED).measured_at_ms == measured_at


@pytest.mark.parametrize("origin", [Origin.DEMO, Origin.REPLAY])
def test_an_origin_that_is_not_let_in_is_refused_with_the_setting_that_decides_it(origin: Origin) -> None:
    verdict = refused(message(boot="b1", sequence=7, origin=origin.value, signs={"spo2_percent": 970}))
    assert verdict.reason is RejectionReason.WRONG_SHAPE
    assert origin.value in verdict.detail
    assert "ingest.origins_allowed" in verdict.detail
    assert (verdict.boot, verdict.sequence) == ("b1", 7)
    assert verdict.impossible is None


def test_what_can_be_read_of_a_refused_message_is_receipted() -> None:
    verdict = refused(message(boot="b1", sequence=9, patient="Jane"))
    assert (verdict.boot, verdict.sequence) == ("b1", 9)


def test_a_message_from_the_future_says_which_limited_signs_nothing_watches() -> None:
    verdict = refused(message(measured_at=NOW_MS + 600_000, signs={"spo2_percent": 97, "steps_count": 3}))
    assert verdict.reason is RejectionReason.TIME_IN_FUTURE
    assert verdict.impossible is not None
    assert verdict.impossible.from_future
    assert verdict.impossible.signs == {Sign.SPO2: 97}
    assert verdict.impossible.measured_at_ms == NOW_MS + 600_000
