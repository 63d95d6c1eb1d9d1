"""`wardlight rejected replay`: everything once, however many pages that takes, and what came of it."""

import pytest

from tests.support.scripted_api import Answer, Asked, scripted_api
from wardlight import rejected_command
from wardlight.command_line import run


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejected_command, "SETTLE_S", 0.0)


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
