"""What a silence covers, and what none ever does."""

import pytest

from tests.support.silence_contract import silence
from vitals.alert import AlertKind, Priority, Reason
from vitals.reading import PatientId, WardId
from vitals.silence import Silence, silence_of

P1, WEST = PatientId("p1"), WardId("west")
SPO2, PULSE = AlertKind.SPO2_LOW, AlertKind.HEART_RATE_HIGH


def covered(
    *silences: Silence, kind: AlertKind = SPO2, priority: Priority = Priority.MEDIUM, at_ms: int = 10_000
) -> str | None:
    """The silence that keeps such an alert of p1 on ward west quiet."""
    found = silence_of(silences, P1, WEST, kind, priority, at_ms)
    return None if found is None else found.silence_id


def test_it_holds_from_when_everybody_knows_it_until_its_end() -> None:
    assert [covered(silence(), at_ms=at) for at in (2_999, 3_000, 59_999, 60_000)] == [None, "s1", "s1", None]


@pytest.mark.parametrize(
    ("one", "meant"),
    [
        (silence(), True),
        (silence(ward="east"), False),
        (silence(ward=None), True),
        (silence(ward=None, of="p1"), True),
        (silence(of="p2"), False),
        (silence(kind=SPO2), True),
        (silence(kind=PULSE), False),
        (silence(priority=Priority.LOW), False),
    ],
)
def test_what_it_names_narrows_it(one: Silence, *, meant: bool) -> None:
    assert (covered(one) is not None) is meant


@pytest.mark.parametrize(
    "one",
    [
        silence(),
        silence(priority=Priority.HIGH),
        silence(of="p1", priority=Priority.HIGH),
        silence(kind=SPO2, priority=Priority.HIGH),
        silence(of="p1", kind=SPO2),
    ],
)
def test_nothing_high_goes_quiet_but_by_a_silence_of_it_for_one_patient_and_one_kind(one: Silence) -> None:
    assert covered(one, priority=Priority.HIGH) is None
    assert covered(one, priority=Priority.MEDIUM) == "s1"


def test_a_high_silence_covers_that_kind_alone() -> None:
    one = silence(of="p1", kind=SPO2, priority=Priority.HIGH)
    assert covered(one, priority=Priority.HIGH) == "s1"
    assert covered(one, kind=PULSE, priority=Priority.HIGH) is None


def test_of_several_the_one_that_lasts_longest_answers_for_it() -> None:
    several = (silence("a", until_ms=50_000), silence("c", until_ms=70_000), silence("b", until_ms=70_000))
    assert covered(*several) == "c"
    found = silence("a").suppression
    assert (found.reason, found.by, found.until_ms, found.since_ms) == (Reason.SILENCED, "Kim Nurse", 60_000, 3_000)
