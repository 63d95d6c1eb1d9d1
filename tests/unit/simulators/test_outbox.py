"""A device's memory: order, probe, patience, and what is lost when it is full."""

import pytest

from simulators.outbox import Outbox


def outbox_with(
    count: int, *, readings_max: int = 1000, in_flight_max: int = 5, receipt_timeout_s: float = 30
) -> Outbox:
    outbox = Outbox(
        readings_max=readings_max,
        in_flight_max=in_flight_max,
        receipt_timeout_s=receipt_timeout_s,
        probe_timeout_s=2,
    )
    for number in range(count):
        outbox.add(str(number).encode())
    return outbox


def sent_at(outbox: Outbox, now_s: float) -> list[int]:
    return [int(payload) for payload in outbox.take(1000, now_s)]


def test_one_probe_is_sent_until_it_is_receipted_then_the_window_opens() -> None:
    outbox = outbox_with(10)
    assert sent_at(outbox, 0) == [0]
    assert sent_at(outbox, 1) == []
    outbox.receive(from_sequence=0, through_sequence=0)
    assert sent_at(outbox, 1) == [1, 2, 3, 4, 5]


def test_after_a_new_connection_everything_unreceipted_goes_first_in_order() -> None:
    outbox = outbox_with(4)
    sent_at(outbox, 0)
    outbox.receive(from_sequence=0, through_sequence=0)
    assert sent_at(outbox, 0) == [1, 2, 3]
    outbox.receive(from_sequence=2, through_sequence=2)
    outbox.rewind()
    outbox.add(b"4")
    assert sent_at(outbox, 1) == [1]
    outbox.receive(from_sequence=1, through_sequence=1)
    assert sent_at(outbox, 1) == [3, 4]
    assert outbox.redelivered == 2


def test_a_late_receipt_for_another_reading_does_not_end_the_probing() -> None:
    outbox = outbox_with(4)
    sent_at(outbox, 0)
    outbox.receive(from_sequence=0, through_sequence=0)
    sent_at(outbox, 0)
    outbox.rewind()
    assert sent_at(outbox, 1) == [1]
    outbox.receive(from_sequence=2, through_sequence=3)
    outbox.add(b"4")
    assert sent_at(outbox, 1) == []


def test_an_overdue_probe_is_repeated_with_doubling_patience() -> None:
    outbox = outbox_with(3)
    assert sent_at(outbox, 0) == [0]
    repeated = [second for second in range(1, 200) if outbox.rewind_if_overdue(second) and sent_at(outbox, second)]
    assert repeated == [2, 6, 14, 30, 62, 94, 126, 158, 190]
    assert outbox.redelivered == len(repeated)


def test_an_overdue_reading_is_probed_alone_however_many_are_out() -> None:
    outbox = outbox_with(6)
    sent_at(outbox, 0)
    outbox.receive(from_sequence=0, through_sequence=0)
    assert sent_at(outbox, 0) == [1, 2, 3, 4, 5]
    assert not outbox.rewind_if_overdue(29)
    assert outbox.rewind_if_overdue(30)
    assert sent_at(outbox, 30) == [1]


def test_a_full_memory_loses_its_oldest_reading_and_counts_it() -> None:
    outbox = outbox_with(5, readings_max=3)
    assert outbox.lost_on_device == 2
    assert outbox.unreceipted == 3
    assert sent_at(outbox, 0) == [2]


def test_rejected_readings_are_let_go_and_counted_apart() -> None:
    outbox = outbox_with(1)
    sent_at(outbox, 0)
    assert outbox.receive(from_sequence=0, through_sequence=0, refused=True) == 1
    assert 0 in outbox.refused
    assert 0 not in outbox.receipted
    assert outbox.unreceipted == 0


@pytest.mark.parametrize(("first", "last"), [(0, 10**12), (-(10**12), 0), (5, 3), (7, 9)])
def test_an_absurd_receipt_costs_nothing_and_frees_only_what_was_sent(first: int, last: int) -> None:
    outbox = outbox_with(10)
    sent_at(outbox, 0)
    outbox.receive(from_sequence=first, through_sequence=last)
    assert outbox.unreceipted in {9, 10}
