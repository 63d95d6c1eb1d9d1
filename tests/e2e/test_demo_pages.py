"""The pages of a living house, as the demo's guest goes through them: every one opens, and says that everything moves."""

import pytest
from playwright.async_api import expect

from tests.support.chromium import chromium, page_at
from tests.support.demo_process import address_of, demo

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio, pytest.mark.timeout(240)]
ALERTED_MS_MAX = 90_000
MOVING_MS_MAX = 60_000


async def test_a_guest_goes_through_every_page_of_a_living_house() -> None:
    with demo("--beds", "24", "--port", "0") as process:
        url = address_of(process)
        async with chromium() as browser, page_at(browser, url) as page:
            await expect(page.locator(".alert-strip").first).to_be_visible(timeout=ALERTED_MS_MAX)
            links = page.locator("nav.pages a")
            paths = [await link.get_attribute("href") for link in await links.all()]
            assert {"/", "/registry", "/status"} <= set(paths)
            for path in paths:
                answer = await page.goto(f"{url.rstrip('/')}{path}")
                assert answer is not None
                assert answer.status == 200, path
                await expect(page.locator("main")).not_to_be_empty()
            await page.goto(f"{url}status")
            await expect(page.locator("#verdict h2")).to_have_text("Every stage moves", timeout=MOVING_MS_MAX)
