"""The page *Reliability* in a real Chromium: what a ward manager finds there, and what it does not pretend to know."""

import json
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from dashboard.permissions import Role
from storage import audit, models, people
from storage.people import StoredGrant
from tests.e2e.test_page_people import add, guarded, sign_in
from tests.support.chromium import chromium, page_at
from tests.support.pictures import picture
from tests.support.ward_scene import WARD, WardScene, serving, ward_scene
from tests.support.watched_week import make_versions, seed_minutes, seed_week

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio]


@pytest.mark.pictures
async def test_the_page_tells_which_version_scores_how_true_it_is_and_alerts_by_group(tmp_path: Path) -> None:
    async with ward_scene(tmp_path) as scene, chromium() as browser:
        seed_week(scene)
        make_versions(scene)
        async with serving(scene) as dashboard:
            url = f"{dashboard.url}reliability"
            async with page_at(browser, url, height=1250) as page:
                await expect(page.locator("#verdict h2")).to_have_text("Version 5 scores")
                await expect(page.locator("#candidates tbody tr")).to_have_count(2)
                await expect(page.locator("#candidates .is-now")).to_contain_text("0.702")
                await expect(page.locator("#calibration-chart circle")).to_have_count(10)
                await expect(page.locator("#calibration-table tbody tr")).to_have_count(10)
                await expect(page.locator("#calibration-said")).to_contain_text("Where it told most, 19 %, 15 % did.")
                await expect(page.locator("#groups")).to_contain_text("ward-4 fewer than 5 patients: not shown")
                await expect(page.locator("#kinds")).to_contain_text("SpO₂ low")
                await page.get_by_text("Every version").click()
                await expect(page.locator("#versions-table tbody tr")).to_have_count(6)
                await expect(page.locator("#switches-table tbody tr")).to_have_count(3)
                await page.get_by_text("Every version").click()
                await picture(browser, page, "reliability.png")
            async with page_at(browser, url, width=390, height=844, phone=True, dark=True) as page:
                await expect(page.locator("#kinds tbody tr").first).to_be_visible()
                assert await page.evaluate("document.documentElement.scrollWidth") <= 390


async def test_a_ward_without_outcomes_and_with_few_patients_is_told_what_is_not_known(tmp_path: Path) -> None:
    async with ward_scene(tmp_path) as scene, chromium() as browser:
        seed_week(scene, beds=3)
        async with serving(scene) as dashboard, page_at(browser, f"{dashboard.url}reliability") as page:
            await expect(page.locator("#verdict h2")).to_have_text("What Wardlight came with scores")
            await expect(page.locator("#model-none")).to_be_visible()
            await expect(page.locator("#calibration-said")).to_contain_text("Not known yet: it takes 200 moments")
            await expect(page.locator("#alerts-whose")).to_contain_text("Fewer than 5 patients were under observation")
            await expect(page.locator("#groups table")).to_have_count(0)
            await expect(page.locator("#worth")).to_be_hidden()


async def test_after_minutes_no_rate_is_told_and_alerts_of_charted_values_are_as_simulated_as_their_patients(
    tmp_path: Path,
) -> None:
    async with ward_scene(tmp_path) as scene, chromium() as browser:
        seed_minutes(scene, 9)
        async with serving(scene) as dashboard, page_at(browser, f"{dashboard.url}reliability") as page:
            sums = page.locator("#sums")
            await expect(sums).to_contain_text("12")
            await expect(sums).to_contain_text("too early to tell a rate: 0.1 patient-days observed")
            await expect(page.locator("#groups")).to_contain_text("too early")
            await expect(page.locator("#kinds")).to_contain_text("too early")
            await expect(page.locator("#alerts-whose")).to_contain_text(
                "12 of the alerts told are of simulated or replayed patients."
            )
            await expect(page.locator("#alerts")).to_contain_text("Below one patient-day no rate is told.")


async def open_signed_in(page: Page, login: str) -> None:
    """The page *Reliability* as this person has it."""
    await sign_in(page, login)
    await expect(page.locator("#verdict h2")).to_have_text("Version 5 scores")


def in_force(scene: WardScene) -> int | None:
    """What the database has as the last switch."""
    with scene.database.snapshot() as conn:
        found = models.last_switch(conn)
        return None if found is None else found.number


@pytest.mark.pictures
async def test_whoever_sets_the_rules_of_the_house_puts_a_version_in_force_by_keyboard_with_a_reason(
    tmp_path: Path,
) -> None:
    async with guarded(tmp_path) as scene, chromium() as browser:
        make_versions(scene)
        await add(scene, "rose", (Role.WARD_MANAGER, None))
        async with serving(scene) as dashboard, page_at(browser, f"{dashboard.url}reliability") as page:
            await open_signed_in(page, "rose")
            await page.get_by_role("button", name="Put in force: version 6").first.focus()
            await page.keyboard.press("Enter")
            await expect(page.get_by_label("Why, for the record")).to_be_focused()
            said = page.locator("#deed-outcome")
            await expect(said).to_contain_text("Version 6 of “additive-quick” scores every adult of the house")
            await expect(said).to_contain_text("in place of version 5.")
            await expect(said).to_contain_text("“additive” goes on learning in the shadow.")
            await expect(said).to_contain_text("error 0.094, without a model 0.117")
            await expect(said).to_contain_text("Say why, for the record.")
            await expect(page.locator("#deed-do")).to_be_disabled()
            await page.keyboard.type("Better error over four weeks")
            await expect(said).to_contain_text("Your name, the time and the reason stay on record.")
            await picture(browser, page, "reliability-promote.png")
            await page.keyboard.press("Enter")
            await expect(page.locator("#deed")).to_be_hidden()
            await expect(page.locator("#verdict h2")).to_have_text("Version 6 scores")
            await expect(page.locator("#candidates .is-now")).to_contain_text("additive-quick")
            await expect(page.locator("#candidates .is-now button")).to_have_count(0)
            await expect(page.locator("#switches-table")).to_contain_text("Better error over four weeks")
            await expect(page.locator("#switches-table tbody tr").first).to_contain_text("Rose")
            await page.get_by_role("button", name="Retire: version 5").first.click()
            await expect(said).to_contain_text("that candidate leaves the shadow and learns no more")
            await page.get_by_label("Why, for the record").fill("Not to be used again")
            await page.locator("#deed-do").click()
            await expect(page.locator("#candidates tbody tr").last).to_contain_text("retired")
            await expect(page.get_by_role("button", name="Put in force: version 5")).to_have_count(0)
            await page.get_by_role("button", name="Restore: version 5").first.click()
            await expect(said).to_contain_text("that candidate learns on in the shadow")
            await page.get_by_label("Why, for the record").fill("Retired by mistake")
            await page.locator("#deed-do").click()
            await expect(page.locator("#candidates tbody tr").last).to_contain_text("in the shadow")
            await page.get_by_role("button", name="Go back to what Wardlight came with").click()
            await page.get_by_label("Why, for the record").fill("To be sure")
            await page.locator("#deed-do").click()
            await expect(page.locator("#verdict h2")).to_have_text("What Wardlight came with scores")
            await expect(page.locator("#shipped")).to_be_hidden()
        with scene.database.snapshot() as conn:
            entries = audit.list_entries(conn, limit=50)
        told = {(each.name, each.subject, json.loads(each.detail).get("reason")) for each in entries}
        reasons = {"6": "Better error over four weeks", "5": "Not to be used again", "0": "To be sure"}
        assert {("Rose", number, reason) for number, reason in reasons.items()} <= told


async def test_a_version_of_other_features_is_called_refused_and_offers_no_button(tmp_path: Path) -> None:
    async with guarded(tmp_path) as scene, chromium() as browser:
        make_versions(scene)
        with scene.database.transaction() as conn:
            models.require_candidates(conn, {"additive": "test", "additive-quick": "another"})
        await add(scene, "rose", (Role.WARD_MANAGER, None))
        async with serving(scene) as dashboard, page_at(browser, f"{dashboard.url}reliability") as page:
            await open_signed_in(page, "rose")
            await expect(page.locator("#candidates tbody tr").last).to_contain_text("in the shadow, refused by scorers")
            await expect(page.get_by_role("button", name="Put in force: version 6")).to_have_count(0)
            with scene.database.transaction() as conn:
                models.require_candidates(conn, {"additive": "another", "additive-quick": "another"})
            await page.reload()
            await expect(page.locator("#verdict")).to_contain_text("no scorer would take it")


async def test_a_choice_that_is_refused_says_so_in_the_dialog_and_changes_nothing(tmp_path: Path) -> None:
    async with guarded(tmp_path) as scene, chromium() as browser:
        make_versions(scene)
        await add(scene, "rose", (Role.WARD_MANAGER, None))
        async with (
            serving(scene) as dashboard,
            page_at(browser, f"{dashboard.url}reliability", width=390, height=844, phone=True, dark=True) as page,
        ):
            await open_signed_in(page, "rose")
            await page.get_by_role("button", name="Put in force: version 6").first.click()
            await page.get_by_label("Why, for the record").fill("Better error over four weeks")
            await expect(page.locator("#deed-do")).to_be_enabled()
            assert await page.evaluate("document.documentElement.scrollWidth") <= 390
            with scene.database.transaction() as conn:
                models.promote(conn, 6, at_ms=scene.clock.now_ms(), by="Somebody else", why="first")
            await page.locator("#deed-do").click()
            await expect(page.locator("#deed-error")).to_have_text("Version 6 is in force already.")
            await expect(page.locator("#deed")).to_be_visible()
            await page.locator("#deed-cancel").click()
            await expect(page.locator("#verdict h2")).to_have_text("Version 6 scores")
            await page.get_by_role("button", name="Put in force: version 5").first.click()
            await page.get_by_label("Why, for the record").fill("Back again")
            await expect(page.locator("#deed-do")).to_be_enabled()
            with scene.database.transaction() as conn:
                (rose,) = people.list_people(conn)
                people.revoke(conn, rose.person_id, StoredGrant("ward_manager", None))
            await page.locator("#deed-do").click()
            await expect(page.locator("#deed-error")).to_have_text("Your roles do not include set rules.")
        assert in_force(scene) == 6


async def test_whoever_may_not_choose_sees_no_button_for_it(tmp_path: Path) -> None:
    async with guarded(tmp_path) as scene, chromium() as browser:
        make_versions(scene)
        await add(scene, "kim", (Role.NURSE, None), (Role.WARD_MANAGER, WARD))
        async with serving(scene) as dashboard, page_at(browser, f"{dashboard.url}reliability") as page:
            await open_signed_in(page, "kim")
            await expect(page.locator("#candidates tbody tr")).to_have_count(2)
            await expect(page.locator("#model button")).to_have_count(1)
            await expect(page.locator("#shipped")).to_be_hidden()


async def test_of_a_version_that_would_silence_the_risk_the_dialog_says_so_before_anybody_presses(
    tmp_path: Path,
) -> None:
    says = "async ([version, models]) => (await import('/static/js/model-deeds.js')).promote(version, models).foresee({ reason: 'x' })"
    five = {"number": 5, "candidate": "a", "threshold": 0.12, "refused": None, "log_loss": None, "base_log_loss": None}
    six = {**five, "number": 6, "candidate": "b", "threshold": None}
    async with (
        ward_scene(tmp_path) as scene,
        chromium() as browser,
        serving(scene) as dashboard,
        page_at(browser, f"{dashboard.url}reliability") as page,
    ):
        refused = await page.evaluate(says, [six, {"in_force": 5, "versions": [six, five]}])
        assert (refused["ready"], "would raise no alert" in refused["said"][0]) == (False, True)
        first = await page.evaluate(says, [six, {"in_force": 0, "versions": [six, five]}])
        assert first["ready"]
