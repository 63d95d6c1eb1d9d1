"""Early-warning scores in words: no more is said than holds at both ends of its interval."""

from pathlib import Path

import msgspec
import pytest
from playwright.async_api import expect

from tests.support.chromium import chromium, page_at
from tests.support.ward_scene import assessed, course, serving, ward_scene
from vitals.age import AgeBand
from vitals.assessment import PewsSummary
from vitals.sign import Sign

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio]
SAYS = "async (score) => (await import('/static/js/format.js')).scoreSentence(score)"
UNKNOWN = "risk unknown until what is missing is charted"
SCORE = "async (assessment) => (await import('/static/js/format.js')).scoreOf(assessment)"
PEWS_ENDS = (
    (0, 4, "low", "below 5"),
    (0, 20, "low", UNKNOWN),
    (5, 7, "urgent", "5 and more: watch closely"),
    (5, 13, "urgent", "at least 5: watch closely"),
    (8, 26, "emergency", "8 and more: urgent review"),
)
ENDS = (
    (0, 20, "low", False, UNKNOWN),
    (0, 3, "low", False, UNKNOWN),
    (0, 2, "low", False, "low risk"),
    (4, 4, "low", False, "low risk"),
    (3, 5, "low_medium", True, "one sign alone scores 3: ward review at least"),
    (3, 4, "low_medium", True, "one sign alone scores 3: ward review"),
    (5, 8, "urgent", False, "at least urgent threshold reached"),
    (5, 6, "urgent", False, "urgent threshold reached"),
    (7, 12, "emergency", False, "emergency threshold reached"),
)


async def test_a_band_is_named_only_where_both_ends_lie_in_it(tmp_path: Path) -> None:
    async with (
        ward_scene(tmp_path) as scene,
        chromium() as browser,
        serving(scene) as dashboard,
        page_at(browser, dashboard.url) as page,
    ):
        for low, high, response, red, words in ENDS:
            news2 = {
                "name": "NEWS2",
                "low": low,
                "high": high,
                "response": response,
                "single_red": red,
                "missing": ["spo2_percent"],
            }
            said = await page.evaluate(SAYS, {**news2, "total": None})
            assert said == f"NEWS2 between {low} and {high}, {words}; missing: oxygen saturation."
        for low, high, response, words in PEWS_ENDS:
            pews: dict[str, object] = {
                "pews": {"low": low, "high": high, "total": None, "missing": [], "points": {}, "band": "1-4y"}
            }
            assert (
                await page.evaluate(SAYS, await page.evaluate(SCORE, pews))
                == f"PEWS (1-4y) between {low} and {high}, {words}."
            )
            assert (await page.evaluate(SCORE, pews))["response"] == response


async def test_no_page_of_a_child_says_news2(tmp_path: Path) -> None:
    async with (
        ward_scene(tmp_path) as scene,
        chromium() as browser,
    ):
        child = scene.admit("5", "Mia Kind")
        scene.admit("6", "Nobody yet")
        pews = PewsSummary(6, 18, {Sign.HEART_RATE: 4}, (Sign.CAPILLARY_REFILL,), AgeBand.UNDER_4_YEARS)
        for reading in course(child, "watch-5", end_ms=scene.clock.now_ms(), seconds=60, seed=5):
            said = msgspec.structs.replace(assessed(reading), news2=None, pews=pews, drivers=())
            scene.store([reading], [said])
        async with serving(scene) as dashboard, page_at(browser, dashboard.url) as page:
            labels = page.locator(".tile .news2")
            await expect(labels.first).to_have_text("6\u201318")
            shown = await labels.evaluate_all("all => all.map(one => getComputedStyle(one, '::before').content)")
            assert shown == ['"PEWS "', "none"]
            await page.goto(f"{dashboard.url}patients/{child}")
            await expect(page.locator("#score-name")).to_have_text("PEWS")
            assert "NEWS2" not in await page.locator("body").inner_text()
