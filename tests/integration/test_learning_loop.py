"""The learning loop on a real Kafka and a real PostgreSQL: from scored readings and a charted outcome to scorers that switch."""

import asyncio
import contextlib
import dataclasses
import uuid
from collections.abc import AsyncIterator
from typing import cast

import httpx
import pytest

from dashboard.app import create_app
from runtime.blocking import ThreadDoor
from runtime.bus import Incoming
from runtime.clock import LoopClock, SystemClock
from runtime.kafka_bus import KafkaBus, KafkaLimits
from runtime.keys_file import KeysInMemory
from runtime.local_bus import LocalBus
from runtime.settings import LogSettings
from runtime.telemetry import Telemetry
from runtime.worker import Worker
from storage import models, outcomes, scorers, tables
from storage.migrate import upgrade_database
from storage.session import Connection, Database
from stream.candidates import CANDIDATES
from stream.trainer_service import build_trainer
from stream.trainer_settings import TrainerSettings
from stream.worker import GROUP
from tests.support.kafka_server import KafkaServer
from tests.support.scene_looks import LOOK_EVERY_S, WAIT_S_MAX, awaited, everything
from tests.support.ward_scene import WardScene
from tests.support.working_ward import working
from vitals import codec
from vitals.assessment import Assessment
from vitals.model_version import ModelStanding, ModelSwitch
from vitals.reading import DeviceId, PatientId, Reading
from vitals.sex import Sex
from vitals.sign import Sign
from vitals.topics import LogTopic
from vitals.training import Lesson

pytestmark = [pytest.mark.integration, pytest.mark.asyncio, pytest.mark.timeout(480)]

PARTITIONS = 3
HOUR_MS = 3_600_000
OUTCOME_H, LAST_H = 3, 60
"""When one of the patients went to intensive care, and the last hour that an example is from."""
POSITIVE = 2 * OUTCOME_H
"""An example each half hour."""
LESSONS = 6 * (2 * (LAST_H - 24) + 1) - 2 * 24
"""What is a day old then, of six patients; of one nothing for a day after the outcome. More than a block of the champion."""
TRAINER = TrainerSettings(
    lessons_min=1,
    version_gap_s=0,
    remember_every_s=0.2,
    announce_every_s=0.2,
    settle_slack_s=0,
    poll_timeout_s=0.1,
)


@contextlib.asynccontextmanager
async def scene_over(kafka: KafkaServer, url: str) -> AsyncIterator[WardScene]:
    """A ward whose log is Kafka and whose database is PostgreSQL."""
    clock, telemetry = SystemClock(), Telemetry()
    door = ThreadDoor(name="learning", threads_max=4)
    database = Database(url, keys=KeysInMemory())
    upgrade_database(database)
    settings = LogSettings(
        kind="kafka", bootstrap=kafka.bootstrap, topic_prefix=f"{uuid.uuid4().hex[:8]}-", partitions=PARTITIONS
    )
    bus = await KafkaBus.start(settings, clock=clock, telemetry=telemetry, limits=KafkaLimits(session_s=6.0))
    try:
        yield WardScene(database=database, bus=cast("LocalBus", bus), clock=clock, door=door, telemetry=telemetry)
    finally:
        await bus.close()
        database.close()
        door.close()


@contextlib.asynccontextmanager
async def trainers(scene: WardScene, count: int) -> AsyncIterator[list[Worker]]:
    """So many trainers in one group, until the block ends."""
    workers = [
        build_trainer(
            bus=scene.bus,
            database=scene.database,
            door=scene.door,
            clock=scene.clock,
            telemetry=scene.telemetry,
            settings=TRAINER,
            candidates=CANDIDATES,
        )
        for _ in range(count)
    ]
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    try:
        yield workers
    finally:
        for worker in workers:
            worker.stop()
        await asyncio.gather(*tasks)


def course(patient_id: PatientId, *, from_ms: int, minutes: range, heart_rate: float) -> list[Reading]:
    """One reading at each of these minutes, of a woman of 71."""
    return [
        Reading(
            reading_id=f"watch-{patient_id}/b1/{(from_ms + at) // 1000}",
            patient_id=patient_id,
            device_id=DeviceId(f"watch-{patient_id}"),
            measured_at_ms=from_ms + at,
            received_at_ms=from_ms + at + 50,
            signs={Sign.HEART_RATE: heart_rate + at / HOUR_MS % 5, Sign.SPO2: 96.0, Sign.RESPIRATORY_RATE: 16.0},
            boot="b1",
            sequence=(from_ms + at) // 1000,
            age_years=71,
            sex=Sex.FEMALE,
        )
        for at in (60_000 * minute for minute in minutes)
    ]


async def test_an_outcome_charted_by_a_nurse_becomes_the_version_that_scores_and_a_replay_scores_alike(
    kafka: KafkaServer, postgres_url: str
) -> None:
    async with scene_over(kafka, postgres_url) as scene:
        people = [scene.admit(str(number), f"Patient {number}") for number in range(6)]
        from_ms = scene.clock.now_ms() - 72 * HOUR_MS
        before, between = (
            _courses(people, from_ms, range(*hours)) for hours in ((0, 601, 30), (630, 60 * LAST_H + 1, 30))
        )
        after = _courses(people, from_ms, range(60 * LAST_H + 5, 60 * LAST_H + 30, 5))
        count = len(before) + len(between) + len(after)
        async with working(scene), trainers(scene, 2):
            await scene.publish(*before)
            await awaited(scene, lambda conn: _assessed(conn) == len(before))
            await _chart(scene, people[0], happened_at_ms=from_ms + OUTCOME_H * HOUR_MS)
            await awaited(scene, lambda conn: outcomes.outcomes_of(conn, people[0]))
            await scene.publish(*between)
            await awaited(scene, _everywhere_in_force)
            await scene.publish(*after)
            await awaited(scene, lambda conn: _assessed(conn) == count)
        _check_lessons(await _lessons(scene), people[0])
        _check_switches(scene, await everything(scene, LogTopic.READINGS))
        live = await _said(scene)
        told = {one.reading_id: one.risk for one in live}
        assert None not in told.values(), "what was shipped tells a risk too"
        horizons = {one.reading_id: one.risk_horizon_s for one in live}
        assert {horizons[one.reading_id] for one in before} == {None}, "nobody has taught a horizon yet"
        assert {horizons[one.reading_id] for one in after} == {TRAINER.horizon_s}
        _forget_stream(scene)
        async with working(scene):
            await _replayed(scene, 2 * len(live))
        by_id = {one.reading_id: one for one in live}
        again = await _said(scene)
        assert len(again) == 2 * len(by_id)
        assert all(one == by_id[one.reading_id] for one in again)


def _courses(people: list[PatientId], from_ms: int, minutes: range) -> list[Reading]:
    """Of everybody, in order of time; the first has the fastest heart."""
    courses = [course(p, from_ms=from_ms, minutes=minutes, heart_rate=68 + 17 * (p == people[0])) for p in people]
    return [reading for at_once in zip(*courses, strict=True) for reading in at_once]


def _check_lessons(lessons: list[Lesson], patient_id: PatientId) -> None:
    """Each once, all at the same age, in the order in which they were measured; positive before the outcome."""
    assert len(lessons) == len({lesson.lesson_id for lesson in lessons}) == LESSONS
    positive = [lesson for lesson in lessons if lesson.label]
    assert len(positive) == POSITIVE
    assert {(lesson.example.patient_id, lesson.weight) for lesson in positive} == {(patient_id, 1.0)}
    assert {lesson.known_at_ms - lesson.example.measured_at_ms for lesson in lessons} == {24 * HOUR_MS}
    for someone in {lesson.example.patient_id for lesson in lessons}:
        measured = [each.example.measured_at_ms for each in lessons if each.example.patient_id == someone]
        assert measured == sorted(measured)


async def _chart(scene: WardScene, patient_id: PatientId, *, happened_at_ms: int) -> None:
    """A nurse charts it an hour later, and hears no answer the first time."""
    loop_ms = LoopClock(epoch_ms=0).now_ms()
    then = LoopClock(epoch_ms=happened_at_ms + HOUR_MS - loop_ms)
    transport = httpx.ASGITransport(create_app(dataclasses.replace(scene, clock=then).context()))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080/api/v1/") as client:
        body = {"kind": "intensive_care", "happened_at": happened_at_ms, "idempotency_key": "outcome-01"}
        for _ in range(2):
            answer = await client.post(f"patients/{patient_id}/outcomes", json=body)
            assert answer.status_code == 201, answer.text


def _assessed(conn: Connection) -> int:
    return len(conn.execute(tables.assessments.select()).all())


def _switches(conn: Connection) -> dict[int, list[scorers.Switched]]:
    return scorers.switches_of(conn, GROUP, range(PARTITIONS))


def _everywhere_in_force(conn: Connection) -> bool:
    """Whether every partition is scored by a version that has learned all lessons."""
    last = models.last_switch(conn)
    if last is None or models.get(conn, last.number).version.lessons < LESSONS:
        return False
    return all(noted and noted[-1].switch == last.switch for noted in _switches(conn).values())


def _check_switches(scene: WardScene, log: list[Incoming]) -> None:
    """Every partition switched to the same versions in the same order, at places where the log says so."""
    with scene.database.snapshot() as conn:
        noted, last = _switches(conn), models.last_switch(conn)
        assert last is not None
        scoring, made = models.get(conn, last.number), models.versions(conn)
    assert (scoring.standing, scoring.version.lessons) == (ModelStanding.CHAMPION, LESSONS)
    assert {each.version.candidate for each in made} == {candidate.name for candidate in CANDIDATES}
    orders = {tuple((each.switch, each.number) for each in switches) for switches in noted.values()}
    assert len(orders) == 1
    at = {(record.partition, record.offset): record for record in log}
    for partition, switches in noted.items():
        for each in switches:
            record = codec.decode_readings_record(at[partition, each.offset].value)
            assert isinstance(record, ModelSwitch)
            assert (record.switch, record.hash) == (each.switch, each.hash)


async def _lessons(scene: WardScene) -> list[Lesson]:
    decoded = [codec.decode_training_record(record.value) for record in await everything(scene, LogTopic.TRAINING)]
    return [each for each in decoded if isinstance(each, Lesson)]


async def _said(scene: WardScene) -> list[Assessment]:
    return [codec.decode(Assessment, record.value) for record in await everything(scene, LogTopic.ASSESSMENTS)]


async def _replayed(scene: WardScene, count: int) -> None:
    until_s = scene.clock.monotonic_s() + WAIT_S_MAX
    while sum((await scene.bus.ends([LogTopic.ASSESSMENTS])).values()) < count:
        assert scene.clock.monotonic_s() < until_s, "the replay did not come to its end"
        await scene.clock.sleep(LOOK_EVERY_S)


def _forget_stream(scene: WardScene) -> None:
    """Positions and states of the scorer are gone: it begins at the log's beginning, with what scored there."""
    with scene.database.transaction() as conn:
        for table in (tables.positions, tables.states):
            conn.execute(table.delete().where(table.c.consumer_group == GROUP))
