"""For every test: the seed is printed first, skipped tests are told loudly at the end, and in CI a skip is a failure."""

import gc
import os
import random
from collections.abc import Iterator

import hypothesis
import pytest
import structlog

from tests.support.examples import how_many
from tests.support.shared_statements import share_statements
from tests.support.tree import forget_trees

IN_CI = os.environ.get("CI", "").lower() not in {"", "0", "false"}
SEED_VARIABLE = "WARDLIGHT_TEST_SEED"
# Read when numpy is loaded: matrices are small, and tests share the cores.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# What is imported lives to the end: looking for garbage in it was a tenth of a run.
gc.disable()

_EXAMPLES = how_many(100)
hypothesis.settings.register_profile("here", deadline=None, print_blob=True, max_examples=_EXAMPLES)
hypothesis.settings.register_profile("ci", deadline=None, print_blob=True, max_examples=_EXAMPLES, derandomize=True)
hypothesis.settings.load_profile("ci" if IN_CI else "here")
share_statements()


def log_plainly() -> None:
    """As structlog does by itself, but tracebacks without their drawn frames and coloured source."""
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.reset_defaults()
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], plain])


log_plainly()


def session_seed() -> int:
    """The seed of this run: from the environment, fixed in CI, otherwise drawn."""
    given = os.environ.get(SEED_VARIABLE)
    if given is not None:
        return int(given)
    return 1 if IN_CI else random.SystemRandom().randrange(2**31)


SEED = session_seed()


@pytest.fixture(scope="session")
def seed() -> int:
    """Seeds whatever a test draws; printed at the head of the run."""
    return SEED


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """A test that sets up logging leaves none behind: its captured stderr is closed after it."""
    yield
    log_plainly()


def pytest_report_header() -> str:
    return f"seed: {SEED} (repeat with {SEED_VARIABLE}={SEED})"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    if not skipped:
        return
    terminalreporter.section(f"{len(skipped)} SKIPPED, so this run does not show that everything works", sep="!")
    for report in skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        terminalreporter.line(f"{report.nodeid}: {reason}")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    forget_trees()
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if IN_CI and reporter is not None and reporter.stats.get("skipped") and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_collection_finish() -> None:
    """Spare the collector what lives to the end anyway: modules and collected tests."""
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)
    gc.enable()
