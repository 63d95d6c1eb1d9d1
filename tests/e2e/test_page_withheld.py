"""What was kept from the models stands on the patient's page in plain words, beside values and score as ever."""

from pathlib import Path

import msgspec
import pytest
from playwright.async_api import expect

from tests.support.chromium import chromium, page_at
from tests.support.ward_scene import assessed, course, serving, ward_scene
from vitals.quality import Withheld, WithheldCause
from vitals.sign import Sign

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio]
SAYS = "async (assessed) => (await import('/static/js/withheld.js')).withheldSentence(assessed)"


async def test_a_withheld_value_is_told_with_its_cause_and_stays_among_the_values(tmp_path: Path) -> None:
    async with ward_scene(tmp_path) as scene, chromium() as browser:
        patient = scene.admit("7", "Ada Stone")
        readings = course(patient, "watch-7", end_ms=scene.clock.now_ms(), seconds=60, seed=4)
        *before, last = readings
        spiked = msgspec.structs.replace(last, signs={**last.signs, Sign.SPO2: 70.0, Sign.HEART_RATE: 75.0})
        said = assessed(spiked)
        drivers = [each for each in said.drivers if each.sign is not Sign.SPO2]
        spo2 = msgspec.structs.replace(said.drivers[0], sign=Sign.SPO2, value=70.0, usual=None, deviation=None)
        told = (
            Withheld(Sign.SPO2, 70.0, WithheldCause.TOO_FAST),
            Withheld(Sign.HEART_RATE, 75.0, WithheldCause.STEPPED, scored=True),
        )
        scene.store(before, [assessed(each) for each in before])
        scene.store([spiked], [msgspec.structs.replace(said, drivers=(spo2, *drivers), withheld=told)])
        async with serving(scene) as dashboard:
            for dark, phone in ((False, False), (True, True)):
                size = {"width": 390, "height": 844} if phone else {"width": 1440, "height": 900}
                url = f"{dashboard.url}patients/{patient}"
                async with page_at(browser, url, dark=dark, phone=phone, **size) as page:
                    line = page.locator("#withheld")
                    await expect(line).to_contain_text(
                        "not judged against usual: Oxygen saturation 70 % (jumped faster"
                    )
                    await expect(line).to_contain_text("not learned as usual: Heart rate 75 /min (suddenly elsewhere).")
                    await expect(line).to_contain_text("Score and limits count it.")
                    await expect(page.locator("#drivers li").first).to_contain_text("70 %, not judged against usual")
                    await expect(page.locator("#signs")).to_contain_text("70")
                    assert await page.evaluate("document.documentElement.scrollWidth") <= size["width"]


async def test_every_cause_has_words_of_its_own(tmp_path: Path) -> None:
    async with (
        ward_scene(tmp_path) as scene,
        chromium() as browser,
        serving(scene) as dashboard,
        page_at(browser, dashboard.url) as page,
    ):
        told = set()
        for cause in WithheldCause:
            for scored in (False, True):
                value = {"sign": "spo2_percent", "value": None, "cause": cause.value, "scored": scored}
                words = await page.evaluate(SAYS, {"seen_at_ms": 0, "withheld": [value]})
                assert cause.value not in words
                assert words.endswith("Score and limits count it.") == (cause is not WithheldCause.IMPLAUSIBLE)
                told.add(words)
        assert len(told) == 2 * len(WithheldCause)
