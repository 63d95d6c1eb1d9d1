"""The local log's file copied while it is in use, and put in place where there is none. All calls block."""

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

from runtime.local_log import LOG_FILE, locked
from runtime.private_files import private_directory, private_file
from vitals.errors import NotFound, Unavailable


def copy_log(directory: Path, target: Path) -> None:
    """Copy the log in `directory` to the file `target` as one moment saw it, by SQLite's online backup.

    Whoever writes the log goes on meanwhile. Raises NotFound where there is no log, Unavailable where it cannot be read.
    """
    source_file = directory / LOG_FILE
    if not source_file.exists():
        raise NotFound(f"There is no log {source_file}.")
    try:
        private_file(target)
        with (
            contextlib.closing(sqlite3.connect(f"{source_file.absolute().as_uri()}?mode=ro", uri=True)) as source,
            contextlib.closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)
    except sqlite3.Error as error:
        raise Unavailable(
            f"The log {source_file} cannot be copied ({error}): free disk space and try again."
        ) from error


def place_log(directory: Path, write: Callable[[Path], None], *, replace: bool) -> bool:
    """Let `write` fill a file that becomes the log of `directory`; False, with nothing done, where one is there already.

    With `replace` a log that is there gives way. Raises ConfigurationError while another process has the log open.
    """
    file = directory / LOG_FILE
    private_directory(directory)
    with locked(file):
        if file.exists() and not replace:
            return False
        part = file.with_name(f"{LOG_FILE}.part")
        try:
            private_file(part)
            write(part)
            for stale in (file.with_name(f"{LOG_FILE}-wal"), file.with_name(f"{LOG_FILE}-shm")):
                stale.unlink(missing_ok=True)
            part.chmod(0o600)
            part.rename(file)
        except OSError as error:
            raise Unavailable(f"The log {file} cannot be written ({error.strerror}): free disk space.") from error
        finally:
            part.unlink(missing_ok=True)
    return True


def require_unused(directory: Path) -> None:
    """Raises ConfigurationError while a process has the log of `directory` open."""
    file = directory / LOG_FILE
    if not file.exists():
        return
    with locked(file):
        return
