"""What trimming promises, whichever database: subclass and give the fixture `database`, upgraded and empty."""

import asyncio
from collections.abc import Iterable

import msgspec
import pytest

from runtime.blocking import InlineDoor
from runtime.telemetry import Telemetry
from storage import assessments, episodes, labels, readings, rejections
from storage.buckets import Bucket
from storage.claims import claim
from storage.operations import Deed, last_done
from storage.retention import DAY_MS, RetentionSettings, cutoffs
from storage.session import Database
from storage.trimmer import GROUP, Trimmer
from storage.trimming import count_due
from tests.support.builders import assessment, at_ms, charted, reading
from tests.support.labels import label
from tests.support.recorder_contract import HandClock
from tests.support.storage_history_contract import P1, RESOLVED, rejection, step
from vitals.alert import TransitionKind
from vitals.codec import encode
from vitals.errors import Fenced
from vitals.sign import Sign

DAY_S = DAY_MS // 1000
ALL = RetentionSettings(
    readings_days=10, minutes_days=100, rejections_days=20, episodes_days=30, before_episode_h=1, rows_per_step=7
)
SIGNS = (Sign.SPO2, Sign.HEART_RATE)


def fill(database: Database, seconds: Iterable[int]) -> None:
    """Readings of patient p1 and their assessments."""
    measured = [reading(at_s=second, spo2_percent=90 + second % 7, heart_rate_bpm=70) for second in seconds]
    with database.transaction() as conn:
        readings.store(conn, measured)
        assessments.store(conn, [assessment(at_s=second) for second in seconds])


def held(database: Database) -> set[str]:
    """Ids of all readings of p1."""
    with database.snapshot() as conn:
        rows = readings.history(conn, P1, signs=tuple(Sign), from_ms=at_ms(-10), to_ms=at_ms(400 * DAY_S), limit=9000)
    return {row.reading_id for row in rows}


def by_minute(database: Database) -> tuple[Bucket, ...]:
    """The history of p1's first ten minutes, per minute."""
    with database.snapshot() as conn:
        return readings.history(conn, P1, signs=SIGNS, from_ms=at_ms(0), to_ms=at_ms(600), every_ms=60_000, limit=100)


def trim(database: Database, *, at_day: float, settings: RetentionSettings = ALL) -> dict[str, int]:
    """One run, so many days after the epoch of the builders."""
    clock = HandClock()
    clock.now_s = at_day * DAY_S
    trimmer = Trimmer(database=database, door=InlineDoor(), clock=clock, telemetry=Telemetry(), settings=settings)
    return asyncio.run(trimmer.run_once())


class RetentionContract:
    """Only what is due goes; what stands for it stays."""

    def test_nothing_goes_without_a_policy(self, database: Database) -> None:
        fill(database, range(20))
        assert trim(database, at_day=400, settings=RetentionSettings()) == {}
        assert len(held(database)) == 20

    def test_what_is_due_goes_with_its_assessments_and_history_by_minute_reads_as_before(
        self, database: Database
    ) -> None:
        fill(database, [*range(0, 200, 3), 11 * DAY_S])
        before = by_minute(database)
        with database.snapshot() as conn:
            due = count_due(conn, cutoffs(ALL, at_ms(10.5 * DAY_S)), ALL)
        trimmed = trim(database, at_day=10.5)
        assert trimmed == {"readings": 67, "assessments": 67}
        assert {table: rows for table, rows in due.items() if rows} == trimmed
        assert held(database) == {reading(at_s=11 * DAY_S).reading_id}
        after = by_minute(database)
        assert [bucket.from_ms for bucket in after] == [bucket.from_ms for bucket in before]
        for was, is_ in zip(before, after, strict=True):
            assert is_.readings == was.readings
            assert is_.signs.keys() == was.signs.keys()
            for sign, summary in was.signs.items():
                assert msgspec.to_builtins(is_.signs[sign]) == pytest.approx(msgspec.to_builtins(summary))

    def test_a_reading_that_comes_late_joins_the_minute_that_was_trimmed(self, database: Database) -> None:
        fill(database, [1, 2])
        trim(database, at_day=10.5)
        fill(database, [3])
        (mixed,) = by_minute(database)
        trim(database, at_day=10.5)
        (joined,) = by_minute(database)
        assert joined.signs[Sign.SPO2].count == mixed.signs[Sign.SPO2].count == 3
        assert joined.signs[Sign.SPO2].mean == pytest.approx(mixed.signs[Sign.SPO2].mean)

    def test_a_reading_that_was_old_when_it_came_is_summed_up_once_though_the_log_gives_it_again(
        self, database: Database
    ) -> None:
        late = reading(at_s=1, delay_s=9 * DAY_S, spo2_percent=90)
        for at_day in (10.5, 11, 12, 19.5):
            with database.transaction() as conn:
                readings.store(conn, [late])
                assessments.store(conn, [assessment(at_s=1)])
            with database.snapshot() as conn:
                due = count_due(conn, cutoffs(ALL, at_ms(at_day * DAY_S)), ALL)["readings"]
            assert trim(database, at_day=at_day).get("readings", 0) == due == (1 if at_day > 19 else 0)
        (minute,) = by_minute(database)
        assert minute.signs[Sign.SPO2].count == 1

    def test_what_has_not_been_assessed_stays(self, database: Database) -> None:
        fill(database, range(5))
        with database.transaction() as conn:
            readings.store(conn, [reading(at_s=50)])
        assert trim(database, at_day=50)["readings"] == 5
        assert held(database) == {reading(at_s=50).reading_id}

    def test_what_people_charted_stays(self, database: Database) -> None:
        entry = charted(at_s=4, temperature_celsius=37.2)
        with database.transaction() as conn:
            readings.store(conn, [entry])
            assessments.store(conn, [msgspec.structs.replace(assessment(at_s=4), reading_id=entry.reading_id)])
        assert trim(database, at_day=50) == {}
        assert held(database) == {entry.reading_id}

    def test_while_an_alert_is_open_what_led_to_it_stays(self, database: Database) -> None:
        fill(database, [0, 2 * 3600, 3 * 3600 - 60, 3 * 3600])
        opened = msgspec.structs.replace(step(), onset_ms=at_ms(3 * 3600))
        with database.transaction() as conn:
            episodes.store(conn, [opened])
        assert trim(database, at_day=50)["readings"] == 1
        ended = step(TransitionKind.RESOLVED, at_s=4 * 3600)
        with database.transaction() as conn:
            episodes.store(conn, [msgspec.structs.replace(ended, onset_ms=at_ms(3 * 3600))])
        assert trim(database, at_day=50)["readings"] == 3

    def test_minutes_rejections_and_ended_alerts_go_in_their_own_time(self, database: Database) -> None:
        fill(database, [1, 2])
        with database.transaction() as conn:
            rejections.store(conn, [rejection("r1"), rejection("r2", at_s=15 * DAY_S)])
            episodes.store(conn, [step(), RESOLVED, step(episode="e2", at_s=99)])
            labels.store(conn, [encode(label("l1")), encode(label("l2", episode="e2"))])
        assert trim(database, at_day=25)["rejections"] == 1
        with database.snapshot() as conn:
            assert [stored.rejection.rejection_id for stored in rejections.list_rejections(conn, limit=9)] == ["r2"]
        trimmed = trim(database, at_day=40)
        assert trimmed["episodes"] == 1
        assert trimmed["transitions"] == 2
        assert trimmed["labels"] == 1
        with database.snapshot() as conn:
            assert [episode.episode_id for episode in episodes.list_episodes(conn, limit=9)] == ["e2"]

    def test_minutes_go_after_their_own_time(self, database: Database) -> None:
        fill(database, range(0, 600, 5))
        assert trim(database, at_day=50)["readings"] == 120
        assert len(by_minute(database)) == 10
        assert trim(database, at_day=101)["reading_minutes"] == 20
        assert by_minute(database) == ()

    def test_a_trimmer_that_another_has_followed_is_fenced(self, database: Database) -> None:
        fill(database, range(30))

        class Overtaken(InlineDoor):
            steps = 0

            async def run(self, call, *args, **kwargs):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN002, ANN003, ANN202
                self.steps += 1
                if self.steps == 5:
                    with database.transaction() as conn:
                        claim(conn, GROUP, {0})
                return await super().run(call, *args, **kwargs)

        clock = HandClock()
        clock.now_s = 50 * DAY_S
        trimmer = Trimmer(database=database, door=Overtaken(), clock=clock, telemetry=Telemetry(), settings=ALL)
        with pytest.raises(Fenced):
            asyncio.run(trimmer.run_once())
        assert 0 < len(held(database)) < 30
        assert trim(database, at_day=50)["readings"] == len(range(30)) - 14

    def test_it_puts_down_what_it_did(self, database: Database) -> None:
        fill(database, range(5))
        trim(database, at_day=50)
        with database.snapshot() as conn:
            done = last_done(conn)[Deed.TRIM]
        assert done.at_ms == at_ms(50 * DAY_S)
        assert done.detail["rows"]["readings"] == 5
        assert done.detail["readings_before_ms"] == at_ms(40 * DAY_S)
