"""The verifier of chaos campaigns: each of its checks fails where it should, and a sound course passes."""

from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.verifier import Found, Row, Truth, Verdict, verify

READINGS = ("d/t/0", "d/t/1", "d/t/2")
DUE = {"e1": 1_000, "e2": 2_000}
TRUTH = Truth(made=frozenset(READINGS), receipted=frozenset(READINGS), due=DUE)


def row(episode_id: str, *, patient_id: str = "p", kind: str = "spo2-low", **changes: Any) -> Row:
    fields: dict[str, Any] = {"is_open": True, "is_technical": False, "is_told": True, **changes}
    return Row(episode_id=episode_id, patient_id=patient_id, kind=kind, **fields)


ROWS = (row("e1"), row("e2", patient_id="q"))
SOUND = Found(
    stored=READINGS,
    assessed=READINGS,
    in_log=dict.fromkeys(READINGS, 1),
    assessments=dict.fromkeys(READINGS, 1),
    steps={"s1": 1, "s2": 1},
    episodes=ROWS,
    told_ms={"e1": 2_000, "e2": 3_000},
    retained=frozenset({"e1", "e2"}),
)


def verdict(truth: Truth = TRUTH, **changes: Any) -> Verdict:
    return verify(truth, replace(SOUND, **changes), late_after_s=10)


def counts(found: Verdict) -> dict[str, int]:
    return {name: count for name in ("lost", "duplicated", "late", "wrong") if (count := getattr(found, name))}


def test_a_sound_course_is_clean() -> None:
    assert counts(verdict()) == {}
    assert verdict().is_clean


def test_what_was_sent_twice_and_stored_once_is_no_fault() -> None:
    assert counts(verdict(in_log=dict.fromkeys(READINGS, 2))) == {}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"stored": READINGS[:-1], "assessed": READINGS[:-1]}, {"lost": 1}),
        ({"assessed": READINGS[:-1]}, {"lost": 1}),
        ({"in_log": dict.fromkeys(READINGS[1:], 1)}, {"lost": 1}),
        ({"stored": (*READINGS, READINGS[0])}, {"duplicated": 1}),
        ({"assessed": (*READINGS, READINGS[0])}, {"duplicated": 1}),
        ({"stored": (*READINGS, "d/t/9"), "assessed": (*READINGS, "d/t/9")}, {"wrong": 2}),
        ({"assessments": {**dict.fromkeys(READINGS, 1), READINGS[1]: 2}}, {"wrong": 1}),
        ({"steps": {"s1": 1, "s2": 2}}, {"wrong": 1}),
    ],
    ids=[
        "a reading not stored",
        "a reading not assessed",
        "a reading not in the log",
        "a row twice",
        "an assessment twice",
        "a reading nobody measured",
        "an assessment in two ways",
        "a step in two ways",
    ],
)
def test_what_is_amiss_with_records_is_counted(changes: dict[str, Any], expected: dict[str, int]) -> None:
    assert counts(verdict(**changes)) == expected
    assert verdict(**changes).examples


def test_a_reading_that_stayed_with_its_device_is_lost() -> None:
    truth = replace(TRUTH, made=frozenset({*READINGS, "d/t/3"}))
    assert counts(verdict(truth)) == {"lost": 1}


def test_an_alert_that_was_due_and_did_not_come_is_wrong() -> None:
    assert counts(verdict(episodes=ROWS[:1], retained=frozenset({"e1"}))) == {"wrong": 1}


def test_an_alert_that_was_not_due_is_wrong_and_a_technical_one_is_told_apart() -> None:
    extra = row("e3", patient_id="r")
    standing = frozenset({"e1", "e2", "e3"})
    assert counts(verdict(episodes=(*ROWS, extra), retained=standing)) == {"wrong": 1}
    technical = replace(extra, kind="lost-contact", is_technical=True, is_told=False)
    assert counts(verdict(episodes=(*ROWS, technical))) == {}


def test_two_open_episodes_of_one_patient_and_kind_are_a_duplicate() -> None:
    twins = (row("e1"), row("e2"))
    assert counts(verdict(episodes=twins)) == {"duplicated": 1}
    assert counts(verdict(episodes=(*ROWS, ROWS[0]))) == {"duplicated": 2}


def test_an_alert_nobody_heard_of_is_lost() -> None:
    assert counts(verdict(told_ms={"e1": 2_000})) == {"lost": 1}
    assert counts(verdict(retained=frozenset({"e1"}))) == {"lost": 1}


def test_what_stands_retained_and_is_over_is_wrong() -> None:
    ended = (ROWS[0], replace(ROWS[1], is_open=False, is_told=False))
    assert counts(verdict(episodes=ended)) == {"wrong": 1}


def test_an_alert_told_after_the_bound_is_late() -> None:
    assert counts(verdict(told_ms={"e1": 11_000, "e2": 12_001})) == {"late": 1}
