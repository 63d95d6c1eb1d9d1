"""A partition of `alerts` that goes to another process and comes back: what it told meanwhile stands."""

from collections.abc import Sequence

from msgspec.structs import replace

from alerts.delivery import DeliveryHandler
from runtime.bus import Incoming, partition_of
from runtime.virtual_loop import run_virtual
from storage import episodes
from tests.support.alert_timetable import PATIENT, Timetable
from tests.support.alert_ward import PARTITIONS, AlertWard
from vitals import codec
from vitals.alert import Priority, Transition, TransitionKind
from vitals.topics import LogTopic

PARTITION = partition_of(PATIENT.encode(), PARTITIONS)
HELD, NOTHING = frozenset({PARTITION}), frozenset[int]()


def life() -> tuple[Transition, Transition, Transition]:
    """An alert of medium priority, its end, and a new one that is high."""
    mild, grave = Timetable(), Timetable()
    mild.hold(0, 60, spo2=84)
    grave.hold(0, 30, spo2=65)
    first, second = mild.transitions[0], grave.last
    end = replace(
        first, transition=TransitionKind.RESOLVED, transition_id="end", active=False, at_ms=first.at_ms + 1000
    )
    return first, end, replace(second, episode_id="second", transition_id="again", at_ms=first.at_ms + 5000)


class Handing:
    """Two processes that deliver what is in the log, one after the other."""

    def __init__(self, ward: AlertWard) -> None:
        self.ward = ward
        self._offset = 0

    async def process(self, name: str) -> DeliveryHandler:
        session = self.ward.broker.session(name, clean=True)
        await session.open()
        return DeliveryHandler(
            bus=self.ward.bus,
            database=self.ward.database,
            door=self.ward.door,
            clock=self.ward.clock,
            telemetry=self.ward.telemetry,
            settings=self.ward.settings,
            mqtt=session,
        )

    async def tell(self, process: DeliveryHandler, steps: Sequence[Transition], *, stored: bool = True) -> None:
        """The process reads these steps."""
        if stored:
            with self.ward.database.transaction() as conn:
                episodes.store(conn, steps)
        for step in steps:
            record = Incoming(
                topic=LogTopic.ALERTS.value,
                partition=PARTITION,
                offset=self._offset,
                key=PATIENT.encode(),
                value=codec.encode(step),
            )
            self._offset += 1
            await process.handle([record])

    def standing(self) -> list[tuple[str, Priority]]:
        return [(told.episode_id, told.priority) for told in self.ward.retained().values()]


async def told_by_one(first: Transition) -> tuple[Handing, DeliveryHandler, DeliveryHandler]:
    """Two processes, of which one holds the partition and has told this."""
    ward = AlertWard()
    await ward.open()
    handing = Handing(ward)
    one, other = await handing.process("one"), await handing.process("other")
    await one.claim(HELD)
    await handing.tell(one, [first])
    return handing, one, other


def test_what_another_process_told_since_stays_when_a_partition_comes_back() -> None:
    async def scene() -> None:
        first, end, second = life()
        handing, one, other = await told_by_one(first)
        await one.claim(NOTHING)
        await other.claim(HELD)
        await handing.tell(other, [end, second])
        assert handing.standing() == [("second", Priority.HIGH)]
        await one.idle()
        assert handing.standing() == [("second", Priority.HIGH)], "who holds nothing tells nothing"
        await other.claim(NOTHING)
        await one.claim(HELD)
        await one.idle()
        assert handing.standing() == [("second", Priority.HIGH)]

    run_virtual(scene())


def test_a_process_that_did_not_notice_that_another_had_its_partition_forgets_too() -> None:
    async def scene() -> None:
        first, end, second = life()
        handing, one, other = await told_by_one(first)
        await other.claim(HELD)
        await handing.tell(other, [end, second])
        await one.claim(HELD)
        await one.idle()
        assert handing.standing() == [("second", Priority.HIGH)]

    run_virtual(scene())


def test_what_a_process_told_of_a_partition_that_it_keeps_is_newer_than_the_database() -> None:
    async def scene() -> None:
        first, end, _ = life()
        handing, one, _other = await told_by_one(first)
        await handing.tell(one, [end], stored=False)
        await one.claim(HELD)
        await one.idle()
        assert handing.standing() == [], "the database does not know of the end yet"

    run_virtual(scene())
