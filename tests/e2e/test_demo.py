"""`wardlight demo` as the process a newcomer starts: its account, its end by Ctrl-C, and a port that is taken."""

import json
import signal
import socket
import subprocess
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from runtime.version import VERSION
from tests.support.demo_process import GREETED_S_MAX, address_of, demo

pytestmark = pytest.mark.e2e

ENDED_S_MAX = 100
"""The demo's own deadline for its end, 90 s, and a little."""
COUNTS = {
    "published", "accepted", "rejected", "scored", "stored", "lost", "duplicated", "redelivered",
    "alerts_raised", "alerts_resolved",
}  # fmt: skip
LATENCIES = {"reading_to_stored_ms", "reading_to_alert_ms"}


def run_to_end(process: "subprocess.Popen[str]", *, within_s: float) -> tuple[int, dict[str, Any], str]:
    """Exit code, the account, and what was said to people."""
    out, said = process.communicate(timeout=within_s)
    assert out.count("\n") == 1, f"{out}\n{said}"
    return process.returncode, json.loads(out), said


def assert_whole(account: dict[str, Any], keys: Sequence[str] = ("published", "accepted", "stored", "scored")) -> None:
    """Nothing lost, nothing doubled, and every key of the contract."""
    assert set(account) == COUNTS | LATENCIES
    assert account["lost"] == account["duplicated"] == 0, account
    assert len({account[key] for key in keys}) == 1, account
    assert account["published"] > 0
    for name in LATENCIES:
        assert set(account[name]) == {"p50", "p99"}


@pytest.mark.timeout(240)
def test_the_demo_ends_by_itself_with_an_account_in_which_nothing_is_lost_and_an_alert_was_raised() -> None:
    with demo("--beds", "24", "--for", "40s", "--port", "0", "--json") as process:
        code, account, said = run_to_end(process, within_s=GREETED_S_MAX + 40 + ENDED_S_MAX)
    assert code == 0, said
    assert_whole(account)
    assert account["alerts_raised"] >= 1
    assert account["reading_to_alert_ms"]["p50"] is not None


@pytest.mark.timeout(240)
def test_ctrl_c_ends_the_demo_within_its_deadline_with_an_account() -> None:
    with demo("--beds", "4", "--port", "0", "--json") as process:
        status = httpx.get(f"{address_of(process)}api/v1/status", trust_env=False).json()
        assert status["version"] == VERSION
        process.send_signal(signal.SIGINT)
        code, account, said = run_to_end(process, within_s=ENDED_S_MAX)
    assert code == 0, said
    assert set(account) == COUNTS | LATENCIES
    assert account["lost"] == account["duplicated"] == 0


@pytest.mark.timeout(120)
def test_a_taken_port_is_one_sentence_and_exit_code_two() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with demo("--port", str(port), "--for", "5s", "--json") as process:
            out, said = process.communicate(timeout=GREETED_S_MAX)
    assert process.returncode == 2
    assert out == ""
    assert said.count("\n") == 1
    assert f"Port {port}" in said
