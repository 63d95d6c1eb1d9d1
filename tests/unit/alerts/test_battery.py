"""Low battery as timetables: only while it falls or stands still, until it is charged."""

from tests.support.alert_timetable import Timetable, named, reading
from vitals.alert import Action, AlertKind, Priority, Reason, TransitionKind

RAISED, ESCALATED, RESOLVED = TransitionKind.RAISED, TransitionKind.ESCALATED, TransitionKind.RESOLVED
KIND = AlertKind.LOW_BATTERY
HOUR = 3600


def charges(ward: Timetable, *percents: float, start: int = 0, device: str = "device-1") -> None:
    """One charge an hour."""
    for index, percent in enumerate(percents):
        second = start + index * HOUR
        ward.step(reading(second, named(heart_rate=70, battery=percent), device=device, sequence=second))


def test_fifteen_percent_is_told_low_and_five_medium() -> None:
    ward = Timetable()
    charges(ward, 20, 16, 15, 10, 5, 4)
    assert ward.said(KIND) == [(2 * HOUR, RAISED), (4 * HOUR, ESCALATED)]
    first, second = ward.transitions
    assert (first.priority, first.reason, first.limit) == (Priority.LOW, Reason.BATTERY_LOW, 15)
    assert first.text == "Battery of device-1 at 15 %: charge or change it"
    assert (second.priority, second.value, second.limit) == (Priority.MEDIUM, 5, 5)


def test_it_ends_as_soon_as_the_device_is_seen_to_charge() -> None:
    ward = Timetable()
    charges(ward, 14, 12, 13, 15)
    assert ward.said(KIND) == [(0, RAISED), (3 * HOUR, RESOLVED)]
    assert (ward.last.reason, ward.last.text) == (
        Reason.BATTERY_CHARGED,
        "Battery of device-1 at 15 %, charging or charged",
    )


def test_a_gauge_that_wavers_around_the_threshold_is_told_once() -> None:
    ward = Timetable()
    charges(ward, *[15, 16, 14, 16, 15] * 10)
    assert ward.said(KIND) == [(0, RAISED)]


def test_a_charge_that_rises_through_low_values_is_not_told() -> None:
    ward = Timetable()
    charges(ward, 30, 14)
    charges(ward, 18, 12, start=2 * HOUR)
    told = len(ward.said(KIND))
    charges(ward, 15, 15, 14.5, 15, start=4 * HOUR)
    assert len(ward.said(KIND)) == told + 1
    assert ward.last.transition is RESOLVED


def test_the_lowest_of_two_devices_is_named_and_both_must_be_charged() -> None:
    ward = Timetable()
    charges(ward, 12, device="watch")
    charges(ward, 4, start=60, device="patch")
    assert ward.last.text == "Battery of patch at 4 %: charge or change it"
    charges(ward, 90, start=120, device="patch")
    assert ward.last.transition is ESCALATED
    charges(ward, 80, start=180, device="watch")
    assert ward.last.transition is RESOLVED


def test_a_device_that_is_worn_no_more_keeps_no_alert_open() -> None:
    ward = Timetable()
    charges(ward, 10, device="watch")
    for minute in range(1, 70):
        ward.step(reading(60 * minute, named(heart_rate=70), device="patch", sequence=minute))
    assert (ward.last.transition, ward.last.reason) == (RESOLVED, Reason.DEVICE_OFF)


def test_ended_by_a_person_it_stays_quiet_until_the_device_was_charged() -> None:
    ward = Timetable()
    charges(ward, 10)
    ward.command(60, Action.RESOLVE)
    charges(ward, 9, 5, start=HOUR)
    assert len(ward.said(KIND)) == 2
    charges(ward, 60, 14, start=3 * HOUR)
    assert ward.said(KIND)[-1] == (4 * HOUR, RAISED)


def test_a_charge_that_is_fine_again_after_it_was_told_says_nothing_more() -> None:
    ward = Timetable()
    charges(ward, 90, 80, 70)
    assert not ward.transitions
