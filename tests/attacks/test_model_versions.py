"""Versions of the risk model that nobody here made: announced in the log, written or changed in SQL; none of them ever scores."""

import json
from typing import Any

import msgspec
import pytest

from storage import models
from storage.learning_tables import model_versions
from storage.models import Draft
from storage.session import Connection, Database
from storage.signing import Signer, load_signer
from stream.candidates import CANDIDATES
from stream.population import hash_of
from stream.versions import Versions
from tests.support.fresh_database import lay_schema
from tests.support.learning import LogisticModel, logistic
from vitals import codec
from vitals.errors import MalformedRecord, NotFound, SnapshotMismatch
from vitals.model_version import ModelSwitch, ProgressiveScores

FORGED = Signer(b"x" * 32)


def drafted(weight: float = 1.0) -> Draft:
    """A version as a trainer makes it."""
    blob = LogisticModel({"": -1.0, "ill": weight}).dump()
    return Draft("logistic", hash_of(blob), "test", 1, 300, 3600.0, ProgressiveScores(), blob, None)


@pytest.fixture
def database() -> Any:
    held = Database("sqlite://")
    lay_schema(held)
    yield held
    held.close()


def made(conn: Connection, *, signer: Signer | None = None) -> ModelSwitch:
    """One version in SQL, and the switch to it."""
    models.require_candidates(conn, {"logistic": "test"})
    version = models.make(conn, drafted(), signer or load_signer(conn), by="trainer", why="a test")
    assert version.switch is not None
    return version.switch


def scored_by(conn: Connection, switch: ModelSwitch) -> tuple[int, int]:
    """The number of the version in force after this switch, and how many were refused."""
    refused: list[None] = []
    versions = Versions((logistic(),), refused=lambda: refused.append(None))
    versions.reset(conn, load_signer(conn), {0: []}, {0: 0})
    versions.load(conn, load_signer(conn), versions.missing([(0, switch)]))
    versions.take(0, 5, switch)
    return versions.now(0).number, len(refused)


def test_a_version_made_here_scores(database: Database) -> None:
    with database.transaction() as conn:
        assert scored_by(conn, made(conn)) == (1, 0)


def test_a_switch_to_a_version_that_nobody_made_changes_nothing(database: Database) -> None:
    with database.transaction() as conn:
        made(conn)
        for number, named in ((99, "sha256:x"), (1, "sha256:x"), (1, ""), (2**53, drafted().hash)):
            assert scored_by(conn, ModelSwitch(5, number, named, 1, "mallory", "because")) == (0, 1)


def test_weights_sealed_with_another_key_never_score(database: Database) -> None:
    with database.transaction() as conn:
        assert scored_by(conn, made(conn, signer=FORGED)) == (0, 1)


@pytest.mark.parametrize(
    "changed",
    [
        {"blob": LogisticModel({"": -1.0, "ill": -9.0}).dump()},
        {"threshold": 0.0001},
        {"horizon_s": 1.0},
        {"pipeline": "other"},
        {"hash": hash_of(b"other")},
        {"signature": b""},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_version_changed_in_the_database_never_scores(database: Database, changed: dict[str, object]) -> None:
    with database.transaction() as conn:
        switch = made(conn)
        names = {"blob": "weights"} if "weights" in model_versions.c else {}
        conn.execute(model_versions.update().values({names.get(name, name): value for name, value in changed.items()}))
        assert scored_by(conn, switch) == (0, 1)


def test_a_seal_is_of_one_number_and_moves_to_no_other(database: Database) -> None:
    with database.transaction() as conn:
        switch = made(conn)
        conn.execute(model_versions.update().values(number=2))
        with pytest.raises(SnapshotMismatch):
            models.load_weights(conn, 2, switch.hash, load_signer(conn))
        with pytest.raises(NotFound):
            models.load_weights(conn, 1, switch.hash, load_signer(conn))


BLOBS = {
    "nested": b"\x91" * 100_000 + b"\xc0",
    "announced": b"\xdd\xff\xff\xff\xff",
    "a pickle": b"\x80\x04\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.",
    "no text": b"\xa2\xff\xfe",
    "empty": b"",
    "null": b"\xc0",
    "not a number": msgspec.msgpack.encode({"weights": {"a": float("nan")}}),
}


@pytest.mark.parametrize("blob", BLOBS.values(), ids=BLOBS.keys())
@pytest.mark.parametrize("candidate", CANDIDATES, ids=lambda candidate: candidate.name)
def test_even_sealed_weights_of_no_shape_of_ours_never_score(database: Database, candidate: Any, blob: bytes) -> None:
    """A seal says who wrote it, not that it is sound."""
    with database.transaction() as conn:
        models.require_candidates(conn, {candidate.name: candidate.pipeline})
        draft = drafted()._replace(candidate=candidate.name, pipeline=candidate.pipeline, blob=blob, hash=hash_of(blob))
        version = models.make(conn, draft, load_signer(conn), by="trainer", why="a test")
        switch = version.switch or ModelSwitch(1, version.version.number, draft.hash, 1, "x", "y")
        versions = Versions(CANDIDATES, refused=lambda: None)
        versions.reset(conn, load_signer(conn), {0: []}, {0: 0})
        versions.load(conn, load_signer(conn), [(switch.number, switch.hash)])
        assert versions.missing([(0, switch)]) == [(switch.number, switch.hash)]


@pytest.mark.parametrize(
    "changed",
    [
        {"number": -1},
        {"number": 2**63},
        {"number": "1; DROP TABLE model_versions"},
        {"hash": "a\x1b[2J"},
        {"hash": "x" * 10_000},
        {"switch": 1.5},
        {"at_ms": -1},
        {"type": "pickle"},
        {"weights": "AAAA"},
    ],
    ids=str,
)
def test_a_switch_of_no_shape_of_ours_is_no_record(changed: dict[str, object]) -> None:
    told = json.loads(codec.encode(ModelSwitch(1, 1, "h", 1, "trainer", "why")))
    body = json.dumps({**told, **changed}).encode()
    if "weights" in changed:
        assert codec.decode_models_record(body) == ModelSwitch(1, 1, "h", 1, "trainer", "why")
        return
    with pytest.raises(MalformedRecord):
        codec.decode_models_record(body)
