"""A backup's file: a ZIP of one member per table, the local log where there is one, and a manifest that vouches for all.

A table's member is a row of frames: four bytes of length, then a MessagePack array of rows. The manifest, written last,
names the schema revision, the program's version, and of every member the size, the SHA-256 and the number of rows.
"""

import hashlib
import os
import shutil
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, Protocol

import msgspec

from vitals.errors import ConfigurationError, Conflict, MalformedRecord, NotFound, Unavailable

FORMAT: Final = 1
"""Version of this layout; another one is refused."""
FRAME_ROWS: Final = 500
"""Rows in one frame, at most,"""
FRAME_BYTES: Final = 8 * 1024 * 1024
"""and their bytes, unless one row alone is longer. Earlier releases knew no such bound: a frame is read whatever its
length, as long as its member goes on for so long."""
MANIFEST_BYTES_MAX: Final = 4 * 1024 * 1024
MANIFEST: Final = "manifest.json"
LOG_MEMBER: Final = "log.db"
_BLOCK_BYTES: Final = 1024 * 1024
_LENGTH: Final = struct.Struct(">I")
_UNREADABLE: Final = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
"""What the ZIP library raises over a member that is damaged, encrypted, or packed in a way that none of ours is."""
_UNDECODABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""The last of values nested so deep that a reader runs out of stack: an attack, not an accident."""
_pack: Final = msgspec.msgpack.Encoder().encode
_unpack: Final = msgspec.msgpack.Decoder(list[list[Any]]).decode


class Member(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One member as it was written, uncompressed."""

    name: str
    size_bytes: int
    sha256: str
    table: str | None = None
    """The table whose rows it holds; None for the log."""
    columns: tuple[str, ...] = ()
    rows: int = 0


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the file holds, and of what."""

    format: int
    program: str
    """Wardlight's version that wrote it."""
    schema: str
    """The database's revision."""
    database: str
    """`sqlite` or `postgresql`; it can be restored into either."""
    created_at_ms: int
    members: tuple[Member, ...]

    @property
    def tables(self) -> tuple[Member, ...]:
        """Members that hold a table, in the order in which they can be loaded."""
        return tuple(member for member in self.members if member.table is not None)

    @property
    def log(self) -> Member | None:
        """The local log, where it was taken along."""
        return next((member for member in self.members if member.name == LOG_MEMBER), None)


class _Sink(Protocol):
    def write(self, data: bytes, /) -> int: ...


class _Counted:
    """Passes bytes on, counts and hashes them."""

    def __init__(self, target: _Sink) -> None:
        self._target = target
        self._hash = hashlib.sha256()
        self.size_bytes = 0

    def write(self, data: bytes) -> None:
        self._target.write(data)
        self._hash.update(data)
        self.size_bytes += len(data)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


class ArchiveWriter:
    """Writes one archive; made by `writing`."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._members: list[Member] = []

    def add_table(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        """Write a table's rows as they come; how many they were."""
        member, written = f"tables/{name}", 0
        with self._archive.open(member, "w", force_zip64=True) as stream:
            sink = _Counted(stream)
            for frame in _frames_of(rows):
                packed = _pack(frame)
                sink.write(_LENGTH.pack(len(packed)))
                sink.write(packed)
                written += len(frame)
        self._members.append(Member(member, sink.size_bytes, sink.sha256, name, tuple(columns), written))
        return written

    def add_log(self, file: Path) -> None:
        """Take along a copy of the local log."""
        with self._archive.open(LOG_MEMBER, "w", force_zip64=True) as stream, file.open("rb") as source:
            sink = _Counted(stream)
            while block := source.read(_BLOCK_BYTES):
                sink.write(block)
        self._members.append(Member(LOG_MEMBER, sink.size_bytes, sink.sha256))

    def finish(self, *, program: str, schema: str, database: str, created_at_ms: int) -> Manifest:
        """Write the manifest; nothing may follow."""
        manifest = Manifest(FORMAT, program, schema, database, created_at_ms, tuple(self._members))
        self._archive.writestr(MANIFEST, msgspec.json.encode(manifest))
        return manifest


@contextmanager
def writing(file: Path) -> Iterator[ArchiveWriter]:
    """An archive that stands at `file`, readable by its owner only, once the block has ended well; never half of one.

    Raises Conflict where there is a file already, ConfigurationError where none can be made, Unavailable on a full disk.
    """
    if file.exists():
        raise Conflict(f"{file} is there already: name another file, or move that one away.")
    part = file.with_name(f"{file.name}.part")
    try:
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise ConfigurationError(f"Cannot write {part} ({error.strerror}): check its directory.") from error
    try:
        with os.fdopen(descriptor, "wb") as stream:
            with zipfile.ZipFile(stream, "w", compression=zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
                yield ArchiveWriter(archive)
            stream.flush()
            os.fsync(stream.fileno())
        part.rename(file)
        _sync_directory(file.parent)
    except OSError as error:
        raise Unavailable(f"The backup cannot be written ({error.strerror}): free disk space and try again.") from error
    finally:
        part.unlink(missing_ok=True)


class ArchiveReader:
    """Reads one archive; made by `reading`. Bytes that differ from what the manifest vouches for raise MalformedRecord."""

    def __init__(self, archive: zipfile.ZipFile, manifest: Manifest) -> None:
        self._archive = archive
        self.manifest = manifest

    def verify(self) -> None:
        """Read every member to its end, hold it against the manifest, and read the rows of its frames."""
        for member in self.manifest.members:
            for _ in self._blocks(member):
                pass
            if member.table is not None:
                for _ in self.frames(member):
                    pass

    def frames(self, member: Member) -> Iterator[list[list[Any]]]:
        """The rows of a table's member, some hundreds at a time."""
        rows = 0
        with self._open(member) as stream:
            while frame := _next_frame(stream, member):
                rows += len(frame)
                yield frame
        if rows != member.rows:
            raise MalformedRecord(f"The backup's {member.name} holds {rows} rows, not {member.rows}: it is damaged.")

    def copy_log(self, file: Path) -> None:
        """Write the log's copy to `file`, synced to disk."""
        member = self.manifest.log
        if member is None:
            raise NotFound("The backup holds no log.")
        free_bytes = shutil.disk_usage(file.parent).free
        if member.size_bytes > free_bytes:
            raise Unavailable(
                f"The backup's log takes {member.size_bytes:,} bytes, and {free_bytes:,} are free in {file.parent}: make room."
            )
        with file.open("wb") as target:
            for block in self._blocks(member):
                target.write(block)
            target.flush()
            os.fsync(target.fileno())

    def _blocks(self, member: Member) -> Iterator[bytes]:
        hashed, size_bytes = hashlib.sha256(), 0
        try:
            with self._open(member) as stream:
                while size_bytes <= member.size_bytes and (block := stream.read(_BLOCK_BYTES)):
                    hashed.update(block)
                    size_bytes += len(block)
                    yield block
        except _UNREADABLE as error:
            raise MalformedRecord(f"The backup's {member.name} is damaged: {error}.") from error
        if (size_bytes, hashed.hexdigest()) != (member.size_bytes, member.sha256):
            raise MalformedRecord(f"The backup's {member.name} is not what its manifest vouches for: it is damaged.")

    def _open(self, member: Member) -> IO[bytes]:
        try:
            return self._archive.open(member.name)
        except KeyError as error:
            raise MalformedRecord(f"The backup lacks {member.name}: it is damaged.") from error
        except _UNREADABLE as error:
            raise MalformedRecord(f"The backup's {member.name} is damaged: {error}.") from error


@contextmanager
def reading(file: Path) -> Iterator[ArchiveReader]:
    """The archive at `file`; raises NotFound, MalformedRecord where it is none of ours, Conflict where it is a newer one."""
    with _opened(file) as archive:
        yield ArchiveReader(archive, _manifest(file, archive))


def _opened(file: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except FileNotFoundError as error:
        raise NotFound(f"There is no file {file}.") from error
    except (*_UNREADABLE, OSError, UnicodeDecodeError, struct.error) as error:
        raise MalformedRecord(f"{file} is no backup of Wardlight, or it is damaged: {error}.") from error


def _manifest(file: Path, archive: zipfile.ZipFile) -> Manifest:
    try:
        if archive.getinfo(MANIFEST).file_size > MANIFEST_BYTES_MAX:
            raise MalformedRecord(f"{file} is no backup of Wardlight: its manifest is too long.")
        with archive.open(MANIFEST) as stream:
            found = msgspec.json.decode(stream.read(MANIFEST_BYTES_MAX))
        if isinstance(found, dict) and found.get("format", FORMAT) != FORMAT:
            raise Conflict(f"{file} has format {found['format']}, this program reads {FORMAT}: use its own Wardlight.")
        return msgspec.convert(found, Manifest)
    except (KeyError, *_UNREADABLE, *_UNDECODABLE) as error:
        raise MalformedRecord(f"{file} is no backup of Wardlight: it has no manifest of ours.") from error


def _frames_of(rows: Iterable[Sequence[Any]]) -> Iterator[list[msgspec.Raw]]:
    """The rows, packed, as many at a time as make a frame."""
    frame: list[msgspec.Raw] = []
    size_bytes = 0
    for row in rows:
        packed = _pack(list(row))
        if len(frame) == FRAME_ROWS or (frame and size_bytes + len(packed) > FRAME_BYTES):
            yield frame
            frame, size_bytes = [], 0
        frame.append(msgspec.Raw(packed))
        size_bytes += len(packed)
    if frame:
        yield frame


def _next_frame(stream: IO[bytes], member: Member) -> list[list[Any]]:
    try:
        length = stream.read(_LENGTH.size)
        return _read_frame(stream, length, member) if length else []
    except _UNREADABLE as error:
        raise MalformedRecord(f"The backup's {member.name} is damaged: {error}.") from error


def _read_frame(stream: IO[bytes], length: bytes, member: Member) -> list[list[Any]]:
    if len(length) == _LENGTH.size and (size := _LENGTH.unpack(length)[0]) <= member.size_bytes:
        packed = stream.read(size)
        if len(packed) == size:
            try:
                return _unpack(packed)
            except _UNDECODABLE as error:
                raise MalformedRecord(f"The backup's {member.name} holds rows that cannot be read: {error}.") from error
    raise MalformedRecord(f"The backup's {member.name} ends in the middle of its rows: it is damaged.")


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
