"""What charted readings and withdrawals in SQL promise, whichever database: see `storage_contract` and `recorder_contract`."""

import msgspec
import pytest

from storage import assessments, charting, patients, readings
from storage.charting import Entry
from storage.registry import registry_version
from storage.session import Database
from storage.window import Cursor
from tests.support.builders import assessment as assessment_of
from tests.support.builders import at_ms, charted, reading, withdrawn
from tests.support.recorder_contract import Bench, some_readings
from tests.support.storage_contract import patient
from vitals.reading import PatientId, Reading
from vitals.sign import Sign

P1 = PatientId("p1")


def found(database: Database, *, with_withdrawn: bool = False) -> tuple[Reading, ...]:
    """Patient p1's readings that hold a sign."""
    with database.snapshot() as conn:
        return readings.history(
            conn,
            P1,
            signs=tuple(Sign),
            from_ms=at_ms(0),
            to_ms=at_ms(99),
            limit=100,
            every_ms=None,
            with_withdrawn=with_withdrawn,
        )


class ChartingContract:
    """Charted readings come back with their author; what was withdrawn counts for nothing and stays on record."""

    @pytest.mark.asyncio
    async def test_a_charted_reading_comes_back_with_who_said_it(self, database: Database) -> None:
        entry = charted(at_s=2, note="Sleepy \0 but rousable", valid_for_s=3600, entry="e1", consciousness_acvpu=2)
        bench = Bench(database)
        await bench.claim()
        await bench.feed("readings", reading(at_s=1), entry, entry)
        await bench.remember()
        assert found(database) == (reading(at_s=1), entry)
        with database.snapshot() as conn:
            assert charting.entries(conn, P1, limit=9) == (Entry(entry, None),)
            assert charting.entry(conn, entry.reading_id) == Entry(entry, None)
            assert charting.entry(conn, reading(at_s=1).reading_id) is None, "measured, not charted"
            signs = readings.latest_signs(conn, [P1], since_ms=at_ms(0))[P1]
            newest = signs[Sign.CONSCIOUSNESS]
            assert (newest.value, newest.measured_at_ms, newest.charted) == (2.0, at_ms(2), entry.charted)
            assert readings.latest(conn, [P1]) == {P1: reading(at_s=1)}, "a person is no device"

    @pytest.mark.asyncio
    async def test_entries_are_read_page_by_page_newest_first(self, database: Database) -> None:
        stored = [charted(at_s=second // 2, note=f"{second}") for second in range(5)]
        bench = Bench(database)
        await bench.claim()
        await bench.feed("readings", *stored)
        await bench.remember()
        pages: list[str] = []
        before: Cursor | None = None
        with database.snapshot() as conn:
            while page := charting.entries(conn, P1, limit=2, before=before):
                pages += [one.reading.reading_id for one in page]
                before = Cursor(page[-1].reading.measured_at_ms, page[-1].reading.reading_id)
            assert len(charting.entries(conn, P1, limit=9, from_ms=at_ms(1))) == 3
        newest_first = sorted(stored, key=lambda one: (one.measured_at_ms, one.reading_id), reverse=True)
        assert pages == [one.reading_id for one in newest_first]

    @pytest.mark.asyncio
    async def test_a_withdrawn_entry_is_left_out_and_stays_on_record(self, database: Database) -> None:
        wrong, right = charted(at_s=1, consciousness_acvpu=4), charted(at_s=2, consciousness_acvpu=0)
        order = withdrawn(wrong, at_s=3, reason="wrong patient")
        bench = Bench(database)
        await bench.claim()
        await bench.feed("readings", wrong, right, order, order)
        await bench.remember()
        assert found(database) == (right,)
        assert found(database, with_withdrawn=True) == (wrong, right)
        with database.snapshot() as conn:
            assert charting.entries(conn, P1, limit=9) == (Entry(right, None), Entry(wrong, order))
            assert charting.entry(conn, wrong.reading_id) == Entry(wrong, order)
            buckets = readings.history(
                conn, P1, signs=[Sign.CONSCIOUSNESS], from_ms=at_ms(0), to_ms=at_ms(60), limit=1, every_ms=60_000
            )
            assert [bucket.signs[Sign.CONSCIOUSNESS].maximum for bucket in buckets] == [0]

    @pytest.mark.asyncio
    async def test_a_range_of_a_device_is_withdrawn_up_to_the_record_itself(self, database: Database) -> None:
        kept = some_readings(range(6))
        order = msgspec.structs.replace(
            withdrawn(kept[0], at_s=9), reading_id=None, from_ms=at_ms(1), until_ms=at_ms(5)
        )
        bench = Bench(database)
        await bench.claim()
        await bench.feed("readings", *kept[:3], order, *kept[3:])
        await bench.feed("readings", charted(at_s=2, pain_score=3))
        await bench.remember()
        assert [one.measured_at_ms for one in found(database)] == [at_ms(second) for second in (0, 2, 3, 4, 5)]
        assert bench.handler.stored["readings"] == 7
        await bench.feed("readings", *kept[:3], order)
        await bench.remember()
        assert len(found(database)) == 5
        assert len(found(database, with_withdrawn=True)) == 7

    @pytest.mark.asyncio
    async def test_a_row_that_sql_can_never_hold_stops_no_withdrawal(self, database: Database) -> None:
        kept = some_readings(range(3))
        endless = msgspec.structs.replace(reading(at_s=77), measured_at_ms=2**70)
        bench = Bench(database)
        await bench.claim()
        await bench.feed("readings", kept[0], endless, withdrawn(kept[0], at_s=4), *kept[1:])
        await bench.remember()
        assert found(database) == tuple(kept[1:])
        assert (bench.handler.skipped, bench.handler.stored["readings"]) == (1, 3)

    @pytest.mark.asyncio
    async def test_the_register_follows_the_scale_that_was_charted(self, database: Database) -> None:
        scales: list[int] = []
        first = charted(at_s=1, spo2_scale=2, spo2_scale_by="Dr Bell")
        back = charted(at_s=5, spo2_scale=1)
        with database.transaction() as conn:
            patients.add(conn, patient("p1"))
            version = registry_version(conn)
        bench = Bench(database)
        await bench.claim()
        talk = charted(at_s=9, note='he says "spo2_scale": 2')
        for record in (first, back, talk, withdrawn(back, at_s=7), charted(at_s=3, patient="p2", spo2_scale=2)):
            await bench.feed("readings", record)
            await bench.remember()
            with database.snapshot() as conn:
                scales.append(patients.get(conn, P1).spo2_scale)
        assert scales == [2, 1, 1, 2, 2]
        with database.snapshot() as conn:
            assert registry_version(conn) == version + 3

    def test_of_assessments_for_one_moment_the_one_heard_of_last_stands(self, database: Database) -> None:
        measured = assessment_of(at_s=9, of="d1/b/9")
        said = msgspec.structs.replace(
            assessment_of(at_s=2, of="charting/1"), received_at_ms=at_ms(10), as_of_ms=at_ms(9), anomaly=None
        )
        with database.transaction() as conn:
            assessments.store(conn, [measured, said, assessment_of(at_s=1)])
            assert assessments.latest(conn, [P1]) == {P1: said}
            assert assessments.history(conn, P1, from_ms=at_ms(2), to_ms=at_ms(99), limit=9) == (said, measured)
