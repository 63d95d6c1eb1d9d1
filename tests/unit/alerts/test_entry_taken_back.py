"""An entry that is taken back costs no device its evidence; times in seconds."""

from collections.abc import Sequence

import pytest

from tests.support.alert_timetable import Timetable, charted, charted_assessment, news2, withdrawn
from vitals.alert import AlertKind, Reason, TransitionKind
from vitals.sign import Sign

RAISED, RESOLVED = TransitionKind.RAISED, TransitionKind.RESOLVED
ILL, CALM = news2(respiratory_rate=26, spo2=91, heart_rate=115), news2(respiratory_rate=16, spo2=97, heart_rate=70)


def said_of(
    kind: AlertKind, signs: dict[str, float], *, back_at: float | None
) -> Sequence[tuple[float, TransitionKind]]:
    """What is said of signs that are beyond a limit from second 51 on, an entry charted in between taken back or not."""
    ward = Timetable()
    entry = charted(80, {Sign.TEMPERATURE: 37.0})
    ward.hold(0, 50, heart_rate=80, spo2=97)
    for second in range(51, 500):
        ward.at(second, **signs)
        if second == 80:
            ward.step(entry)
        if back_at is not None and second == int(back_at):
            ward.step(withdrawn(entry, back_at))
    return ward.said(kind)


@pytest.mark.parametrize(
    ("kind", "signs", "back_at", "raised"),
    [
        (AlertKind.SPO2_LOW, {"spo2": 84.0}, 90.5, 91),
        (AlertKind.HEART_RATE_HIGH, {"heart_rate": 140.0}, 340.5, 351),
    ],
    ids=["a second before 40 s", "ten seconds before five minutes"],
)
def test_a_limit_is_told_as_soon_as_if_nothing_had_been_charted(
    kind: AlertKind, signs: dict[str, float], back_at: float, raised: int
) -> None:
    assert said_of(kind, signs, back_at=None) == [(raised, RAISED)]
    assert said_of(kind, signs, back_at=back_at) == [(raised, RAISED)]


def test_a_score_of_devices_is_told_as_soon_as_if_nothing_had_been_charted() -> None:
    ward, entry = Timetable(), charted(40, {Sign.TEMPERATURE: 37.0})
    ward.assess(11, 40, ILL)
    ward.step(entry)
    ward.assess(41, 60, ILL)
    ward.step(withdrawn(entry, 60.5))
    ward.assess(61, 100, ILL)
    assert ward.said(AlertKind.NEWS2_EMERGENCY) == [(71, RAISED)]


def test_a_recovery_to_which_the_entry_may_have_added_begins_anew() -> None:
    ward, entry = Timetable(), charted(10, {Sign.TEMPERATURE: 37.0})
    ward.step(entry)
    ward.assess(11, 100, ILL)
    ward.assess(101, 300, CALM)
    ward.step(withdrawn(entry, 300.5))
    ward.step(charted_assessment(300.5, CALM, (), of="withdrawn/1"))
    ward.assess(301, 700, CALM)
    assert ward.last.reason is Reason.SCORE_FELL
    assert ward.said(AlertKind.NEWS2_EMERGENCY) == [(71, RAISED), (601, RESOLVED)]
