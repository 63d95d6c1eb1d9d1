"""Where the keyring is kept: a file of its own, outside the database, closed to others. All calls block, shortly."""

import contextlib
import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Protocol

import structlog

from runtime.clock import Clock, SystemClock
from runtime.keyring import KeyMissing, Keyring, decode_keyring, encode_keyring, new_keyring
from runtime.private_files import FILE_MODE, private_directory
from vitals.errors import ConfigurationError, Conflict

KEYS_BYTES_MAX: Final = 1_000_000
_OPEN_TO_OTHERS: Final = stat.S_IRWXO | stat.S_IWGRP | stat.S_IXGRP
"""Rights that a keys file must not have; a group may read it, as orchestrators hand out secrets."""

_NONE_NAMED: Final = (
    "There is no key for names and secrets: set database.keys_file, and make the file with `wardlight keys make`."
)

log = structlog.get_logger()


class Keys(Protocol):
    """Where a database finds its keyring."""

    def ring(self) -> Keyring:
        """The keyring as it is now; raises KeyMissing, ConfigurationError."""

    def make(self) -> bool:
        """Make a first keyring where there is none and this kind may have one by itself; says whether it did."""

    def trouble(self) -> str | None:
        """Why the keyring cannot be read now, remembered or not; None while it can."""


class KeysInMemory:
    """For a database in memory: nothing outlives the process, the keys neither."""

    def __init__(self) -> None:
        self._ring = new_keyring(now_ms=0)

    def ring(self) -> Keyring:
        return self._ring

    def make(self) -> bool:
        return False

    def trouble(self) -> str | None:
        return None

    def change(self, step: Callable[[Keyring], Keyring]) -> Keyring:
        """Put `step(ring)` in its place."""
        self._ring = step(self._ring)
        return self._ring


class NoKeys:
    """For a database of a hospital whose settings name no keys file."""

    def ring(self) -> Keyring:
        raise KeyMissing(_NONE_NAMED)

    def make(self) -> bool:
        return False

    def trouble(self) -> str | None:
        return _NONE_NAMED


class KeysFile:
    """A keys file; what changes in it is seen at the next look, and a file that vanishes is remembered while the process lives."""

    def __init__(self, file: Path, *, makes_itself: bool = False, clock: Clock | None = None) -> None:
        self.file = file
        self._makes_itself = makes_itself
        self._clock = SystemClock() if clock is None else clock
        self._lock = threading.Lock()
        self._known: tuple[tuple[int, int, int], Keyring] | None = None
        self._complained = False

    def ring(self) -> Keyring:
        with self._lock:
            try:
                ring = self._read()
            except ConfigurationError as error:
                if not self._complained:
                    log.warning("keys_unreadable", error=str(error))
                self._complained = True
                if self._known is None:
                    raise
                return self._known[1]
            self._complained = False
            return ring

    def trouble(self) -> str | None:
        with self._lock:
            try:
                self._read()
            except ConfigurationError as error:
                return str(error)
            return None

    def make(self) -> bool:
        """Make the file where there is none and settings did not name it."""
        if not self._makes_itself or self.file.exists():
            return False
        self.create()
        return True

    def create(self) -> Keyring:
        """Make the file with its first key; raises Conflict where it is there."""
        ring = new_keyring(now_ms=self._clock.now_ms())
        try:
            private_directory(self.file.parent)
            with _opened(self.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as handle:
                _write(handle, encode_keyring(ring))
            _sync_directory(self.file.parent)
        except FileExistsError as error:
            raise Conflict(f"{self.file} is there already: nothing was changed.") from error
        except OSError as error:
            raise ConfigurationError(f"Cannot make the keys file {self.file}: {error.strerror}.") from error
        return ring

    def change(self, step: Callable[[Keyring, int], Keyring]) -> Keyring:
        """Put `step(ring, now_ms)` in its place, at once or not at all; one writer at a time.

        Raises ConfigurationError, Conflict while another command changes it.
        """
        marker = self.file.with_name(f"{self.file.name}.new")
        try:
            with _opened(marker, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as handle:
                try:
                    ring = step(self._read(), self._clock.now_ms())
                    _write(handle, encode_keyring(ring))
                    marker.replace(self.file)
                except BaseException:
                    marker.unlink(missing_ok=True)
                    raise
            _sync_directory(self.file.parent)
        except FileExistsError as error:
            raise Conflict(
                f"{marker} is there: another command is changing the keys, or was ended in the middle; then remove it."
            ) from error
        except OSError as error:
            raise ConfigurationError(f"Cannot write the keys file {self.file}: {error.strerror}.") from error
        return ring

    def _read(self) -> Keyring:
        try:
            found = self.file.stat()
            if found.st_mode & _OPEN_TO_OTHERS:
                raise ConfigurationError(f"Others may read or change {self.file}: run `chmod 600` on it.")
            version = (found.st_mtime_ns, found.st_size, found.st_ino)
            if self._known is not None and self._known[0] == version:
                return self._known[1]
            if found.st_size > KEYS_BYTES_MAX:
                raise ConfigurationError(f"{self.file} is no keys file: it is too large.")
            ring = decode_keyring(self.file.read_bytes())
        except FileNotFoundError as error:
            raise KeyMissing(f"The keys file {self.file} is missing: bring back a copy of it.") from error
        except OSError as error:
            raise KeyMissing(f"The keys file {self.file} cannot be read: {error.strerror}.") from error
        self._known = (version, ring)
        return ring


@contextlib.contextmanager
def _opened(file: Path, flags: int) -> Iterator[int]:
    handle = os.open(file, flags, FILE_MODE)
    try:
        yield handle
    finally:
        os.close(handle)


def _write(handle: int, body: bytes) -> None:
    """All of it, and on the disk."""
    rest = memoryview(body)
    while rest:
        rest = rest[os.write(handle, rest) :]
    os.fsync(handle)


def _sync_directory(directory: Path) -> None:
    with _opened(directory, os.O_RDONLY) as handle:
        os.fsync(handle)
