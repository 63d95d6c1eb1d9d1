"""The ward as SQL has it: what changed is never passed over, and nothing is older or younger than it was."""

import asyncio

import pytest

from dashboard.sql_source import SqlSource
from dashboard.ward import seen_at_ms
from dashboard.ward_limits import WardLimits
from runtime.blocking import InlineDoor
from runtime.bus import TopicPartition
from runtime.clock import SystemClock
from storage import claims, patients
from storage.session import Connection
from tests.support.builders import assessment, at_ms, reading
from tests.support.ward_scene import WardScene, assessed, transition, ward_scene
from vitals.alert import AlertKind, Priority, TransitionKind
from vitals.errors import Unavailable
from vitals.reading import PatientId
from vitals.sign import Sign
from vitals.topics import LogTopic

pytestmark = pytest.mark.asyncio


def source_of(scene: WardScene) -> SqlSource:
    return SqlSource(database=scene.database, door=InlineDoor(), clock=SystemClock(), limits=WardLimits())


async def test_a_change_of_the_register_that_could_not_be_read_is_read_the_next_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with ward_scene() as scene:
        scene.admit("1", "Ada")
        source = source_of(scene)
        await source.snapshot()
        scene.admit("2", "Grace")

        def away(_: Connection) -> list[object]:
            raise Unavailable("The connection broke.")

        with monkeypatch.context() as broken:
            broken.setattr(patients, "list_patients", away)
            with pytest.raises(Unavailable):
                await source.beds(again=False)

        beds = await source.beds(again=False)
        assert beds is not None
        assert [bed.name for bed in beds] == ["Ada", "Grace"]


async def test_each_sign_was_seen_when_its_own_reading_says_whatever_clock_the_newest_has() -> None:
    async with ward_scene() as scene:
        patient_id = scene.admit("1", "Ada")
        right = reading(at_s=100, patient=patient_id, device="watch-1", delay_s=2, spo2_percent=95)
        ahead = reading(at_s=140, patient=patient_id, device="cuff", delay_s=-30, systolic_mmhg=120)
        scene.store([right, ahead])

        (seed,) = (await source_of(scene).snapshot()).seeds

        assert seed.signs[Sign.SPO2].seen_at_ms == at_ms(100)
        assert seed.signs[Sign.SYSTOLIC].seen_at_ms == at_ms(110)
        for sign, of in ((Sign.SPO2, right), (Sign.SYSTOLIC, ahead)):
            assert seed.signs[sign].seen_at_ms == seen_at_ms(of)


def seeded(scene: WardScene) -> PatientId:
    patient_id = scene.admit("1", "Ada")
    records = [reading(at_s=second, patient=patient_id, device="watch-1") for second in range(0, 600, 10)]
    scene.store(records, [assessed(records[-1])])
    scene.store_steps(
        transition(
            patient_id,
            AlertKind.SPO2_LOW,
            TransitionKind.RAISED,
            priority=Priority.HIGH,
            text="low",
            at_ms=at_ms(500),
            raised_at_ms=at_ms(500),
        )
    )
    with scene.database.transaction() as conn:
        epochs = claims.claim(conn, "recorder", range(3)).epochs
        stand = {TopicPartition(LogTopic.READINGS, 1): 0, TopicPartition(LogTopic.COMMANDS, 1): 0}
        claims.remember_positions(conn, "recorder", epochs, stand)
    return patient_id


async def test_the_snapshot_from_sql_holds_values_trend_cadence_alerts_and_positions() -> None:
    async with ward_scene() as scene:
        patient_id = seeded(scene)
        source = scene.context().feed._source
        snapshot = await source.snapshot()
        (seed,) = snapshot.seeds
        assert (seed.bed.patient_id, seed.bed.name) == (patient_id, "Ada")
        assert seed.signs[Sign.HEART_RATE].measured_at_ms == at_ms(590)
        assert list(seed.signs[Sign.HEART_RATE].intervals_ms) == [10_000] * 5
        assert len(seed.trend[Sign.SPO2]) == 60
        assert seed.assessment is not None
        assert [episode.text for episode in seed.episodes] == ["low"]
        assert snapshot.positions == {TopicPartition(LogTopic.READINGS, 1): 0}
        assert await source.beds(again=False) is None
        assert await source.beds(again=True) == [seed.bed]
        scene.admit("2", "Grace")
        changed = await source.beds(again=False)
        assert changed is not None
        assert [bed.name for bed in changed] == ["Ada", "Grace"]


async def test_steps_in_sql_and_again_on_the_log_are_one_episode() -> None:
    async with ward_scene() as scene:
        patient_id = seeded(scene)
        raised = transition(
            patient_id, AlertKind.SPO2_LOW, TransitionKind.RAISED, priority=Priority.HIGH, text="low",
            at_ms=at_ms(500), raised_at_ms=at_ms(500),
        )  # fmt: skip
        await scene.publish(raised, assessment(at_s=700, patient=patient_id))
        feed = scene.context().feed
        stopping = asyncio.Event()
        task = asyncio.create_task(feed.run(stopping))
        while not feed.is_live:
            await scene.clock.sleep(0.01)
        stopping.set()
        await task
        patient = feed.ward.patients[patient_id]
        assert len(patient.episodes.standing()) == 1
        assert patient.assessment is not None
        assert patient.assessment.measured_at_ms == at_ms(700)
