"""`wardlight` as its users run it: a process that prints JSON."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.processes import ROOT, ServiceProcess

COMMAND_S_MAX = 300
ATTEMPTS_MAX = 100


def run(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """One command line, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "wardlight", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=COMMAND_S_MAX,
        check=False,
    )


def wardlight(environment: Mapping[str, str], *arguments: str) -> Any:
    """The JSON that a command prints; the test fails where the command does."""
    done = run(environment, *arguments)
    assert done.returncode == 0, f"wardlight {' '.join(arguments)}: {done.stderr[-2000:]}"
    return json.loads(done.stdout)


def await_api(environment: Mapping[str, str], service: ServiceProcess) -> None:
    """Wait until the running system answers."""
    for _ in range(ATTEMPTS_MAX):
        service.require_alive()
        if run(environment, "patients", "list", "--json").returncode == 0:
            return
    pytest.fail(f"No answer:\n{service.last_words()}")
