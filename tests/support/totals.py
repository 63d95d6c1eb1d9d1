"""A handler whose answer is known: it numbers each partition's records, under a fence, while faults strike by chance."""

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence

from runtime.bus import Incoming, Outgoing, Positions, TopicPartition
from runtime.clock import Clock
from vitals.errors import Fenced, Unavailable

INPUT, OUTPUT = "readings", "assessments"


class Crash(Exception):
    """The process dies here."""


class Database:
    """Epochs, positions and running totals, committed together under a fence, as storage does it."""

    def __init__(self) -> None:
        self.epochs: defaultdict[int, int] = defaultdict(int)
        self.positions: dict[TopicPartition, int] = {}
        self.totals: dict[int, int] = {}
        self.fenced = 0
        """How many commits were refused."""


class Totals:
    """Handler that numbers each partition's records; faults strike by chance before and after each step."""

    def __init__(self, database: Database, *, clock: Clock, chance: random.Random, fault_rate: float) -> None:
        self._database = database
        self._clock = clock
        self._chance = chance
        self._fault_rate = fault_rate
        self._epochs: dict[int, int] = {}
        self._totals: dict[int, int] = {}

    async def claim(self, partitions: frozenset[int]) -> Positions:
        await self._strike()
        for partition in partitions:
            self._database.epochs[partition] += 1
        self._epochs = {partition: self._database.epochs[partition] for partition in partitions}
        self._totals = {partition: self._database.totals.get(partition, 0) for partition in partitions}
        return {place: at for place, at in self._database.positions.items() if place.partition in partitions}

    async def handle(self, records: Sequence[Incoming]) -> Sequence[Outgoing]:
        await self._strike()
        outputs = []
        for record in records:
            self._totals[record.partition] += 1
            outputs.append(Outgoing(OUTPUT, record.key, b"%s=%d" % (record.value, self._totals[record.partition])))
        return outputs

    async def idle(self) -> Sequence[Outgoing]:
        return []

    async def remember(self, positions: Positions, *, final: bool) -> None:
        if not final and self._chance.random() < 0.5:
            return
        await self._strike()
        if any(self._database.epochs[partition] != epoch for partition, epoch in self._epochs.items()):
            self._database.fenced += 1
            raise Fenced("Another owner claimed.")
        self._database.positions.update(positions)
        self._database.totals.update(self._totals)
        await self._strike()

    async def _strike(self) -> None:
        if self._chance.random() >= self._fault_rate:
            return
        match self._chance.randrange(4):
            case 0:
                raise Crash
            case 1:
                raise Unavailable("The database does not answer.")
            case _:
                await self._clock.sleep(self._chance.uniform(0, 40))


def numbered(inputs: Iterable[Incoming]) -> set[bytes]:
    """The outputs that these records must have, each at least once."""
    counted: defaultdict[int, int] = defaultdict(int)
    expected = set()
    for record in sorted(inputs, key=lambda record: record.offset):
        counted[record.partition] += 1
        expected.add(b"%s=%d" % (record.value, counted[record.partition]))
    return expected
