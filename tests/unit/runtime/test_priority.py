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
    print("niceness", os.getpriority(os.PRIO_PROCESS, 0), "session", group.read_text() if group.exists() else "ungrouped")
sys.exit(run_process("x", serve, [], yields=sys.argv[1] == "yields"))
"""


def told(who: str, *, leads_its_session: bool) -> tuple[int, int | None]:
    """The niceness of a process, and that of its session where sessions are grouped."""
    done = subprocess.run(
        [sys.executable, "-c", _TELL, who],
        env={**os.environ, "WARDLIGHT_PROCESS__NICENESS": "7"},
        capture_output=True,
        text=True,
        check=False,
        start_new_session=leads_its_session,
    )
    found = re.search(r"niceness (\d+) session (?:\S+ nice (-?\d+)|ungrouped)", done.stdout)
    assert found is not None, done.stderr
    return int(found[1]), None if found[2] is None else int(found[2])


@pytest.mark.parametrize(("who", "steps_back"), [("yields", 7), ("alarms", 0)])
def test_what_is_not_on_an_alarms_way_steps_back_with_the_session_that_it_leads(who: str, steps_back: int) -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    niceness, of_session = told(who, leads_its_session=True)
    assert niceness == max(before, steps_back)
    if of_session is not None:
        assert of_session == (niceness if who == "yields" else 0)


def test_a_session_that_others_share_does_not_step_back_with_one_of_them() -> None:
    _, unchanged = told("alarms", leads_its_session=False)
    niceness, of_session = told("yields", leads_its_session=False)
    assert niceness >= 7
    assert of_session == unchanged


class Kernel:
    """Takes a session's niceness after it was busy `busy` times."""

    def __init__(self, busy: int = 0, refusal: type[OSError] = BlockingIOError) -> None:
        self.busy = busy
        self.refusal = refusal
        self.taken: list[str] = []

    def write_text(self, text: str, *, encoding: str) -> None:
        """As a file of /proc."""
        assert encoding == "ascii"
        if self.busy:
            self.busy -= 1
            raise self.refusal("no")
        self.taken.append(text)


def stepped_back(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> tuple[float, list[int]]:
    """How long it took to step back by 7 as the leader of a session, and what became of the process."""
    processes: list[int] = []
    monkeypatch.setattr(priority, "_OF_THE_SESSION", kernel)
    monkeypatch.setattr(os, "getsid", lambda _: os.getpid())
    monkeypatch.setattr(os, "getpriority", lambda *_: 3)
    monkeypatch.setattr(os, "setpriority", lambda *which: processes.append(which[-1]))

    async def main() -> float:
        clock = LoopClock(epoch_ms=0)
        await step_back(7, clock=clock)
        return clock.monotonic_s()

    return run_virtual(main()), processes


def test_a_kernel_that_takes_one_change_at_a_time_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel(busy=3)
    took_s, processes = stepped_back(kernel, monkeypatch)
    assert (kernel.taken, processes) == (["7"], [7])
    assert took_s == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("kernel", "took_s"),
    [(Kernel(busy=10**6), 5.0), (Kernel(busy=10**6, refusal=PermissionError), 0.0)],
    ids=["ever busy", "not permitted"],
)
def test_a_kernel_that_never_takes_it_is_let_be_and_that_is_said(
    kernel: Kernel, took_s: float, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    waited_s, processes = stepped_back(kernel, monkeypatch)
    assert waited_s == pytest.approx(took_s)
    assert processes == [7]
    assert "session_does_not_step_back" in capsys.readouterr().out


def test_where_sessions_are_not_grouped_the_process_steps_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stepped_back(Kernel(busy=1, refusal=FileNotFoundError), monkeypatch) == (0.0, [7])
    assert "session" not in capsys.readouterr().out
