"""Services as real processes: started as `python -m ROOM`, killed with SIGKILL, started again, stopped by their own ids."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STOP_S_MAX = 30.0
LAST_WORDS_CHARACTERS = 3000


class ServiceProcess:
    """One service and its settings; may be killed and started again any number of times.

    `tree` is where its program lies: this one, unless another state of it is to run.
    """

    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str], output: Path, *, tree: Path = ROOT
    ) -> None:
        self._arguments = list(arguments)
        self._tree = tree
        self._environment = {**os.environ, **environment, "PYTHONUNBUFFERED": "1"}
        self._output = output
        self._process: subprocess.Popen[bytes] | None = None
        self.kills = 0

    @property
    def pid(self) -> int:
        """Its process id while it runs."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it; its output is appended to its file."""
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *self._arguments],
                cwd=self._tree,
                env=self._environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self) -> None:
        """SIGKILL: nothing is finished, nothing is said."""
        assert self._process is not None
        self.require_alive()
        self._process.kill()
        self._process.wait()
        self.kills += 1

    def pause(self) -> None:
        """SIGSTOP: it sits still and does not know it."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    def stop(self) -> int:
        """SIGTERM, and its exit code; killed where it does not end in time."""
        process, self._process = self._process, None
        if process is None:
            return 0
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGCONT)
            process.terminate()
        try:
            return process.wait(timeout=STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def require_alive(self) -> None:
        """Fail the test, with the last of its output, where it has ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            pytest.fail(
                f"{' '.join(self._arguments)} ended by itself ({self._process.returncode}):\n{self.last_words()}"
            )

    def resident_bytes(self) -> int:
        """Its resident memory now."""
        for line in Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return 0

    def last_words(self) -> str:
        """The end of its output."""
        return self._output.read_text(encoding="utf-8", errors="replace")[-LAST_WORDS_CHARACTERS:]


@contextlib.contextmanager
def running_services(
    rooms: Mapping[str, Sequence[str]], environment: Mapping[str, str], directory: Path
) -> Iterator[dict[str, ServiceProcess]]:
    """Services by name, each `python -m` of its arguments, started now and stopped at the end."""
    services = {
        name: ServiceProcess(arguments, environment, directory / f"{name}.log") for name, arguments in rooms.items()
    }
    try:
        for service in services.values():
            service.start()
        yield services
    finally:
        for service in services.values():
            service.stop()
