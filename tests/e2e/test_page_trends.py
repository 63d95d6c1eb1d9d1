"""Where signs are going, on a patient's page: in words, with the interval until the limit, and gone when it is old."""

import os
from pathlib import Path

import msgspec
import pytest
from playwright.async_api import expect

from tests.support.chromium import chromium, page_at
from tests.support.ward_scene import assessed, course, serving, ward_scene
from vitals.assessment import Trend
from vitals.sign import Sign

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio]
SAID = "Oxygen saturation falling 1.2 % per hour: 88 % in about 40 min (25\u201370). Heart rate rising 9.0 per hour."
TRENDS = (Trend(Sign.SPO2, -1.2, 88.0, 40, 25, 70), Trend(Sign.HEART_RATE, 9.04))


async def test_a_falling_saturation_is_said_with_its_limit(tmp_path: Path) -> None:
    async with ward_scene(tmp_path) as scene, chromium() as browser:
        patient_id = scene.admit("4", "Ada Lind")
        *before, said, after = course(patient_id, "watch-4", end_ms=scene.clock.now_ms(), seconds=60, seed=5)
        scene.store(before, [assessed(before[-1])])
        async with (
            serving(scene) as dashboard,
            page_at(browser, f"{dashboard.url}patients/{patient_id}", width=390, height=844, phone=True) as page,
        ):
            line = page.locator("#trends")
            await expect(page.locator("#pattern-said")).to_contain_text("for this patient")
            await expect(line).to_be_hidden()
            await scene.publish(said, msgspec.structs.replace(assessed(said, flagged=True), trends=TRENDS))
            await expect(line).to_have_text(SAID)
            assert await page.evaluate("document.documentElement.scrollWidth") <= 390
            for name in os.environ.get("WARDLIGHT_TEST_SHOTS", "").split():
                await page.screenshot(path=name, full_page=True)
            await scene.publish(after, assessed(after))
            await expect(line).to_be_hidden()
