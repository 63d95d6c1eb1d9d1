"""Somebody who follows docs/operations.md in an empty directory: its files, its blocks, and services that go on.

What stands in a block marked `<!-- run NAME -->` is run line by line in one shell per part; `<!-- start NAME -->` are
services that go on. Ports and the database's password of the page become those of this machine's private servers.
"""

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
import pytest

from runtime.clock import SystemClock
from tests.support.own_programs import own_programs
from tests.support.tree import text
from tests.support.whole_path import free_port

PAGE = text("docs/operations.md")
BLOCK = re.compile(r"<!-- (run|start) ([\w-]+) -->\n```sh\n(.*?)```", re.DOTALL)
FILE = re.compile(r"```(?:text|toml)\n# ([\w.-]+)\n(.*?)```", re.DOTALL)
READY_S_MAX = 90.0
COMMAND_S_MAX = 90.0


def block(kind: str, name: str) -> str:
    """The commands of one block."""
    (found,) = [body for marked, of, body in BLOCK.findall(PAGE) if (marked, of) == (kind, name)]
    return str(found)


class Operator:
    """Somebody in an empty directory, with this page and a shell."""

    def __init__(self, directory: Path, replacements: Mapping[str, str]) -> None:
        directory.mkdir()
        self.directory = directory
        self._replacements = replacements
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("WARDLIGHT_")},
            "PATH": f"{own_programs(directory)}:{os.environ['PATH']}:/usr/sbin",
        }
        self.started: list[subprocess.Popen[bytes]] = []
        for name, body in FILE.findall(PAGE):
            (directory / name).write_text(self.here(body), encoding="utf-8")

    def here(self, written: str) -> str:
        """What the page says, with this machine's ports."""
        for old, new in self._replacements.items():
            written = written.replace(old, new)
        return written

    def run(self, name: str, *, only: str = "", **meant: str) -> str:
        """Run the block `name`, or its lines that name `only`, with what is `meant` by words in capitals. Its output."""
        lines = [line for line in self.here(block("run", name)).splitlines() if only in line]
        assert lines, only
        return self.shell("\n".join(lines), **meant)

    def shell(self, script: str, **meant: str) -> str:
        """Run it as one shell would; exports stay. Its output."""
        for placeholder, value in meant.items():
            assert placeholder in script, placeholder
            script = script.replace(placeholder, value)
        done = subprocess.run(
            ["sh", "-c", f"set -eu\n{script}\nenv -0 > .environment\n"],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_S_MAX,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        pairs = (self.directory / ".environment").read_text(encoding="utf-8").split("\0")
        self.environment = dict(pair.split("=", 1) for pair in pairs if pair)
        return done.stdout

    def start(self, name: str, *, only: str = "") -> None:
        """Start every command of the block `name`, or the one that names `only`; each goes on."""
        for number, line in enumerate(self.here(block("start", name)).strip().splitlines()):
            if only not in line:
                continue
            with (self.directory / f"{name}-{number}.log").open("ab") as output:
                environment = {**self.environment}
                if number:
                    environment["WARDLIGHT_TELEMETRY__PORT"] = str(free_port())
                self.started.append(
                    subprocess.Popen(
                        ["sh", "-c", f"exec {line}"],
                        cwd=self.directory,
                        env=environment,
                        stdin=subprocess.DEVNULL,
                        stdout=output,
                        stderr=subprocess.STDOUT,
                    )
                )

    def stop(self) -> None:
        """SIGTERM to all, and their orderly end."""
        started, self.started = self.started, []
        for process in started:
            process.send_signal(signal.SIGTERM)
        for process in started:
            assert process.wait(timeout=30) == 0, self.said()

    def kill(self) -> None:
        """Whatever is left."""
        for process in self.started:
            process.kill()
            process.wait()

    def until(self, condition: Callable[[], bool]) -> None:
        """Look until it holds; fails where a service ends by itself or it takes too long."""
        clock = SystemClock()
        deadline_s = clock.monotonic_s() + READY_S_MAX
        while True:
            with contextlib.suppress(httpx.TransportError):
                if condition():
                    return
            assert clock.monotonic_s() < deadline_s, self.said()
            for process in self.started:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=0.1)
                    pytest.fail(f"a service ended by itself:\n{self.said()}")

    def said(self) -> str:
        """The last words of every service."""
        logs = sorted(self.directory.glob("*-[0-9].log"))
        return "\n".join(f"{log.name}: {log.read_text(encoding='utf-8', errors='replace')[-1500:]}" for log in logs)
