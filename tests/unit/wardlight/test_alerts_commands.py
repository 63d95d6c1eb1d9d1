"""`wardlight alerts`: what is asked of the API, and what is printed of its answer."""

from typing import Any

import pytest

from tests.support.scripted_api import Answer, Asked, scripted_api
from wardlight.alerts_command import state_words
from wardlight.command_line import run
from wardlight.printing import print_table, table

AT_MS = 1_790_000_000_000
EPISODE: dict[str, Any] = {
    "episode_id": "abcdef0123456789",
    "raised_at_ms": AT_MS,
    "priority": "high",
    "kind": "spo2-low",
    "ward_id": "west",
    "patient_id": "p1",
    "active": True,
    "latched": False,
    "acknowledged": False,
    "acknowledgements": [],
    "suppression": None,
    "round": 0,
    "text": "SpO2 79 %",
}
SILENCE: dict[str, Any] = {
    "silence_id": "5e1f0c0123456789",
    "ward_id": "west",
    "patient_id": None,
    "kind": "low-battery",
    "priority": "medium",
    "by": "Kim",
    "reason": "new batteries ordered",
    "until_ms": AT_MS,
    "ended_at_ms": None,
    "state": "in force",
    "holds_back": 2,
}


def answered(asked: Asked) -> Answer:
    if asked.path.startswith("/api/v1/silences"):
        return Answer([SILENCE] if asked.method == "GET" else SILENCE)
    if asked.path.endswith("/timeline"):
        step = {
            "at_ms": AT_MS, "heard_ms": AT_MS, "transition": "acknowledged", "reason": "person", "priority": "high",
            "by": "Kim", "until_ms": AT_MS + 900_000, "text": "SpO2 79 %", "note": "on my way",
        }  # fmt: skip
        said = {"at_ms": AT_MS + 5, "feedback": "useful", "by": "Ada", "note": None}
        return Answer({"episode": EPISODE, "steps": [step], "labels": [said]})
    return Answer([EPISODE] if asked.method == "GET" else {"command_id": "c", "episode_id": EPISODE["episode_id"]})


@pytest.mark.parametrize(
    ("command", "path", "body"),
    [
        (
            ["ack", "abc", "--minutes", "15", "--feedback", "useful", "--note", "seen"],
            "/api/v1/alerts/abcdef0123456789/acknowledge",
            {"minutes": 15, "feedback": "useful", "note": "seen"},
        ),
        (["ack", "abc"], "/api/v1/alerts/abcdef0123456789/acknowledge", {}),
        (
            ["feedback", "abc", "not_actionable"],
            "/api/v1/alerts/abcdef0123456789/feedback",
            {"feedback": "not_actionable"},
        ),
        (
            ["silence", "--ward", "west", "--kind", "low-battery", "--minutes", "60", "--reason", "ordered"],
            "/api/v1/silences",
            {
                "ward_id": "west", "kind": "low-battery", "priority": "medium", "minutes": 60, "reason": "ordered",
                "confirmed": False,
            },
        ),
    ],
)  # fmt: skip
def test_orders_reach_the_api_with_all_that_was_said(command: list[str], path: str, body: dict[str, Any]) -> None:
    with scripted_api(answered) as api:
        assert run(["alerts", *command, "--url", api.url]) == 0
    order = api.asked[-1]
    ids = {"command_id", "label_id", "silence_id"} & order.body.keys()
    assert len(ids) == 1
    assert (order.path, {key: value for key, value in order.body.items() if key not in ids}) == (path, body)


def test_a_silence_is_ended_by_the_first_characters_of_its_id(capsys: pytest.CaptureFixture[str]) -> None:
    with scripted_api(answered) as api:
        assert run(["alerts", "unsilence", "5e1", "--url", api.url]) == 0
    assert (api.asked[-1].method, api.asked[-1].path) == ("DELETE", "/api/v1/silences/5e1f0c0123456789")
    assert "Ended: ward west, low-battery, up to medium." in capsys.readouterr().out


def test_lists_say_who_keeps_what_quiet_and_how_each_alert_lived(capsys: pytest.CaptureFixture[str]) -> None:
    with scripted_api(answered) as api:
        assert run(["alerts", "silences", "--url", api.url]) == 0
        assert run(["alerts", "show", "abc", "--url", api.url]) == 0
        assert run(["alerts", "list", "--state", "latched", "--priority", "high", "--url", api.url]) == 0
    said = capsys.readouterr().out
    for part in ("new batteries ordered", "Kim", "on my way", "useful", "Ada"):
        assert part in said
    assert api.asked[-1].parameters == {"state": "latched", "priority": "high", "limit": "100"}


def test_the_state_of_an_alert_is_said_in_words() -> None:
    held = {"by": "Kim", "until_ms": AT_MS}
    quiet = {"reason": "silenced", "by": "Kim", "until_ms": AT_MS, "kind": None}
    inhibited = {"reason": "inhibited", "by": None, "until_ms": None, "kind": "lost-contact"}
    when = "2026-09-21T14:13:20.000Z"
    assert state_words(EPISODE) == "active"
    assert state_words({**EPISODE, "round": 1}) == "active, told 2 times"
    assert state_words({**EPISODE, "active": False, "latched": True}) == "latched: ended, not seen"
    assert state_words({**EPISODE, "acknowledged": True, "acknowledgements": [held]}) == (
        f"active, acknowledged by Kim until {when}"
    )
    assert state_words({**EPISODE, "suppression": quiet}) == f"silenced by Kim until {when}"
    assert state_words({**EPISODE, "suppression": inhibited}) == "inhibited by lost-contact"
    assert state_words({**EPISODE, "active": False, "acknowledged": True}) == "ended, acknowledged"


@pytest.mark.parametrize(
    "command",
    [
        ["ack", ""],
        ["resolve", ""],
        ["feedback", "", "useful"],
        ["show", ""],
        ["unsilence", ""],
        ["silence", "--minutes", "60", "--reason", "whatever"],
    ],
)
def test_nothing_is_done_to_an_alert_or_about_alerts_that_nobody_named(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with scripted_api(answered) as api:
        assert run(["alerts", *command, "--url", api.url]) == 2
        assert [asked for asked in api.asked if asked.method != "GET"] == []
    assert capsys.readouterr().err


def test_what_people_wrote_is_printed_as_they_wrote_it(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(table(["note"], [["not destination:pager: see [ward] :pill:"]]))
    assert "not destination:pager: see [ward] :pill:" in capsys.readouterr().out
