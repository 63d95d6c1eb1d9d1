"""What the recorder promises, whichever database: subclass and give the fixture `database`, upgraded and empty."""

from collections.abc import Iterable

import msgspec
import pytest

from runtime.blocking import InlineDoor
from runtime.bus import Incoming, Positions, TopicPartition
from runtime.telemetry import Telemetry
from storage import assessments, labels, ledger, outcomes, patients, readings, rejections
from storage.claims import claim, positions_of
from storage.patients import Patient
from storage.recorder import GROUP, RecorderHandler
from storage.session import Database, in_transaction
from storage.settings import RecorderSettings
from tests.support.builders import assessment, at_ms, charted, reading
from tests.support.labels import label
from tests.support.learning import outcome, outcome_withdrawn
from tests.support.storage_history_contract import rejection
from vitals.codec import encode
from vitals.errors import Fenced
from vitals.reading import PatientId, Reading, Tick, WardId
from vitals.sign import Sign

AT_ONCE = RecorderSettings(commit_interval_s=0)
SKIPPED = "wardlight_recorder_records_skipped_total"


class HandClock:
    """Time moved by hand."""

    speed = 1.0

    def __init__(self) -> None:
        self.now_s = 0.0

    def now_ms(self) -> int:
        return at_ms(self.now_s)

    def monotonic_s(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds


class Bench:
    """A recorder fed by hand, partition 0 of each topic."""

    def __init__(self, database: Database, settings: RecorderSettings = AT_ONCE) -> None:
        self.database = database
        self.clock = HandClock()
        self.telemetry = Telemetry()
        self.handler = RecorderHandler(
            database=database, door=InlineDoor(), clock=self.clock, telemetry=self.telemetry, settings=settings
        )
        self.positions: dict[TopicPartition, int] = {}

    async def claim(self) -> Positions:
        """Become the owner of partition 0."""
        return await self.handler.claim(frozenset({0}))

    async def feed(self, topic: str, *values: bytes | msgspec.Struct) -> None:
        """Hand over records that follow those already fed."""
        at = TopicPartition(topic, 0)
        first = self.positions.get(at, 0)
        records = [
            Incoming(topic, 0, offset, b"k", value if isinstance(value, bytes) else encode(value))
            for offset, value in enumerate(values, first)
        ]
        assert await self.handler.handle(records) == ()
        self.positions[at] = first + len(records)

    async def remember(self, *, final: bool = False) -> None:
        """As the worker does after each batch."""
        await self.handler.remember(self.positions, final=final)

    def remembered(self) -> Positions:
        """Positions in SQL."""
        with self.database.snapshot() as conn:
            return positions_of(conn, GROUP)

    def stored(self) -> tuple[Reading, ...]:
        """Patient p1's readings in SQL."""
        with self.database.snapshot() as conn:
            return readings.history(
                conn, PatientId("p1"), signs=tuple(Sign), from_ms=at_ms(-999), to_ms=at_ms(9_999), limit=1_000
            )


def some_readings(seconds: Iterable[int]) -> list[Reading]:
    """One reading at each second."""
    return [reading(at_s=second, spo2_percent=97 - second % 5) for second in seconds]


class RecorderContract:
    """Batches with their positions, once each; nothing of ours lost, nothing of others fatal."""

    @pytest.mark.asyncio
    async def test_every_kind_of_record_is_stored_with_its_position(self, database: Database) -> None:
        bench = Bench(database)
        assert await bench.claim() == {}
        kept = some_readings(range(5))
        await bench.feed("readings", *kept[:3], Tick(at_ms=5), *kept[3:])
        await bench.feed("assessments", assessment(at_s=1))
        await bench.feed("rejected", rejection("r1"))
        await bench.feed("labels", label("l1"), label("l1"))
        await bench.feed("outcomes", outcome("o1"), outcome("o1"), outcome_withdrawn("o1"), outcome("o2"))
        await bench.remember()
        assert bench.stored() == tuple(kept)
        with database.snapshot() as conn:
            assert assessments.latest(conn, [PatientId("p1")]) == {"p1": assessment(at_s=1)}
            assert rejections.get(conn, "r1").rejection.payload == b"\x00\xff"
            assert labels.labels_of(conn, ["e1", "e9"]) == {"e1": (label("l1"),)}
            kept_outcomes = ((outcome("o2"), None), (outcome("o1"), outcome_withdrawn("o1")))
            assert outcomes.outcomes_of(conn, PatientId("p1")) == kept_outcomes
        assert bench.remembered() == bench.positions
        assert bench.handler.stored == {
            "readings": 5,
            "assessments": 1,
            "rejections": 1,
            "labels": 1,
            "outcome_entries": 3,
        }
        assert bench.telemetry.value("wardlight_recorder_rows_stored_total", table="readings") == 5
        assert bench.telemetry.value("wardlight_recorder_reading_to_stored_seconds") == 1

    @pytest.mark.asyncio
    async def test_what_is_replayed_after_a_crash_is_stored_once(self, database: Database) -> None:
        kept = some_readings(range(6))
        first = Bench(database)
        await first.claim()
        await first.feed("readings", *kept[:4])
        await first.remember()
        await first.feed("readings", *kept[4:])

        second = Bench(database)
        assert await second.claim() == {TopicPartition("readings", 0): 4}
        await second.feed("readings", *kept)
        await second.remember()
        assert second.stored() == tuple(kept)
        assert (second.handler.stored["readings"], second.handler.duplicates["readings"]) == (2, 4)
        assert second.telemetry.value("wardlight_recorder_duplicates_total", table="readings") == 4

    @pytest.mark.asyncio
    async def test_a_fenced_recorder_stores_neither_rows_nor_positions(self, database: Database) -> None:
        old, new = Bench(database), Bench(database)
        await old.claim()
        await old.feed("readings", *some_readings(range(3)))
        await new.claim()
        with pytest.raises(Fenced):
            await old.remember()
        assert old.stored() == ()
        assert old.remembered() == {}

    @pytest.mark.asyncio
    async def test_it_commits_when_a_batch_is_full_or_has_waited_or_at_the_end(self, database: Database) -> None:
        bench = Bench(database, RecorderSettings(rows_per_commit=10, commit_interval_s=5))
        await bench.claim()
        await bench.feed("readings", *some_readings(range(9)))
        await bench.remember()
        assert bench.stored() == ()
        await bench.feed("readings", *some_readings(range(9, 10)))
        await bench.remember()
        assert len(bench.stored()) == 10
        await bench.feed("readings", Tick(at_ms=1))
        bench.clock.now_s += 4.9
        await bench.remember()
        assert bench.remembered() == {TopicPartition("readings", 0): 10}
        bench.clock.now_s += 0.1
        await bench.remember()
        assert bench.remembered() == {TopicPartition("readings", 0): 11}
        await bench.feed("readings", *some_readings(range(20, 21)))
        await bench.remember(final=True)
        assert len(bench.stored()) == 11

    @pytest.mark.asyncio
    @pytest.mark.parametrize("topic", ["readings", "assessments", "rejected"])
    async def test_records_that_are_not_ours_are_counted_and_passed_over(self, database: Database, topic: str) -> None:
        noise = (
            b"",
            b"noise",
            b"[]",
            b'{"type":"reading"}',
            b'{"type":"other"}',
            b'{"x":"\xff\xfe"}',
            b"[" * 100_000,
            b'{"detail":' + b"[" * 100_000,
        )
        bench = Bench(database)
        await bench.claim()
        await bench.feed(topic, *noise)
        await bench.feed("readings", *some_readings(range(2)))
        await bench.remember()
        assert len(bench.stored()) == 2
        assert bench.remembered() == bench.positions
        assert bench.handler.skipped == len(noise)
        assert bench.telemetry.value(SKIPPED, topic=topic) == len(noise)

    @pytest.mark.asyncio
    @pytest.mark.parametrize(
        ("sound", "broken"),
        [
            (b'"spo2_percent":97.0', b'"spo2_percent":1e999'),
            (b'"spo2_percent":97.0', b'"spo2_percent":NaN'),
            (b'"spo2_percent":97.0', b'"spo2_percent":"97"'),
            (b'"spo2_percent":97.0', b'"temper":97.0'),
            (b'"origin":"demo"', b'"origin":"dream"'),
        ],
    )
    async def test_a_reading_with_an_impossible_field_is_passed_over(
        self, database: Database, sound: bytes, broken: bytes
    ) -> None:
        value = encode(reading(at_s=1, spo2_percent=97)).replace(b'"signs"', b'"origin":"demo","signs"')
        assert sound in value
        bench = Bench(database)
        await bench.claim()
        await bench.feed("readings", value.replace(sound, broken))
        await bench.remember()
        assert (bench.stored(), bench.handler.skipped) == ((), 1)

    @pytest.mark.asyncio
    async def test_a_row_that_sql_can_never_hold_does_not_stop_the_others(self, database: Database) -> None:
        kept = some_readings(range(50))
        endless = msgspec.structs.replace(rejection("r2"), payload_bytes=2**70)
        bench = Bench(database)
        await bench.claim()
        await bench.feed("readings", *kept)
        await bench.feed("rejected", rejection("r1"), endless, rejection("r3"))
        await bench.feed("assessments", assessment(at_s=1))
        await bench.remember()
        assert bench.stored() == tuple(kept)
        assert bench.remembered() == bench.positions
        assert (bench.handler.skipped, bench.handler.stored["readings"]) == (1, 50)
        assert (bench.handler.stored["assessments"], bench.handler.stored["rejections"]) == (1, 2)
        assert bench.telemetry.value(SKIPPED, topic="rejected") == 1

    @pytest.mark.asyncio
    @pytest.mark.parametrize("far_ms", [2**62, 2**63 + 10**8, 10**300, -1])
    async def test_a_time_that_no_clock_tells_is_passed_over_and_the_next_record_is_stored(
        self, database: Database, far_ms: int
    ) -> None:
        measured = encode(reading(at_s=1)).replace(b'"measured_at_ms":%d' % at_ms(1), b'"measured_at_ms":%d' % far_ms)
        refused = encode(rejection("r1"))
        received = refused.replace(b'"received_at_ms":', b'"received_at_ms":%d,"was":' % far_ms)
        assert b"%d" % far_ms in measured
        assert b"%d" % far_ms in received
        bench = Bench(database)
        await bench.claim()
        await bench.feed("rejected", received, refused)
        await bench.feed("readings", measured, reading(at_s=2))
        await bench.remember()
        with database.transaction() as conn:
            ledger.enter(conn)
        assert bench.stored() == (reading(at_s=2),)
        assert (bench.handler.skipped, bench.handler.stored["rejections"]) == (2, 1)
        assert bench.remembered() == bench.positions

    @pytest.mark.asyncio
    async def test_a_scale_that_does_not_exist_changes_no_register(self, database: Database) -> None:
        bench = Bench(database)
        await bench.claim()
        with database.transaction() as conn:
            patients.add(conn, Patient(PatientId("p1"), WardId("w"), "1", "A B", spo2_scale=1, admitted_at_ms=0))
        await bench.feed("readings", charted(at_s=1, spo2_scale=2), charted(at_s=2, spo2_scale=2**53))
        await bench.remember()
        with database.snapshot() as conn:
            assert patients.get(conn, PatientId("p1")).spo2_scale == 2

    @pytest.mark.asyncio
    async def test_a_claim_drops_what_was_not_committed(self, database: Database) -> None:
        bench = Bench(database)
        await bench.claim()
        await bench.feed("readings", *some_readings(range(3)))
        await bench.claim()
        await bench.remember(final=True)
        assert bench.stored() == ()
        assert bench.telemetry.is_ready

    @pytest.mark.asyncio
    async def test_a_call_in_a_transaction_may_take_arguments(self, database: Database) -> None:
        claims = await in_transaction(InlineDoor(), database, claim, "g", [4])
        assert claims.epochs == {4: 1}
