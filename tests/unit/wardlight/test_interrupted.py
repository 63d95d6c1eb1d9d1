"""Ctrl-C while a command is still importing what it needs: exit code 130, and nothing on the screen."""

import signal
import subprocess
import sys

import pytest

from tests.support.processes import ROOT

ENTRIES = {
    "module": "import runpy; runpy.run_module('wardlight', run_name='__main__')",
    "console script": "from wardlight.__main__ import main; main()",
}
HELD_UP = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == {library!r}:
            print("importing", flush=True)
            time.sleep(60)
sys.meta_path.insert(0, Slow())
sys.argv[1:] = ["--help"]
"""
"""Finding one library takes so long that an interrupt is sure to come while it is imported; nor is it ignored, as in a shell's background."""


@pytest.mark.parametrize("entry", ["module", pytest.param("console script", marks=pytest.mark.thorough)])
@pytest.mark.parametrize("library", ["msgspec", "pydantic_core"])
def test_an_interrupt_during_the_imports_ends_without_a_word(entry: str, library: str) -> None:
    code = HELD_UP.format(library=library) + ENTRIES[entry]
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "importing\n"
    process.send_signal(signal.SIGINT)
    said, complained = process.communicate(timeout=60)
    assert (process.returncode, said, complained) == (130, "", "")


def test_nothing_heavy_is_imported_before_an_interrupt_is_seen_to() -> None:
    code = "import sys, wardlight.__main__; print(sum('site-packages' in str(m.__file__) for m in sys.modules.values()"
    code += " if getattr(m, '__file__', None) and not m.__name__.startswith('_')))"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout == "0\n"
