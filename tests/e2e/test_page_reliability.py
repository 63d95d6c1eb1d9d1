"""The page *Reliability* in a real Chromium: what a ward manager finds there, and what it does not pretend to know."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.support.chromium import chromium, page_at
from tests.support.pictures import picture
from tests.support.ward_scene import serving, ward_scene
from tests.support.watched_week import make_versions, seed_week

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio]


@pytest.mark.pictures
async def test_the_page_tells_which_version_scores_how_true_it_is_and_alerts_by_group(tmp_path: Path) -> None:
    async with ward_scene(tmp_path) as scene, chromium() as browser:
        seed_week(scene)
        make_versions(scene)
        async with serving(scene) as dashboard:
            url = f"{dashboard.url}reliability"
            async with page_at(browser, url, height=1250) as page:
                await expect(page.locator("#verdict h2")).to_have_text("Version 5 scores")
                await expect(page.locator("#candidates tbody tr")).to_have_count(2)
                await expect(page.locator("#candidates .is-now")).to_contain_text("0.702")
                await expect(page.locator("#calibration-chart circle")).to_have_count(10)
                await expect(page.locator("#calibration-table tbody tr")).to_have_count(10)
                await expect(page.locator("#calibration-said")).to_contain_text("Where it told most, 19 %, 15 % did.")
                await expect(page.locator("#groups")).to_contain_text("ward-4 fewer than 5 patients: not shown")
                await expect(page.locator("#kinds")).to_contain_text("SpO₂ low")
                await page.get_by_text("Every version").click()
                await expect(page.locator("#versions-table tbody tr")).to_have_count(6)
                await expect(page.locator("#switches-table tbody tr")).to_have_count(3)
                await page.get_by_text("Every version").click()
                await picture(browser, page, "reliability.png")
            async with page_at(browser, url, width=390, height=844, phone=True, dark=True) as page:
                await expect(page.locator("#kinds tbody tr").first).to_be_visible()
                assert await page.evaluate("document.documentElement.scrollWidth") <= 390


async def test_a_ward_without_outcomes_and_with_few_patients_is_told_what_is_not_known(tmp_path: Path) -> None:
    async with ward_scene(tmp_path) as scene, chromium() as browser:
        seed_week(scene, beds=3)
        async with serving(scene) as dashboard, page_at(browser, f"{dashboard.url}reliability") as page:
            await expect(page.locator("#verdict h2")).to_have_text("What Wardlight came with scores")
            await expect(page.locator("#model-none")).to_be_visible()
            await expect(page.locator("#calibration-said")).to_contain_text("Not known yet: it takes 200 moments")
            await expect(page.locator("#alerts-whose")).to_contain_text("Fewer than 5 patients were under observation")
            await expect(page.locator("#groups table")).to_have_count(0)
            await expect(page.locator("#worth")).to_be_hidden()
