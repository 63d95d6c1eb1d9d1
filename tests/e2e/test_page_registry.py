"""The registry in a real Chromium beside a real Wardlight: a transfer, a swap and a correction in mid-alert."""

from datetime import datetime
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.support.chromium import chromium, page_at
from tests.support.pictures import picture
from tests.support.registry_box import CLOCK, ILL, WELL, RegistryBox, registry_box
from vitals.alert import AlertKind

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio, pytest.mark.timeout(300)]

BEDS = (
    ("Amina Yusuf", "ward-a", "1", "patch-01"),
    ("Bernd Krüger", "ward-a", "2", "patch-02"),
    ("Chiara Ricci", "ward-a", "3", "patch-03"),
    ("Daniel Osei", "ward-b", "1", "patch-04"),
)
SPARE = (("patch-05", "ward-a"), ("patch-06", "ward-b"))
SOON = 30_000


def is_ill(box: RegistryBox, patient: str) -> bool:
    return any(alert.kind is AlertKind.SPO2_LOW and alert.active for alert in box.alerts(patient))


def measured_by(box: RegistryBox, patient: str, device: str) -> int:
    return sum(reading.device_id == device for reading in box.history(patient))


async def do(page: Page, verb: str) -> None:
    """Press the dialog's own button, once what will happen is said."""
    await expect(page.locator("#deed-do")).to_be_enabled()
    await page.locator("#deed-do").click()
    await expect(page.locator("#deed")).not_to_be_visible()
    await expect(page.locator(".toast").last).to_contain_text(verb)


async def test_an_ill_patient_is_moved_and_the_old_board_loses_what_the_new_one_shows(tmp_path: Path) -> None:
    async with registry_box(tmp_path, BEDS, SPARE) as box, chromium() as browser:
        box.signs = {"patch-01": ILL, "patch-02": WELL, "patch-03": WELL, "patch-04": WELL}
        await box.until(lambda: is_ill(box, "amina"))
        async with (
            page_at(browser, f"{box.url}/?ward=ward-a") as old,
            page_at(browser, f"{box.url}/?ward=ward-b") as new,
            page_at(browser, f"{box.url}/registry") as page,
        ):
            await expect(old.locator(".tile", has_text="Amina Yusuf")).to_contain_text("SpO2 76 %")
            await expect(new.locator(".tile")).to_have_count(1)
            row = page.locator("#patient-amina")
            await expect(row).to_contain_text("open alert")
            await row.get_by_role("button", name="Move", exact=True).click()
            await page.get_by_label("To ward").fill("ward-b")
            await page.get_by_label("To bed").fill("1")
            await expect(page.locator("#deed-outcome")).to_contain_text("is taken by Daniel Osei")
            await expect(page.locator("#deed-do")).to_be_disabled()
            await page.get_by_label("To bed").fill("4")
            await expect(page.locator("#deed-outcome")).to_contain_text("ward-b is paged from now on, ward-a no longer")
            await do(page, "moved")
            await expect(old.locator(".tile", has_text="Amina Yusuf")).to_have_count(0, timeout=SOON)
            await expect(new.locator(".tile", has_text="Amina Yusuf")).to_contain_text("SpO2 76 %", timeout=SOON)
            await expect(new.locator("#counts .is-high b")).not_to_have_text("0")
            await expect(row).to_contain_text("ward-b")

            async def is_told_anew() -> bool:
                return {topic.split("/")[0] for topic in await box.retained() if "/amina/" in topic} == {"ward-b"}

            await box.until(is_told_anew)


@pytest.mark.pictures
async def test_two_devices_are_swapped_in_mid_alert_by_typing_the_other(tmp_path: Path) -> None:
    async with registry_box(tmp_path, BEDS, SPARE) as box, chromium() as browser:
        box.signs = {"patch-01": ILL, "patch-02": WELL, "patch-03": WELL, "patch-04": WELL}
        await box.until(lambda: is_ill(box, "amina"))
        async with (
            page_at(browser, f"{box.url}/registry", width=390, height=844, phone=True) as page,
            page_at(browser, f"{box.url}/patients/bernd") as bernd,
        ):
            await page.get_by_placeholder("Scan or type a device, bed or name").fill("patch-01")
            await page.keyboard.press("Enter")
            await page.locator("#device-patch-01").get_by_role("button", name="Swap").click()
            await page.get_by_label("With (scan or type)").fill("patch-02")
            await expect(page.locator("#deed-outcome")).to_contain_text("Bernd Krüger, bed 2 wears patch-01")
            assert await page.evaluate("document.documentElement.scrollWidth") <= 390
            box.signs = {"patch-03": WELL, "patch-04": WELL}  # both are off while they change bodies
            await do(page, "Swapped")
            await expect(page.locator("#device-patch-01")).to_contain_text("Worn by Bernd Krüger")
            box.signs["patch-01"] = WELL
            await box.until(lambda: measured_by(box, "bernd", "patch-01") > 0)  # ingest looks each half second
            box.signs["patch-02"] = ILL
            await box.until(
                lambda: measured_by(box, "bernd", "patch-01") > 5 and measured_by(box, "amina", "patch-02") > 5
            )
            assert not is_ill(box, "bernd")
            await expect(bernd.locator("main")).not_to_contain_text("76 %")
            assert is_ill(box, "amina")


@pytest.mark.pictures
async def test_a_wrong_patient_is_corrected_in_mid_alert(tmp_path: Path) -> None:
    async with registry_box(tmp_path, BEDS, SPARE) as box, chromium() as browser:
        box.signs = {"patch-01": WELL, "patch-02": WELL, "patch-03": WELL, "patch-04": WELL}
        await box.until(lambda: len(box.history("amina")) > 6)
        await CLOCK.sleep(1.2)
        since_ms = CLOCK.now_ms() // 1000 * 1000
        box.signs = {"patch-01": ILL, "patch-02": WELL, "patch-03": {"temperature_celsius": 36.9}, "patch-04": WELL}
        await box.until(lambda: is_ill(box, "amina"))
        async with (
            page_at(browser, f"{box.url}/") as board,
            page_at(browser, f"{box.url}/patients/amina") as amina,
            page_at(browser, f"{box.url}/registry") as page,
        ):
            await expect(board.locator(".tile", has_text="Amina Yusuf")).to_contain_text("SpO2 76 %")
            await page.locator("#device-patch-01").get_by_role("button", name="Correct").click()
            local = datetime.fromtimestamp(since_ms / 1000).strftime("%Y-%m-%dT%H:%M:%S")  # noqa: DTZ006 - as a browser has it
            await page.get_by_label("On the wrong patient since").fill(local)
            await page.get_by_label("Who really wore it").select_option("chiara")
            await page.get_by_label("What happened, for the record").fill("Patches mixed up at the morning round")
            await expect(page.locator("#deed-outcome")).to_contain_text("pages nobody")
            await expect(page.locator("#deed-do")).to_be_enabled()
            await picture(browser, page, "registry-correct.png")
            await do(page, "Ordered")
            await expect(page.locator("#corrections")).to_contain_text("taken back", timeout=60_000)
            await expect(page.locator("#corrections")).to_contain_text(
                "patch-01 was on Chiara Ricci, not on Amina Yusuf"
            )
            tile = board.locator(".tile", has_text="Amina Yusuf")
            await expect(tile).to_contain_text("Taken back, not this patient's", timeout=SOON)
            await expect(tile).to_have_attribute("data-priority", "none")
            await expect(tile).to_contain_text("97")
            await expect(amina.locator("#episodes")).to_contain_text("Taken back", timeout=SOON)
            await box.until(lambda: is_ill(box, "chiara"))
            await expect(board.locator(".tile", has_text="Chiara Ricci")).to_contain_text("SpO2 76 %", timeout=SOON)
            async with page_at(browser, f"{box.url}/patients/chiara") as chiara:
                await expect(chiara.locator("#episodes")).to_contain_text("Found afterwards", timeout=SOON)
            await page.get_by_placeholder("Scan or type a device, bed or name").fill("")
            await picture(browser, page, "registry.png", full_page=True)
        async with page_at(browser, f"{box.url}/registry", dark=True) as page:
            await expect(page.locator("#corrections li")).to_have_count(1)
            await page.screenshot(full_page=True)
        async with page_at(browser, f"{box.url}/registry", width=390, height=844, phone=True) as page:
            await expect(page.locator("#corrections li")).to_have_count(1)
            assert await page.evaluate("document.documentElement.scrollWidth") <= 390
