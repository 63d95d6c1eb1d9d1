"""What the small authority has signed: one line of JSON for each certificate, rewritten whole and at once."""

import contextlib
import fcntl
import os
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from runtime.private_files import FILE_MODE, private_directory
from vitals.errors import ConfigurationError, Conflict

FILE: Final = "register.jsonl"
_LOCK: Final = ".lock"
_PUBLIC_MODE: Final = 0o644


class Root(StrEnum):
    """Which root signs: what lets a device in opens no service's door."""

    DEVICES = "devices"
    SERVICES = "services"


class Kind(StrEnum):
    """What a certificate is for."""

    BROKER = "broker"
    SERVER = "server"
    SERVICE = "service"
    SUBSCRIBER = "subscriber"
    DEVICE = "device"

    @property
    def root(self) -> Root:
        """Who signs it."""
        return Root.DEVICES if self in {Kind.DEVICE, Kind.SUBSCRIBER} else Root.SERVICES


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One certificate."""

    name: str
    kind: Kind
    serial: str
    """Hexadecimal."""
    hosts: tuple[str, ...] = ()
    issued_at_ms: int
    ends_at_ms: int
    revoked_at_ms: int | None = None
    reason: str | None = None

    def is_valid(self, now_ms: int) -> bool:
        """Neither ended nor revoked."""
        return self.revoked_at_ms is None and now_ms < self.ends_at_ms


def read(directory: Path) -> list[Entry]:
    """Every certificate, oldest first; raises ConfigurationError where there is no authority, or its register is damaged."""
    file = directory / FILE
    try:
        return [msgspec.json.decode(line, type=Entry) for line in file.read_bytes().splitlines()]
    except OSError as error:
        raise ConfigurationError(
            f"There is no authority in {directory} ({error.strerror}): make one with `wardlight authority init`, or name"
            " its place with --directory."
        ) from error
    except msgspec.DecodeError as error:
        raise ConfigurationError(f"{file} is damaged ({error}): bring it back from a backup.") from error


def write(directory: Path, entries: Sequence[Entry]) -> None:
    """Put these in the place of what is there."""
    replace(directory / FILE, b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries))


def replace(file: Path, content: bytes, *, is_public: bool = False) -> None:
    """Write a file whole or not at all, for its owner's eyes unless it `is_public`; raises ConfigurationError."""
    beside = file.with_name(f".{file.name}.new")
    try:
        private_directory(file.parent)
        beside.unlink(missing_ok=True)
        written = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        with os.fdopen(written, "wb") as to:
            to.write(content)
            to.flush()
            os.fsync(to.fileno())
            if is_public:
                os.fchmod(to.fileno(), _PUBLIC_MODE)
        beside.replace(file)
    except OSError as error:
        raise ConfigurationError(f"Cannot write {file}: {error.strerror}.") from error


@contextlib.contextmanager
def alone(directory: Path) -> Iterator[None]:
    """Keep every other command out for as long as the block lasts; raises Conflict where one is at work."""
    try:
        private_directory(directory)
        lock = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT, FILE_MODE)
    except OSError as error:
        raise ConfigurationError(f"Cannot write in {directory}: {error.strerror}.") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Conflict(f"Another command is at work in {directory}: wait for it.") from None
    finally:
        os.close(lock)
