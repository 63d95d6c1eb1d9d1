"""The status page in a real Chromium: what moves, what stands still, and that a page without answers says so."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from runtime.bus import Outgoing
from storage.claims import claim, remember_positions
from storage.operations import Deed, put_down
from storage.stages import STAGES, TOPICS
from tests.support.chromium import chromium, page_at
from tests.support.pictures import picture
from tests.support.shown_ward import seed_ward
from tests.support.ward_scene import WardScene, serving, ward_scene
from vitals.codec import encode
from vitals.reading import Tick

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio]


async def everybody_moves(scene: WardScene) -> None:
    """Positions at the log's ends, a fresh heartbeat, and a backup of last night."""
    now_ms = scene.clock.now_ms()
    await scene.bus.publish([Outgoing("readings", b"%d" % number, encode(Tick(now_ms))) for number in range(40)])
    ends = await scene.bus.ends(TOPICS)
    partitions = {at.partition for at in ends}
    with scene.database.transaction() as conn:
        for group, topics in STAGES.items():
            epochs = claim(conn, group, partitions).epochs
            remember_positions(conn, group, epochs, {at: end for at, end in ends.items() if at.topic in topics})
        stages = dict.fromkeys(("ingest", *STAGES), 0.4)
        put_down(conn, Deed.HEARTBEAT, at_ms=now_ms, detail={"every_s": 60, "stages": stages})
        put_down(conn, Deed.BACKUP, at_ms=now_ms - 9 * 3_600_000, detail={"file": "ward.backup"})


@pytest.mark.pictures
async def test_the_page_says_what_moves_and_what_stands_still(tmp_path: Path) -> None:
    async with ward_scene(tmp_path) as scene, chromium() as browser:
        seed_ward(scene, beds=6)
        await everybody_moves(scene)
        async with serving(scene) as dashboard:
            url = f"{dashboard.url}status"
            for name, dark in (("status.png", False), ("status-dark.png", True)):
                async with page_at(browser, url, dark=dark) as page:
                    await expect(page.locator("#verdict h2")).to_have_text("Every stage moves")
                    await expect(page.locator("#path > li")).to_have_count(9)
                    await expect(page.locator(".is-standing")).to_have_count(0)
                    await expect(page.locator("#facts")).to_contain_text("9 h ago")
                    await expect(page.locator("#connection")).to_have_text("Live")
                    await picture(browser, page, name)
            async with page_at(browser, url, width=390, height=844, phone=True) as page:
                await expect(page.locator("#path > li")).to_have_count(9)
                await page.get_by_text("Lag by group and partition").click()
                await expect(page.locator("#lag tbody tr").first).to_be_visible()
                assert await page.evaluate("document.documentElement.scrollWidth") <= 390
            with scene.database.transaction() as conn:
                put_down(conn, Deed.HEARTBEAT, at_ms=scene.clock.now_ms() - 600_000, detail={"every_s": 5})
            async with page_at(browser, url) as page:
                await expect(page.locator("#verdict")).to_contain_text("The last heartbeat is", timeout=15_000)
                await expect(page.locator("#verdict")).to_have_class("verdict is-broken")


async def test_a_page_whose_server_is_gone_says_that_it_is_not_live(tmp_path: Path) -> None:
    async with ward_scene(tmp_path) as scene, chromium() as browser:
        async with serving(scene) as dashboard:
            context = await browser.new_context()
            page = await context.new_page()
            await page.goto(f"{dashboard.url}status")
            await expect(page.locator("#connection")).to_have_text("Live", timeout=15_000)
        await expect(page.locator("#not-live")).to_be_visible(timeout=25_000)
        await context.close()
