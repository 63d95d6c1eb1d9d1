"""A backup file that somebody else made or changed: refused in one sentence, with nothing restored and nothing written beside."""

import hashlib
import json
import struct
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from runtime.clock import SystemClock
from runtime.settings import Configuration
from storage import archive
from storage.migrate import upgrade
from vitals.errors import Conflict, MalformedRecord, Unavailable, WardError
from wardlight.backups import back_up, restore, verify

DEEP = 100_000
"""Levels within one another: on a fifth of them a reader that recurses runs out of stack."""


def made(file: Path, members: dict[str, bytes], manifest: bytes | dict[str, Any]) -> Path:
    """A ZIP of these members."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, body in members.items():
            packed.writestr(name, body)
        packed.writestr(archive.MANIFEST, manifest if isinstance(manifest, bytes) else json.dumps(manifest))
    return file


def vouched(members: dict[str, bytes], **changed: Any) -> dict[str, Any]:
    """A manifest that vouches for these members, as a forger who can hash would write it."""
    listed = [
        {
            "name": name,
            "size_bytes": len(body),
            "sha256": hashlib.sha256(body).hexdigest(),
            "table": None if name == archive.LOG_MEMBER else name.rsplit("/", 1)[-1],
            "columns": ["a"],
            "rows": 1,
        }
        for name, body in members.items()
    ]
    whole = {"format": 1, "program": "1", "schema": "0001", "database": "sqlite", "created_at_ms": 1, "members": listed}
    return {**whole, **changed}


def frame(packed: bytes) -> bytes:
    """One frame of rows."""
    return struct.pack(">I", len(packed)) + packed


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """A true backup of an empty box."""
    (tmp_path / "box").mkdir()
    upgrade(f"sqlite:///{tmp_path / 'box' / 'ward.db'}")
    back_up(box(tmp_path, "box"), tmp_path / "whole", clock=SystemClock())
    return tmp_path / "whole"


def box(tmp_path: Path, name: str) -> Configuration:
    """Settings of a box in a directory of its own."""
    directory = tmp_path / name
    return Configuration(
        {"database": {"url": f"sqlite:///{directory / 'ward.db'}"}, "log": {"directory": str(directory)}}
    )


def rewritten(source: Path, target: Path, change: Any) -> Path:
    """The backup at `source` with what `change` does to its members and manifest, vouched for anew."""
    with zipfile.ZipFile(source) as packed:
        members = {name: packed.read(name) for name in packed.namelist() if name != archive.MANIFEST}
        manifest = json.loads(packed.read(archive.MANIFEST))
    change(members, manifest)
    for listed in manifest["members"]:
        body = members.get(listed["name"], b"")
        listed |= {"size_bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    return made(target, members, manifest)


@pytest.mark.parametrize(
    "manifest",
    [b'{"members":' + b"[" * DEEP, b"{" * DEEP, b"\xff\xfe", b"", b"[]", b"null", b'{"format": 1}'],
    ids=["lists nested", "objects nested", "no UTF-8", "empty", "a list", "null", "fields missing"],
)
def test_a_manifest_that_is_none_is_refused(tmp_path: Path, manifest: bytes) -> None:
    with pytest.raises(MalformedRecord, match="no manifest of ours"):
        verify(made(tmp_path / "b", {}, manifest))


def test_a_manifest_longer_than_any_of_ours_is_refused_unread(tmp_path: Path) -> None:
    bomb = made(tmp_path / "b", {}, b" " * (archive.MANIFEST_BYTES_MAX + 1))
    assert bomb.stat().st_size < 10_000
    with pytest.raises(MalformedRecord, match="too long"):
        verify(bomb)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "tables/../../x", "..\\x", "log.db\0.txt"])
def test_a_member_that_names_a_place_elsewhere_is_written_nowhere(tmp_path: Path, name: str) -> None:
    inside = tmp_path / "deep" / "er"
    inside.mkdir(parents=True)
    body = b"0wned"
    forged = made(inside / "b", {name: body}, vouched({name: body}))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(WardError):
        restore(box(inside, "target"), forged, clock=SystemClock())
    written = {path.name for path in set(tmp_path.rglob("*")) - set(before)}
    assert written <= {"target", "ward.db", "ward.db-wal", "ward.db-shm", "ward.db-keys", "keys"}
    assert not any(path.read_bytes() == body for path in tmp_path.rglob("*") if path.is_file())


def test_rows_nested_beyond_any_reader_are_refused(tmp_path: Path) -> None:
    rows = {"tables/x": frame(b"\x91" * DEEP + b"\xc0")}
    forged = made(tmp_path / "b", rows, vouched(rows))
    with archive.reading(forged) as reader, pytest.raises(MalformedRecord, match="cannot be read"):
        list(reader.frames(reader.manifest.tables[0]))


@pytest.mark.parametrize(
    "body",
    [
        struct.pack(">I", 2**32 - 1),
        struct.pack(">I", 2**20) + b"\x90",
        b"\0",
        frame(b"\xc1"),
        frame(b"\xdd\xff\xff\xff\xff"),
    ],
    ids=["4 GiB announced", "more announced than sent", "half a length", "no MessagePack", "4 billion rows announced"],
)
def test_a_frame_that_lies_about_itself_is_refused(tmp_path: Path, body: bytes) -> None:
    forged = made(tmp_path / "b", {"tables/x": body}, vouched({"tables/x": body}))
    with archive.reading(forged) as reader, pytest.raises(MalformedRecord):
        list(reader.frames(reader.manifest.tables[0]))


def test_a_member_that_unpacks_to_more_than_was_vouched_for_is_left_off_soon(tmp_path: Path) -> None:
    bomb = made(tmp_path / "b", {"tables/x": bytes(50_000_000)}, vouched({"tables/x": b"small"}))
    assert bomb.stat().st_size < 1_000_000
    read: list[int] = []
    with archive.reading(bomb) as reader, pytest.raises(MalformedRecord, match="vouches"):
        read.extend(map(len, reader._blocks(reader.manifest.members[0])))
    assert sum(read) <= 2 * 1024 * 1024


def test_a_log_that_no_disk_would_hold_is_refused_before_it_fills_one(tmp_path: Path) -> None:
    manifest = vouched({archive.LOG_MEMBER: b"x"})
    manifest["members"][0]["size_bytes"] = 10**18
    forged = made(tmp_path / "b", {archive.LOG_MEMBER: b"x"}, manifest)
    with archive.reading(forged) as reader, pytest.raises(Unavailable, match="make room"):
        reader.copy_log(tmp_path / "log.db")
    assert not (tmp_path / "log.db").exists()


@pytest.mark.parametrize(
    ("offset", "value"), [((8, 6), 1), ((10, 8), 99)], ids=["encrypted", "packed in an unknown way"]
)
def test_a_member_packed_as_none_of_ours_is_refused(tmp_path: Path, offset: tuple[int, int], value: int) -> None:
    rows = {"tables/x": frame(b"\x90")}
    file = made(tmp_path / "b", rows, vouched(rows))
    body = bytearray(file.read_bytes())
    central, local = body.find(b"PK\x01\x02"), body.find(b"PK\x03\x04")
    body[central + offset[0]] = body[local + offset[1]] = value
    file.write_bytes(body)
    with pytest.raises(MalformedRecord, match="damaged"):
        verify(file)


def test_any_flipped_byte_of_a_backup_is_told_or_harmless(whole: Path) -> None:
    good, body = verify(whole), whole.read_bytes()
    for place in range(0, len(body), max(1, len(body) // 50)):
        whole.write_bytes(_flipped(body, place))
        with suppress(MalformedRecord, Conflict):
            assert {**verify(whole), "file_bytes": 0} == {**good, "file_bytes": 0}, place


def test_a_flipped_byte_of_what_a_backup_holds_is_told_in_every_member(whole: Path) -> None:
    body = whole.read_bytes()
    with zipfile.ZipFile(whole) as packed:
        held = [member for member in packed.infolist() if member.file_size]
    assert {archive.MANIFEST, "tables/registry"} <= {member.filename for member in held}
    for member in held:
        name_bytes, extra_bytes = struct.unpack_from("<HH", body, member.header_offset + 26)
        middle = member.header_offset + 30 + name_bytes + extra_bytes + member.compress_size // 2
        whole.write_bytes(_flipped(body, middle))
        with pytest.raises((MalformedRecord, Conflict)):
            verify(whole)


def _flipped(body: bytes, place: int) -> bytes:
    return body[:place] + bytes([body[place] ^ 0x55]) + body[place + 1 :]


@pytest.mark.parametrize(
    "table", ["claims; DROP TABLE patients", 'patients" (a) VALUES (1); --', "sqlite_master", "alembic_version"]
)
def test_sql_in_a_tables_name_reaches_no_database(whole: Path, tmp_path: Path, table: str) -> None:
    def renamed(_members: dict[str, bytes], manifest: dict[str, Any]) -> None:
        manifest["members"][0]["table"] = table

    forged = rewritten(whole, tmp_path / "forged", renamed)
    with pytest.raises(MalformedRecord, match="not those of its schema"):
        restore(box(tmp_path, "target"), forged, clock=SystemClock())


def test_sql_in_a_columns_name_reaches_no_database(whole: Path, tmp_path: Path) -> None:
    def renamed(_members: dict[str, bytes], manifest: dict[str, Any]) -> None:
        manifest["members"][0]["columns"][0] = 'a") SELECT 1; --'

    forged = rewritten(whole, tmp_path / "forged", renamed)
    with pytest.raises(MalformedRecord, match="columns"):
        restore(box(tmp_path, "target"), forged, clock=SystemClock())


def test_a_backup_of_a_schema_nobody_knows_is_refused(whole: Path, tmp_path: Path) -> None:
    def newer(_members: dict[str, bytes], manifest: dict[str, Any]) -> None:
        manifest["schema"] = "../../../evil"

    with pytest.raises(Conflict, match="does not know"):
        restore(box(tmp_path, "target"), rewritten(whole, tmp_path / "forged", newer), clock=SystemClock())
