"""NEWS2 in words: no more is said than holds at both ends of its interval."""

from pathlib import Path

import pytest

from tests.support.chromium import chromium, page_at
from tests.support.ward_scene import serving, ward_scene

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio]
SAYS = "async (news2) => (await import('/static/js/format.js')).news2Sentence(news2)"
UNKNOWN = "risk unknown until what is missing is charted"
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
            news2 = {"low": low, "high": high, "response": response, "single_red": red, "missing": ["spo2_percent"]}
            said = await page.evaluate(SAYS, {**news2, "total": None})
            assert said == f"NEWS2 between {low} and {high}, {words}; missing: oxygen saturation."
