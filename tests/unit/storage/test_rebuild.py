"""SQL rebuilt from the log: equal to before, however often, and honest about what the log no longer reaches."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from runtime.blocking import InlineDoor
from runtime.bus import Outgoing
from runtime.clock import SystemClock
from runtime.local_bus import LocalBus
from runtime.local_log import LocalLog
from runtime.telemetry import Telemetry
from storage import episodes
from storage.claims import positions_of
from storage.operations import Deed, last_done
from storage.rebuild import Rebuilder, Rebuilt
from storage.recorder import GROUP
from storage.session import Database
from storage.settings import RecorderSettings
from tests.support.backup_contract import every_row
from tests.support.builders import assessment, at_ms, reading
from tests.support.fresh_database import lay_schema
from tests.support.labels import label
from tests.support.learning import outcome
from tests.support.storage_history_contract import ACKNOWLEDGED, ESCALATED, RAISED, RESOLVED, rejection, step
from vitals.alert import TransitionKind
from vitals.codec import encode
from vitals.reading import Tick

PARTITIONS = 2


async def bus_with(records: Sequence[tuple[str, msgspec.Struct]], *, path: Path | None = None) -> LocalBus:
    """A log that holds these records, all of patient p1."""
    bus = await LocalBus.open(path, partitions=PARTITIONS, door=InlineDoor(), clock=SystemClock())
    await bus.publish([Outgoing(topic, b"p1", encode(record)) for topic, record in records])
    return bus


def fresh() -> Database:
    """An empty database in memory."""
    database = Database("sqlite://")
    lay_schema(database)
    return database


async def rebuild(bus: LocalBus, database: Database) -> Rebuilt:
    """One rebuild."""
    return await Rebuilder(
        bus=bus,
        database=database,
        door=InlineDoor(),
        clock=SystemClock(),
        telemetry=Telemetry(),
        settings=RecorderSettings(records_per_poll=7, rows_per_commit=5),
    ).run()


def a_day() -> list[tuple[str, msgspec.Struct]]:
    """A little of everything."""
    records: list[tuple[str, msgspec.Struct]] = [("readings", Tick(at_ms=at_ms(0)))]
    for second in range(40):
        records += [("readings", reading(at_s=second)), ("assessments", assessment(at_s=second))]
    records += [("rejected", rejection(f"r{number}")) for number in range(3)]
    records += [("labels", label(f"l{number}")) for number in range(2)]
    records += [("outcomes", outcome())]
    return [*records, *(("alerts", told) for told in (RAISED, ESCALATED, ACKNOWLEDGED, RESOLVED))]


@pytest.mark.asyncio
async def test_an_empty_database_gets_everything_back_and_the_recorder_goes_on_at_the_end() -> None:
    bus, database = await bus_with(a_day()), fresh()
    rebuilt = await rebuild(bus, database)
    stored = {"readings": 40, "assessments": 40, "rejections": 3, "labels": 2, "outcome_entries": 1}
    assert rebuilt.rows_stored == stored
    assert rebuilt.whole
    assert rebuilt.transitions == 4
    assert rebuilt.log_begins_at_ms == at_ms(0)
    with database.snapshot() as conn:
        (episode,) = episodes.list_episodes(conn, limit=10)
        assert episode.last_transition is TransitionKind.RESOLVED
        assert len(episodes.transitions_of(conn, "e1")) == 4
        ends = await bus.ends(["readings", "assessments", "rejected", "labels", "outcomes"])
        assert positions_of(conn, GROUP) == ends
        assert last_done(conn)[Deed.REBUILD].detail["transitions"] == 4
    await bus.close()


@pytest.mark.asyncio
async def test_rebuilding_again_changes_nothing() -> None:
    bus, database = await bus_with(a_day()), fresh()
    await rebuild(bus, database)
    before = every_row(database)
    again = await rebuild(bus, database)
    after = every_row(database)
    assert set(again.rows_stored.values()) == {0}
    assert again.rows_present["readings"] == 40
    for moving in ("claims", "operations"):
        assert len(before.pop(moving)) == len(after.pop(moving))
    assert after == before
    await bus.close()


@pytest.mark.asyncio
async def test_what_the_log_no_longer_holds_is_kept_and_said(tmp_path: Path) -> None:
    log = LocalLog(tmp_path / "log.db", partition_count=PARTITIONS)
    log.append([Outgoing("readings", b"p1", encode(reading(at_s=second))) for second in range(10)], at_ms=1)
    log.append([Outgoing("readings", b"p1", encode(reading(at_s=second))) for second in range(10, 30)], at_ms=9)
    log.trim(before_ms=5, now_ms=9, records_max=100)
    log.close()
    bus, database = await bus_with([], path=tmp_path / "log.db"), fresh()
    rebuilt = await rebuild(bus, database)
    assert not rebuilt.whole
    assert rebuilt.topics["readings"].beyond_reach == 10
    assert rebuilt.rows_stored["readings"] == 20
    assert rebuilt.log_begins_at_ms == reading(at_s=10).received_at_ms
    await bus.close()


@pytest.mark.asyncio
async def test_an_episode_that_was_ended_after_a_newer_one_opened_is_rebuilt_all_the_same() -> None:
    newer = step(episode="e2", at_s=50)
    end = msgspec.structs.replace(RESOLVED, at_ms=at_ms(51))
    filler = [step(episode=f"f{number}", patient=f"q{number}", at_s=number) for number in range(20)]
    bus = await bus_with([("alerts", told) for told in (RAISED, newer, *filler, end)])
    database = fresh()
    rebuilt = await rebuild(bus, database)
    assert rebuilt.skipped == 0
    with database.snapshot() as conn:
        assert episodes.get(conn, "e1").resolved_at_ms == at_ms(51)
        assert episodes.get(conn, "e2").resolved_at_ms is None
    await bus.close()


@pytest.mark.asyncio
async def test_records_of_strangers_are_passed_over() -> None:
    bus = await bus_with(a_day())
    await bus.publish([Outgoing(topic, b"p1", b"{nonsense") for topic in ("readings", "alerts", "assessments")])
    rebuilt = await rebuild(bus, fresh())
    assert rebuilt.skipped == 3
    await bus.close()
