"""Early-warning scores in words: no more is said than holds at both ends of its interval."""

from pathlib import Path

import pytest

from tests.support.chromium import chromium, page_at
from tests.support.ward_scene import serving, ward_scene

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
