"""The pages of a living house, as the demo's guest sees them: everything flows, and nothing on them is made up."""

import pytest
from playwright.async_api import expect

from tests.support.chromium import chromium, page_at
from tests.support.demo_process import address_of, demo
from tests.support.pictures import picture

pytestmark = [pytest.mark.e2e, pytest.mark.pictures, pytest.mark.asyncio]
ALERTED_MS_MAX = 60_000


async def test_a_guest_sees_what_flows_in_a_living_house() -> None:
    with demo("--beds", "24", "--port", "0") as process:
        url = address_of(process)
        async with chromium() as browser, page_at(browser, url) as page:
            await expect(page.locator(".alert-strip").first).to_be_visible(timeout=ALERTED_MS_MAX)
            await page.goto(f"{url}status")
            await expect(page.locator("#path > li")).not_to_have_count(0)
            await picture(browser, page, "status.png")
