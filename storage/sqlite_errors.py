"""What SQLite says of a file that nobody can work with until a person mends it: it may not be written, or it is damaged."""

import sqlite3
from typing import Final

from vitals.errors import Unusable

READ_ONLY: Final = 8
"""SQLITE_READONLY; SQLite says the same of a write within a snapshot of ours."""
_DAMAGED: Final = frozenset({11, 26})
"""SQLITE_CORRUPT and SQLITE_NOTADB."""
_KIND: Final = 0xFF
"""The part of an extended code that says the kind of error."""


def unusable_of(error: BaseException | None, *, file: str | None) -> Unusable | None:
    """The error of ours that this one of sqlite3's is, naming `file`; None where it is another."""
    kind = kind_of(error)
    name = "The database in memory" if file is None else f"The database {file}"
    if kind == READ_ONLY:
        return Unusable(
            f"{name} is read-only: see that this user may write the file and its directory, and that the disk takes writes."
        )
    if kind in _DAMAGED:
        said = " ".join(str(error).split())
        return Unusable(f"{name} is damaged ({said}): move the file away and restore a backup (`wardlight restore`).")
    return None


def kind_of(error: BaseException | None) -> int:
    """SQLite's primary result code; 0 where it gave none."""
    code: int = getattr(error, "sqlite_errorcode", 0) if isinstance(error, sqlite3.Error) else 0
    return code & _KIND
