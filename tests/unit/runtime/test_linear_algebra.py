"""Programs calculate in one thread, unless somebody says otherwise."""

import subprocess
import sys

import pytest

from tests.support.tree import ROOT


@pytest.mark.parametrize("package", ["benchmarks", "evaluation", "stream", "wardlight"])
@pytest.mark.parametrize("given", [None, "3"])
def test_a_program_says_how_many_threads_before_numpy_is_loaded(package: str, given: str | None) -> None:
    code = f"import sys, os, {package}; print('numpy' in sys.modules, os.environ['OPENBLAS_NUM_THREADS'])"
    environment = {"PATH": "/usr/bin"} | ({} if given is None else {"OPENBLAS_NUM_THREADS": given})
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, env=environment
    )
    assert found.stdout.split() == ["False", given or "1"]
