"""A stored state that somebody wrote, changed or moved: not loaded, and the patient's alarms go on without it."""

import msgspec
import pytest

from alerts.snapshot import restore
from alerts.state import STATE_VERSION
from storage.signing import Signer
from storage.states import StateRow
from stream.pipeline import PatientPipeline, PipelineParameters
from stream.scoring import PatientState
from stream.snapshot import decode_snapshot, encode_snapshot
from vitals.errors import SnapshotMismatch
from vitals.reading import PatientId

OURS, THEIRS = Signer(b"k" * 32), Signer(b"x" * 32)
PATIENT = PatientId("p1")
PARAMETERS = PipelineParameters()
LEVELS = 100_000
PICKLE = b"\x80\x04\x95\x1b\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x94\x85\x94R\x94."
"""What a pickle that runs `id` begins as; nothing here reads any."""


def row(blob: bytes = b"state", *, signer: Signer = OURS, version: str = "h") -> StateRow:
    """A state as the database keeps it."""
    return signer.signed("stream", 3, key=PATIENT, offset=7, blob=blob, pipeline_hash=version)


def test_what_this_installation_signed_is_believed_in_its_place() -> None:
    OURS.verify("stream", 3, row())


@pytest.mark.parametrize(
    "changed",
    [
        {"blob": b"statf"},
        {"blob": b""},
        {"blob": b"state\0"},
        {"offset": 8},
        {"key": "p2"},
        {"pipeline_hash": "i"},
        {"pipeline_hash": ""},
        {"signature": b""},
        {"signature": b"\0" * 32},
        {"signature": bytes(64)},
    ],
)
def test_a_state_that_was_changed_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(SnapshotMismatch, match="not signed by this installation"):
        OURS.verify("stream", 3, msgspec.structs.replace(row(), **changed))


@pytest.mark.parametrize(("group", "partition"), [("alerts", 3), ("stream", 2), ("strea", 3), ("", 3)])
def test_a_state_that_was_moved_elsewhere_is_refused(group: str, partition: int) -> None:
    with pytest.raises(SnapshotMismatch):
        OURS.verify(group, partition, row())


def test_a_state_of_another_installation_is_refused() -> None:
    with pytest.raises(SnapshotMismatch):
        OURS.verify("stream", 3, row(signer=THEIRS))


def test_parts_cannot_be_shifted_into_one_another() -> None:
    """Each part is signed with its length: `p1` of group `a` is not `1` of group `ap`."""
    signed = OURS.signed("a", 1, key="p1", offset=7, blob=b"bc", pipeline_hash="h")
    for group, key, blob, version in (("ap", "1", b"bc", "h"), ("a", "p1", b"c", "hb"), ("a", "p17", b"bc", "h")):
        moved = msgspec.structs.replace(signed, key=key, blob=blob, pipeline_hash=version)
        with pytest.raises(SnapshotMismatch):
            OURS.verify(group, 1, moved)


def test_a_seal_of_one_purpose_stands_for_no_other_and_for_no_state() -> None:
    sealed = OURS.seal("seen link", b"body")
    assert sealed != OURS.seal("model version", b"body")
    assert sealed != OURS.seal("seen linkbo", b"dy")
    assert sealed != row(b"body").signature


SHAPES = {
    "lists nested": b"\x91" * LEVELS + b"\xc0",
    "maps nested": b"\x81\xa1a" * LEVELS + b"\xc0",
    "4 billion items announced": b"\xdd\xff\xff\xff\xff",
    "4 GiB of text announced": b"\xdb\xff\xff\xff\xff",
    "no MessagePack": b"\xc1",
    "a pickle": PICKLE,
    "text that is none": b"\xa2\xff\xfe",
    "an extension": b"\xc7\x01\x7f\x00",
    "nothing": b"",
    "null": b"\xc0",
}


@pytest.mark.parametrize("blob", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("with_models", [True, False])
def test_a_signed_state_of_no_shape_of_ours_is_refused_and_runs_nothing(blob: bytes, *, with_models: bool) -> None:
    with pytest.raises(SnapshotMismatch):
        decode_snapshot(PATIENT, blob, PARAMETERS, with_models=with_models)


@pytest.mark.parametrize("blob", SHAPES.values(), ids=SHAPES.keys())
def test_models_of_no_shape_of_ours_within_a_good_state_are_refused(blob: bytes) -> None:
    whole = msgspec.msgpack.decode(encode_snapshot(PatientState(PATIENT, PatientPipeline(PARAMETERS))))
    whole["pipeline"] = msgspec.Raw(blob or b"\xc0")
    with pytest.raises(SnapshotMismatch):
        decode_snapshot(PATIENT, msgspec.msgpack.encode(whole), PARAMETERS, with_models=True)


@pytest.mark.parametrize(
    "blob", [b"[" * LEVELS, b'{"a":' * LEVELS, b'"\xff"', b'{"patient_id": "\xed\xa0\x80"}', b"", PICKLE]
)
def test_an_alert_state_of_no_shape_of_ours_is_refused_and_its_patient_taken_over_from_sql(blob: bytes) -> None:
    kept = restore("stream", 3, [row(blob, version=STATE_VERSION)], OURS)
    assert (kept.refused, kept.states) == ([PATIENT], [])


def test_an_alert_state_that_somebody_else_signed_is_refused() -> None:
    kept = restore("stream", 3, [row(b"{}", signer=THEIRS, version=STATE_VERSION)], OURS)
    assert (kept.refused, kept.states) == ([PATIENT], [])
