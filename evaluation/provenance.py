"""Which code made a report: version, commit where the project is a checkout, and a hash of the code that was run."""

import hashlib
import platform
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Final

from runtime.version import VERSION

_ROOT: Final = Path(__file__).parent.parent
ROOMS: Final = ("vitals", "stream", "evaluation")
"""Their code decides every figure."""
_LIBRARIES: Final = ("numpy", "river", "pyarrow", "scikit-learn")


@lru_cache(maxsize=1)
def code_of() -> dict[str, str | None]:
    """Equal `code`, equal seeds and equal libraries give equal figures, whatever the commit says."""
    versions = {name: _installed(name) for name in _LIBRARIES}
    return {
        "version": VERSION,
        "commit": commit_of(_ROOT),
        "code": _hash_of_code(),
        "python": platform.python_version(),
        **versions,
    }


def commit_of(root: Path) -> str | None:
    """The commit that is checked out in `root`; None where it is no checkout. What was changed since is not known here."""
    git = root / ".git"
    try:
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        if not head.startswith("ref: "):
            return head or None
        name = head.removeprefix("ref: ")
        loose = git / name
        if loose.is_file():
            return loose.read_text(encoding="utf-8").strip()
        packed = (git / "packed-refs").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((line.split()[0] for line in packed if line.endswith(f" {name}")), None)


def _hash_of_code() -> str:
    told = hashlib.blake2b(digest_size=8)
    for room in ROOMS:
        for file in sorted((_ROOT / room).glob("*.py")):
            told.update(f"{room}/{file.name}\n".encode())
            told.update(file.read_bytes())
    return told.hexdigest()


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
