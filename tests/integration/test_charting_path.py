"""Charting through a real Kafka and a real PostgreSQL: API to log, to SQL, to a closed score and an alert; a replay says the same."""

import contextlib
import uuid
from collections.abc import AsyncIterator
from typing import Any, cast

import httpx
import pytest

from dashboard.app import create_app
from runtime.blocking import ThreadDoor
from runtime.clock import SystemClock
from runtime.kafka_bus import KafkaBus
from runtime.keys_file import KeysInMemory
from runtime.local_bus import LocalBus
from runtime.settings import LogSettings
from runtime.telemetry import Telemetry
from storage import assessments, charting, episodes, patients, readings, tables
from storage.migrate import upgrade_database
from storage.session import Database
from stream.worker import GROUP
from tests.support.kafka_server import KafkaServer
from tests.support.scene_looks import LOOK_EVERY_S, WAIT_S_MAX, awaited, everything
from tests.support.ward_scene import WARD, WardScene, course
from tests.support.working_ward import working
from vitals.alert import AlertKind, Priority, TransitionKind
from vitals.assessment import Assessment
from vitals.codec import decode
from vitals.sign import Sign
from vitals.topics import LogTopic

pytestmark = [pytest.mark.integration, pytest.mark.asyncio, pytest.mark.timeout(240)]


@contextlib.asynccontextmanager
async def scene_over(kafka: KafkaServer, url: str) -> AsyncIterator[WardScene]:
    """A ward whose log is Kafka and whose database is PostgreSQL."""
    clock, telemetry = SystemClock(), Telemetry()
    door = ThreadDoor(name="charting", threads_max=4)
    database = Database(url, keys=KeysInMemory())
    upgrade_database(database)
    settings = LogSettings(
        kind="kafka", bootstrap=kafka.bootstrap, topic_prefix=f"{uuid.uuid4().hex[:8]}-", partitions=3
    )
    bus = await KafkaBus.start(settings, clock=clock, telemetry=telemetry)
    try:
        yield WardScene(database=database, bus=cast("LocalBus", bus), clock=clock, door=door, telemetry=telemetry)
    finally:
        await bus.close()
        database.close()
        door.close()


@contextlib.asynccontextmanager
async def api(scene: WardScene) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(scene.context()))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080/api/v1/") as client:
        yield client


async def said(scene: WardScene) -> list[Assessment]:
    """Everything on topic `assessments`, in its order."""
    return [decode(Assessment, record.value) for record in await everything(scene, LogTopic.ASSESSMENTS)]


async def test_what_is_charted_closes_the_score_alarms_and_is_told_again_by_a_replay(
    kafka: KafkaServer, postgres_url: str
) -> None:
    async with scene_over(kafka, postgres_url) as scene:
        p1 = scene.admit("1", "Ada Lovelace")
        measured = course(p1, "watch-1", end_ms=scene.clock.now_ms(), seconds=300, seed=1)
        async with working(scene), api(scene) as client:
            await scene.publish(*measured)
            first = await awaited(scene, lambda conn: assessments.latest(conn, [p1]).get(p1))
            assert first.adult_news2.total is None
            body = {"signs": {"consciousness_acvpu": "A", "supplemental_oxygen": False}, "idempotency_key": "round-01"}
            entry = (await client.post(f"patients/{p1}/charting", json=body)).json()
            assert (await client.post(f"patients/{p1}/charting", json=body)).json()["entry_id"] == entry["entry_id"]
            closed = await awaited(scene, lambda conn: _standing(conn, p1, entry["reading_id"]))
            assert closed.adult_news2.total is not None
            wrong = (await client.post(f"patients/{p1}/charting", json={"signs": {"consciousness_acvpu": "U"}})).json()
            raised = await awaited(scene, lambda conn: episodes.open_episodes(conn, WARD))
            assert (AlertKind.CONSCIOUSNESS, Priority.HIGH) in {(one.kind, one.priority) for one in raised}
            await awaited(scene, lambda conn: charting.entry(conn, wrong["reading_id"]))
            order = await client.post(
                f"patients/{p1}/charting/{wrong['entry_id']}/withdraw", json={"reason": "wrong patient"}
            )
            assert order.status_code == 200, order.text
            again = await awaited(scene, lambda conn: _standing(conn, p1, f"withdrawn/{p1}/"))
            assert (again.adult_news2.total, again.forgotten) == (closed.adult_news2.total, (Sign.CONSCIOUSNESS,))
            await awaited(scene, lambda conn: not episodes.open_episodes(conn, WARD))
            scale = {"spo2_scale": 2, "prescribed_by": "Dr Bell"}
            await client.post(f"patients/{p1}/spo2-scale", json=scale)
            await awaited(scene, lambda conn: patients.get(conn, p1).spo2_scale == 2)
        _check_sql(scene, p1, wrong["reading_id"])
        live = await said(scene)
        _forget_stream(scene)
        async with working(scene):
            await _replayed(scene, len(live))
        replayed = (await said(scene))[len(live) :]
        by_id = {assessment.reading_id: assessment for assessment in live}
        assert {assessment.reading_id: assessment for assessment in replayed} == by_id
        assert len(by_id) == len(measured) + 4


def _standing(conn: Any, patient_id: Any, name: str) -> Assessment | None:
    latest = assessments.latest(conn, [patient_id]).get(patient_id)
    return latest if latest is not None and latest.reading_id.startswith(name) else None


def _check_sql(scene: WardScene, patient_id: Any, withdrawn_id: str) -> None:
    with scene.database.snapshot() as conn:
        newest_first = charting.entries(conn, patient_id, limit=9)
        assert [entry.withdrawn is not None for entry in newest_first] == [False, True, False]
        taken_back = charting.entry(conn, withdrawn_id)
        assert taken_back is not None
        assert taken_back.withdrawn is not None
        assert taken_back.withdrawn.reason == "wrong patient"
        signs = readings.latest_signs(conn, [patient_id], since_ms=0)[patient_id]
        assert signs[Sign.CONSCIOUSNESS].value == 0
        steps = {
            step.transition
            for episode in episodes.list_episodes(conn, limit=9)
            if episode.kind is AlertKind.CONSCIOUSNESS
            for step in episodes.transitions_of(conn, episode.episode_id)
        }
        assert steps == {TransitionKind.RAISED, TransitionKind.RETRACTED}


def _forget_stream(scene: WardScene) -> None:
    """As if stream had never run here: no position, no snapshot."""
    with scene.database.transaction() as conn:
        for table in (tables.positions, tables.states):
            conn.execute(table.delete().where(table.c.consumer_group == GROUP))


async def _replayed(scene: WardScene, count: int) -> None:
    until_s = scene.clock.monotonic_s() + WAIT_S_MAX
    while sum((await scene.bus.ends([LogTopic.ASSESSMENTS])).values()) < 2 * count:
        assert scene.clock.monotonic_s() < until_s, "the replay never ended"
        await scene.clock.sleep(LOOK_EVERY_S)
