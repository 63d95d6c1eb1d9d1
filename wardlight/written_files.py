"""Files with data of patients that a command is told to write: closed to other users, over nothing, through no link."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from runtime.private_files import FILE_MODE
from vitals.errors import InvalidArgument


@contextmanager
def new_file(file: Path) -> Iterator[TextIO]:
    """`file` to write to as UTF-8, whole or not there: where the block raises it is gone again; blocks.

    Raises InvalidArgument in one sentence where anything is there under this name, a link too, or nothing can be written.
    """
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    except FileExistsError as error:
        raise InvalidArgument(f"{file} is there already: name another file.") from error
    except OSError as error:
        raise _unwritable(file, error) from error
    try:
        with os.fdopen(handle, "w", newline="", encoding="utf-8") as stream:
            yield stream
    except BaseException as error:
        file.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _unwritable(file, error) from error
        raise


def _unwritable(file: Path, error: OSError) -> InvalidArgument:
    return InvalidArgument(f"Cannot write {file}: {error.strerror or error}.")
