"""The pages of audit and ledger in a real Chromium: what an auditor and a technician find there."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from storage import audit, ledger
from storage.audit import AuditAction, AuditEntry, Detail
from storage.ledger_journal import Accepted, Jotting, Refusal, jot
from tests.support.chromium import chromium, page_at
from tests.support.pictures import picture
from tests.support.ward_scene import WARD, WardScene, serving, ward_scene
from vitals.ledger import HOUR_MS

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio]
PHONE_WIDTH = 390
NAMES = ("Kim Berger", "Ada Nwosu", "Tom Reyes")


def a_day_of_audit(scene: WardScene, patient_id: str) -> None:
    """What a ward leaves behind, oldest first."""
    now_ms = scene.clock.now_ms()
    told: list[tuple[AuditAction, int, str | None, str | None, Detail]] = [
        (AuditAction.SIGN_IN, 0, None, None, {}),
        (AuditAction.SEE, 0, patient_id, "history", {}),
        (AuditAction.CHART, 0, patient_id, "charting", {"request": "POST patients/{patient_id}/charting"}),
        (AuditAction.SIGN_IN_FAILED, 1, None, "ada", {}),
        (AuditAction.BREAK_GLASS, 1, patient_id, "break-glass", {"reason": "covering ward 2 tonight"}),
        (AuditAction.ACKNOWLEDGE, 0, patient_id, "e42", {"request": "POST alerts/{episode_id}/acknowledge"}),
        (AuditAction.EXPORT, 2, patient_id, "history", {"format": "csv", "from": str(now_ms - 86_400_000)}),
        (AuditAction.REFUSED, 2, None, "people", {"asked": "change_person", "status": 403}),
        (AuditAction.CHANGE_DEVICE, 0, patient_id, "watch-2", {"request": "POST devices/{device_id}/assign"}),
    ]
    entries = [
        AuditEntry(
            at_ms=now_ms - 60_000 * (len(told) - index),
            person_id=f"person{who}",
            name=NAMES[who],
            action=action,
            ward_id=None if patient is None else WARD,
            patient_id=patient,
            subject=subject,
            detail=detail,
            address=f"10.20.4.{17 + who}",
        )
        for index, (action, who, patient, subject, detail) in enumerate(told)
    ]
    with scene.database.transaction() as conn:
        audit.append(conn, entries)


def a_day_of_readings(scene: WardScene) -> None:
    """Six devices: five balance, one has refused messages and a gap, one does not count."""
    now_ms = scene.clock.now_ms()
    hour_ms = now_ms // HOUR_MS * HOUR_MS
    with scene.database.transaction() as conn:
        for bed in range(1, 6):
            numbers = list(range(3600 + 40 * bed))
            lost = {120, 121, 122, 2001} if bed == 3 else set()
            kept = [number for number in numbers if number not in lost and not (bed == 3 and 300 <= number < 312)]
            refused = [
                Refusal(f"watch-{bed}", hour_ms, "implausible", "b1", number) for number in range(300, 312) if bed == 3
            ]
            accepted = [Accepted(f"watch-{bed}", "b1", hour_ms, kept, repeats=[5, 6] if bed == 2 else [])]
            jot(conn, Jotting(now_ms - HOUR_MS, accepted, [(f"watch-{bed}", hour_ms, len(kept))], refused))
        ledger.enter(conn)
        jot(conn, Jotting(now_ms, [Accepted("watch-3", "b1", hour_ms, [3720])], [("watch-3", hour_ms, 1)]))
        spot = Accepted("thermometer", None, hour_ms, [], unnumbered=9)
        jot(conn, Jotting(now_ms, [spot], [("thermometer", hour_ms, 9)]))
        ledger.enter(conn)


async def fits(page: object) -> bool:
    """Whether nothing sticks out of a phone's screen."""
    return bool(await page.evaluate("document.documentElement.scrollWidth") <= PHONE_WIDTH)  # type: ignore[attr-defined]


@pytest.mark.pictures
async def test_an_auditor_filters_verifies_and_anchors_the_trail(tmp_path: Path) -> None:
    async with ward_scene(tmp_path) as scene, chromium() as browser:
        patient_id = scene.admit("2", "Ada Lovelace")
        a_day_of_audit(scene, patient_id)
        async with serving(scene) as dashboard:
            url = f"{dashboard.url}audit"
            async with page_at(browser, url) as page:
                await expect(page.locator("#rows tr").first).to_contain_text("Changed a device")
                await page.get_by_label("What was done").select_option("break_glass")
                await page.get_by_role("button", name="Show").click()
                await expect(page.locator("#rows tr")).to_have_count(1)
                await expect(page.locator("#rows")).to_contain_text("covering ward 2 tonight")
                await page.get_by_label("What was done").select_option("")
                await page.get_by_label("Person, name or id").fill("Kim Berger")
                await page.get_by_role("button", name="Show").click()
                await expect(page.locator("#rows tr")).to_have_count(5)
                await page.get_by_label("Person, name or id").fill("")
                await page.get_by_role("button", name="Show").click()
                await page.get_by_role("button", name="Verify").click()
                await expect(page.locator("#verdict h2")).to_contain_text("Sound:")
                await expect(page.locator("#rows tr").first).to_be_visible()
                await picture(browser, page, "audit.png")
                await page.get_by_role("button", name="Anchor").click()
                await expect(page.locator("#anchor-line")).to_contain_text("wardlight-audit:")
            async with page_at(browser, url, dark=True) as page:
                await expect(page.locator("#rows tr").first).to_be_visible()
                await page.screenshot(path=tmp_path / "audit-dark.png")
            async with page_at(browser, url, width=PHONE_WIDTH, height=844, phone=True) as page:
                await expect(page.locator("#rows tr").first).to_be_visible()
                assert await fits(page)
                await page.screenshot(path=tmp_path / "audit-phone.png")


async def test_a_forged_trail_says_where(tmp_path: Path) -> None:
    async with ward_scene(tmp_path) as scene, chromium() as browser:
        a_day_of_audit(scene, scene.admit("2", "Ada Lovelace"))
        with scene.database.transaction() as conn:
            conn.exec_driver_sql("DROP TRIGGER audit_entries_stay")
            conn.exec_driver_sql("UPDATE audit_entries SET name = 'Nobody' WHERE number = 5")
        async with serving(scene) as dashboard, page_at(browser, f"{dashboard.url}audit") as page:
            await page.get_by_role("button", name="Verify").click()
            await expect(page.locator("#verdict h2")).to_have_text("Broken at entry 5")


@pytest.mark.pictures
async def test_the_ledger_names_what_is_missing_and_why(tmp_path: Path) -> None:
    async with ward_scene(tmp_path) as scene, chromium() as browser:
        for bed in range(1, 6):
            scene.admit(str(bed), f"Patient {bed}")
        a_day_of_readings(scene)
        async with serving(scene) as dashboard:
            url = f"{dashboard.url}ledger"
            async with page_at(browser, url) as page:
                await expect(page.locator("#verdict h2")).to_have_text("Does not balance: 4 missing")
                await expect(page.locator("#rows tr")).to_have_count(6)
                await expect(page.locator("#rows tr.is-amiss")).to_contain_text("watch-3")
                await expect(page.locator("#gaps tr")).to_have_count(2)
                await expect(page.locator("#gaps")).to_contain_text("has not sent them again")
                await expect(page.locator("#rows")).to_contain_text("unknowable")
                await picture(browser, page, "ledger.png")
                await page.get_by_label("Device", exact=True).fill("watch-2")
                await page.get_by_role("button", name="Show").click()
                await expect(page.locator("#verdict h2")).to_have_text("Balances")
            async with page_at(browser, url, dark=True) as page:
                await expect(page.locator("#rows tr")).to_have_count(6)
                await page.screenshot(path=tmp_path / "ledger-dark.png")
            async with page_at(browser, url, width=PHONE_WIDTH, height=844, phone=True) as page:
                await expect(page.locator("#rows tr")).to_have_count(6)
                assert await fits(page)
                await page.screenshot(path=tmp_path / "ledger-phone.png", full_page=True)
