"""A process ends on a signal, within one deadline, with the right exit code and no traceback for what was expected."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pytest

from runtime.lifecycle import EXIT_FAILED, EXIT_OK, EXIT_USAGE, run_all, run_service
from tests.support.tree import ROOT
from vitals.errors import ConfigurationError, InvalidArgument, Unavailable, Unusable, WardError

PREAMBLE = """
import asyncio, sys, time
from runtime.lifecycle import run_service

def started():
    print("started", flush=True)

"""


@contextmanager
def process(body: str, *, shutdown_s: float) -> Iterator[subprocess.Popen[str]]:
    """A process running `async def main(stopping)` with this body, once it has said that it started."""
    source = f"{PREAMBLE}async def main(stopping):\n    started()\n    {body}\n\nsys.exit(run_service(main, shutdown_s={shutdown_s}))"
    with subprocess.Popen(
        [sys.executable, "-c", source],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as child:
        try:
            assert read(child).readline() == "started\n"
            yield child
        finally:
            child.kill()


def read(child: subprocess.Popen[str]) -> IO[str]:
    """What the process prints."""
    assert child.stdout is not None
    return child.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_the_service_finish_and_exit_well(number: signal.Signals) -> None:
    with process("await stopping.wait(); print('finished', flush=True)", shutdown_s=5) as child:
        child.send_signal(number)
        assert child.wait(10) == EXIT_OK
        assert read(child).read() == "finished\n"


def test_a_task_beyond_the_deadline_is_named_and_cancelled() -> None:
    body = "await asyncio.create_task(asyncio.Event().wait(), name='recorder')"
    with process(body, shutdown_s=0.1) as child:
        child.send_signal(signal.SIGTERM)
        assert child.wait(10) == EXIT_FAILED
        said = read(child).read()
    assert "shutdown_deadline_passed" in said
    assert "recorder" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "body",
    [
        "asyncio.get_running_loop().call_soon(lambda: [None for _ in iter(int, 1)]); await asyncio.Event().wait()",
        "await asyncio.get_running_loop().run_in_executor(None, lambda: [None for _ in iter(int, 1) if time.sleep(0.01)])",
    ],
    ids=["blocked event loop", "blocked thread"],
)
def test_nothing_that_blocks_outlives_the_deadline(body: str) -> None:
    with process(body, shutdown_s=0.1) as child:
        child.send_signal(signal.SIGTERM)
        assert child.wait(15) == EXIT_FAILED


def test_a_second_interrupt_ends_the_process_at_once() -> None:
    body = "await stopping.wait(); print('stopping', flush=True); await asyncio.Event().wait()"
    with process(body, shutdown_s=60) as child:
        child.send_signal(signal.SIGINT)
        assert read(child).readline() == "stopping\n"
        child.send_signal(signal.SIGINT)
        assert child.wait(10) == 128 + signal.SIGINT


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigurationError("Setting mqtt.port: too large."), EXIT_USAGE),
        (InvalidArgument("There is no scenario 'flood'."), EXIT_USAGE),
        (Unavailable("No broker answers on 127.0.0.1:1883; start one."), EXIT_FAILED),
    ],
)
def test_an_expected_error_is_one_sentence_and_an_exit_code(
    error: WardError, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    async def main(stopping: asyncio.Event) -> None:
        raise error

    assert run_service(main, shutdown_s=1) == code
    assert capsys.readouterr().err == f"{error}\n"


def test_expected_errors_of_a_task_group_are_sentences_too(capsys: pytest.CaptureFixture[str]) -> None:
    async def fail(error: WardError) -> None:
        raise error

    async def main(stopping: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail(Unavailable("No log.")))
            group.create_task(fail(ConfigurationError("No such file.")))

    assert run_service(main, shutdown_s=1) == EXIT_USAGE
    assert capsys.readouterr().err.splitlines() == ["No log.", "No such file."]


def test_what_several_services_fail_of_alike_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    async def fail() -> None:
        raise Unusable("The database ward.db is read-only.")

    async def main(stopping: asyncio.Event) -> None:
        await run_all({"recorder": fail(), "stream": fail()}, stopping=stopping)

    assert run_service(main, shutdown_s=1) == EXIT_FAILED
    assert capsys.readouterr().err.count("read-only") == 1


def test_a_programmers_error_rises() -> None:
    async def main(stopping: asyncio.Event) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_service(main, shutdown_s=1)


def test_a_service_that_stops_by_itself_exits_well() -> None:
    async def main(stopping: asyncio.Event) -> None:
        stopping.set()

    assert run_service(main, shutdown_s=1) == EXIT_OK


def test_the_handlers_of_signals_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)

    async def main(stopping: asyncio.Event) -> None:
        assert signal.getsignal(signal.SIGTERM) is not before

    run_service(main, shutdown_s=1)
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.asyncio
async def test_when_one_service_fails_the_others_finish_what_they_hold() -> None:
    stopping = asyncio.Event()
    finished: list[str] = []

    async def fails() -> None:
        raise Unavailable("The log is gone.")

    async def finishes() -> None:
        await stopping.wait()
        finished.append("recorder")

    with pytest.raises(Unavailable):
        await run_all({"ingest": fails(), "recorder": finishes()}, stopping=stopping)
    assert finished == ["recorder"]


@pytest.mark.asyncio
async def test_several_failures_are_all_told() -> None:
    async def fails(sentence: str) -> None:
        raise Unavailable(sentence)

    with pytest.raises(ExceptionGroup) as raised:
        await run_all({"ingest": fails("No broker."), "stream": fails("No log.")}, stopping=asyncio.Event())
    assert {str(error) for error in raised.value.exceptions} == {"No broker.", "No log."}


@pytest.mark.asyncio
async def test_services_are_tasks_of_their_name() -> None:
    names: list[str] = []

    async def service() -> None:
        task = asyncio.current_task()
        assert task is not None
        names.append(task.get_name())

    await run_all({"ingest": service(), "stream": service()}, stopping=asyncio.Event())
    assert names == ["ingest", "stream"]


@pytest.mark.asyncio
async def test_cancelling_the_group_cancels_every_service() -> None:
    cancelled: list[str] = []
    running = asyncio.Event()

    async def service(name: str) -> None:
        running.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(name)

    group = asyncio.create_task(run_all({"a": service("a"), "b": service("b")}, stopping=asyncio.Event()))
    await running.wait()
    group.cancel()
    with pytest.raises(asyncio.CancelledError):
        await group
    assert sorted(cancelled) == ["a", "b"]
