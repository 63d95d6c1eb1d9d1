"""Wardlight finds its own faults: stages that stand still, growing backlogs, refusals in number, full disks; and tells each once."""

from collections.abc import Sequence

import pytest

from alerts.fault_watch import FaultWatch
from alerts.symptoms import BacklogWatch, Disk, Fault, Symptom, filling, refused_in_number, still_stages
from storage.stages import Stage
from vitals.alert import AlertKind, Priority
from vitals.fault import SystemFault, subject_of
from vitals.reading import RejectionReason

STILL = Symptom("recorder", AlertKind.WORKER_DOWN, Priority.MEDIUM, "recorder cannot be relied on")
FULL = Symptom("disk-b", AlertKind.DISK_FULL, Priority.MEDIUM, "make room")
GIB = 2**30


def watch() -> FaultWatch:
    return FaultWatch(lasts_s=15, clear_s=30, repeat_s=30)


def told(
    by: FaultWatch, now_s: float, symptoms: Sequence[Symptom], standing: dict[Fault, Priority] | None = None
) -> list[SystemFault]:
    return by.judge(now_s, int(now_s * 1000), symptoms, standing or {}, frozenset({subject_of("disk-b")}))


def test_a_fault_is_told_when_it_has_lasted_and_again_until_its_alert_stands() -> None:
    by = watch()
    assert [len(told(by, at_s, [STILL])) for at_s in (0, 5, 10, 15, 20, 40, 45)] == [0, 0, 0, 1, 0, 0, 1]
    assert told(by, 90, [STILL], {STILL.fault: Priority.MEDIUM}) == []


def test_a_fault_says_since_when() -> None:
    by = watch()
    told(by, 100, [STILL])
    (fault,) = told(by, 116, [STILL])
    assert (fault.present, fault.since_ms, fault.at_ms) == (True, 100_000, 116_000)


def test_a_short_fault_is_never_told() -> None:
    by = watch()
    assert [told(by, at_s, [STILL] if at_s % 20 else []) for at_s in range(0, 100, 5)] == [[]] * 20


def test_a_fault_that_stands_and_is_gone_ends_after_a_while_even_if_somebody_else_told_it() -> None:
    by = watch()
    standing = {STILL.fault: Priority.MEDIUM}
    assert [len(told(by, at_s, [], standing)) for at_s in (0, 15, 29, 30, 35, 60)] == [0, 0, 0, 1, 0, 1]


def test_a_fault_that_comes_back_begins_its_ending_anew() -> None:
    by = watch()
    standing = {STILL.fault: Priority.MEDIUM}
    there = {0: [], 20: [STILL], 25: [], 50: [], 55: []}
    assert [len(told(by, at_s, symptoms, standing)) for at_s, symptoms in there.items()] == [0, 0, 0, 0, 1]


def test_a_fault_that_got_worse_is_told_again() -> None:
    by = watch()
    worse = STILL._replace(priority=Priority.HIGH)
    assert told(by, 0, [worse], {STILL.fault: Priority.MEDIUM}) == []
    (fault,) = told(by, 15, [worse], {STILL.fault: Priority.MEDIUM})
    assert fault.priority is Priority.HIGH


def test_the_end_of_what_others_watch_is_for_others_to_tell() -> None:
    by = watch()
    failed = (subject_of("notifications"), AlertKind.DELIVERY_FAILED)
    standing = {FULL.fault: Priority.MEDIUM, failed: Priority.MEDIUM}
    assert [told(by, at_s, [], standing) for at_s in (0, 30, 60)] == [[], [], []]


def test_a_stage_that_stands_still_says_why_and_the_way_of_an_alarm_is_high() -> None:
    stages = [Stage("recorder", 5, 200.0, "It has not handled anything."), Stage("alerts", 0, 0.0, None)]
    (symptom,) = still_stages(stages)
    assert (symptom.fault, symptom.priority) == (
        (subject_of("recorder"), AlertKind.WORKER_DOWN),
        Priority.MEDIUM,
    )
    assert symptom.text == "recorder cannot be relied on: It has not handled anything."
    assert still_stages([Stage("alerts", 5, 200.0, "No tick.")])[0].priority is Priority.HIGH


@pytest.mark.parametrize(
    ("backlogs", "grows"),
    [
        ([*range(1000, 14_000, 1000)], True),
        ([5000, 100, 5000, 100, 5000, 100, 5000, 100, 5000, 100, 5000, 100, 5000], False),
        ([*range(14_000, 1000, -1000)], False),
        ([*range(13)], False),
        ([9000] * 13, False),
        ([1000, 2000, 3000], False),
    ],
    ids=["growing", "in waves", "shrinking", "small", "steady", "not seen for long enough"],
)
def test_only_a_backlog_that_grows_all_through_the_window_is_told(backlogs: list[int], *, grows: bool) -> None:
    by = BacklogWatch(window_s=60, records_min=1000)
    found: list[Symptom] = []
    for number, backlog in enumerate(backlogs):
        found = by.growing(number * 5.0, [Stage("stream", backlog, 1.0, None)])
    assert bool(found) is grows


def test_a_stage_that_stands_still_has_no_second_alert_for_its_backlog() -> None:
    by = BacklogWatch(window_s=60, records_min=1000)
    for number in range(13):
        found = by.growing(number * 5.0, [Stage("stream", 5000 * (number + 1), 200.0, "It stands still.")])
        assert found == []


def test_refusals_in_number_name_the_commonest_reason() -> None:
    counts = {RejectionReason.UNASSIGNED: 90, RejectionReason.NOT_JSON: 11}
    (symptom,) = refused_in_number(counts, window_s=300, readings_max=100)
    assert symptom.text == "101 messages were refused within 5 min, most as unassigned: see the rejected ones."
    assert refused_in_number(counts, window_s=300, readings_max=101) == []


@pytest.mark.parametrize(
    ("free_gib", "total_gib", "priority"),
    [
        (10, 99, None),
        (9, 99, Priority.MEDIUM),
        (2, 99, Priority.HIGH),
        (50, 1000, None),
        (0, 0, Priority.HIGH),
    ],
    ids=["a tenth", "less", "nearly nothing", "little of a big disk", "a disk of no size"],
)
def test_a_disk_is_told_before_it_is_full(free_gib: int, total_gib: int, priority: Priority | None) -> None:
    disk = Disk("disk-a", "data", free_gib * GIB, total_gib * GIB)
    found = filling(disk, low_percent=10, critical_percent=3, enough_gib=20)
    assert [symptom.priority for symptom in found] == ([] if priority is None else [priority])
