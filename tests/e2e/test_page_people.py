"""Signing in as people do it, in a real Chromium: the door, the lock that hides no alarm, broken glass, and the page of people."""

import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.async_api import Page, expect

from dashboard.permissions import Role
from dashboard.sign_in_passwords import Passwords
from storage import escalation, people
from storage.people import Account, StoredGrant
from tests.support.chromium import chromium, page_at
from tests.support.pictures import picture
from tests.support.shown_ward import acknowledge, beating, obeying, seed_ward, step, tile_of
from tests.support.ward_scene import WARD, WardScene, serving, ward_scene
from vitals.alert import AlertKind, Priority
from vitals.reading import WardId

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio]
PASSWORD = "correct horse battery"
OTHER = WardId("ward-4")


@contextlib.asynccontextmanager
async def guarded(directory: Path, **people_settings: object) -> AsyncIterator[WardScene]:
    """A ward that asks who is there."""
    async with ward_scene(directory) as scene:
        scene.settings = scene.settings.model_copy(update={"sign_in": "required"})
        scene.people = scene.people.model_copy(update=people_settings)
        yield scene


async def add(scene: WardScene, login: str, *grants: tuple[Role, WardId | None], must_change: bool = False) -> None:
    """Somebody with this login and `PASSWORD`."""
    passwords = Passwords(door=scene.door, memory_kib=1024, passes=1, at_once_max=1)
    made = await passwords.hashed(PASSWORD)
    account = Account(people.new_person_id(), login, login.title(), made, must_change, added_at_ms=scene.clock.now_ms())
    with scene.database.transaction() as conn:
        people.add(conn, account)
        for role, ward_id in grants:
            people.grant(conn, account.person_id, StoredGrant(role.value, ward_id), at_ms=1, by="the test")


async def sign_in(page: Page, login: str, password: str = PASSWORD) -> None:
    await page.get_by_label("Login name").fill(login)
    await page.get_by_label("Password", exact=True).fill(password)
    await page.get_by_role("button", name="Sign in").click()


@pytest.mark.parametrize(
    "then", ["/.//127.0.0.2:1/phish", "/..//127.0.0.2:1", "//127.0.0.2:1", "/.\\\\127.0.0.2:1", "//["]
)
async def test_the_sign_in_leads_to_no_other_host(tmp_path: Path, then: str) -> None:
    async with guarded(tmp_path) as scene, chromium() as browser:
        seed_ward(scene, beds=1)
        await add(scene, "kim", (Role.NURSE, WARD))
        async with serving(scene) as dashboard, page_at(browser, f"{dashboard.url}sign-in?next={quote(then)}") as page:
            await sign_in(page, "kim")
            await expect(page.locator(".tile")).to_have_count(1)
            assert page.url == dashboard.url


@pytest.mark.pictures
async def test_one_signs_in_acknowledges_in_ones_own_name_and_signs_out(tmp_path: Path) -> None:
    async with guarded(tmp_path) as scene, chromium() as browser:
        seed_ward(scene, beds=4)
        scene.admit("90", "Somebody Else", ward=OTHER)
        await add(scene, "kim", (Role.NURSE, WARD))
        raised = step(scene, 2, AlertKind.SPO2_LOW, Priority.HIGH, "SpO2 low", ago_s=5)
        scene.store_steps(raised)
        async with serving(scene) as dashboard, page_at(browser, f"{dashboard.url}patients/p2") as page:
            await page.wait_for_url("**/sign-in?next=/patients/p2")
            await picture(browser, page, "sign-in.png")
            await sign_in(page, "kim")
            await page.wait_for_url("**/patients/p2")
            await expect(page.locator("#name")).to_have_text("Bernd Krüger")
            await page.goto(dashboard.url)
            await expect(page.locator(".tile")).to_have_count(4)
            await expect(page.locator(".account")).to_contain_text("Kim")
            await expect(page.locator(".pages")).to_contain_text("Ward")
            await expect(page.locator(".pages")).not_to_contain_text("People")
            async with obeying(scene, raised):
                await acknowledge(page, tile_of(page, 2))
                await expect(tile_of(page, 2)).to_contain_text(re.compile("✓ to .* Kim"))
            await page.locator(".account summary").click()
            await page.get_by_role("button", name="Sign out").click()
            await page.wait_for_url("**/sign-in")
            await page.goto(dashboard.url)
            await page.wait_for_url("**/sign-in?next=/")


async def test_wrong_passwords_are_refused_without_a_hint_and_then_made_to_wait(tmp_path: Path) -> None:
    async with guarded(tmp_path, failures_free=2, closed_first_s=30.0) as scene, chromium() as browser:
        await add(scene, "kim", (Role.NURSE, WARD))
        async with serving(scene) as dashboard, page_at(browser, dashboard.url) as page:
            for login in ("kim", "nobody"):
                await sign_in(page, login, "wrong password")
                await expect(page.locator("#said")).to_have_text("Login name or password is wrong.")
            await sign_in(page, "kim", "wrong password")
            await expect(page.locator("#said")).to_have_text("Login name or password is wrong.")
            await sign_in(page, "kim")
            await expect(page.locator("#said")).to_contain_text("Too many wrong passwords: try again in")


async def test_a_password_given_by_somebody_else_is_changed_first(tmp_path: Path) -> None:
    async with guarded(tmp_path) as scene, chromium() as browser:
        seed_ward(scene, beds=2)
        await add(scene, "kim", (Role.NURSE, WARD), must_change=True)
        async with serving(scene) as dashboard, page_at(browser, dashboard.url) as page:
            await sign_in(page, "kim")
            await expect(page.locator("#why-own")).to_be_visible()
            await page.get_by_label("Present password").fill(PASSWORD)
            await page.get_by_label("New password, at least 12 characters").fill("my own long words")
            await page.get_by_label("New password again").fill("my own long words")
            await page.get_by_role("button", name="Change password").click()
            await expect(page.locator(".tile")).to_have_count(2)


@pytest.mark.pictures
async def test_the_lock_takes_clicks_and_leaves_every_alarm_visible_and_live(tmp_path: Path) -> None:
    async with guarded(tmp_path, idle_lock_s=5) as scene, chromium() as browser:
        seed_ward(scene)
        await add(scene, "kim", (Role.NURSE, WARD))
        seen = step(scene, 1, AlertKind.SPO2_LOW, Priority.HIGH, "SpO2 low before", ago_s=5)
        scene.store_steps(seen)
        async with serving(scene) as dashboard, beating(scene, 1, 2), page_at(browser, dashboard.url) as page:
            await sign_in(page, "kim")
            await expect(page.locator(".tile")).to_have_count(24)
            lock = page.get_by_role("form", name="Locked")
            await expect(lock).to_be_visible(timeout=15_000)
            await expect(page.locator("#connection")).to_have_text("Live")
            await expect(page.locator(".tile")).to_have_count(24)
            assert await page.evaluate("document.documentElement.scrollHeight") <= 900
            await expect(tile_of(page, 1)).to_contain_text("SpO2 low before")
            later = step(scene, 2, AlertKind.HEART_RATE_HIGH, Priority.HIGH, "Heart rate 160 /min", ago_s=0)
            await scene.publish(later)
            await expect(tile_of(page, 2)).to_contain_text("Heart rate 160 /min")
            await expect(tile_of(page, 2)).to_have_attribute("data-flashing", "high")
            await picture(browser, page, "ward-locked.png")
            await tile_of(page, 1).get_by_role("button", name="Acknowledge").click()
            await tile_of(page, 2).locator("a").first.click()
            await expect(lock.get_by_placeholder("Password")).to_be_focused()
            assert page.url == dashboard.url
            await page.reload()
            await expect(lock).to_be_visible()
            await expect(tile_of(page, 2)).to_contain_text("Heart rate 160 /min")
            await page.goto(f"{dashboard.url}patients/p1")
            await expect(lock).to_be_visible()
            assert page.url == dashboard.url
            await lock.get_by_placeholder("Password").fill("wrong password")
            await lock.get_by_role("button", name="Unlock").click()
            await expect(lock).to_contain_text("The password is wrong.")
            await lock.get_by_placeholder("Password").fill(PASSWORD)
            await lock.get_by_role("button", name="Unlock").click()
            await expect(lock).to_be_hidden()
            async with obeying(scene, seen):
                await acknowledge(page, tile_of(page, 1))
                await expect(tile_of(page, 1)).to_contain_text(re.compile("✓ to .* Kim"))


async def test_the_end_of_a_session_is_said_on_the_page(tmp_path: Path) -> None:
    async with guarded(tmp_path) as scene, chromium() as browser:
        seed_ward(scene, beds=3)
        await add(scene, "kim", (Role.NURSE, WARD))
        async with serving(scene) as dashboard, page_at(browser, dashboard.url) as page:
            await sign_in(page, "kim")
            await expect(page.locator("#connection")).to_have_text("Live")
            with scene.database.transaction() as conn:
                (kim,) = people.list_people(conn)
                people.set_disabled(conn, kim.person_id, 1)
            await expect(page.locator(".signed-out")).to_contain_text("Signed out", timeout=25_000)
            await expect(page.locator("#connection")).to_have_text("Not live")


@pytest.mark.pictures
async def test_a_patient_of_another_ward_is_opened_in_an_emergency_and_it_shows(tmp_path: Path) -> None:
    async with guarded(tmp_path) as scene, chromium() as browser:
        seed_ward(scene, beds=2)
        await add(scene, "kim", (Role.NURSE, OTHER))
        scene.admit("90", "Own Patient", ward=OTHER)
        async with serving(scene) as dashboard, page_at(browser, f"{dashboard.url}patients/p1") as page:
            await sign_in(page, "kim")
            await expect(page.get_by_text("This patient lies on a ward that is not yours")).to_be_visible()
            await expect(page.locator("body")).not_to_contain_text("Amina Yusuf")
            await picture(browser, page, "break-glass.png")
            await page.get_by_label("Reason").fill("Collapsed in the corridor")
            await page.get_by_role("button", name="Open in an emergency").click()
            await expect(page.locator("#name")).to_have_text("Amina Yusuf")
            await expect(page.locator(".glass-banner")).to_contain_text("Collapsed in the corridor")
            await expect(page.locator("#connection")).to_have_text("Live")
            await page.goto(dashboard.url)
            await expect(page.locator(".tile")).to_have_count(1)


@pytest.mark.pictures
async def test_an_administrator_adds_somebody_gives_and_takes_roles_and_makes_a_token(tmp_path: Path) -> None:
    async with guarded(tmp_path) as scene, chromium() as browser:
        seed_ward(scene, beds=2)
        await add(scene, "root", (Role.ADMINISTRATOR, None))
        await add(scene, "lee", (Role.PHYSICIAN, WARD), (Role.DATA_ANALYST, None))
        async with serving(scene) as dashboard, page_at(browser, dashboard.url) as page:
            await sign_in(page, "root")
            await page.wait_for_url("**/people")
            await page.get_by_role("button", name="Add somebody").click()
            await page.get_by_label("Name, as shown").fill("Kim Lee")
            await page.locator("#add-login").fill("kim")
            await page.locator("#add-ward").select_option(WARD)
            await page.get_by_role("button", name="Add", exact=True).click()
            await expect(page.locator("#secret-title")).to_have_text("Kim Lee signs in once with")
            await page.get_by_role("button", name="I have noted it").click()
            kim = page.locator(".person", has_text="Kim Lee")
            await expect(kim).to_contain_text(f"Nurse · {WARD}")
            await kim.get_by_role("button", name="Give a role").click()
            await page.locator("#grant-role").select_option("ward_manager")
            await page.locator("#grant-ward").select_option(label="Another ward…")
            await page.locator("#grant-dialog").get_by_label("Id of the ward").last.fill("ward-9")
            await page.get_by_role("button", name="Give", exact=True).click()
            await expect(kim).to_contain_text("Ward manager · ward-9")
            await picture(browser, page, "people.png")
            await kim.get_by_role("button", name=f"Take away: Nurse · {WARD}").click()
            await page.get_by_role("button", name="Take away", exact=True).click()
            await expect(kim).not_to_contain_text("Nurse")
            await kim.get_by_role("button", name="Tokens").click()
            await page.get_by_label("Program", exact=True).fill("ward screen")
            await page.get_by_label("see ward").check()
            await page.get_by_role("button", name="Make token").click()
            await expect(page.locator("#secret")).to_contain_text("wl_")
            await page.get_by_role("button", name="I have noted it").click()
            await kim.get_by_role("button", name="Close account").click()
            await page.locator("#sure-dialog").get_by_role("button", name="Close account").click()
            await expect(kim).to_contain_text("Account closed")


async def test_an_alert_counts_as_seen_once_somebody_who_is_signed_in_uses_the_page_that_shows_it(
    tmp_path: Path,
) -> None:
    async with guarded(tmp_path) as scene, chromium() as browser:
        seed_ward(scene, beds=2)
        await add(scene, "kim", (Role.NURSE, WARD))
        async with serving(scene) as dashboard, beating(scene, 1), page_at(browser, dashboard.url) as page:
            await sign_in(page, "kim")
            await expect(page.locator(".tile")).to_have_count(2)
            await page.reload()
            raised = step(scene, 1, AlertKind.SPO2_LOW, Priority.HIGH, "SpO2 low", ago_s=5)
            scene.store_steps(raised)
            await scene.publish(raised)
            await expect(tile_of(page, 1)).to_contain_text("SpO2 low")
            await scene.clock.sleep(2)
            assert seen_by(scene, raised.episode_id) == []
            async with page.expect_response("**/seen") as answered:
                await page.mouse.move(300, 300)
            assert (await answered.value).ok
            assert seen_by(scene, raised.episode_id) == ["Kim"]


def seen_by(scene: WardScene, episode_id: str) -> list[str]:
    """Who has seen this alert on a page."""
    with scene.database.snapshot() as conn:
        return [sighting.by for sighting in escalation.sightings_of(conn, episode_id)]
