"""The page that a notification's link leads to: opening it says nothing, its one button says seen, once."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from storage import destinations, notifications
from storage.notifications import NewDelivery
from storage.seen_links import seen_token
from storage.signing import load_signer
from tests.support.chromium import chromium, page_at
from tests.support.outbox_scene import step
from tests.support.ward_scene import WardScene, serving, ward_scene
from vitals.notification import Channel, Destination

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio]


def sent(scene: WardScene) -> str:
    """A delivery, and what its link carries."""
    now_ms = scene.clock.now_ms()
    pager = Destination("d1", Channel.WEBHOOK, "https://pager.example/hook", name="Pager")
    new = NewDelivery(delivery_id="x1", destination_id="d1", due_at_ms=now_ms, expires_at_ms=now_ms + 1000, step=step())
    with scene.database.transaction() as conn:
        destinations.add(conn, pager, by="root", now_ms=now_ms)
        notifications.enqueue(conn, [new], now_ms=now_ms)
        return seen_token(load_signer(conn), "x1", now_ms + 3_600_000)


def is_seen(scene: WardScene) -> bool:
    with scene.database.snapshot() as conn:
        return notifications.get(conn, "x1").seen


async def test_the_button_says_seen_once_without_sign_in(tmp_path: Path) -> None:
    async with ward_scene(tmp_path) as scene:
        scene.settings = scene.settings.model_copy(update={"sign_in": "required"})
        token = sent(scene)
        async with chromium() as browser, serving(scene) as dashboard:
            address = f"{dashboard.url}seen#{token}"
            async with page_at(browser, address, width=390, height=844, phone=True) as page:
                await expect(page.get_by_role("button", name="I have seen it")).to_be_enabled()
                assert not is_seen(scene)
                await page.get_by_role("button", name="I have seen it").click()
                await expect(page.locator("#said")).to_contain_text("on record")
                assert is_seen(scene)
                assert await page.evaluate("document.documentElement.scrollWidth") <= 390
            async with page_at(browser, address, dark=True) as page:
                await page.get_by_role("button", name="I have seen it").click()
                await expect(page.locator("#said")).to_contain_text("used already")
            async with page_at(browser, f"{dashboard.url}seen") as page:
                await expect(page.locator("#said")).to_contain_text("not whole")
                await expect(page.get_by_role("button", name="I have seen it")).to_be_disabled()
