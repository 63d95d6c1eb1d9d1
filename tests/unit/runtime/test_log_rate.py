"""A library that repeats itself in an outage is heard once in a while, and the rest is counted."""

import logging

import pytest

from runtime.log_rate import RepeatFilter, hold_back_repeats


def passed(repeats: RepeatFilter, message: str, *, at_s: float, value: int = 1) -> str | None:
    record = logging.LogRecord("library.part", logging.ERROR, "file.py", 1, message, (value,), None)
    record.created = at_s
    return record.getMessage() if repeats.filter(record) else None


def test_the_same_message_passes_once_in_a_while_and_says_how_many_were_held_back() -> None:
    repeats = RepeatFilter(every_s=30)
    assert passed(repeats, "node %s is away", at_s=100) == "node 1 is away"
    assert [passed(repeats, "node %s is away", at_s=100 + n, value=n) for n in range(1, 30)] == [None] * 29
    assert passed(repeats, "node %s is away", at_s=130) == "node 1 is away (and 29 more like it in 30 s)"
    assert passed(repeats, "node %s is away", at_s=160) == "node 1 is away"


def test_another_message_passes_at_once() -> None:
    repeats = RepeatFilter(every_s=30)
    assert passed(repeats, "node %s is away", at_s=100) is not None
    assert passed(repeats, "node %s is back", at_s=100) is not None


def test_it_applies_to_the_library_and_its_parts_only(caplog: pytest.LogCaptureFixture) -> None:
    loggers = [logging.getLogger(name) for name in ("noisy_library", "noisy_library.part", "noisy_library_two")]
    hold_back_repeats("noisy_library")
    hold_back_repeats("noisy_library")
    for logger in loggers:
        for _ in range(3):
            logger.error("away")
    assert [record.name for record in caplog.records].count("noisy_library") == 1
    assert [record.name for record in caplog.records].count("noisy_library.part") == 1
    assert [record.name for record in caplog.records].count("noisy_library_two") == 3


def test_a_library_that_fills_its_templates_itself_costs_a_bounded_memory() -> None:
    repeats = RepeatFilter(every_s=30, kinds_max=10)
    for number in range(1000):
        assert passed(repeats, f"node {number} of %s is away", at_s=100) is not None
        passed(repeats, f"node {number} of %s is away", at_s=100)
    assert len(repeats._passed_at_s) <= 10
    assert len(repeats._held_back) <= 10
    assert passed(repeats, "node 999 of %s is away", at_s=101) is None
