"""The life of an alert through log, SQL and MQTT, in virtual time."""

from sqlalchemy import text

from alerts.life import LifeRule, PriorityLife
from alerts.rules import AlertRules
from runtime.virtual_loop import run_virtual
from tests.support.alert_ward import AlertWard, at_work
from tests.support.timed_policy import TimedPolicy, silence
from vitals.alert import Action, AlertKind, Reason, TransitionKind

SPO2_TOPIC = "wardlight/v1/alerts/ward-a/patient-1/spo2-low"
LATCHED, RESOLVED = TransitionKind.LATCHED, TransitionKind.RESOLVED


async def opened(policy: TimedPolicy | None = None) -> AlertWard:
    """A ward by the default rules, latches and all."""
    return await at_work(AlertWard(policy=policy or TimedPolicy(AlertRules())))


async def lose_states(ward: AlertWard) -> None:
    """A restart that may not read what it remembered."""
    await ward.stop()
    with ward.database.transaction() as conn:
        conn.execute(text("UPDATE states SET pipeline_hash = 'alerts-0'"))
    ward.start()


def test_a_high_alert_that_nobody_saw_stands_in_sql_and_on_mqtt_until_somebody_has() -> None:
    async def scene() -> None:
        ward = await opened()
        await ward.measure(3, spo2=55)
        await ward.measure(65, spo2=97)
        (standing,) = ward.open_episodes()
        assert (standing.active, standing.latched, standing.resolved_at_ms) == (False, True, None)
        assert ward.retained()[SPO2_TOPIC].latched
        await ward.command(Action.ACKNOWLEDGE, standing.episode_id)
        await ward.until(lambda: not ward.open_episodes(), within_s=1.0)
        await ward.until(lambda: not ward.broker.retained, within_s=1.0)
        (over,) = ward.all_episodes()
        assert (over.last_reason, over.by, over.latched) == (Reason.LATCH_RESET, "nurse-1", False)
        assert [held.person_id for held in over.acknowledgements] == ["nurse-1"]
        counted = "wardlight_alerts_transitions_total"
        labels = {"kind": "spo2-low", "transition": "resolved", "reason": "latch_reset"}
        assert ward.telemetry.value(counted, **labels) == 1
        await ward.stop()

    run_virtual(scene())


def test_who_has_what_in_hand_and_until_when_survives_states_that_cannot_be_read() -> None:
    async def scene() -> None:
        minute = PriorityLife(latches=True, acknowledged_s=60, acknowledged_s_max=60)
        ward = await opened(TimedPolicy(AlertRules(life=LifeRule(high=minute))))
        await ward.measure(3, spo2=55)
        (standing,) = ward.open_episodes()
        await ward.command(Action.ACKNOWLEDGE, standing.episode_id)
        await ward.until(lambda: ward.open_episodes()[0].acknowledged, within_s=1.0)
        given = ward.open_episodes()[0].acknowledgements
        await lose_states(ward)
        await ward.measure(40, spo2=55)
        assert ward.open_episodes()[0].acknowledgements == given
        await ward.measure(30, spo2=55)
        (again,) = ward.open_episodes()
        assert (again.episode_id, again.last_reason) == (standing.episode_id, Reason.ACKNOWLEDGEMENT_EXPIRED)
        assert (again.acknowledgements, again.round) == ((), 1)
        await ward.stop()

    run_virtual(scene())


def test_what_is_latched_is_taken_over_and_comes_back_as_the_same_episode() -> None:
    async def scene() -> None:
        ward = await opened()
        await ward.measure(3, spo2=55)
        await ward.measure(65, spo2=97)
        (latched,) = ward.open_episodes()
        await lose_states(ward)
        await ward.measure(3, spo2=55)
        (again,) = ward.open_episodes()
        assert (again.episode_id, again.active, again.latched) == (latched.episode_id, True, False)
        assert (again.last_reason, again.round) == (Reason.BREACHED_AGAIN, 1)
        await ward.stop()

    run_virtual(scene())


def test_what_a_silence_keeps_quiet_is_recorded_and_counted_and_told_when_it_ends() -> None:
    async def scene() -> None:
        ward = await opened(TimedPolicy(silences=[(AlertKind.SPO2_LOW, silence(0, 60))]))
        await ward.measure(45, spo2=84)
        (quiet,) = ward.open_episodes()
        assert quiet.suppression is not None
        assert (quiet.suppression.by, quiet.suppression.silence_id) == ("Ada Nurse", "s-1")
        assert ward.retained()[SPO2_TOPIC].suppression == quiet.suppression
        counted = "wardlight_alerts_suppressed_total"
        assert ward.telemetry.value(counted, kind="spo2-low", reason="silenced") == 1
        await ward.measure(20, spo2=84)
        (told,) = ward.open_episodes()
        assert (told.last_transition, told.suppression, told.round) == (TransitionKind.UNSUPPRESSED, None, 1)
        await ward.stop()

    run_virtual(scene())
