"""Whatever the network does to readings and receipts, a device lets go of nothing that was not vouched for, and gets all through."""

import random

from hypothesis import given
from hypothesis import strategies as st

from simulators.outbox import Outbox
from tests.support.examples import examples

READINGS_MAX = 60


class Network:
    """Both directions between one outbox and a receiver: loss, duplicates and reordered receipts, by a seeded dice."""

    def __init__(self, seed: int, *, unkindness: float) -> None:
        self.dice = random.Random(seed)
        self.unkindness = unkindness
        self.arrived: list[int] = []
        self.vouched: set[int] = set()
        self.receipts: list[tuple[int, int]] = []

    def is_unkind(self) -> bool:
        return self.dice.random() < self.unkindness

    def carry(self, payload: bytes) -> None:
        if self.is_unkind():
            return
        sequence = int(payload)
        for _ in range(2 if self.is_unkind() else 1):
            self.arrived.append(sequence)
            self.vouched.add(sequence)
            self.receipts.append((sequence, sequence))

    def give_receipts(self, outbox: Outbox) -> None:
        self.dice.shuffle(self.receipts)
        for first, last in self.receipts:
            for _ in range(2 if self.is_unkind() else 1):
                if not self.is_unkind():
                    outbox.receive(from_sequence=first, through_sequence=last)
        self.receipts.clear()


def kept_by(outbox: Outbox) -> set[int]:
    outbox.rewind()
    return {int(kept.payload) for kept in outbox._slots if kept is not None}


@examples(150)
@given(
    seed=st.integers(0, 2**32),
    unkindness=st.floats(0, 0.6),
    in_flight_max=st.integers(1, 12),
    rewinds=st.floats(0, 0.3),
)
def test_nothing_is_let_go_unreceipted_and_everything_arrives_at_last(
    seed: int, unkindness: float, in_flight_max: int, rewinds: float
) -> None:
    network = Network(seed, unkindness=unkindness)
    outbox = Outbox(readings_max=1000, in_flight_max=in_flight_max, receipt_timeout_s=5, probe_timeout_s=2)
    now_s, added = 0.0, 0
    while added < READINGS_MAX or outbox.unreceipted:
        now_s += 1
        assert now_s < 100_000, "it never got through"
        if added < READINGS_MAX and network.dice.random() < 0.5:
            outbox.add(str(added).encode())
            added += 1
        if network.dice.random() < rewinds:
            outbox.rewind()
        outbox.rewind_if_overdue(now_s)
        sent = [int(payload) for payload in outbox.take(network.dice.randrange(20), now_s)]
        assert sent == sorted(set(sent))
        assert len(sent) <= in_flight_max
        for sequence in sent:
            network.carry(str(sequence).encode())
        network.give_receipts(outbox)
        let_go = set(range(added)) - {kept.sequence for kept in outbox._slots if kept is not None}
        assert let_go <= network.vouched
    assert set(network.arrived) == set(range(READINGS_MAX))
    assert outbox.receipted.firsts == [0]
    assert outbox.receipted.lasts == [READINGS_MAX - 1]
    assert outbox.lost_on_device == 0


@examples(100)
@given(seed=st.integers(0, 2**32), crashes=st.lists(st.integers(1, 150), max_size=4))
def test_readings_first_arrive_in_sequence_order_though_connections_drop_everything_at_times(
    seed: int, crashes: list[int]
) -> None:
    """A restarted broker drops what it is given until the receiver is back, which may be later than the device."""
    dice = random.Random(seed)
    outbox = Outbox(readings_max=1000, in_flight_max=8, receipt_timeout_s=30, probe_timeout_s=2)
    arrived: list[int] = []
    deaf_until_s = 0.0
    added = 0
    for second in range(2000):
        if second in crashes:
            outbox.rewind()
            deaf_until_s = second + dice.randrange(20)
        if added < 150 and second % 2 == 0:
            outbox.add(str(added).encode())
            added += 1
        outbox.rewind_if_overdue(second)
        for payload in outbox.take(20, second):
            if second >= deaf_until_s:
                arrived.append(int(payload))
                outbox.receive(from_sequence=int(payload), through_sequence=int(payload))
    assert list(dict.fromkeys(arrived)) == list(range(150))
    assert outbox.unreceipted == 0


@given(runs=st.lists(st.tuples(st.integers(-5, 40), st.integers(-5, 10**9)), max_size=10), sent=st.integers(0, 20))
def test_a_receipt_lets_go_of_the_run_it_names_as_far_as_it_was_sent(runs: list[tuple[int, int]], sent: int) -> None:
    outbox = Outbox(readings_max=1000, in_flight_max=100, receipt_timeout_s=30, probe_timeout_s=2)
    for number in range(20):
        outbox.add(str(number).encode())
    first = list(outbox.take(1, 0.0))
    outbox.receive(from_sequence=0, through_sequence=0)
    given_out = {0, *map(int, outbox.take(sent, 0.0))} if first else set()
    named = {0}
    for begin, end in runs:
        outbox.receive(from_sequence=begin, through_sequence=end)
        named |= set(range(max(begin, 0), min(end, 19) + 1))
    assert kept_by(outbox) == set(range(20)) - (named & given_out)
