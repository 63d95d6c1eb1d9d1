"""The alert service from log to log, SQL and MQTT, in virtual time."""

import asyncio
from collections.abc import Callable

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from alerts.settings import AlertsSettings
from runtime.blocking import InlineDoor, Parameters, ResultT
from runtime.bus import Outgoing
from runtime.virtual_loop import run_virtual
from storage import episodes
from storage.patients import discharge, transfer
from tests.support.alert_timetable import PATIENT, assessment, ms, news2
from tests.support.alert_ward import AlertWard, at_work
from tests.support.examples import THOROUGH
from vitals.alert import Action, AlertKind, Reason, TransitionKind
from vitals.errors import Unavailable
from vitals.reading import PatientId, WardId

SPO2_TOPIC = "wardlight/v1/alerts/ward-a/patient-1/spo2-low"
OTHER = PatientId("patient-2")


async def breached(ward: AlertWard) -> str:
    """Let SpO2 sink until SQL has the alert; its episode id."""
    await ward.measure(41, spo2=84)
    await ward.until(lambda: len(ward.open_episodes()) == 1, within_s=1.0)
    return ward.open_episodes()[0].episode_id


def test_a_breach_is_in_sql_and_on_mqtt_within_a_second_and_gone_from_mqtt_when_it_ends() -> None:
    async def scene() -> None:
        ward = await at_work()
        episode_id = await breached(ward)
        await ward.until(lambda: SPO2_TOPIC in ward.broker.retained, within_s=1.0)
        standing = ward.retained()[SPO2_TOPIC]
        assert (standing.episode_id, standing.active, standing.text) == (
            episode_id,
            True,
            "SpO2 84 % for 40 s, limit 88 %",
        )
        await ward.command(Action.ACKNOWLEDGE, episode_id)
        await ward.until(lambda: ward.open_episodes()[0].acknowledged, within_s=1.0)
        await ward.until(lambda: ward.retained()[SPO2_TOPIC].acknowledged, within_s=1.0)
        await ward.measure(62, spo2=96)
        await ward.until(lambda: not ward.open_episodes(), within_s=1.0)
        await ward.until(lambda: not ward.broker.retained, within_s=1.0)
        told = [transition.transition for transition in await ward.told()]
        assert told == [TransitionKind.RAISED, TransitionKind.ACKNOWLEDGED, TransitionKind.RESOLVED]
        await ward.stop()

    run_virtual(scene())


def test_silence_is_told_by_the_services_own_ticks() -> None:
    async def scene() -> None:
        ward = await at_work()
        await ward.measure(60, heart_rate=80)
        assert not ward.open_episodes()
        await ward.until(lambda: len(ward.open_episodes()) == 1, within_s=125)
        assert ward.open_episodes()[0].kind is AlertKind.LOST_CONTACT
        await ward.stop()

    run_virtual(scene())


def test_assessments_page_too() -> None:
    async def scene() -> None:
        ward = await at_work()
        summary = news2(respiratory_rate=26, spo2=91, heart_rate=115)
        for second in range(62):
            await ward.publish(assessment(second, summary))
        await ward.until(lambda: len(ward.open_episodes()) == 1)
        assert ward.open_episodes()[0].kind is AlertKind.NEWS2_EMERGENCY
        await ward.stop()

    run_virtual(scene())


def test_kills_change_nothing_that_was_told() -> None:
    async def scene(kill_every_s: float | None) -> list[tuple[str, str, int]]:
        ward = AlertWard()
        await ward.open(PATIENT, OTHER)
        ward.start()

        async def course() -> None:
            for spo2, seconds in ((84, 45), (75, 20), (96, 65), (55, 5), (97, 65)):
                await ward.measure(seconds, spo2=spo2)

        async def other() -> None:
            for heart_rate, seconds in ((190, 20), (80, 65), (28, 20), (80, 65)):
                await ward.measure(seconds, patient=OTHER, heart_rate=heart_rate)

        courses = asyncio.gather(course(), other())
        while kill_every_s is not None and not courses.done():
            await ward.clock.sleep(kill_every_s)
            await ward.kill()
            await ward.clock.sleep(2)
            ward.start()
        await courses
        await ward.clock.sleep(5)
        told = await ward.told()
        assert not ward.open_episodes()
        assert not ward.broker.retained
        assert {episode.episode_id for episode in ward.all_episodes()} == {told_.episode_id for told_ in told}
        await ward.stop()
        return sorted((transition.transition_id, transition.text, transition.at_ms) for transition in told)

    undisturbed = run_virtual(scene(None))
    assert len(undisturbed) == 9
    for kill_every_s in (13.37, 29.05) if THOROUGH else (13.37,):
        assert run_virtual(scene(kill_every_s)) == undisturbed


def test_a_discharge_in_the_registry_ends_what_is_open() -> None:
    async def scene() -> None:
        ward = await at_work()
        await breached(ward)
        with ward.database.transaction() as conn:
            discharge(conn, PATIENT, ward.clock.now_ms())
        await ward.until(lambda: not ward.open_episodes(), within_s=8)
        assert ward.all_episodes()[0].last_reason is Reason.PATIENT_LEFT
        await ward.clock.sleep(300)
        assert len(ward.all_episodes()) == 1, "who has left cannot lose contact"
        await ward.stop()

    run_virtual(scene())


def test_a_state_that_cannot_be_trusted_costs_no_open_episode() -> None:
    async def scene() -> None:
        ward = await at_work()
        episode_id = await breached(ward)
        await ward.stop()
        with ward.database.transaction() as conn:
            conn.execute(text("UPDATE states SET pipeline_hash = 'alerts-0'"))
        ward.start()
        await ward.measure(62, spo2=96)
        await ward.until(lambda: not ward.open_episodes())
        assert [episode.episode_id for episode in ward.all_episodes()] == [episode_id]
        assert ward.telemetry.value("wardlight_alerts_states_refused_total") == 1
        await ward.stop()

    run_virtual(scene())


def test_an_open_episode_whose_state_is_lost_goes_on_and_ends_when_the_patient_is_better() -> None:
    async def scene() -> None:
        ward = await at_work()
        standing = await breached(ward)
        await ward.stop()
        with ward.database.transaction() as conn:
            conn.execute(text("DELETE FROM states"))
        ward.start()
        await ward.measure(41, spo2=84)
        assert [episode.episode_id for episode in ward.open_episodes()] == [standing]
        assert ward.retained()[SPO2_TOPIC].episode_id == standing
        await ward.measure(62, spo2=96)
        await ward.until(lambda: not ward.open_episodes())
        await ward.stop()

    run_virtual(scene())


def test_an_episode_that_the_engine_does_not_know_is_taken_over_instead_of_standing_in_the_way() -> None:
    async def scene() -> None:
        ward = await at_work()
        await breached(ward)
        (raised,) = await ward.told()
        await ward.measure(62, spo2=96)
        await ward.until(lambda: not ward.open_episodes())
        stranger = replace(raised, episode_id="e-stranger", transition_id="t-stranger")
        with ward.database.transaction() as conn:
            episodes.store(conn, [stranger])
        await ward.measure(41, spo2=84)
        assert [episode.episode_id for episode in ward.open_episodes()] == ["e-stranger"]
        await ward.measure(62, spo2=96)
        await ward.until(lambda: not ward.open_episodes())
        await ward.stop()

    run_virtual(scene())


def test_while_the_broker_is_down_nothing_is_lost_and_order_is_kept() -> None:
    async def scene() -> None:
        ward = await at_work()
        await ward.clock.sleep(1)
        ward.broker.crash()
        await breached(ward)
        await ward.measure(62, spo2=96)
        await ward.measure(41, spo2=84)
        heard: list[tuple[str, bytes]] = []
        listener = ward.broker.session("nurse")
        ward.broker.restart()
        await listener.open()
        await listener.subscribe(["wardlight/v1/alerts/#"])
        while len(heard) < 5:
            heard += [(message.topic, message.payload) for message in await listener.take(100)]
        told = [b"raised" if b'"raised"' in payload else payload[:1] for _, payload in heard[-4:]]
        assert told == [b"raised", b"{", b"", b"raised"]
        await listener.close()
        await ward.stop()

    run_virtual(scene())


def test_a_broker_that_forgot_is_told_again_of_what_is_open() -> None:
    async def scene() -> None:
        ward = await at_work()
        await breached(ward)
        await ward.until(lambda: SPO2_TOPIC in ward.broker.retained)
        ward.broker.crash()
        ward.broker.retained.clear()
        ward.broker.restart()
        await ward.until(lambda: SPO2_TOPIC in ward.broker.retained)
        assert ward.retained()[SPO2_TOPIC].active
        await ward.stop()

    run_virtual(scene())


def test_an_alert_that_a_crashed_broker_still_shows_is_cleared_when_it_has_ended() -> None:
    async def scene() -> None:
        ward = await at_work()
        await breached(ward)
        await ward.until(lambda: SPO2_TOPIC in ward.broker.retained)
        saved = dict(ward.broker.retained)
        await ward.measure(62, spo2=96)
        await ward.until(lambda: not ward.broker.retained)
        await ward.stop()
        ward.broker.retained.update(saved)
        ward.start()
        await ward.until(lambda: not ward.broker.retained)
        await ward.stop()

    run_virtual(scene())


def test_a_record_that_is_none_of_ours_is_passed_over() -> None:
    async def scene() -> None:
        ward = await at_work()
        for topic in ("readings", "assessments", "commands", "alerts"):
            await ward.bus.publish([Outgoing(topic, PATIENT.encode(), b"{nonsense")])
        await breached(ward)
        for topic in ("readings", "assessments", "commands", "alerts"):
            assert ward.telemetry.value("wardlight_alerts_malformed_records_total", topic=topic) == 1
        await ward.stop()

    run_virtual(scene())


class _DatabaseDoor(InlineDoor):
    """A door to a database that can stop answering."""

    is_down = False

    async def run(
        self, call: Callable[Parameters, ResultT], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> ResultT:
        if self.is_down:
            raise Unavailable("The database does not answer.")
        return await super().run(call, *args, **kwargs)


def test_while_the_database_is_down_nothing_alarms_and_readiness_says_so_and_afterwards_nothing_is_missing() -> None:
    async def scene() -> None:
        ward = AlertWard()
        await ward.open()
        ward.door = door = _DatabaseDoor()
        ward.start()
        await ward.measure(5, spo2=96)
        assert ward.telemetry.is_ready
        door.is_down = True
        await ward.measure(90, spo2=84)
        assert not await ward.told()
        assert "nothing alarms" in str(ward.telemetry.readiness["alerts"])
        door.is_down = False
        await ward.until(lambda: len(ward.open_episodes()) == 1, within_s=10)
        assert ward.open_episodes()[0].raised_at_ms == ms(45)
        await ward.until(lambda: SPO2_TOPIC in ward.broker.retained, within_s=10)
        assert ward.telemetry.is_ready
        await ward.stop()

    run_virtual(scene())


@pytest.mark.parametrize("remember_every_s", [20.0, 60.0], ids=["state remembered", "nothing remembered"])
def test_an_alert_whose_patient_is_moved_while_the_engine_is_dead_is_told_on_the_old_ward_and_then_moves(
    remember_every_s: float,
) -> None:
    async def scene() -> None:
        ward = await at_work(AlertWard(AlertsSettings(remember_every_s=remember_every_s)))
        episode_id = await breached(ward)
        await ward.kill()
        with ward.database.transaction() as conn:
            transfer(conn, PATIENT, WardId("ward-b"), None, ward.clock.now_ms(), by="nurse")
        ward.start()
        await ward.until(lambda: [each.ward_id for each in ward.open_episodes()] == ["ward-b"])
        await ward.until(lambda: set(ward.retained()) == {SPO2_TOPIC.replace("ward-a", "ward-b")})
        told = await ward.told()
        assert [(step.transition, step.ward_id, step.episode_id) for step in told] == [
            (TransitionKind.RAISED, "ward-a", episode_id),
            (TransitionKind.MOVED, "ward-b", episode_id),
        ]
        await ward.stop()

    run_virtual(scene())
