"""The character NUL in a record, which no text of PostgreSQL can hold: with it in an id or a name the record is malformed."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.decoder import DecoderLimits, Refused, decode
from vitals import codec
from vitals.alert import Action, Command
from vitals.errors import MalformedRecord
from vitals.reading import Charted, DeviceId, PatientId, Reading
from vitals.sign import Sign
from vitals.topics import readings_topic

HEART = Sign.HEART_RATE


def reading(text: str) -> bytes:
    """A reading of a patient of that name."""
    return codec.encode(Reading("r", PatientId(text), DeviceId("w"), 1000, 1000, {HEART: 70.0}))


def command(text: str) -> bytes:
    """An order by somebody of that name."""
    return codec.encode(Command("c", PatientId("p"), "e", Action.ACKNOWLEDGE, text, 1000, note="seen"))


@given(st.text(st.sampled_from("\0\\u0a\n\"'é\U0001f600"), max_size=12))
@example("\\u0000")
@example("\\\0")
@example("\\\\u0000")
def test_exactly_the_ids_and_names_with_nul_are_refused(text: str) -> None:
    for decode_it, value in ((codec.decode_readings_record, reading(text)), (_as_command, command(text))):
        if "\0" in text:
            with pytest.raises(MalformedRecord, match="NUL"):
                decode_it(value)
        else:
            assert codec.encode(decode_it(value)) == value


def test_what_people_noted_may_hold_it_since_it_is_kept_within_json() -> None:
    observed = Charted("kim", "Kim", note="Sleepy \0 but rousable")
    entry = Reading("charting/e", PatientId("p"), DeviceId("charting"), 1000, 1000, {HEART: 70.0}, charted=observed)
    assert codec.decode_readings_record(codec.encode(entry)) == entry
    order = Command("c", PatientId("p"), "e", Action.ACKNOWLEDGE, "Kim", 1000, note="seen \0")
    assert _as_command(codec.encode(order)) == order


def _as_command(value: bytes) -> Command:
    return codec.decode(Command, value)


@pytest.mark.parametrize("said", [{"signs": {"heart\0": 70}}, {"signs": {HEART: "7\0"}}, {"boot": "b\0"}, {"x\0": 1}])
def test_what_ingest_says_of_a_message_with_nul_can_be_kept(said: dict[str, object]) -> None:
    payload = json.dumps({"measured_at": 1000, "signs": {HEART: 70}, **said}).encode()
    limits = DecoderLimits(payload_bytes_max=1000, future_ms_max=1000, age_ms_max=1000)
    verdict = decode(readings_topic(DeviceId("w")), payload, received_at_ms=1000, limits=limits)
    if isinstance(verdict, Refused):
        kept = [verdict.detail, verdict.boot]
    else:
        kept = [verdict.boot, None if verdict.complaint is None else verdict.complaint.detail]
    assert not any("\0" in text for text in kept if text is not None)
