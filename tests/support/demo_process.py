"""`wardlight demo` as a process of a test's own, and where its page is."""

import contextlib
import re
import subprocess
import sys
import threading
from collections.abc import Iterator

from tests.support.tree import ROOT

GREETED_S_MAX = 90


@contextlib.contextmanager
def demo(*options: str) -> Iterator["subprocess.Popen[str]"]:
    """The demo's process, ended whatever happens."""
    command = [sys.executable, "-m", "wardlight", "demo", *options]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def address_of(process: "subprocess.Popen[str]") -> str:
    """Where the page is, as the greeting says."""
    assert process.stderr is not None
    overdue = threading.Timer(GREETED_S_MAX, process.kill)
    overdue.start()
    try:
        lines: list[str] = []
        for text in process.stderr:
            lines.append(text)
            found = re.search(r"http://\S+", text)
            if found is not None:
                return found[0]
    finally:
        overdue.cancel()
    raise AssertionError(f"The demo never said where it is: {lines}")
