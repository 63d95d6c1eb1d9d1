"""A transfer, a swap and a correction in mid-alert, from MQTT to MQTT in virtual time, with services dying all the while."""

from collections.abc import Awaitable, Callable

import pytest

from runtime.virtual_loop import run_virtual
from storage import devices, patients
from tests.support.stay_scene import ILL, WELL, StayScene
from vitals.alert import Action, AlertKind, Reason, TransitionKind
from vitals.reading import DeviceId, PatientId, WardId
from vitals.sign import Sign

Story = Callable[[StayScene], Awaitable[None]]


def play(story: Story, *, seed: int = 1) -> None:
    print(f"seed {seed}")

    async def run() -> None:
        scene = StayScene(seed)
        await scene.open()
        await scene.admit("ann", "ward-a", "1", "d-ann")
        await scene.admit("bob", "ward-a", "2", "d-bob")
        try:
            await story(scene)
        finally:
            await scene.close()

    run_virtual(run())


def topics(scene: StayScene) -> set[str]:
    return {topic.removeprefix("wardlight/v1/alerts/") for topic in scene.retained()}


@pytest.mark.parametrize("kill", [False, True])
def test_an_open_alert_moves_with_the_patient_and_leaves_nothing_behind(*, kill: bool) -> None:
    async def story(scene: StayScene) -> None:
        await scene.measure(40, {"d-ann": ILL, "d-bob": WELL}, kill=kill)
        await scene.until(lambda: "ward-a/ann/spo2-low" in topics(scene))
        (before,) = [episode for episode in scene.open_alerts("ann") if episode.kind is AlertKind.SPO2_LOW]

        with scene.database.transaction() as conn:
            patients.transfer(conn, PatientId("ann"), WardId("ward-b"), "7", scene.clock.now_ms(), by="Nurse One")
        await scene.measure(30, {"d-ann": ILL, "d-bob": WELL}, kill=kill)
        await scene.until(lambda: "ward-b/ann/spo2-low" in topics(scene))
        await scene.until(lambda: all(topic.startswith("ward-b/ann/") for topic in topics(scene)))

        (after,) = [episode for episode in scene.open_alerts("ann") if episode.kind is AlertKind.SPO2_LOW]
        assert after.episode_id == before.episode_id
        assert (after.ward_id, after.priority, after.raised_at_ms) == ("ward-b", before.priority, before.raised_at_ms)
        moved = [step for step in scene.steps(after) if step.transition is TransitionKind.MOVED]
        assert [(step.reason, step.from_ward_id, step.ward_id) for step in moved] == [
            (Reason.TRANSFERRED, "ward-a", "ward-b")
        ]

    play(story)


@pytest.mark.parametrize("seed", [None, 1, 2, 3])
def test_a_correction_in_mid_alert_is_carried_out_whatever_dies(seed: int | None) -> None:
    async def story(scene: StayScene) -> None:
        kill = seed is not None
        await scene.measure(60, {"d-ann": WELL, "d-bob": WELL})
        wrong_since_ms = scene.clock.now_ms()
        # Somebody put Ann's oximeter on Bob: his desaturation alarms under her name.
        await scene.measure(60, {"d-ann": ILL, "d-bob": WELL})
        await scene.until(lambda: any(episode.kind is AlertKind.SPO2_LOW for episode in scene.open_alerts("ann")))
        correction = scene.correct("d-ann", since_ms=wrong_since_ms, to="bob")
        await scene.measure(40, {"d-ann": ILL, "d-bob": WELL}, kill=kill)
        await scene.until(lambda: scene.is_done(correction), within_s=300)
        await scene.measure(10, {"d-ann": ILL, "d-bob": WELL})

        assert all(value.signs[Sign.SPO2] == 97 for value in scene.history("ann"))
        assert all(value.measured_at_ms < wrong_since_ms for value in scene.history("ann"))
        taken_over = [value for value in scene.history("bob") if value.signs[Sign.SPO2] == 76]
        measured = [value.measured_at_ms for value in taken_over]
        assert len(measured) == len(set(measured)) == 110
        (retracted,) = [episode for episode in scene.all_alerts("ann") if episode.kind is AlertKind.SPO2_LOW]
        assert (retracted.active, retracted.retracted, retracted.last_reason) == (False, True, Reason.WRONG_PATIENT)
        assert retracted.by == "Nurse One"
        found = [episode for episode in scene.all_alerts("bob") if episode.retrospective]
        assert AlertKind.SPO2_LOW in {episode.kind for episode in found}
        assert all(not episode.active and episode.correction_id == correction.correction_id for episode in found)
        # What still holds is alarmed live, by Bob's own machines, and nothing of Ann's stands anywhere.
        assert not [topic for topic in topics(scene) if "/ann/" in topic]
        if kill:
            assert sum(scene.kills.values()) >= 2

    play(story, seed=seed or 1)


@pytest.mark.parametrize("after_s", [2.1, 2.8, 4.0, 5.0])
def test_a_correction_that_dies_at_any_moment_ends_as_one_that_did_not(after_s: float) -> None:
    outcomes: list[tuple[object, ...]] = []

    async def story(scene: StayScene) -> None:
        await scene.measure(20, {"d-ann": WELL, "d-bob": WELL})
        since_ms = scene.clock.now_ms()
        await scene.measure(50, {"d-ann": ILL, "d-bob": WELL})
        correction = scene.correct("d-ann", since_ms=since_ms, to="bob")
        await scene.clock.sleep(after_s)
        if not outcomes:
            for _ in range(3):
                await scene.kill("alert-corrections")
                await scene.kill("alerts")
                await scene.clock.sleep(0.3)
        await scene.until(lambda: scene.is_done(correction), within_s=300)
        await scene.clock.sleep(5)
        outcomes.append(
            (
                [(value.measured_at_ms, value.signs) for value in scene.history("ann")],
                [(value.measured_at_ms, value.signs) for value in scene.history("bob")],
                [(alert.kind, alert.text, alert.retracted) for alert in scene.all_alerts("ann")],
                sorted((alert.kind, alert.text) for alert in scene.all_alerts("bob") if alert.retrospective),
                topics(scene),
            )
        )

    play(story)
    play(story)
    assert outcomes[0] == outcomes[1]


def test_what_was_measured_before_a_swap_and_comes_after_it_is_the_old_patients() -> None:
    async def story(scene: StayScene) -> None:
        await scene.measure(30, {"d-ann": ILL, "d-bob": WELL})
        swapped_ms = scene.clock.now_ms()
        with scene.database.transaction() as conn:
            devices.swap(conn, DeviceId("d-ann"), DeviceId("d-bob"), swapped_ms)
        await scene.clock.sleep(2)
        await scene.send("d-ann", {"spo2_percent": 75.0}, measured_at_ms=swapped_ms - 500)
        await scene.measure(20, {"d-ann": WELL, "d-bob": ILL})
        await scene.clock.sleep(2)

        ann, bob = scene.history("ann"), scene.history("bob")
        assert {(value.device_id, value.measured_at_ms < swapped_ms) for value in ann} == {
            ("d-ann", True),
            ("d-bob", False),
        }
        assert {(value.device_id, value.measured_at_ms < swapped_ms) for value in bob} == {
            ("d-bob", True),
            ("d-ann", False),
        }
        assert [value.measured_at_ms for value in ann if value.signs[Sign.SPO2] == 75] == [swapped_ms - 500]
        assert not scene.all_alerts("bob")

    play(story)


def test_a_patient_whose_devices_are_off_is_not_missed_until_one_is_on_again() -> None:
    async def story(scene: StayScene) -> None:
        await scene.measure(30, {"d-ann": ILL, "d-bob": WELL})
        await scene.until(lambda: any(alert.kind is AlertKind.SPO2_LOW for alert in scene.open_alerts("ann")))
        with scene.database.transaction() as conn:
            devices.release(conn, DeviceId("d-ann"), scene.clock.now_ms())
        await scene.measure(200, {"d-bob": WELL})
        assert AlertKind.LOST_CONTACT not in {alert.kind for alert in scene.all_alerts("ann")}
        # What the signs said last stays for a person to end: no device can.
        assert AlertKind.SPO2_LOW in {alert.kind for alert in scene.open_alerts("ann")}
        for alert in scene.open_alerts("ann"):
            await scene.order(alert, Action.RESOLVE)
        await scene.until(lambda: not scene.open_alerts("ann"))

        with scene.database.transaction() as conn:
            devices.assign(conn, DeviceId("d-ann"), PatientId("ann"), scene.clock.now_ms())
        await scene.measure(20, {"d-ann": WELL, "d-bob": WELL})
        await scene.measure(150, {"d-bob": WELL})
        await scene.until(lambda: any(alert.kind is AlertKind.LOST_CONTACT for alert in scene.open_alerts("ann")))
        with scene.database.transaction() as conn:
            devices.release(conn, DeviceId("d-ann"), scene.clock.now_ms())
        await scene.until(lambda: not scene.open_alerts("ann"))
        assert scene.all_alerts("ann")[0].last_reason is Reason.DEVICES_RELEASED

    play(story)


def test_a_correction_that_is_taken_back_by_another_leaves_each_patient_their_own() -> None:
    async def story(scene: StayScene) -> None:
        await scene.measure(20, {"d-ann": WELL, "d-bob": WELL})
        since_ms = scene.clock.now_ms()
        await scene.measure(40, {"d-ann": ILL, "d-bob": WELL})
        await scene.clock.sleep(2)
        before = [(value.measured_at_ms, value.signs) for value in scene.history("ann")]
        first = scene.correct("d-ann", since_ms=since_ms, to="bob")
        await scene.until(lambda: scene.is_done(first), within_s=120)
        assert any(alert.retrospective for alert in scene.all_alerts("bob"))
        back = scene.correct("d-ann", since_ms=since_ms, to="ann", reason="it was right after all")
        await scene.until(lambda: scene.is_done(back), within_s=120)
        await scene.clock.sleep(20)

        assert [(value.measured_at_ms, value.signs) for value in scene.history("ann")] == before
        assert all(value.signs[Sign.SPO2] == 97 for value in scene.history("bob"))
        assert all(alert.retracted for alert in scene.all_alerts("bob"))
        assert any(alert.retrospective and not alert.retracted for alert in scene.all_alerts("ann"))

    play(story)
