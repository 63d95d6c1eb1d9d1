"""Charting in a real Chromium: two taps at the bedside, and what the ward sees of it."""

import contextlib
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.support.chromium import chromium, page_at
from tests.support.pictures import picture
from tests.support.ward_scene import NAMES, WardScene, course, serving, ward_scene
from tests.support.working_ward import working
from vitals.reading import PatientId

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio]
INTERVAL = re.compile(r"^\d+[^\d\s]\d+$")
NUMBER = re.compile(r"^\d+$")


async def speak(scene: WardScene, *, seconds: int = 60) -> None:
    """Two patients' devices say what they measured over the last seconds."""
    now_ms = scene.clock.now_ms()
    for bed in (1, 2):
        readings = course(PatientId(f"p{bed}"), f"watch-{bed}", end_ms=now_ms, seconds=seconds, seed=bed)
        await scene.publish(*readings)


@contextlib.asynccontextmanager
async def bedside(directory: Path) -> AsyncIterator[tuple[WardScene, str]]:
    """A ward of two whose services work; the dashboard's address."""
    async with ward_scene(directory) as scene:
        scene.settings = scene.settings.model_copy(update={"stale_after_s": 600.0})
        for bed in (1, 2):
            scene.admit(str(bed), NAMES[bed - 1])
        async with working(scene), serving(scene) as dashboard:
            await speak(scene)
            yield scene, dashboard.url


async def chart_alert_on_air(page: Page) -> None:
    """Two taps."""
    await page.get_by_role("button", name="Alert, on air", exact=True).click()
    await page.get_by_role("button", name="Confirm: Alert, on air").click()


async def test_two_taps_close_the_score_on_the_page_and_on_the_ward_board(tmp_path: Path) -> None:
    async with (
        bedside(tmp_path) as (scene, url),
        chromium() as browser,
        page_at(browser, f"{url}patients/p1") as page,
        page_at(browser, url) as board,
    ):
        await expect(page.locator("#news2-total")).to_have_text(INTERVAL)
        await expect(page.locator("#charting-news2")).to_contain_text("Missing for NEWS2")
        await expect(board.locator("article.tile .news2").first).to_have_text(INTERVAL)
        await chart_alert_on_air(page)
        await expect(page.locator("#news2-total")).to_have_text(NUMBER)
        await expect(page.locator("#charting-news2")).to_contain_text("NEWS2 is complete until")
        await expect(page.locator("#charting-standing")).to_contain_text("Alert · on air")
        await expect(page.locator("#charting-standing")).to_contain_text("Guest")
        await expect(page.locator("#charting-entries")).to_contain_text("Alert · on air")
        await expect(board.locator("article.tile .news2").first).to_have_text(NUMBER)
        await expect(board.locator("article.tile .news2").nth(1)).to_have_text(INTERVAL)
        assert await page.locator("#charting-entries > li").count() == 1
        await speak(scene, seconds=5)
        await expect(page.locator("#news2-total")).to_have_text(NUMBER)


async def test_nothing_is_charted_by_one_tap_and_a_cancelled_one_leaves_nothing(tmp_path: Path) -> None:
    async with bedside(tmp_path) as (_, url), chromium() as browser, page_at(browser, f"{url}patients/p1") as page:
        await page.get_by_role("button", name="Alert, on air", exact=True).click()
        await page.get_by_role("button", name="Cancel").click()
        await expect(page.locator("#charting-confirm")).to_have_count(0)
        await expect(page.locator("#charting-none")).to_be_visible()


async def test_unresponsive_alarms_at_once_and_an_entry_in_error_takes_it_back(tmp_path: Path) -> None:
    async with bedside(tmp_path) as (_, url), chromium() as browser, page_at(browser, f"{url}patients/p2") as page:
        await page.get_by_role("button", name="Chart something else").click()
        form = page.locator(".charting-form")
        await form.get_by_role("button", name="U, Unresponsive").click()
        await form.get_by_role("button", name="4", exact=True).first.click()
        await form.get_by_label("Temperature").fill("36.9")
        await form.get_by_label("Note").fill("Found on the round <b>bold</b>")
        await form.get_by_role("button", name="Chart…").click()
        await page.get_by_role("button", name="Confirm: Unresponsive · oxygen 4").click()
        alerts = page.locator("#alerts")
        await expect(alerts).to_contain_text("Consciousness U (unresponsive), charted by Guest")
        await expect(alerts.locator(".alert-strip.is-high")).to_have_count(1)
        entry = page.locator("#charting-entries > li").first
        await expect(entry).to_contain_text("Unresponsive · oxygen 4 L/min · Temperature 36.9 °C")
        await expect(entry).to_contain_text("<b>bold</b>")
        await expect(form).to_be_hidden()
        await entry.get_by_text("Entered in error").click()
        await entry.get_by_label("Why it is taken back").fill("wrong patient")
        await entry.get_by_role("button", name="Take back").click()
        await expect(entry).to_contain_text("Taken back by Guest")
        await expect(alerts).not_to_contain_text("Consciousness")
        await expect(page.locator("#charting-news2")).to_contain_text("Missing for NEWS2")
        await expect(page.locator("#news2-total")).to_have_text(INTERVAL)


async def test_the_scale_is_changed_only_with_a_name(tmp_path: Path) -> None:
    async with bedside(tmp_path) as (_, url), chromium() as browser, page_at(browser, f"{url}patients/p1") as page:
        await expect(page.locator("#charting-scale")).to_have_text("SpO₂ scale 1")
        await page.get_by_text("Change the SpO₂ scale").click()
        await page.get_by_label("Scale 2").check()
        await page.get_by_role("button", name="Set the scale").click()
        await expect(page.locator("#toasts")).to_contain_text("name of the clinician")
        await page.get_by_label("Prescribed by").fill("Dr Bell")
        await page.get_by_role("button", name="Set the scale").click()
        await expect(page.locator("#charting-scale")).to_have_text("SpO₂ scale 2")
        await expect(page.locator("#charting-entries")).to_contain_text("prescribed by Dr Bell")


async def test_what_is_impossible_or_empty_is_said_before_it_goes_anywhere(tmp_path: Path) -> None:
    async with bedside(tmp_path) as (_, url), chromium() as browser, page_at(browser, f"{url}patients/p1") as page:
        await page.get_by_role("button", name="Chart something else").click()
        form = page.locator(".charting-form")
        await form.get_by_role("button", name="Chart…").click()
        await expect(form).to_contain_text("Nothing is filled in yet")
        await form.get_by_label("Systolic pressure").fill("80")
        await form.get_by_label("Diastolic pressure").fill("95")
        await form.get_by_role("button", name="Chart…").click()
        await page.get_by_role("button", name="Confirm: Sys 80").click()
        await expect(page.locator("#toasts")).to_contain_text("is not below systolic")
        await expect(page.locator("#charting-none")).to_be_visible()


@pytest.mark.pictures
@pytest.mark.parametrize(
    ("name", "dark", "phone"),
    [("charting.png", False, False), ("charting-dark.png", True, False), ("charting-phone.png", False, True)],
)
async def test_pictures_of_charting(tmp_path: Path, name: str, dark: bool, phone: bool) -> None:  # noqa: FBT001
    width, height = (390, 1900) if phone else (1280, 1650)
    async with (
        bedside(tmp_path) as (_, url),
        chromium() as browser,
        page_at(browser, f"{url}patients/p1", width=width, height=height, dark=dark, phone=phone) as page,
    ):
        await expect(page.locator("#news2-total")).to_have_text(INTERVAL)
        await chart_alert_on_air(page)
        await expect(page.locator("#news2-total")).to_have_text(NUMBER)
        await page.get_by_role("button", name="Chart something else").click()
        form = page.locator(".charting-form")
        await form.get_by_role("button", name="V, Voice").click()
        await form.get_by_role("button", name="2", exact=True).first.click()
        await expect(page.locator(".toast")).to_have_count(0, timeout=10_000)
        panel = page.locator("section.charting")
        await panel.scroll_into_view_if_needed()
        box = await panel.bounding_box()
        assert box is not None
        assert box["width"] <= width, "nothing to scroll sideways to"
        if not dark:
            await picture(browser, panel, name)
        looked = os.environ.get("WARDLIGHT_TEST_LOOK")
        if looked:
            await page.screenshot(path=f"{looked}/{name}", full_page=True)
