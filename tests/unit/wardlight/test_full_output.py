"""Standard output on a full disk: one sentence and exit code 1, whichever command writes how much."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import ROOT
from wardlight import command_line

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [[], ["schema", "json"], ["score", "--help"]])
def test_what_cannot_be_printed_is_said_in_one_sentence(arguments: list[str], unbuffered: str) -> None:
    with FULL.open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "wardlight", *arguments],
            cwd=ROOT, env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.stderr == "Cannot write to standard output: No space left on device.\n"
    assert done.returncode == 1


def test_an_error_of_another_file_is_not_laid_on_standard_output(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(command_line, "_command", lambda: fails)
    with pytest.raises(OSError, match="No space left"):
        command_line.run(["schema"])
