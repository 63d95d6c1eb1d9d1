"""Ctrl-C while a command is still importing what it needs: exit code 130, and nothing on the screen."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import ROOT

ENTRIES = {
    "module": ["-m", "wardlight"],
    "console script": ["-c", "from wardlight.__main__ import main; main()"],
}


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("library", ["msgspec", "pydantic_core"])
def test_an_interrupt_during_the_imports_ends_without_a_word(entry: str, library: str) -> None:
    process = subprocess.Popen(
        [sys.executable, *ENTRIES[entry], "--help"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    while f"/{library}/" not in Path(f"/proc/{process.pid}/maps").read_text():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    said, complained = process.communicate(timeout=60)
    assert (process.returncode, said, complained) == (130, b"", b"")


def test_nothing_heavy_is_imported_before_an_interrupt_is_seen_to() -> None:
    code = "import sys, wardlight.__main__; print(sum('site-packages' in str(m.__file__) for m in sys.modules.values()"
    code += " if getattr(m, '__file__', None) and not m.__name__.startswith('_')))"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout == "0\n"
