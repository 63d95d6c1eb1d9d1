"""`wardlight destinations` and `subscriptions`: what they ask, what they print, how they fail."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.scripted_api import Answer, Asked, scripted_api
from wardlight.command_line import run

DESTINATION = {
    "destination_id": "d1aa", "name": "Pager", "channel": "webhook", "address": "https://pager.example/hook",
    "has_secret": True, "of_house": False, "failing": False, "fault": None, "accepted_at_ms": None,
}  # fmt: skip
SUBSCRIPTION: dict[str, Any] = {
    "subscription_id": "s1bb", "name": "Nights", "destination_id": "d1aa", "state": "error", "state_reason": "expired",
    "wards": ["north"], "patients": None, "kinds": None, "priorities": ["high"], "transitions": None, "last_number": 3,
}  # fmt: skip


STEP = {"ward_id": "north", "patient_id": "p1", "kind": "spo2-low", "transition": "raised", "priority": "high"}
EVENTS = [
    {"number": 1, "counted_at_ms": 0, "withheld": None, "hidden": False, "text": "SpO2 84 %", **STEP},
    {"number": 2, "counted_at_ms": 0, "withheld": "quiet_hours", "hidden": True},
]
FAILED = [{"at_ms": 0, "state": "failed", "code": "unreachable", "detail": "No answer."}]
SENT = {"created_at_ms": 0, "number": 3, "purpose": "event", "state": "expired", "attempts": 9}
ANSWERS: dict[str, Any] = {
    "GET destinations": [DESTINATION],
    "GET subscriptions": [SUBSCRIPTION],
    "POST destinations/d1aa/test": {"delivery_id": "x1"},
    "GET deliveries/x1": {"state": "failed", "receipts": FAILED},
    "GET deliveries": [{**SENT, "receipts": [{"code": "timed_out"}, {"code": None}]}],
    "GET subscriptions/s1bb/events": {"events": EVENTS, "next": 2, "last_number": 3},
}
TRIMMED = {"code": "no_longer_kept", "message": "Events before number 3 are no longer kept.", "first_kept": 3}


def answer(asked: Asked) -> Answer:
    if asked.parameters.get("since") == "1":
        return Answer(TRIMMED, 410)
    path = asked.path.removeprefix("/api/v1/")
    return Answer(ANSWERS.get(f"{asked.method} {path}", {**DESTINATION, **SUBSCRIPTION}))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("destinations list", "https://pager.example/hook"),
        ("destinations remove Pager", "Removed Pager."),
        ("subscriptions list", "wards north; priorities high"),
        ("subscriptions show s1", "timed_out"),
        ("subscriptions events Nights", "not yours to see"),
        ("subscriptions events Nights", "There are 1 more: --since 2."),
        ("subscriptions reactivate Nights", "Nights is error."),
        ("subscriptions off s1bb", "Nights is error."),
        ("subscriptions remove s1bb", "Removed Nights."),
    ],
)
def test_each_command_says_what_is_so(arguments: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with scripted_api(answer) as api:
        assert run([*arguments.split(), "--url", api.url]) == 0
        assert run([*arguments.split(), "--json", "--url", api.url]) == 0
    assert said in capsys.readouterr().out


def test_a_secret_comes_from_a_file_and_is_never_an_argument(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("hush\n")
    with scripted_api(answer) as api:
        more = ["--secret-file", str(file), "--option", "a=b=c", "--house", "--url", api.url]
        assert run(["destinations", "add", "Pager", "webhook", "https://pager.example/hook", *more]) == 0
    body = api.asked[0].body
    assert (body["secret"], body["options"], body["of_house"]) == ("hush", {"a": "b=c"}, True)


def test_a_subscription_asks_for_what_the_options_say() -> None:
    options = "--ward north --ward south --priority high --quiet 22:00-06:30@Europe/Berlin --heartbeat 5m --for 12h"
    with scripted_api(answer) as api:
        assert run(["subscriptions", "add", "Nights", "Pager", *options.split(), "--url", api.url]) == 0
    body = api.asked[1].body
    assert body["wards"] == ["north", "south"]
    assert body["priorities"] == ["high"]
    assert body["quiet"] == {"from": "22:00", "until": "06:30", "time_zone": "Europe/Berlin"}
    assert body["heartbeat_s"] == 300
    assert "kinds" not in body


def test_a_test_that_is_not_accepted_fails_and_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    with scripted_api(answer) as api:
        assert run(["destinations", "test", "Pager", "--url", api.url]) == 1
    assert "unreachable No answer." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("destinations remove Fax", "No destination of yours is called 'Fax'"),
        ("subscriptions add N Pager --quiet night", "write them as 22:00-06:30@Europe/Berlin"),
        ("destinations add P webhook https://p.example/ --option x", "write NAME=VALUE"),
        ("destinations add P webhook https://p.example/ --secret-file /nowhere", "Cannot read the secret"),
        ("subscriptions events Nights --since 1", "Events before number 3 are no longer kept."),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(arguments: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with scripted_api(answer) as api:
        assert run([*arguments.split(), "--url", api.url]) != 0
    assert said in capsys.readouterr().err
