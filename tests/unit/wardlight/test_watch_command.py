"""`wardlight watch`: a line per change, none for what is known, none for what was over before."""

from collections.abc import Mapping
from typing import Any

from wardlight.watch_command import Seen, changes, line

RAISED_MS = 1_790_000_000_000


def episode(name: str = "e1", **changed: object) -> dict[str, Any]:
    row: dict[str, Any] = {
        "episode_id": name,
        "raised_at_ms": RAISED_MS,
        "priority": "high",
        "kind": "spo2_low",
        "ward_id": "w",
        "patient_id": "p",
        "active": True,
        "acknowledged": False,
        "text": "SpO2 79 % below 80 %",
    }
    return {**row, **changed}


def events(seen: dict[str, Seen], *rows: Mapping[str, Any]) -> list[str]:
    return [line(row, before).plain.split()[2] for row, before in changes(seen, rows)]


def test_an_episode_is_told_when_it_is_raised_changes_is_acknowledged_and_ends() -> None:
    seen: dict[str, Seen] = {}
    assert events(seen, episode()) == ["raised"]
    assert events(seen, episode(text="SpO2 74 % below 80 %")) == ["changed"]
    assert events(seen, episode(acknowledged=True)) == ["acknowledged"]
    assert events(seen, episode(acknowledged=True, active=False)) == ["ended"]


def test_what_has_not_changed_is_no_news() -> None:
    seen: dict[str, Seen] = {}
    events(seen, episode())
    assert events(seen, episode()) == []


def test_what_had_ended_before_it_was_seen_is_no_news() -> None:
    assert events({}, episode(active=False)) == []


def test_news_is_told_oldest_first() -> None:
    found = changes({}, [episode("late", raised_at_ms=RAISED_MS + 1), episode("early")])
    assert [row["episode_id"] for row, _ in found] == ["early", "late"]


def test_what_has_ended_is_told_once_and_forgotten() -> None:
    seen: dict[str, Seen] = {}
    events(seen, episode())
    assert events(seen, episode(active=False)) == ["ended"]
    assert seen == {}
    assert events(seen, episode(active=False)) == []


def test_a_line_says_when_where_and_what() -> None:
    text = line(episode(), None).plain
    for part in ("2026-09-21T14:13:20.000Z", "high", "w/p", "SpO2 79 % below 80 %"):
        assert part in text


def test_an_alert_that_left_the_ward_with_its_patient_is_told_and_followed_no_more() -> None:
    seen: dict[str, Seen] = {}
    events(seen, episode())
    assert events(seen, episode(ward_id="other", moved=True)) == ["moved"]
    assert seen == {}


def test_an_alert_that_was_never_this_patients_is_taken_back() -> None:
    seen: dict[str, Seen] = {}
    events(seen, episode())
    assert events(seen, episode(active=False, retracted=True)) == ["taken"]


def test_the_whole_life_of_an_alert_is_told_in_words() -> None:
    seen: dict[str, Seen] = {}
    quiet = {"reason": "silenced", "by": "Kim", "silence_id": "s", "since_ms": 0, "until_ms": 9, "kind": None}
    assert phrases(seen, episode(suppression=quiet)) == ["raised, quiet"]
    assert phrases(seen, episode()) == ["told now"]
    assert phrases(seen, episode(acknowledged=True, acknowledged_at_ms=RAISED_MS)) == ["acknowledged"]
    assert phrases(seen, episode(round=1)) == ["told again"]
    assert phrases(seen, episode(round=1, active=False, latched=True)) == ["ended, unseen"]
    assert phrases(seen, episode(round=1, active=False, latched=True, suppression=quiet)) == ["quiet"]
    assert phrases(seen, episode(round=1, active=False)) == ["ended"]


def phrases(seen: dict[str, Seen], *rows: Mapping[str, Any]) -> list[str]:
    return [line(row, before).plain[34:47].strip() for row, before in changes(seen, rows)]
