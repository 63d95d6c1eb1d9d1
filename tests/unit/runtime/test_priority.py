"""What is not on an alarm's way steps back where processors are short, and so does the session it leads."""

import os
import re
import subprocess
import sys

import pytest

from runtime import priority
from runtime.clock import LoopClock
from runtime.priority import step_back
from runtime.virtual_loop import run_virtual

_TELL = """
import os, sys
from pathlib import Path
from runtime.composition import run_process
async def serve(ports, stopping):
    group = Path("/proc/self/autogroup")
    print("niceness", os.getpriority(os.PRIO_PROCESS, 0), "session", group.read_text() if group.exists() else "")
sys.exit(run_process("x", serve, [], yields=float(sys.argv[1])))
"""
_TAKES_A_SESSIONS_NICENESS = """
from pathlib import Path
Path("/proc/self/autogroup").write_text("3")
assert "nice 3" in Path("/proc/self/autogroup").read_text()
"""


def told(yields: str, *, leads_its_session: bool, niceness: int = 7) -> tuple[int, int | None]:
    """The niceness of a process, and that of its session where sessions are grouped."""
    done = subprocess.run(
        [sys.executable, "-c", _TELL, yields],
        env={**os.environ, "WARDLIGHT_PROCESS__NICENESS": f"{niceness}"},
        capture_output=True,
        text=True,
        check=False,
        start_new_session=leads_its_session,
    )
    found = re.search(r"niceness (-?\d+) session(?: \S+ nice (-?\d+))?", done.stdout)
    assert found is not None, done.stderr
    return int(found[1]), None if found[2] is None else int(found[2])


def takes_a_sessions_niceness() -> bool:
    """Whether the kernel here groups sessions and lets us set how nice one is."""
    tried = [sys.executable, "-c", _TAKES_A_SESSIONS_NICENESS]
    return subprocess.run(tried, start_new_session=True, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(("yields", "niceness", "steps_back"), [("1", 7, 7), ("0.5", 8, 4), ("1", 0, 0), ("0", 7, 0)])
def test_what_is_not_on_an_alarms_way_steps_back_with_the_session_that_it_leads(
    yields: str, niceness: int, steps_back: int
) -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    of_process, of_session = told(yields, leads_its_session=True, niceness=niceness)
    assert of_process == (max(before, steps_back) if steps_back else before)
    if takes_a_sessions_niceness():
        assert of_session == steps_back


def test_a_session_that_others_share_does_not_step_back_with_one_of_them() -> None:
    _, unchanged = told("0", leads_its_session=False)
    of_process, of_session = told("1", leads_its_session=False)
    assert of_process >= 7
    assert of_session == unchanged


class Kernel:
    """Tells a session's niceness, and takes another after it was busy `busy` times."""

    def __init__(self, nice: int = 0, *, busy: int = 0, refusal: type[OSError] = BlockingIOError) -> None:
        self.nice = nice
        self.busy = busy
        self.refusal = refusal
        self.is_there = True

    def exists(self) -> bool:
        """As a path."""
        return self.is_there

    def read_text(self, *, encoding: str) -> str:
        """As the file."""
        assert encoding == "ascii"
        return f"/autogroup-25 nice {self.nice}\n"

    def write_text(self, text: str, *, encoding: str) -> None:
        """As the file."""
        assert encoding == "ascii"
        if self.busy:
            self.busy -= 1
            raise self.refusal("no")
        self.nice = int(text)


def stepped_back(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch, *, by: int = 7, leads_its_session: bool = True
) -> tuple[float, list[int]]:
    """How long it took to step back, and the niceness that the process of niceness 3 got."""
    processes: list[int] = []
    monkeypatch.setattr(priority, "_OF_THE_SESSION", kernel)
    monkeypatch.setattr(os, "getsid", lambda _: os.getpid() if leads_its_session else 1)
    monkeypatch.setattr(os, "getpriority", lambda *_: 3)
    monkeypatch.setattr(os, "setpriority", lambda *which: processes.append(which[-1]))

    async def main() -> float:
        clock = LoopClock(epoch_ms=0)
        await step_back(by, clock=clock)
        return clock.monotonic_s()

    return run_virtual(main()), processes


@pytest.mark.parametrize(
    ("of_session", "by", "then"), [(0, 7, 7), (15, 7, 15), (15, 0, 15), (0, 0, 0), (-5, 7, 7)], ids=str
)
def test_nothing_gets_less_nice_than_it_is(
    of_session: int, by: int, then: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = Kernel(of_session)
    _, processes = stepped_back(kernel, monkeypatch, by=by)
    assert kernel.nice == then
    assert processes == ([by] if by else [])
    assert stepped_back(Kernel(), monkeypatch, by=1)[1] == [3]


def test_a_kernel_that_takes_one_change_at_a_time_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel(busy=3)
    took_s, processes = stepped_back(kernel, monkeypatch)
    assert (kernel.nice, processes) == (7, [7])
    assert took_s == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("kernel", "took_s"),
    [(Kernel(busy=10**6), 2.0), (Kernel(busy=10**6, refusal=PermissionError), 0.0)],
    ids=["ever busy", "not permitted"],
)
def test_a_kernel_that_never_takes_it_is_let_be_and_that_is_said(
    kernel: Kernel, took_s: float, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    waited_s, processes = stepped_back(kernel, monkeypatch)
    assert waited_s == pytest.approx(took_s)
    assert processes == [7]
    assert "session_does_not_step_back" in capsys.readouterr().out


def test_a_process_that_does_not_lead_its_session_says_that_only_it_steps_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel = Kernel()
    assert stepped_back(kernel, monkeypatch, leads_its_session=False) == (0.0, [7])
    assert kernel.nice == 0
    assert "session_does_not_step_back" in capsys.readouterr().out


def test_where_sessions_are_not_grouped_the_process_steps_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel = Kernel()
    kernel.is_there = False
    assert stepped_back(kernel, monkeypatch) == (0.0, [7])
    assert "session" not in capsys.readouterr().out
