"""Backups of SQLite, and the file they lie in."""

import hashlib
import stat
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import pytest

from storage import archive
from storage.session import Database
from tests.support.backup_contract import BackupContract, filled, write
from vitals.errors import ConfigurationError, Conflict, MalformedRecord, NotFound


class TestSqlite(BackupContract):
    @pytest.fixture
    def source(self) -> Iterator[Database]:
        database = Database("sqlite://")
        yield database
        database.close()

    @pytest.fixture
    def target(self) -> Iterator[Database]:
        database = Database("sqlite://")
        yield database
        database.close()


def test_the_file_is_for_its_owner_only_and_is_never_written_over(tmp_path: Path) -> None:
    database = Database("sqlite://")
    filled(database, seconds=range(2))
    file = tmp_path / "b"
    write(database, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(Conflict, match="is there already"):
        write(database, file)
    with pytest.raises(ConfigurationError, match="check its directory"):
        write(database, tmp_path / "nowhere" / "b")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b"]
    database.close()


def test_what_fails_leaves_no_file(tmp_path: Path) -> None:
    class Torn(RuntimeError):
        pass

    def torn() -> None:
        with archive.writing(tmp_path / "b"):
            raise Torn

    with pytest.raises(Torn):
        torn()
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_backup_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound), archive.reading(tmp_path / "none"):
        pass
    (tmp_path / "text").write_text("hello")
    with pytest.raises(MalformedRecord, match="no backup of Wardlight"), archive.reading(tmp_path / "text"):
        pass
    with zipfile.ZipFile(tmp_path / "zip", "w") as other:
        other.writestr("manifest.json", "[]")
    with pytest.raises(MalformedRecord, match="no manifest of ours"), archive.reading(tmp_path / "zip"):
        pass
    with zipfile.ZipFile(tmp_path / "newer", "w") as other:
        other.writestr("manifest.json", '{"format": 2}')
    with pytest.raises(Conflict, match="format 2"), archive.reading(tmp_path / "newer"):
        pass


def archived(file: Path, rows: Iterable[list[object]]) -> None:
    """A backup of one table, `wide`."""
    with archive.writing(file) as writer:
        writer.add_table("wide", ["number", "payload"], rows)
        writer.finish(program="9.9", schema="9", database="sqlite", created_at_ms=0)


def frames_in(file: Path) -> list[list[list[object]]]:
    with archive.reading(file) as reader:
        reader.verify()
        return list(reader.frames(reader.manifest.tables[0]))


def test_wide_rows_are_kept_in_short_frames(tmp_path: Path) -> None:
    mebibyte = bytes(1024 * 1024)
    archived(tmp_path / "b", ([number, mebibyte] for number in range(20)))
    frames = frames_in(tmp_path / "b")
    assert [row[0] for frame in frames for row in frame] == list(range(20))
    assert max(map(len, frames)) * len(mebibyte) <= archive.FRAME_BYTES
    archived(tmp_path / "one", [[1, bytes(archive.FRAME_BYTES)], [2, b""]])
    assert [len(frame) for frame in frames_in(tmp_path / "one")] == [1, 1]


def test_narrow_rows_come_hundreds_to_a_frame(tmp_path: Path) -> None:
    archived(tmp_path / "b", ([number, b""] for number in range(1001)))
    assert [len(frame) for frame in frames_in(tmp_path / "b")] == [500, 500, 1]


@pytest.mark.parametrize("rows", [5, pytest.param(130, marks=pytest.mark.thorough)])
def test_the_long_frames_of_earlier_releases_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(archive, "FRAME_BYTES", 2**32)
    payload = bytes(2 * 1024 * 1024)
    archived(tmp_path / "b", ([number, payload] for number in range(rows)))
    assert [len(frame) for frame in frames_in(tmp_path / "b")] == [rows]


@pytest.mark.parametrize("content", [b"\0\0\0\xffnot so long", b"\0\0\0\x02{}", b"\0"])
def test_what_is_vouched_for_and_cannot_be_restored_is_not_verified(tmp_path: Path, content: bytes) -> None:
    member = archive.Member(
        "tables/wide", len(content), hashlib.sha256(content).hexdigest(), "wide", ("number", "payload"), 1
    )
    manifest = archive.Manifest(archive.FORMAT, "9.9", "9", "sqlite", 0, (member,))
    with zipfile.ZipFile(tmp_path / "b", "w") as other:
        other.writestr(member.name, content)
        other.writestr(archive.MANIFEST, msgspec.json.encode(manifest))
    with archive.reading(tmp_path / "b") as reader, pytest.raises(MalformedRecord, match="tables/wide"):
        reader.verify()
