"""An alert's whole life as a nurse sees it and takes part in it, with the real alert service behind the pages."""

import re
from pathlib import Path

import msgspec
import pytest
from playwright.async_api import Page, expect

from runtime.clock import SystemClock
from storage import episodes, labels
from tests.support.chromium import chromium, page_at
from tests.support.living_ward import SPEED, Oximeter, living
from tests.support.pictures import picture
from tests.support.shown_ward import acknowledge, followed, seed_alerts, seed_lives, seed_ward, step, tile_of
from tests.support.ward_scene import WardScene, serving, transition, ward_scene
from vitals.alert import AlertKind, Command, Priority, TransitionKind
from vitals.fault import SYSTEM_WARD, subject_of
from vitals.label import Feedback, Label

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio, pytest.mark.timeout(240)]
SOON_MS = 30_000
IN_HAND = re.compile("✓ to .* Guest")


async def test_an_alert_is_acknowledged_with_feedback_is_told_anew_ends_unseen_and_goes_when_somebody_has_seen_it(
    tmp_path: Path,
) -> None:
    async with ward_scene(tmp_path, clock=SystemClock(speed=SPEED)) as scene, chromium() as browser:
        scene.admit("1", "Amina Yusuf")
        async with (
            serving(scene) as dashboard,
            living(scene, tmp_path),
            Oximeter(scene, 1).worn() as watch,
            page_at(browser, dashboard.url) as page,
        ):
            tile, strip = tile_of(page, 1), page.locator(".alert-strip")
            await expect(tile.locator(".value").nth(1)).to_have_text("97", timeout=SOON_MS)
            watch.spo2_percent = 74.0
            await expect(tile).to_have_attribute("data-flashing", "high", timeout=SOON_MS)
            await acknowledge(page, tile, feedback="Useful")
            await expect(strip).to_contain_text(IN_HAND, timeout=SOON_MS)
            await expect(tile).to_have_attribute("data-flashing", "none")
            await expect(strip).to_contain_text("told 2\N{MULTIPLICATION SIGN}", timeout=SOON_MS)
            await expect(tile).to_have_attribute("data-flashing", "high")
            watch.spo2_percent = 97.0
            await expect(strip).to_have_class(re.compile("is-latched"), timeout=SOON_MS)
            await expect(strip).to_contain_text("HIGH · ended")
            await acknowledge(page, tile)
            await expect(tile).to_contain_text("Ended", timeout=SOON_MS)
            await expect(tile).to_have_attribute("data-priority", "none")
            await page.goto(f"{dashboard.url}alerts?state=ended")
            await page.locator(".episode summary").first.click()
            for said in (
                "Raised · High",
                "Taken in hand by Guest",
                "Told again (2\N{MULTIPLICATION SIGN})",
                "not seen yet",
                "Guest: Useful",
            ):
                await expect(page.locator(".timeline")).to_contain_text(said)
        (said_of,) = said_in(scene).values()
        assert [(one.feedback, one.by) for one in said_of] == [(Feedback.USEFUL, "Guest")]


async def test_what_is_silenced_is_shown_with_by_whom_and_told_when_the_silence_ends(tmp_path: Path) -> None:
    async with ward_scene(tmp_path, clock=SystemClock(speed=SPEED)) as scene, chromium() as browser:
        scene.admit("1", "Amina Yusuf")
        async with (
            serving(scene) as dashboard,
            living(scene, tmp_path),
            Oximeter(scene, 1).worn() as watch,
            page_at(browser, f"{dashboard.url}alerts") as page,
        ):
            await expect(page.locator("#new-silence")).to_be_visible()
            await order_silence(page, kind="spo2-low", reason="physiotherapy")
            await expect(page.locator(".silence")).to_contain_text("Guest: “physiotherapy”")
            await expect(page.locator(".silence")).to_contain_text("up to medium priority")
            await scene.clock.sleep(10)
            watch.spo2_percent = 85.0
            await page.goto(dashboard.url)
            tile, strip = tile_of(page, 1), page.locator(".alert-strip")
            await expect(strip).to_have_class(re.compile("is-suppressed"), timeout=SOON_MS)
            await expect(strip).to_contain_text("Silenced by Guest until")
            await expect(tile).to_have_attribute("data-flashing", "none")
            await expect(page.locator(".count.is-quiet")).to_contain_text("1")
            await expect(page.locator(".count.is-medium b")).to_have_text("0")
            await page.goto(f"{dashboard.url}alerts")
            await expect(page.locator(".silence")).to_contain_text("1 open alert told to nobody")
            await page.get_by_role("button", name="End this silence").click()
            await expect(page.locator(".silence")).to_contain_text("ended by Guest")
            await page.goto(dashboard.url)
            await expect(tile).to_have_attribute("data-flashing", "medium", timeout=SOON_MS)
            await expect(page.locator(".count.is-quiet")).to_be_hidden()


async def order_silence(page: Page, *, kind: str, reason: str) -> None:
    """By the page's own dialog."""
    await page.locator("#new-silence").click()
    form = page.locator("#silence-form")
    await form.locator("[name=kind]").select_option(kind)
    await form.locator("[name=reason]").fill(reason)
    await form.get_by_role("button", name="Silence").click()
    await expect(form).to_be_visible()  # nobody is chosen yet, so nothing was ordered
    await form.locator("[name=patient_id]").select_option("*")
    await form.get_by_role("button", name="Silence").click()


def said_in(scene: WardScene) -> dict[str, tuple[Label, ...]]:
    """What people said of alerts, by alert."""
    with scene.database.snapshot() as conn:
        found = [episode.episode_id for episode in episodes.list_episodes(conn, limit=100)]
        return labels.labels_of(conn, found)


async def test_high_priority_is_silenced_for_one_patient_and_kind_and_only_on_a_second_word(tmp_path: Path) -> None:
    async with ward_scene(tmp_path) as scene, chromium() as browser:
        seed_ward(scene, beds=2)
        async with serving(scene) as dashboard, page_at(browser, f"{dashboard.url}alerts") as page:
            await page.locator("#new-silence").click()
            form = page.locator("#silence-form")
            await expect(page.locator("#silence-confirm")).to_be_hidden()
            await form.locator("[name=priority]").select_option("high")
            await expect(page.locator("#silence-confirm")).to_be_visible()
            await form.locator("[name=reason]").fill("bronchoscopy")
            await form.locator("[name=patient_id]").select_option("*")
            await form.locator("[name=confirmed]").check()
            await form.get_by_role("button", name="Silence").click()
            await expect(page.locator("#silence-error")).to_contain_text("one patient and one kind only")
            await form.locator("[name=patient_id]").select_option("p1")
            await form.locator("[name=kind]").select_option("spo2-low")
            await form.get_by_role("button", name="Silence").click()
            await expect(page.locator(".silence")).to_contain_text("1 Amina Yusuf: SpO₂ low, up to high priority")


async def test_wardlights_own_trouble_stands_above_every_board_until_somebody_ends_it(tmp_path: Path) -> None:
    async with ward_scene(tmp_path) as scene, chromium() as browser:
        seed_ward(scene, beds=2)
        async with serving(scene) as dashboard, page_at(browser, dashboard.url) as page:
            await expect(page.locator(".tile")).to_have_count(2)
            await expect(page.locator(".system-banner")).to_be_hidden()
            now_ms = scene.clock.now_ms()
            fault = transition(
                subject_of("recorder"), AlertKind.WORKER_DOWN, TransitionKind.RAISED, priority=Priority.HIGH,
                text="The recorder has stood still for 3 min: restart it.", at_ms=now_ms, raised_at_ms=now_ms,
                ward=SYSTEM_WARD,
            )  # fmt: skip
            await scene.publish(fault)
            banner = page.locator(".system-banner")
            await expect(banner).to_contain_text("Alarms cannot be relied on: The recorder has stood still for 3 min")
            await page.goto(f"{dashboard.url}patients/p1")
            await expect(banner).to_contain_text("Alarms cannot be relied on")
            await banner.get_by_role("button").click()
            await page.locator("dialog.alert-dialog").get_by_role("button", name="End it").click()
            async for command in scene.commands():
                assert (command.action, command.episode_id) == ("resolve", fault.episode_id)
                break
            over = transition(
                fault.patient_id, fault.kind, TransitionKind.RESOLVED, priority=Priority.HIGH, text="It moves again.",
                at_ms=now_ms + 1, raised_at_ms=now_ms, ward=SYSTEM_WARD,
            )  # fmt: skip
            await scene.publish(over)
            await expect(banner).to_be_hidden()


async def test_the_dialog_is_worked_by_the_keyboard_alone_and_by_three_taps_on_a_phone(tmp_path: Path) -> None:
    async with ward_scene(tmp_path) as scene, chromium() as browser:
        seed_ward(scene, beds=1)
        scene.store_steps(step(scene, 1, AlertKind.SPO2_LOW, Priority.HIGH, "SpO2 low", ago_s=5))
        async with serving(scene) as dashboard:
            async with page_at(browser, dashboard.url) as page:
                await page.get_by_role("button", name="Acknowledge: SpO2 low").press("Enter")
                dialog = page.locator("dialog.alert-dialog")
                await expect(dialog.get_by_role("button", name="Acknowledge")).to_be_focused()
                await page.keyboard.press("Escape")
                await expect(dialog).to_be_hidden()
                await page.get_by_role("button", name="Acknowledge: SpO2 low").press("Enter")
                await page.keyboard.press("Enter")
                async for command in scene.commands():
                    assert (command.by, command.until_ms) == ("Guest", None)
                    break
            async with page_at(browser, dashboard.url, width=390, height=844, phone=True) as page:
                await page.get_by_role("button", name="Acknowledge: SpO2 low").tap()
                dialog = page.locator("dialog.alert-dialog")
                box = await dialog.bounding_box()
                assert box is not None
                assert box["height"] <= 844
                await dialog.locator(".chip", has_text="30 min").tap()
                await dialog.get_by_role("button", name="Acknowledge").tap()
                await expect(dialog).to_be_hidden()
                orders: list[Command] = []
                async for command in scene.commands():
                    orders.append(command)
                    if len(orders) == 2:
                        break
                assert orders[1].until_ms == orders[1].at_ms + 30 * 60_000


async def test_nobody_is_asked_for_how_long_an_alert_is_in_hand_that_acknowledging_clears(tmp_path: Path) -> None:
    async with ward_scene(tmp_path) as scene, chromium() as browser:
        seed_ward(scene, beds=2)
        raised = step(scene, 1, AlertKind.SPO2_LOW, Priority.HIGH, "SpO2 low", ago_s=60)
        ended = followed(raised, TransitionKind.LATCHED, None, after_s=30)
        scene.store_steps(raised, msgspec.structs.replace(ended, active=False, latched=True))
        scene.store_steps(step(scene, 2, AlertKind.SPO2_LOW, Priority.HIGH, "SpO2 low", ago_s=5))
        async with serving(scene) as dashboard, page_at(browser, dashboard.url) as page:
            dialog, in_hand_for = page.locator("dialog.alert-dialog"), page.get_by_role("group", name="In hand for")
            await tile_of(page, 2).get_by_role("button", name="Acknowledge").click()
            await expect(in_hand_for).to_be_visible()
            await page.keyboard.press("Escape")
            await tile_of(page, 1).get_by_role("button", name="Acknowledge").click()
            await expect(dialog).to_contain_text("acknowledging it clears the alert")
            await expect(in_hand_for).to_be_hidden()
            await dialog.get_by_role("button", name="Acknowledge").click()
            async for command in scene.commands():
                assert (command.action, command.episode_id) == ("acknowledge", raised.episode_id)
                assert command.until_ms is None
                break


@pytest.mark.pictures
async def test_every_state_of_an_alert_can_be_told_apart_on_board_and_page(tmp_path: Path) -> None:
    async with ward_scene(tmp_path) as scene, chromium() as browser:
        seed_ward(scene)
        seed_alerts(scene)
        raised = seed_lives(scene)
        async with serving(scene) as dashboard:
            async with page_at(browser, dashboard.url) as page:
                await expect(page.locator(".count.is-quiet b")).to_have_text("2")
                await expect(tile_of(page, 5).locator(".alert-strip")).to_have_class(re.compile("is-latched"))
                await expect(tile_of(page, 9).locator(".alert-strip")).to_contain_text("Silenced by Kim Nurse until")
                await expect(tile_of(page, 7).locator(".alert-meta")).to_contain_text("+1 quiet")
                await expect(tile_of(page, 12).locator(".alert-strip")).to_contain_text("told 2\N{MULTIPLICATION SIGN}")
                await expect(tile_of(page, 21).locator(".alert-strip")).to_contain_text(re.compile("✓ to .* Kim Nurse"))
                assert await page.evaluate("document.documentElement.scrollHeight") <= 900
                for name, bed in (("latched", 5), ("quiet-alert", 9), ("again", 12)):
                    await picture(browser, tile_of(page, bed), f"tile-{name}.png")
            async with page_at(browser, dashboard.url, width=390, height=844, phone=True) as page:
                await tile_of(page, 3).locator(".acknowledge").tap()
                await picture(browser, page, "alert-dialog-phone.png")
            async with page_at(browser, f"{dashboard.url}alerts?episode={raised.episode_id}") as page:
                await expect(page.locator(".timeline")).to_contain_text("Kim Nurse: True, nothing to do")
                await picture(browser, page, "alert-life.png")
            async with page_at(browser, f"{dashboard.url}alerts?state=suppressed") as page:
                await expect(page.locator(".episode")).to_have_count(2)
                assert await page.evaluate("document.documentElement.scrollWidth") <= 1440
            async with page_at(browser, f"{dashboard.url}alerts", width=390, height=844, phone=True) as page:
                await expect(page.locator(".episode").first).to_be_visible()
                assert await page.evaluate("document.documentElement.scrollWidth") <= 390
