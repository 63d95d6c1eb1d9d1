"""The pages in a real Chromium: what a nurse sees, live, stale, after a restart, and with hostile names."""

import contextlib
import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from storage import devices
from tests.support.chromium import chromium, page_at
from tests.support.pictures import picture
from tests.support.shown_ward import acknowledge, beating, followed, obeying, seed_alerts, seed_ward, step, tile_of
from tests.support.ward_scene import NAMES, WardScene, assessed, course, serving, ward_scene
from vitals.alert import AlertKind, Priority, TransitionKind
from vitals.reading import DeviceId, PatientId

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio]
NO_VALUE = "\N{EN DASH}"
STALE = re.compile(r"\bis-stale\b")
TILES = {"quiet": 13, "interval": 6, "high": 3, "acknowledged": 17, "low": 11, "ended": 8, "silent": 14}
"""Tiles that a page for nurses explains one by one, and their beds."""
GAP = re.compile(r"M.*L.*M.*L")
"""A line that is lifted once: the gap is not joined."""


@pytest.mark.pictures
async def test_24_patients_stand_on_one_screen(tmp_path: Path) -> None:
    async with ward_scene(tmp_path) as scene, chromium() as browser:
        seed_ward(scene)
        seed_alerts(scene)
        async with serving(scene) as dashboard:
            for name, dark in (("ward-light.png", False), ("ward-dark.png", True)):
                async with page_at(browser, dashboard.url, width=1440, height=900, dark=dark) as page:
                    await expect(page.locator(".tile")).to_have_count(24)
                    await expect(tile_of(page, 6).locator(".spark-line").first).to_have_attribute("d", GAP)
                    height = await page.evaluate("document.documentElement.scrollHeight")
                    assert height <= 900
                    await expect(page.locator("#connection")).to_have_text("Live")
                    await picture(browser, page, name)
                    for tile, bed in TILES.items() if not dark else ():
                        await picture(browser, tile_of(page, bed), f"tile-{tile}.png")
            async with page_at(browser, dashboard.url, width=390, height=844, phone=True) as page:
                await page.get_by_role("button", name="Worst first").click()
                await expect(page.locator(".tile").first).to_contain_text("Chiara Ricci")
                assert await page.evaluate("document.documentElement.scrollWidth") <= 390
                await picture(browser, page, "ward-phone.png")
            async with page_at(browser, f"{dashboard.url}patients/p3") as page:
                await expect(page.locator("#episodes tr")).to_have_count(2)
                await expect(page.locator("#news2-rows")).to_contain_text("missing")
                await expect(page.locator(".u-legend").first).to_be_attached()
                await picture(browser, page, "patient.png", full_page=True)


async def test_an_alert_appears_live_and_is_acknowledged_by_a_click(tmp_path: Path) -> None:
    async with ward_scene(tmp_path) as scene, chromium() as browser:
        seed_ward(scene, beds=3)
        async with serving(scene) as dashboard, beating(scene, 1, 2, 3), page_at(browser, dashboard.url) as page:
            tile = tile_of(page, 2)
            await expect(tile).to_contain_text("No active alert")
            raised = step(scene, 2, AlertKind.SPO2_LOW, Priority.HIGH, "SpO2 79 % below 80 % for 15 s", ago_s=0)
            await scene.publish(raised)
            await expect(tile).to_contain_text("SpO2 79 % below 80 % for 15 s")
            await expect(tile).to_have_attribute("data-flashing", "high")
            await expect(page.locator("#say-now")).to_contain_text("High priority, bed 2, Bernd Krüger")
            async with obeying(scene, raised):
                await acknowledge(page, tile)
                await expect(tile).to_contain_text(re.compile("✓ to .* Guest"))
            await expect(tile).to_have_attribute("data-flashing", "none")
            await expect(tile).to_have_attribute("data-priority", "high")
            await scene.publish(followed(raised, TransitionKind.RESOLVED, None, after_s=60, text="SpO2 back to 92 %"))
            await expect(tile).to_contain_text("Ended")
            await expect(tile).to_have_attribute("data-priority", "none")


async def test_an_acknowledgement_on_the_patients_page_is_told_in_the_list_of_episodes(tmp_path: Path) -> None:
    async with ward_scene(tmp_path) as scene, chromium() as browser:
        seed_ward(scene, beds=2)
        raised = step(scene, 1, AlertKind.SPO2_LOW, Priority.HIGH, "SpO2 low", ago_s=1)
        scene.store_steps(raised)
        async with (
            serving(scene) as dashboard,
            page_at(browser, f"{dashboard.url}patients/p1") as page,
            obeying(scene, raised),
        ):
            await acknowledge(page, page.locator("#alerts"))
            await expect(page.locator("#alerts")).to_contain_text("✓ Guest until")
            await expect(page.locator("#episodes")).to_contain_text("Guest")


async def test_a_silenced_device_turns_stale_and_comes_back(tmp_path: Path) -> None:
    async with ward_scene(tmp_path) as scene, chromium() as browser:
        scene.settings = scene.settings.model_copy(update={"stale_after_s": 5.0, "stale_cadences": 1.5})
        for bed in (1, 2):
            scene.admit(str(bed), NAMES[bed - 1])
        async with serving(scene) as dashboard, beating(scene, 1), page_at(browser, dashboard.url) as page:
            silent, lively = tile_of(page, 2), tile_of(page, 1)
            async with beating(scene, 2):
                await expect(silent.locator(".value").first).not_to_have_text(NO_VALUE)
                await expect(silent).not_to_have_class(STALE)
            await expect(silent).to_have_class(STALE, timeout=15_000)
            await expect(silent.locator(".no-data")).to_contain_text("No data for")
            await expect(silent.locator(".value").first).to_have_css("text-decoration-line", "line-through")
            await expect(lively).not_to_have_class(STALE)
            async with beating(scene, 2):
                await expect(silent).not_to_have_class(STALE)


async def test_the_page_recovers_by_itself_after_a_restart_of_the_server(tmp_path: Path) -> None:
    async with ward_scene(tmp_path) as scene, chromium() as browser:
        seed_ward(scene, beds=3)
        async with contextlib.AsyncExitStack() as first:
            dashboard = await first.enter_async_context(serving(scene))
            port = int(dashboard.url.rstrip("/").rpartition(":")[2])
            async with page_at(browser, dashboard.url) as page:
                await expect(page.locator("#connection")).to_have_text("Live")
                await first.aclose()
                await expect(page.locator("#not-live")).to_contain_text("Not live since")
                await expect(page.locator("main")).to_have_css("opacity", "0.42")
                await expect(page.locator("#connection")).to_have_text("Not live")
                raised = step(scene, 1, AlertKind.SPO2_LOW, Priority.HIGH, "SpO2 low meanwhile", ago_s=0)
                await scene.publish(raised)
                async with serving(scene, port=port):
                    await expect(page.locator("#connection")).to_have_text("Live", timeout=15_000)
                    await expect(page.locator("#not-live")).to_be_hidden()
                    await expect(tile_of(page, 1)).to_contain_text("SpO2 low meanwhile")


async def test_a_hostile_name_is_inert(tmp_path: Path) -> None:
    async with ward_scene(tmp_path) as scene, chromium() as browser:
        name = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
        seed_hostile(scene, name)
        async with serving(scene) as dashboard:
            for path in ("", "patients/p1"):
                async with page_at(browser, f"{dashboard.url}{path}") as page:
                    await expect(page.get_by_text(name).first).to_be_visible()
                    assert await page.locator("img[src=x]").count() == 0
                    assert "owned" not in (await page.title()).replace(name, "")


def seed_hostile(scene: WardScene, name: str) -> None:
    """A patient whose name and alert text try to be markup."""
    patient_id = scene.admit("1", name)
    readings = course(patient_id, "watch-1", end_ms=scene.clock.now_ms(), seconds=60, seed=1)
    scene.store(readings, [assessed(readings[-1])])
    scene.store_steps(step(scene, 1, AlertKind.SPO2_LOW, Priority.HIGH, "<b onmouseover=alert(1)>SpO2</b>", ago_s=5))


async def test_the_keyboard_reaches_every_patient_and_every_acknowledgement(tmp_path: Path) -> None:
    async with ward_scene(tmp_path) as scene, chromium() as browser:
        seed_ward(scene, beds=2)
        scene.store_steps(step(scene, 1, AlertKind.SPO2_LOW, Priority.HIGH, "SpO2 low", ago_s=5))
        async with serving(scene) as dashboard, page_at(browser, dashboard.url) as page:
            await expect(page.locator(".tile")).to_have_count(2)
            await page.locator(".who-link").first.focus()
            await page.keyboard.press("Tab")
            await expect(page.get_by_role("button", name="Acknowledge: SpO2 low")).to_be_focused()
            await page.keyboard.press("Tab")
            await page.keyboard.press("Enter")
            await page.wait_for_url("**/patients/p2")


async def test_motion_is_spared_where_the_system_asks_for_it(tmp_path: Path) -> None:
    async with ward_scene(tmp_path) as scene, chromium() as browser:
        seed_ward(scene, beds=1)
        scene.store_steps(step(scene, 1, AlertKind.SPO2_LOW, Priority.HIGH, "SpO2 low", ago_s=5))
        async with serving(scene) as dashboard, page_at(browser, dashboard.url) as page:
            strip = page.locator(".alert-strip")
            await expect(strip).to_have_css("animation-duration", "0.5s")
            await page.emulate_media(reduced_motion="reduce")
            await expect(strip).to_have_css("animation-name", "none")


async def test_the_patients_page_names_every_device_worn_now_and_none_that_was_taken_off(tmp_path: Path) -> None:
    async with ward_scene(tmp_path) as scene, chromium() as browser:
        seed_ward(scene, beds=2)
        async with serving(scene) as dashboard, page_at(browser, f"{dashboard.url}patients/p1") as page:
            where = page.locator("#whereabouts")
            await expect(where).to_have_text("ward-3 · watch-1")
            with scene.database.transaction() as conn:
                devices.assign(conn, DeviceId("watch-2"), PatientId("p1"), scene.clock.now_ms())
            await expect(where).to_have_text("ward-3 · watch-1, watch-2")
            for number in (1, 2):
                with scene.database.transaction() as conn:
                    devices.release(conn, DeviceId(f"watch-{number}"), scene.clock.now_ms())
            await expect(where).to_have_text("ward-3 · no device")
