"""The status: what moves, what stands still, what was last done; from SQL and the log alone."""

import asyncio
from collections import Counter

import httpx
import pytest

from dashboard.app import create_app
from dashboard.flow import FlowWatch, Look, rates_between
from dashboard.status_routes import heartbeat_fault
from runtime.blocking import InlineDoor
from runtime.bus import Outgoing, TopicPartition
from runtime.clock import SystemClock
from runtime.keyring import new_keyring
from runtime.keys_file import KeysInMemory
from runtime.local_bus import LocalBus
from storage.claims import claim, remember_positions
from storage.facts import Facts
from storage.migrate import head
from storage.operations import Deed, Done, put_down
from storage.session import Database
from storage.stages import STAGES, TOPICS
from tests.support.fresh_database import lay_schema
from tests.support.ward_scene import WardScene
from vitals.codec import encode
from vitals.reading import Tick

READINGS_0 = TopicPartition("readings", 0)


async def scene() -> WardScene:
    """An empty ward, its log with one tick in every partition."""
    database = Database("sqlite://")
    lay_schema(database)
    clock, door = SystemClock(), InlineDoor()
    bus = await LocalBus.open(None, partitions=2, door=door, clock=clock)
    await bus.publish([Outgoing("readings", b"%d" % number, encode(Tick(7))) for number in range(20)])
    return WardScene(database=database, bus=bus, clock=clock, door=door)


async def remember_ends(ward: WardScene) -> None:
    """Everybody has handled everything."""
    ends = await ward.bus.ends(TOPICS)
    with ward.database.transaction() as conn:
        for group, topics in STAGES.items():
            epochs = claim(conn, group, {0, 1}).epochs
            positions = {at: end for at, end in ends.items() if at.topic in topics}
            remember_positions(conn, group, epochs, positions)


async def asked(ward: WardScene) -> dict[str, object]:
    """GET /api/v1/status."""
    app = create_app(ward.context())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        answer = await client.get("/api/v1/status")
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()
    return found


@pytest.mark.asyncio
async def test_a_system_in_which_nobody_works_is_not_whole_and_says_who() -> None:
    ward = await scene()
    found = await asked(ward)
    assert found["whole"] is False
    assert isinstance(found["faults"], dict)
    assert found["faults"].keys() >= {"recorder", "stream", "alerts", "heartbeat", "dashboard"}
    await ward.bus.close()


@pytest.mark.asyncio
async def test_lag_claims_versions_and_deeds_are_told_from_sql_and_the_log() -> None:
    ward = await scene()
    await remember_ends(ward)
    with ward.database.transaction() as conn:
        put_down(conn, Deed.BACKUP, at_ms=5, detail={"file": "b"})
        put_down(conn, Deed.HEARTBEAT, at_ms=ward.clock.now_ms(), detail={"every_s": 5})
    await ward.bus.publish([Outgoing("readings", b"x", encode(Tick(8)))] * 3)
    found = await asked(ward)
    stages = {stage["name"]: stage for stage in found["stages"]}  # type: ignore[attr-defined]
    assert stages["stream"]["behind_records"] == 3
    assert stages["stream"]["claims"] == {"0": 1, "1": 1}
    assert sum(place["behind_records"] for place in stages["recorder"]["partitions"]) == 3
    assert found["deeds"]["backup"] == {"at_ms": 5, "detail": {"file": "b"}}  # type: ignore[index]
    assert found["database"]["schema_revision"] == found["versions"]["schema_expected"] == head()  # type: ignore[index]
    assert found["database"]["size_bytes"] > 10_000  # type: ignore[index]
    assert {topic["topic"]: topic["records"] for topic in found["log"]["topics"]}["readings"] == 23  # type: ignore[index]
    assert found["ledger"] == {"balanced": True, "imbalances": {}}
    assert found["escalation"] == {"anybody_reachable": False, "told_nobody_24h": 0}
    assert "heartbeat" not in found["faults"]  # type: ignore[operator]
    await ward.bus.close()


@pytest.mark.asyncio
async def test_the_watch_looks_by_itself_and_finds_the_logs_beginning() -> None:
    ward = await scene()
    watch = FlowWatch(bus=ward.bus, database=ward.database, door=ward.door, clock=ward.clock, seen=Counter())
    stopping = asyncio.Event()
    watching = asyncio.create_task(watch.run(stopping))
    async with asyncio.timeout(10):
        while (await watch.now()).log_begins_at_ms is None:
            await ward.clock.sleep(0.01)
    assert (await watch.now()).log_begins_at_ms == 7
    stopping.set()
    await watching
    await ward.bus.close()


def test_rates_are_differences_over_the_window() -> None:
    def look(at_s: float, readings: int, ticks: int, recorded: int, assessed: int) -> Look:
        ends = {READINGS_0: readings + ticks, TopicPartition("assessments", 0): assessed}
        facts = Facts("sqlite", 0, "1", {}, {"recorder": {READINGS_0: recorded}}, {}, {}, {})
        return Look(at_s, Counter(readings=readings), {}, ends, facts)

    rates = rates_between(look(0, 100, 10, 110, 90), look(60, 700, 70, 770, 390))
    assert rates is not None
    assert rates.accepted_per_s == 10
    assert rates.assessed_per_s == 5
    assert rates.stored_per_s == pytest.approx(10)
    assert rates_between(look(5, 1, 1, 1, 1), look(5, 1, 1, 1, 1)) is None


def test_a_heartbeat_is_missed_after_several_of_its_intervals() -> None:
    beat = {Deed.HEARTBEAT: Done(100_000, {"every_s": 5})}
    assert heartbeat_fault(beat, now_ms=119_000, speed=1) is None
    assert heartbeat_fault(beat, now_ms=121_000, speed=1) == "The last heartbeat is 21 s old."
    assert heartbeat_fault(beat, now_ms=500_000, speed=60) is None
    assert "No heartbeat was ever made" in str(heartbeat_fault({}, now_ms=1, speed=1))


@pytest.mark.asyncio
async def test_names_that_cannot_be_opened_are_a_fault_and_nothing_else_stops() -> None:
    ward = await scene()
    ward.admit("1", "Ada")
    faults = (await asked(ward))["faults"]
    assert isinstance(faults, dict)
    assert "keys" not in faults
    kept = ward.database.keys
    assert isinstance(kept, KeysInMemory)
    kept.change(lambda _: new_keyring(now_ms=1))
    found = await asked(ward)
    assert isinstance(found["faults"], dict)
    assert "1 names or destinations are sealed with key" in found["faults"]["keys"]
    assert {"feed", "stages", "database"} <= found.keys()
    await ward.bus.close()
