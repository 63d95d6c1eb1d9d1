"""`wardlight rejected replay`: everything once, however many pages that takes, and what came of it."""

import pytest

from tests.support.scripted_api import Answer, Asked, scripted_api
from wardlight import rejected_command
from wardlight.arguments import moment_text
from wardlight.command_line import run


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejected_command, "SETTLE_S", 0.0)


def test_what_was_sent_again_does_not_look_like_what_waits(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"rejection_id": "r", "received_at_ms": 1_767_225_600_000, "device_id": "w1", "reason": "unassigned"}
    rows = [{**row, "replayed_at_ms": None}, {**row, "replayed_at_ms": 1_767_229_200_000}]
    with scripted_api(lambda _: Answer(rows)) as api:
        assert run(["rejected", "list", "--url", api.url]) == 0
    shown = capsys.readouterr().out
    assert "replayed at" in shown
    waiting, again = (line for line in shown.splitlines() if "unassigned" in line)
    assert moment_text(1_767_229_200_000) not in waiting
    assert moment_text(1_767_229_200_000) in again


def test_all_of_one_reason_are_sent_page_by_page_and_what_waits_again_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told: list[dict[str, object]] = [
        {"replayed": 99, "not_replayable": 1, "next": "7~r7"},
        {"replayed": 0, "not_replayable": 100, "next": "5~r5"},
        {"replayed": 20, "not_replayable": 0, "next": None},
    ]
    pages = iter(told)
    again = [
        {"replayable": True, "replayed_at_ms": None},
        {"replayable": False, "replayed_at_ms": None},
        {"replayable": True, "replayed_at_ms": 8},
    ]

    def script(asked: Asked) -> Answer:
        return Answer(next(pages) if asked.method == "POST" else again)

    with scripted_api(script) as api:
        assert run(["rejected", "replay", "--reason", "unassigned", "--url", api.url]) == 0
    assert [asked.body.get("after") for asked in api.asked if asked.method == "POST"] == [None, "7~r7", "5~r5"]
    assert capsys.readouterr().out.splitlines() == [
        "Sent again: 119.",
        "Cannot be sent again, their bytes were cut or they named no device: 101.",
        "Wait again for the same reason by now: 1.",
    ]
