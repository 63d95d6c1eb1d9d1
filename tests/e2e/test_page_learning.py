"""Outcomes on the patient's page and versions on the status page, in a real Chromium."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from runtime.bus import Delivered
from storage import models
from storage.models import Draft
from storage.session import Connection
from storage.signing import load_signer
from tests.e2e.test_page_status import everybody_moves
from tests.support.chromium import chromium, page_at
from tests.support.shown_ward import seed_ward
from tests.support.ward_scene import WardScene, serving, ward_scene
from vitals.codec import decode_outcomes_record
from vitals.model_version import ProgressiveScores
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


def make(conn: Connection, candidate: str, lessons: int, auroc: float, *, at_ms: int) -> None:
    """One more version of a candidate."""
    models.require_candidates(conn, ["additive", "additive-quick"])
    scores = ProgressiveScores(
        lessons=lessons, positives=lessons // 40, auroc=auroc, brier=0.021, log_loss=0.094, base_log_loss=0.117
    )
    draft = Draft(candidate, f"hash-{candidate}-{lessons}", "test", at_ms, lessons, 43_200.0, scores, b"weights")
    models.make(conn, draft, load_signer(conn), by="trainer", why="200 more lessons")


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


async def test_the_status_page_says_which_version_scores_and_how_the_candidates_do(tmp_path: Path) -> None:
    async with ward_scene(tmp_path) as scene, chromium() as browser:
        seed_ward(scene, beds=2)
        await everybody_moves(scene)
        now_ms = scene.clock.now_ms()
        with scene.database.transaction() as conn:
            for hours, lessons, auroc in ((50, 400, 0.668), (26, 800, 0.691), (2, 1200, 0.702)):
                make(conn, "additive", lessons, auroc, at_ms=now_ms - hours * 3_600_000)
                make(conn, "additive-quick", lessons, auroc - 0.01, at_ms=now_ms - hours * 3_600_000)
        async with serving(scene) as dashboard:
            url = f"{dashboard.url}status"
            async with page_at(browser, url) as page:
                await expect(page.locator("#models-now")).to_have_text("version 5 scores")
                await page.locator("#models summary").click()
                await expect(page.locator("#models-table tbody tr")).to_have_count(6)
                await expect(page.locator("#models-table .is-now")).to_contain_text("0.702")
                await expect(page.locator("#switches-table tbody tr")).to_have_count(3)
            async with page_at(browser, url, width=390, height=844, phone=True) as page:
                await page.locator("#models summary").click()
                await expect(page.locator("#models-table tbody tr")).to_have_count(6)
                assert await page.evaluate("document.documentElement.scrollWidth") <= 390
