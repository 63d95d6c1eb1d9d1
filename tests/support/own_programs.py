"""`wardlight` on the path of whoever follows a document."""

import sys
from pathlib import Path

from tests.support.tree import ROOT


def own_programs(directory: Path) -> Path:
    """A folder with `wardlight` as `scripts/set-up-python` writes it, so that the documents' word is found on the path."""
    folder = directory / "bin"
    folder.mkdir()
    shim = folder / "wardlight"
    shim.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -P -m wardlight "$@"\n', encoding="utf-8")
    shim.chmod(0o755)
    return folder
