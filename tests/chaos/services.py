"""The services of a test cluster as processes under a supervisor, which starts again what ended by itself, as compose does."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from runtime.blocking import Door
from runtime.clock import Clock

ROOT = Path(__file__).parents[2]
STOP_S_MAX = 30.0
AGAIN_S = 1.0
"""How long a supervisor waits before it starts again what ended by itself."""
_LOOK_S = 0.2
_ANSWER_S_MAX = 2.0


class Service:
    """One process of ours; mutable: it comes and goes."""

    def __init__(self, name: str, words: Sequence[str], environment: Mapping[str, str], directory: Path) -> None:
        self.name = name
        self._words = words
        self._environment = {**os.environ, **environment, "PYTHONUNBUFFERED": "1"}
        self.output = directory / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.is_wanted = False
        """Whether the supervisor is to keep it up."""

    @property
    def pid(self) -> int | None:
        """Its process, while it runs."""
        process = self._process
        return None if process is None or process.poll() is not None else process.pid

    def start(self) -> None:
        """Start it; its output is appended to its file."""
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *self._words],
                cwd=ROOT,
                env=self._environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.is_wanted = True

    def kill(self) -> None:
        """SIGKILL, and it stays down until it is started."""
        self.is_wanted = False
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """SIGTERM; SIGKILL where that takes too long."""
        self.is_wanted = False
        process = self._process
        if process is None or process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGCONT)
        process.terminate()
        try:
            process.wait(timeout=STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def last_words(self, characters: int = 3000) -> str:
        """The end of its output."""
        return self.output.read_text(encoding="utf-8", errors="replace")[-characters:]


class Supervisor:
    """Keeps wanted services up, and counts how often one ended by itself."""

    def __init__(self, services: Mapping[str, Service], ports: Mapping[str, int], *, clock: Clock, door: Door) -> None:
        self._services = services
        self._ports = ports
        self._clock = clock
        self._door = door
        self._is_resting = False
        self.exits: Counter[str] = Counter()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            for name, service in self._services.items():
                if service.is_wanted and service.pid is None:
                    self.exits[name] += 1
                    service.is_wanted = False
                    asyncio.get_running_loop().call_later(AGAIN_S, self._start_again, service)
            await self._clock.sleep(_LOOK_S)

    def rest(self) -> None:
        """From now on nothing is started again."""
        self._is_resting = True

    def _start_again(self, service: Service) -> None:
        if not self._is_resting:
            service.start()

    async def unready(self) -> list[str]:
        """Which of those that are to run do not say that they are ready."""
        names = [name for name in self._ports if name in self._services]
        answers = await asyncio.gather(*(self._door.run(_is_ready, self._ports[name]) for name in names))
        return [name for name, is_ready in zip(names, answers, strict=True) if not is_ready]


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=_ANSWER_S_MAX) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
