"""Files that hold patients' data: whoever creates them keeps other users of the machine out. All calls block.

Only what is created is closed; a file or directory that is there keeps the rights that somebody gave it. SQLite gives its
`-wal` and `-shm` files the rights of the file they belong to.
"""

import contextlib
import os
from pathlib import Path

FILE_MODE = 0o600
DIRECTORY_MODE = 0o700


def private_directory(directory: Path) -> None:
    """Make `directory` where there is none, closed to others, as every directory above it that is missing. Raises OSError."""
    for missing in reversed([each for each in (directory, *directory.parents) if not each.exists()]):
        missing.mkdir(mode=DIRECTORY_MODE, exist_ok=True)


def private_file(file: Path) -> None:
    """Make an empty `file`, closed to others, where there is none. Where it cannot be made, whoever opens it says so."""
    with contextlib.suppress(OSError):
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE))
