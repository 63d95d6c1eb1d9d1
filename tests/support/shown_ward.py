"""What the pages are tested and pictured with: twenty-four patients, alerts of every state, and somebody who answers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec
from playwright.async_api import Locator, Page

from storage import labels, silences
from tests.support.ward_scene import NAMES, WARD, WardScene, assessed, course, transition
from vitals.alert import (
    Acknowledgement,
    AlertKind,
    Priority,
    Reason,
    Suppression,
    Transition,
    TransitionKind,
)
from vitals.codec import encode
from vitals.label import Feedback, Label
from vitals.reading import PatientId
from vitals.silence import Silence

FALLING = {2: 300, 10: 160, 16: 500}
"""Beds (counted from 0) whose saturation has been sinking for so many seconds."""


def seed_ward(scene: WardScene, beds: int = 24) -> None:
    """Patients with twenty minutes of readings, a few of them in trouble; nothing is live yet."""
    now_ms = scene.clock.now_ms()
    for number, name in enumerate(NAMES[:beds]):
        patient_id = scene.admit(str(number + 1), name)
        fall_s = FALLING.get(number, 0)
        gap = (300, 420) if number == 5 else None
        silent_ms = 125_000 if number == 13 else 0
        readings = course(
            patient_id, f"watch-{number + 1}", end_ms=now_ms - silent_ms, seconds=1200, seed=number, fall_s=fall_s,
            gap=gap,
        )  # fmt: skip
        said = [assessed(reading, complete=number % 4 == 0, flagged=bool(fall_s)) for reading in readings[-60:]]
        scene.store(readings, said)


def step(
    scene: WardScene,
    bed: int,
    kind: AlertKind,
    priority: Priority,
    text: str,
    *,
    ago_s: float,
    limit: float | None = None,
) -> Transition:
    """An alert raised on a bed's patient so many seconds ago."""
    at_ms = scene.clock.now_ms() - round(ago_s * 1000)
    raised = transition(
        PatientId(f"p{bed}"), kind, TransitionKind.RAISED, priority=priority, text=text, at_ms=at_ms, raised_at_ms=at_ms
    )
    return msgspec.structs.replace(raised, limit=limit)


def followed(raised: Transition, kind: TransitionKind, by: str | None, *, after_s: float, text: str = "") -> Transition:
    """A later step of the same episode."""
    return transition(
        raised.patient_id, raised.kind, kind, priority=raised.priority, text=text or raised.text, by=by,
        at_ms=raised.at_ms + round(after_s * 1000), raised_at_ms=raised.raised_at_ms,
        acknowledged=kind is TransitionKind.RESOLVED,
    )  # fmt: skip


def seed_alerts(scene: WardScene) -> None:
    """Alerts of every kind of state."""
    saturation = step(scene, 3, AlertKind.SPO2_LOW, Priority.HIGH, "SpO2 84 % for 40 s, limit 88 %", ago_s=25, limit=88)
    rate = step(
        scene,
        17,
        AlertKind.RESPIRATORY_RATE_HIGH,
        Priority.MEDIUM,
        "Respiratory rate 31 /min for 2 min, limit 30 /min",
        ago_s=200,
    )
    seen = step(
        scene, 20, AlertKind.HEART_RATE_LOW, Priority.HIGH, "Heart rate 34 /min for 15 s, limit 35 /min", ago_s=300
    )
    over = step(
        scene, 8, AlertKind.TEMPERATURE_HIGH, Priority.LOW, "Temperature 39.2 °C for 10 min, limit 39 °C", ago_s=600
    )
    scene.store_steps(
        saturation,
        rate,
        msgspec.structs.replace(
            followed(rate, TransitionKind.ACKNOWLEDGED, "Kim", after_s=50),
            acknowledgements=(Acknowledgement("kim", "Kim", rate.at_ms + 50_000, rate.at_ms + 3_650_000),),
        ),
        seen,
        followed(seen, TransitionKind.ACKNOWLEDGED, "Dr Sato", after_s=40),
        over,
        followed(over, TransitionKind.RESOLVED, None, after_s=400, text="Temperature back below 39 °C"),
        step(
            scene,
            11,
            AlertKind.UNUSUAL_PATTERN,
            Priority.LOW,
            "Unusual pattern for 30 s: SpO2 84 %, 13 below usual; Heart rate 117 /min, 39 above usual",
            ago_s=60,
        ),
        step(scene, 14, AlertKind.LOST_CONTACT, Priority.MEDIUM, "No reading for 2 min, usually every 5 s", ago_s=5),
        step(
            scene,
            3,
            AlertKind.NEWS2_SINGLE_RED,
            Priority.MEDIUM,
            "NEWS2 at least 8: SpO2 3, Respiratory rate 3, Heart rate 2",
            ago_s=90,
        ),
    )


def seed_lives(scene: WardScene) -> Transition:
    """Alerts further along in their lives: latched, silenced, inhibited, told anew, in several hands; one of them, raised."""
    now_ms, change = scene.clock.now_ms(), msgspec.structs.replace
    over = step(scene, 5, AlertKind.SPO2_LOW, Priority.HIGH, "SpO2 79 % for 15 s, limit 80 %", ago_s=400, limit=80)
    fast = step(scene, 9, AlertKind.HEART_RATE_HIGH, Priority.MEDIUM, "Heart rate 134 /min for 60 s", ago_s=300)
    lost = step(scene, 7, AlertKind.LOST_CONTACT, Priority.MEDIUM, "No reading for 3 min", ago_s=40)
    unsure = step(scene, 7, AlertKind.SPO2_LOW, Priority.LOW, "SpO2 87 % for 40 s, limit 88 %", ago_s=100)
    again = step(scene, 12, AlertKind.RESPIRATORY_RATE_HIGH, Priority.HIGH, "Respiratory rate 36 /min", ago_s=1500)
    shared = step(scene, 21, AlertKind.NEWS2_URGENT, Priority.MEDIUM, "NEWS2 5: SpO2 2, Respiratory rate 3", ago_s=3000)
    first = Acknowledgement("ada", "Ada Physician", now_ms - 2_900_000, now_ms + 700_000)
    second = Acknowledgement("kim", "Kim Nurse", now_ms - 200_000, now_ms + 3_400_000)
    lapsed = Acknowledgement("kim", "Kim Nurse", now_ms - 1_400_000, now_ms - 500_000, "on my way")
    silenced = Suppression(
        reason=Reason.SILENCED, since_ms=now_ms - 200_000, by="Kim Nurse", silence_id="s1", until_ms=now_ms + 1_500_000
    )
    inhibited = Suppression(reason=Reason.INHIBITED, since_ms=now_ms - 40_000, kind=AlertKind.LOST_CONTACT)
    back = f"SpO2 91 %, back within limit 88 % for 60 s; was: {over.text}"
    latched = change(followed(over, TransitionKind.LATCHED, None, after_s=120, text=back), active=False, latched=True)
    taken = followed(again, TransitionKind.ACKNOWLEDGED, "Kim Nurse", after_s=60)
    told = followed(again, TransitionKind.REALARMED, None, after_s=1000)
    in_hand = followed(shared, TransitionKind.ACKNOWLEDGED, "Kim Nurse", after_s=2800)
    scene.store_steps(
        over, change(latched, reason=Reason.BACK_WITHIN_LIMIT),
        fast, change(followed(fast, TransitionKind.SUPPRESSED, None, after_s=60), suppression=silenced),
        lost, unsure, change(followed(unsure, TransitionKind.SUPPRESSED, None, after_s=62), suppression=inhibited),
        again, change(taken, acknowledgements=(lapsed,)),
        change(told, round=1, reason=Reason.ACKNOWLEDGEMENT_EXPIRED),
        shared, change(in_hand, acknowledgements=(first, second)),
    )  # fmt: skip
    order = (now_ms - 205_000, now_ms - 200_000, now_ms + 1_500_000)
    said = Label(
        "l1", again.episode_id, again.patient_id, again.ward_id, again.kind, again.priority, Feedback.NOT_ACTIONABLE,
        "kim", "Kim Nurse", now_ms - 1_300_000, "walking to the bathroom",
    )  # fmt: skip
    with scene.database.transaction() as conn:
        kind = AlertKind.HEART_RATE_HIGH
        silences.order(conn, Silence("s1", WARD, None, kind, None, "kim", "Kim Nurse", "physiotherapy", *order))
        labels.store(conn, [encode(said)])
    return again


@contextlib.asynccontextmanager
async def beating(scene: WardScene, *beds: int) -> AsyncIterator[None]:
    """Keeps these beds' devices sending, a reading a second."""
    stopping = asyncio.Event()

    async def send() -> None:
        while not stopping.is_set():
            now_ms = scene.clock.now_ms()
            for bed in beds:
                (reading,) = course(
                    PatientId(f"p{bed}"), f"watch-{bed}", end_ms=now_ms, seconds=1, seed=bed - 1, every_s=1
                )
                await scene.publish(reading, assessed(reading))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), 0.5)

    task = asyncio.create_task(send())
    try:
        yield
    finally:
        stopping.set()
        await task


@contextlib.asynccontextmanager
async def obeying(scene: WardScene, raised: Transition) -> AsyncIterator[None]:
    """Stands in for the alert service: answers an acknowledgement of this episode with its transition."""

    async def obey() -> None:
        async for command in scene.commands():
            if command.episode_id == raised.episode_id:
                late_s = (scene.clock.now_ms() - raised.at_ms) / 1000
                seen = followed(raised, TransitionKind.ACKNOWLEDGED, command.by, after_s=late_s)
                until_ms = command.until_ms or command.at_ms + 900_000
                held = Acknowledgement(command.person_id or "", command.by, command.at_ms, until_ms, command.note)
                await scene.publish(msgspec.structs.replace(seen, acknowledgements=(held,)))

    task = asyncio.create_task(obey())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def acknowledge(page: Page, strip: Locator, *, minutes: str | None = None, feedback: str | None = None) -> None:
    """Take the alert of this strip in hand: the button, what is said in the dialog, the dialog's own button."""
    await strip.get_by_role("button", name="Acknowledge").click()
    dialog = page.locator("dialog.alert-dialog[open]")
    for chip in (minutes, feedback):
        if chip is not None:
            await dialog.locator(".chip", has_text=chip).click()
    await dialog.get_by_role("button", name="Acknowledge").click()


def tile_of(page: Page, bed: int) -> Locator:
    """The tile of a bed."""
    return page.locator(f'.tile:has(a[href="/patients/p{bed}"])')
