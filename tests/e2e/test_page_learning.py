"""Outcomes on the patient's page, and which version scores on the status page, in a real Chromium."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from runtime.bus import Delivered
from tests.e2e.test_page_status import everybody_moves
from tests.support.chromium import chromium, page_at
from tests.support.shown_ward import seed_ward
from tests.support.ward_scene import WardScene, serving, ward_scene
from tests.support.watched_week import make_versions
from vitals.codec import decode_outcomes_record
from vitals.outcome import Outcome, OutcomeKind
from vitals.topics import LogTopic

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio]


async def first_outcome(scene: WardScene) -> Outcome:
    """The first record of topic `outcomes`."""
    reader = await scene.bus.reader(group=None, topics=[LogTopic.OUTCOMES])
    await reader.poll(records_max=1, timeout_s=1)
    await reader.seek({})
    polled = await reader.poll(records_max=1, timeout_s=5)
    await reader.close()
    assert isinstance(polled, Delivered)
    found = decode_outcomes_record(polled.records[0].value)
    assert isinstance(found, Outcome)
    return found


async def test_an_outcome_is_charted_in_three_taps_none_of_which_alone_says_it(tmp_path: Path) -> None:
    async with ward_scene(tmp_path) as scene, chromium() as browser:
        seed_ward(scene, beds=2)
        async with serving(scene) as dashboard:
            url = f"{dashboard.url}patients/p1"
            async with page_at(browser, url, width=390, height=844, phone=True) as page:
                await page.get_by_text("Outcomes", exact=False).first.click()
                await expect(page.locator("#outcomes-none")).to_be_visible()
                await page.get_by_label("What happened").select_option("rapid_response")
                await page.get_by_label("Note", exact=True).last.fill("Breathing 32, oxygen 6 l")
                await page.get_by_role("button", name="Chart the outcome…").click()
                await page.get_by_role("button", name="Confirm: Rapid-response call, just now").click()
                await expect(page.locator("#outcome-entries")).to_contain_text("Rapid-response call")
                await expect(page.locator("#outcomes-count")).to_have_text("(1)")
                assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        told = await first_outcome(scene)
        assert (told.kind, told.note) == (OutcomeKind.RAPID_RESPONSE, "Breathing 32, oxygen 6 l")


async def test_the_status_page_says_in_one_line_which_version_scores_and_where_more_is_told(tmp_path: Path) -> None:
    async with ward_scene(tmp_path) as scene, chromium() as browser:
        await everybody_moves(scene)
        make_versions(scene)
        async with serving(scene) as dashboard, page_at(browser, f"{dashboard.url}status") as page:
            await expect(page.locator("#models-now")).to_have_text("version 5 scores")
            await page.locator("#models").get_by_role("link", name="Reliability").click()
            await expect(page.locator("#verdict h2")).to_have_text("Version 5 scores")
