"""A patient's age and sex on the registry's page, in a real Chromium: seen, mended, refused, and not offered to everybody."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.async_api import expect

from dashboard.permissions import Role
from storage import patients
from tests.e2e.test_page_people import add, guarded, sign_in
from tests.support.chromium import chromium, page_at
from tests.support.pictures import picture
from tests.support.ward_scene import WARD, WardScene, serving
from vitals.reading import PatientId
from vitals.sex import Sex

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio]


def known(scene: WardScene, patient_id: PatientId) -> tuple[str | None, Sex | None]:
    """Date of birth and sex as the database has them."""
    with scene.database.snapshot() as conn:
        found = patients.get(conn, patient_id)
        return found.birth_date, found.sex


def born(scene: WardScene, years: int) -> str:
    """The birthday of somebody who turned so many years half a year ago."""
    now = datetime.fromtimestamp(scene.clock.now_ms() / 1000 - 183 * 86_400, UTC)
    return f"{now.year - years}-{now.month:02d}-15"


@pytest.mark.pictures
async def test_age_and_sex_are_seen_and_mended_and_a_child_is_told_as_one(tmp_path: Path) -> None:
    async with guarded(tmp_path) as scene, chromium() as browser:
        patient_id = scene.admit("3", "Chiara Ricci")
        await add(scene, "kim", (Role.NURSE, WARD))
        async with serving(scene) as dashboard, page_at(browser, f"{dashboard.url}registry") as page:
            await sign_in(page, "kim")
            row = page.locator(f"#patient-{patient_id}")
            await expect(row).to_contain_text("age and sex not said")
            await row.get_by_role("button", name="Age and sex").focus()
            await page.keyboard.press("Enter")
            said = page.locator("#deed-outcome")
            await expect(said).to_contain_text("Nothing is changed yet.")
            await expect(page.locator("#deed-do")).to_be_disabled()
            await page.get_by_label("Date of birth").fill(born(scene, 68))
            await page.get_by_label("Sex", exact=True).select_option("female")
            await expect(said).to_contain_text("Chiara Ricci is 68 years old.")
            await expect(said).to_contain_text("no score and no limit counts sex")
            await picture(browser, page, "registry-age-sex.png")
            await page.locator("#deed-do").click()
            await expect(row).to_contain_text("68 years, female")
            assert known(scene, patient_id) == (born(scene, 68), Sex.FEMALE)
            await row.get_by_role("button", name="Age and sex").click()
            await expect(page.get_by_label("Date of birth")).to_have_value(born(scene, 68))
            await page.get_by_label("Date of birth").fill(born(scene, 9))
            await expect(said).to_contain_text("Under 16: limits by age and PEWS, never NEWS2, and no learned risk.")
            await page.locator("#deed-do").click()
            await expect(row).to_contain_text("9 years, female")


async def test_what_the_registry_refuses_is_told_in_the_dialog(tmp_path: Path) -> None:
    async with guarded(tmp_path) as scene, chromium() as browser:
        patient_id = scene.admit("3", "Chiara Ricci")
        await add(scene, "kim", (Role.NURSE, WARD))
        async with (
            serving(scene) as dashboard,
            page_at(browser, f"{dashboard.url}registry", width=390, height=844, phone=True, dark=True) as page,
        ):
            await sign_in(page, "kim")
            row = page.locator(f"#patient-{patient_id}")
            await row.get_by_role("button", name="Age and sex").click()
            await page.get_by_label("Date of birth").fill("2999-01-01")
            await expect(page.locator("#deed-outcome")).to_have_text("That date lies in the future.")
            await expect(page.locator("#deed-do")).to_be_disabled()
            await page.get_by_label("Date of birth").fill("1850-01-01")
            await page.locator("#deed-do").click()
            await expect(page.locator("#deed-error")).to_contain_text("years back")
            assert await page.evaluate("document.documentElement.scrollWidth") <= 390
            await page.locator("#deed-cancel").click()
            await expect(row).to_contain_text("age and sex not said")
        assert known(scene, patient_id) == (None, None)


async def test_a_technician_is_not_offered_what_only_those_at_the_bedside_may_change(tmp_path: Path) -> None:
    async with guarded(tmp_path) as scene, chromium() as browser:
        scene.admit("3", "Chiara Ricci")
        await add(scene, "lee", (Role.DEVICE_TECHNICIAN, WARD), (Role.DATA_ANALYST, WARD))
        async with serving(scene) as dashboard, page_at(browser, f"{dashboard.url}registry") as page:
            await sign_in(page, "lee")
            await expect(page.locator("#patients")).to_contain_text("age and sex not said")
            await expect(page.get_by_role("button", name="Give device")).to_have_count(1)
            await expect(page.get_by_role("button", name="Age and sex")).to_have_count(0)
