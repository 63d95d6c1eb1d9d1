"""What the ledger promises, whichever database: subclass and give the fixture `database`, upgraded and empty."""

import random
from collections.abc import Sequence

import msgspec
import pytest
from sqlalchemy import insert, select

from storage import ledger
from storage.ledger import Bounds, ImbalanceKind, Line
from storage.ledger_journal import Accepted, Jotting, Refusal, jot, note_readings
from storage.ledger_tables import HOUR_COUNTS, ledger_hours, ledger_refusals
from storage.rows import reading_row
from storage.session import Database
from tests.support.builders import EPOCH_MS, assessment, at_ms, charted, reading, withdrawn
from tests.support.examples import THOROUGH
from tests.support.recorder_contract import Bench
from vitals.codec import encode
from vitals.errors import Fenced
from vitals.ledger import HOUR_MS, GapCause
from vitals.reading import Reading, Rejection, RejectionReason

SETTLE_MS = 600_000
DAY_MS = 24 * HOUR_MS


def sent(sequence: int, *, device: str = "d1", boot: str = "b1", at_s: float | None = None) -> Reading:
    """A reading of a device that counts, a second apart."""
    return reading(
        at_s=sequence if at_s is None else at_s, device=device, boot=boot, sequence=sequence, spo2_percent=97
    )


def refused(
    sequence: int | None,
    *,
    device: str = "d1",
    boot: str = "b1",
    at_s: float = 0,
    in_part: bool = False,
    name: str = "",
) -> Rejection:
    """A message that ingest refused."""
    return Rejection(
        rejection_id=name or f"{device}/{boot}/{sequence}",
        reason=RejectionReason.UNASSIGNED,
        detail="Nobody wears it.",
        device_id=device,
        received_at_ms=at_ms(at_s),
        payload=b"{}",
        payload_bytes=2,
        boot=None if sequence is None else boot,
        sequence=sequence,
        in_part=in_part,
    )


def assessed(one: Reading) -> msgspec.Struct:
    """What stream says of it."""
    return assessment(at_s=(one.measured_at_ms - EPOCH_MS) / 1000, of=one.reading_id)


def entered(database: Database, bounds: Bounds = ledger.DEFAULT_BOUNDS) -> None:
    """Enter the whole journal."""
    while True:
        with database.transaction() as conn:
            if not ledger.enter(conn, bounds):
                return


def lines(database: Database, *, now_s: float = 100, every_ms: int | None = None, **more: str) -> Sequence[Line]:
    """The account of the timetable's first day."""
    with database.snapshot() as conn:
        return ledger.lines(
            conn,
            from_ms=EPOCH_MS,
            to_ms=EPOCH_MS + DAY_MS,
            now_ms=at_ms(now_s),
            settle_ms=SETTLE_MS,
            every_ms=every_ms,
            device_id=more.get("device_id"),
        )


def line(database: Database, *, now_s: float = 100) -> Line:
    """The only one."""
    (only,) = lines(database, now_s=now_s)
    return only


class LedgerContract:
    """Counts what was committed, once; names what is missing; takes no lag for a loss."""

    @pytest.mark.asyncio
    async def test_an_undisturbed_device_balances(self, database: Database) -> None:
        bench = Bench(database)
        await bench.claim()
        told = [sent(number) for number in range(50)]
        await bench.feed("readings", *told)
        await bench.feed("assessments", *(assessed(one) for one in told))
        await bench.remember()
        entered(database)
        found = line(database)
        assert (found.published, found.accepted, found.stored, found.assessed) == (50, 50, 50, 50)
        assert found.is_balanced
        assert found.unknowable == 0

    @pytest.mark.asyncio
    async def test_repeats_in_one_batch_and_over_batches_are_duplicates(self, database: Database) -> None:
        bench = Bench(database)
        await bench.claim()
        await bench.feed("readings", *(sent(number) for number in (0, 1, 1, 2)))
        await bench.remember()
        await bench.feed("readings", *(sent(number) for number in (2, 3, 3, 0)))
        await bench.remember()
        entered(database)
        found = line(database)
        assert (found.published, found.accepted, found.duplicates, found.stored) == (4, 8, 4, 4)

    @pytest.mark.asyncio
    async def test_what_is_replayed_after_a_crash_is_counted_once(self, database: Database) -> None:
        first = Bench(database)
        await first.claim()
        told = [sent(number) for number in range(8)]
        await first.feed("readings", *told[:5])
        await first.remember()
        await first.feed("readings", *told[5:])
        second = Bench(database)
        await second.claim()
        second.positions = dict(second.remembered())
        await second.feed("readings", *told[5:])
        await second.remember()
        entered(database)
        found = line(database)
        assert (found.accepted, found.stored, found.duplicates, found.published) == (8, 8, 0, 8)

    @pytest.mark.asyncio
    async def test_a_fenced_recorder_leaves_nothing_in_the_journal(self, database: Database) -> None:
        old, new = Bench(database), Bench(database)
        await old.claim()
        await old.feed("readings", sent(0))
        await new.claim()
        with pytest.raises(Fenced):
            await old.remember()
        with database.snapshot() as conn:
            assert ledger.waiting(conn) == 0

    @pytest.mark.asyncio
    async def test_a_gap_has_a_cause_and_a_late_upload_fills_it_in_its_hour(self, database: Database) -> None:
        bench = Bench(database)
        await bench.claim()
        await bench.feed("readings", *(sent(number) for number in range(5)))
        await bench.feed("readings", sent(9))
        await bench.remember()
        entered(database)
        found = line(database, now_s=0)
        assert (found.published, found.missing, found.gaps) == (10, 4, {GapCause.SETTLING: 4})
        assert line(database, now_s=5_000).gaps == {GapCause.SILENT: 4}
        bench.clock.now_s = 900
        await bench.feed("readings", sent(10, at_s=4_000))
        await bench.remember()
        entered(database)
        with database.snapshot() as conn:
            causes = [one.cause for one in ledger.gaps(conn, now_ms=at_ms(5_000), settle_ms=SETTLE_MS)]
        assert causes == [GapCause.SEQUENCE_GAP]
        await bench.feed("readings", *(sent(number) for number in range(5, 9)))
        await bench.remember()
        entered(database)
        hours = lines(database, every_ms=HOUR_MS)
        assert [(one.published, one.missing, one.stored) for one in hours] == [(10, 0, 10), (1, 0, 1)]

    @pytest.mark.asyncio
    async def test_a_new_boot_says_that_nothing_more_comes_of_the_old_one(self, database: Database) -> None:
        bench = Bench(database)
        await bench.claim()
        await bench.feed("readings", sent(0), sent(3))
        await bench.remember()
        entered(database)
        bench.clock.now_s = 30
        await bench.feed("readings", sent(0, boot="b2", at_s=30))
        await bench.remember()
        entered(database)
        found = line(database, now_s=2_000)
        assert (found.published, found.gaps) == (5, {GapCause.NEW_BOOT: 2})

    @pytest.mark.asyncio
    async def test_refused_messages_count_once_and_their_replay_mends_them(self, database: Database) -> None:
        bench = Bench(database)
        await bench.claim()
        await bench.feed("rejected", refused(0), refused(1), refused(1), refused(2))
        await bench.remember()
        await bench.feed("rejected", refused(2))
        await bench.feed("readings", sent(3))
        await bench.remember()
        entered(database)
        found = line(database)
        assert (found.published, found.rejected, found.rejected_by_reason) == (4, 3, {"unassigned": 3})
        assert found.missing == 0
        await bench.feed("readings", sent(0), sent(1))
        await bench.remember()
        entered(database)
        found = line(database)
        assert (found.published, found.rejected, found.stored, found.missing) == (4, 1, 3, 0)

    @pytest.mark.asyncio
    async def test_a_message_refused_in_part_is_accepted(self, database: Database) -> None:
        bench = Bench(database)
        await bench.claim()
        await bench.feed("readings", sent(0))
        await bench.feed("rejected", refused(0, in_part=True))
        await bench.remember()
        entered(database)
        found = line(database)
        assert (found.published, found.rejected, found.rejected_in_part) == (1, 0, 1)

    @pytest.mark.asyncio
    async def test_a_device_that_does_not_count_is_unknowable(self, database: Database) -> None:
        bench = Bench(database)
        await bench.claim()
        plain = [reading(at_s=second, boot=None) for second in range(4)]
        await bench.feed("readings", *plain, plain[0])
        await bench.feed("rejected", refused(None, name="r1"), refused(None, name="r1"))
        await bench.remember()
        entered(database)
        found = line(database)
        assert (found.published, found.unknowable) == (0, 6)
        assert (found.accepted, found.duplicates, found.stored, found.rejected) == (5, 1, 4, 1)

    @pytest.mark.asyncio
    async def test_what_people_charted_and_corrected_is_neither_published_nor_lost(self, database: Database) -> None:
        bench = Bench(database)
        await bench.claim()
        original, note = sent(0), charted(at_s=5, pain_score=3)
        copy = msgspec.structs.replace(original, reading_id="d1/copy", patient_id="p2", correction_id="c1")
        await bench.feed("readings", original, note, withdrawn(original, at_s=9), copy)
        await bench.feed("assessments", assessed(original), assessed(note), assessed(copy))
        await bench.feed("assessments", assessment(at_s=9, of="withdrawn/p1/c1"))
        await bench.remember()
        entered(database)
        charting, device = lines(database)
        assert (charting.device_id, charting.unknowable, charting.stored) == ("charting", 1, 1)
        assert (device.published, device.accepted, device.stored, device.copied, device.assessed) == (1, 1, 1, 1, 2)
        assert charting.is_balanced
        assert device.is_balanced

    @pytest.mark.asyncio
    async def test_what_an_earlier_release_jotted_down_of_impossible_times_and_numbers_is_entered_all_the_same(
        self, database: Database
    ) -> None:
        far = Jotting(
            at_ms(0),
            accepted=[Accepted("d1", "b1", 2**62, [0], unstorable=[1, 2**63])],
            refused=[Refusal("d1", 2**63, "bad_time", "b1", 2**63 + 7)],
        )
        with database.transaction() as conn:
            jot(conn, far)
        entered(database)
        with database.snapshot() as conn:
            hours = conn.execute(select(ledger_hours)).mappings().one()
            refusals = conn.execute(select(ledger_refusals)).mappings().one()
        assert (hours["hour_ms"], hours["accepted"], hours["stored"], hours["unstorable"]) == (0, 3, 1, 2)
        assert (refusals["hour_ms"], refusals["unnumbered"]) == (0, 1)

    @pytest.mark.asyncio
    async def test_a_reading_that_sql_can_never_hold_is_an_imbalance(self, database: Database) -> None:
        jotting = Jotting(at_ms(0))
        rows = [reading_row(encode(sent(number))) for number in range(3)]
        note_readings(jotting, [row for row in rows if isinstance(row, tuple)], unstorable=[1])
        with database.transaction() as conn:
            jot(conn, jotting)
        entered(database)
        found = line(database)
        assert (found.published, found.accepted, found.stored, found.unstorable, found.missing) == (3, 3, 2, 1, 0)
        with database.snapshot() as conn:
            (told,) = ledger.imbalances(conn, now_ms=at_ms(10), settle_ms=SETTLE_MS, told_for_ms=DAY_MS)
        assert told == ("d1", ImbalanceKind.UNSTORED, 1)

    @pytest.mark.asyncio
    async def test_lags_are_no_imbalance_and_losses_are_one_once_settled(self, database: Database) -> None:
        bench = Bench(database)
        await bench.claim()
        told = [sent(number) for number in (0, 1, 4)]
        await bench.feed("readings", *told)
        await bench.feed("assessments", *(assessed(one) for one in told[:2]))
        await bench.remember()
        entered(database)
        bench.clock.now_s = 1_000
        await bench.feed("readings", sent(5, at_s=3_700))
        await bench.remember()
        entered(database)

        def found(now_s: float) -> list[tuple[str, int]]:
            with database.snapshot() as conn:
                return [
                    (one.kind, one.readings)
                    for one in ledger.imbalances(conn, now_ms=at_ms(now_s), settle_ms=SETTLE_MS, told_for_ms=DAY_MS)
                ]

        assert found(1_001) == [("missing", 2)]
        assert found(3_600 + 599) == [("missing", 2)]
        assert found(3_600 + 600) == [("missing", 2), ("unassessed", 1)]
        assert found(2 * DAY_MS / 1000) == []
        await bench.feed("assessments", assessed(told[2]))
        await bench.feed("readings", sent(2), sent(3))
        await bench.feed("assessments", assessed(sent(2)), assessed(sent(3)))
        await bench.remember()
        entered(database)
        assert found(3_600 + 600) == []

    @pytest.mark.asyncio
    async def test_boots_beyond_the_bound_are_forgotten_and_their_gaps_stay_counted(self, database: Database) -> None:
        bench = Bench(database)
        await bench.claim()
        for number in range(6):
            bench.clock.now_s = number
            await bench.feed("readings", sent(2, boot=f"b{number}", at_s=number))
            await bench.remember()
            entered(database, Bounds(boots_max=3))
        found = line(database)
        assert (found.published, found.stored, found.missing, found.forgotten) == (18, 6, 6, 6)

    @pytest.mark.asyncio
    async def test_whatever_happens_the_ledger_equals_the_sets(self, database: Database) -> None:
        for seed in range(3 if THOROUGH else 1):
            await self._random_day(database, random.Random(seed), f"s{seed}")

    async def _random_day(self, database: Database, chance: random.Random, device: str) -> None:
        bench = Bench(database)
        await bench.claim()
        bench.positions = dict(bench.remembered())
        accepted: set[int] = set()
        turned_away: set[int] = set()
        records = 0
        for _ in range(60):
            batch = [chance.randrange(200) for _ in range(chance.randrange(1, 12))]
            if chance.random() < 0.3:
                await bench.feed("rejected", *(refused(number, device=device) for number in batch))
                kept = turned_away
            else:
                await bench.feed("readings", *(sent(number, device=device) for number in batch))
                kept = accepted
            if chance.random() < 0.2:
                bench = Bench(database)
                await bench.claim()
                bench.positions = dict(bench.remembered())
                continue
            await bench.remember()
            kept.update(batch)
            records += len(batch) if kept is accepted else 0
            if chance.random() < 0.4:
                entered(database, Bounds(jottings_max=chance.randrange(1, 5)))
        entered(database)
        (found,) = lines(database, device_id=device)
        heard = accepted | turned_away
        with database.snapshot() as conn:
            missing = [
                number
                for one in ledger.gaps(conn, now_ms=at_ms(1), settle_ms=SETTLE_MS, device_id=device)
                for number in range(one.gap.first, one.gap.last + 1)
            ]
        assert missing == sorted(set(range(max(heard) + 1)) - heard)
        assert found.published == max(heard) + 1
        assert found.stored == len(accepted)
        assert found.accepted == records
        assert found.duplicates == records - len(accepted)
        assert found.rejected == len(turned_away - accepted)
        assert found.published == found.accepted - found.duplicates + found.rejected + found.missing

    def test_a_week_of_a_ward_of_48_beds_is_answered_at_once(self, database: Database) -> None:
        rows = [
            {"hour_ms": EPOCH_MS + hour * HOUR_MS, "device_id": f"bed-{bed}", **dict.fromkeys(HOUR_COUNTS, 3600)}
            for bed in range(48)
            for hour in range(7 * 24)
        ]
        with database.transaction() as conn:
            conn.execute(insert(ledger_hours), rows)
        with database.snapshot() as conn:
            week = ledger.lines(
                conn, from_ms=EPOCH_MS, to_ms=EPOCH_MS + 7 * DAY_MS, now_ms=EPOCH_MS, settle_ms=SETTLE_MS
            )
        assert len(week) == 48
        assert {one.stored for one in week} == {7 * 24 * 3600}

    @pytest.mark.asyncio
    async def test_old_hours_and_boots_are_trimmed_when_asked(self, database: Database) -> None:
        bench = Bench(database)
        await bench.claim()
        await bench.feed("readings", sent(0))
        await bench.remember()
        entered(database)
        with database.transaction() as conn:
            assert ledger.trim(conn, before_ms=EPOCH_MS) == 0
            assert ledger.trim(conn, before_ms=EPOCH_MS + DAY_MS) == 2
        assert lines(database) == []
