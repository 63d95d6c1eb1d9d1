"""The learned risk, the night and what was learned anew on a patient's page, in a real Chromium."""

from pathlib import Path

import msgspec
import pytest
from playwright.async_api import Page, expect

from tests.support.chromium import chromium, page_at
from tests.support.pictures import picture
from tests.support.ward_scene import WardScene, assessed, course, serving, transition, ward_scene
from tests.support.watched_week import make_versions
from vitals.age import AgeBand
from vitals.alert import AlertKind, Priority, TransitionKind
from vitals.assessment import Assessment, NightSummary, PewsSummary, RiskParts
from vitals.reading import PatientId, Reading
from vitals.sign import Sign

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio]
PARTS = RiskParts(
    log_odds=-2.731,
    usual=-4.402,
    parts={"respiratory_rate_bpm": 0.874, "systolic_mmhg": 0.516, "age_years": -0.221, "mean_pressure_mmhg": 0.187},
    others=0.315,
)
RISK = 1 / (1 + 2.718281828459045**2.731)
ALARM_COLOURS = ("rgb(193, 18, 31)", "rgb(255, 208, 39)", "rgb(127, 220, 236)")


def told(reading: Reading, *, learned_here: bool = True, parts: RiskParts | None = PARTS) -> Assessment:
    """What stream says with a risk of 6 in 100."""
    return msgspec.structs.replace(
        assessed(reading, complete=True), risk=RISK, risk_parts=parts,
        risk_threshold=0.12 if learned_here else None, risk_horizon_s=43_200.0 if learned_here else None,
    )  # fmt: skip


def seeded(scene: WardScene) -> tuple[PatientId, list[Reading]]:
    """Somebody with twenty minutes of readings, of which the last is still to come."""
    patient_id = scene.admit("4", "Ada Lind")
    readings = course(patient_id, "watch-4", end_ms=scene.clock.now_ms(), seconds=1200, seed=5)
    return patient_id, readings


async def figures(page: Page) -> list[float]:
    """The column of log-odds, as read off the page."""
    texts = await page.locator("#risk-rows .risk-figure").all_inner_texts()
    return [float(text.split()[0].replace("\u2212", "-")) for text in texts]


@pytest.mark.pictures
async def test_the_risk_is_said_in_words_and_its_parts_add_up_on_the_page(tmp_path: Path) -> None:
    async with ward_scene(tmp_path) as scene, chromium() as browser:
        patient_id, readings = seeded(scene)
        scene.store(readings, [told(readings[-1])])
        make_versions(scene)
        async with serving(scene) as dashboard:
            url = f"{dashboard.url}patients/{patient_id}"
            async with page_at(browser, url) as page:
                await expect(page.locator("#risk-said")).to_have_text(
                    "Risk of getting worse within 12 h: 6 in 100, most by breathing and blood pressure."
                )
                await expect(page.locator("#risk-origin")).to_have_text("learned here")
                await expect(page.locator("#risk-source")).to_contain_text("Where it stays at 12 % or above, an alert")
                await expect(page.locator("#risk-panel")).to_contain_text("never lowers NEWS2")
                names = await page.locator("#risk-rows th").all_inner_texts()
                assert [name.splitlines()[0] for name in names] == [
                    "Average moment", "Breathing", "Systolic pressure", "Age", "Mean pressure", "All the rest",
                    "This patient now",
                ]  # fmt: skip
                *parts, total = await figures(page)
                assert round(sum(parts), 2) == total == -2.73
                panel = page.locator("#risk-panel")
                colours = await panel.evaluate(
                    "(panel) => [panel, ...panel.querySelectorAll('*')].flatMap((node) => "
                    "{ const style = getComputedStyle(node); return [style.color, style.backgroundColor, style.borderColor, "
                    "style.backgroundImage, style.animationName]; })"
                )
                assert not [colour for colour in colours for alarm in ALARM_COLOURS if alarm in colour]
                await picture(browser, panel, "patient-risk.png")
            async with page_at(browser, url, width=390, height=844, phone=True, dark=True) as page:
                await expect(page.locator("#risk-said")).to_be_visible()
                assert await page.evaluate("document.documentElement.scrollWidth") <= 390


async def test_of_what_wardlight_came_with_the_page_says_that_it_was_learned_in_another_hospital(
    tmp_path: Path,
) -> None:
    async with ward_scene(tmp_path) as scene, chromium() as browser:
        patient_id, readings = seeded(scene)
        scene.store(readings, [told(readings[-1], learned_here=False)])
        async with serving(scene) as dashboard, page_at(browser, f"{dashboard.url}patients/{patient_id}") as page:
            await expect(page.locator("#risk-said")).to_contain_text(
                "Risk of sepsis within 6 h, as another hospital\u2019s intensive care would put it: 6 in 100"
            )
            await expect(page.locator("#risk-panel")).not_to_contain_text("Risk of getting worse")
            await expect(page.locator("#risk-origin")).to_have_text("not learned here")
            await expect(page.locator("#risk-source")).to_contain_text("No version learned here is in force.")
            await expect(page.locator("#risk-source")).to_contain_text(
                "no forecast for this ward, and it raises no alert"
            )


async def test_beside_an_open_alert_the_risk_reassures_nobody(tmp_path: Path) -> None:
    async with ward_scene(tmp_path) as scene, chromium() as browser:
        patient_id, readings = seeded(scene)
        scene.store(readings, [told(readings[-1])])
        async with serving(scene) as dashboard, page_at(browser, f"{dashboard.url}patients/{patient_id}") as page:
            await expect(page.locator("#risk-said")).to_contain_text("Risk of getting worse within 12 h: 6 in 100")
            now_ms = scene.clock.now_ms()
            await scene.publish(
                transition(
                    patient_id, AlertKind.SPO2_LOW, TransitionKind.RAISED, priority=Priority.HIGH, text="SpO2 73 %",
                    at_ms=now_ms, raised_at_ms=now_ms,
                )
            )  # fmt: skip
            await expect(page.locator("#risk-said")).to_have_text(
                "An alert stands: go by that, whatever this figure says."
            )
            await expect(page.locator("#risk-source")).to_contain_text(
                "It is of hours, not of the last minutes. Risk of getting worse within 12 h: 6 in 100"
            )


async def test_a_part_of_what_was_not_measured_is_called_so_and_the_parts_still_add_up(tmp_path: Path) -> None:
    parts = msgspec.structs.replace(
        PARTS, parts={"temperature_celsius": 0.874, "respiratory_rate_bpm": 0.482}, unmeasured=("temperature_celsius",)
    )
    async with ward_scene(tmp_path) as scene, chromium() as browser:
        patient_id, readings = seeded(scene)
        scene.store(readings, [told(readings[-1], parts=parts)])
        async with (
            serving(scene) as dashboard,
            page_at(
                browser, f"{dashboard.url}patients/{patient_id}", width=390, height=844, phone=True, dark=True
            ) as page,
        ):
            await expect(page.locator("#risk-said")).to_have_text(
                "Risk of getting worse within 12 h: 6 in 100, most by temperature not being measured, and by breathing."
            )
            await expect(page.locator("#risk-rows th").nth(1)).to_have_text("Temperature, not measured lately")
            *steps, total = await figures(page)
            assert round(sum(steps), 2) == total == -2.73
            assert await page.evaluate("document.documentElement.scrollWidth") <= 390


async def test_a_risk_learned_here_says_from_how_much_and_that_little_is_to_be_read_with_care(tmp_path: Path) -> None:
    async with ward_scene(tmp_path) as scene, chromium() as browser:
        patient_id, readings = seeded(scene)
        scene.store(readings, [told(readings[-1])])
        async with serving(scene) as dashboard, page_at(browser, f"{dashboard.url}patients/{patient_id}") as page:
            source = page.locator("#risk-source")
            await expect(source).to_contain_text("from how many is not known on this page.")
            says = "async ([risk, from]) => (await import('/static/js/risk.js')).sourceSentence(risk, from)"
            risk = {"horizon_s": 43_200, "threshold": None}
            young = {"lessons": 6200, "positives": 49, "refused": None}
            assert await page.evaluate(says, [risk, young]) == (
                "Learned here, from 6,200 moments of patients before, 49 of them before a deterioration. "
                "That is few so far: read it with care. It raises no alert yet."
            )
            assert "care" not in await page.evaluate(says, [risk, {**young, "positives": 50}])
            assert "not known" in await page.evaluate(says, [risk, {**young, "refused": "Other features."}])
        make_versions(scene)
        async with serving(scene) as dashboard, page_at(browser, f"{dashboard.url}patients/{patient_id}") as page:
            await expect(page.locator("#risk-source")).to_contain_text(
                "from 6,200 moments of patients before, 155 of them before a deterioration."
            )


async def test_a_value_that_lies_as_usual_is_not_said_to_be_0_away(tmp_path: Path) -> None:
    says = "async (driver) => (await import('/static/js/explain.js')).awayWords(driver)"
    driver = {"sign": "spo2_percent", "value": 95.0, "usual": 95.2, "distance": -0.2, "deviation": -0.1}
    async with (
        ward_scene(tmp_path) as scene,
        chromium() as browser,
        serving(scene) as dashboard,
        page_at(browser, f"{dashboard.url}patients/nobody") as page,
    ):
        assert await page.evaluate(says, driver) == ", as usual"
        assert await page.evaluate(says, {**driver, "distance": -5.0, "deviation": -3.1}) == (
            ", usually 95: 5 below, 3.1 times the usual spread"
        )


async def test_no_risk_is_shown_of_children_and_none_where_none_is_told(tmp_path: Path) -> None:
    async with ward_scene(tmp_path) as scene, chromium() as browser:
        patient_id, (*before, first, second, third) = seeded(scene)
        scene.store(before, [told(before[-1])])
        of_a_child = msgspec.structs.replace(
            told(first), news2=None, pews=PewsSummary(2, 7, {Sign.SPO2: 2}, (Sign.SYSTOLIC,), AgeBand.UNDER_12_YEARS)
        )
        async with serving(scene) as dashboard, page_at(browser, f"{dashboard.url}patients/{patient_id}") as page:
            panel = page.locator("#risk-panel")
            await expect(panel).to_be_visible()
            await scene.publish(first, of_a_child)
            await expect(page.locator("#score-name")).to_have_text("PEWS")
            await expect(panel).to_be_hidden()
            await scene.publish(second, told(second, parts=None))
            await expect(panel).to_be_visible()
            await expect(page.locator("#risk-said")).to_have_text("Risk of getting worse within 12 h: 6 in 100.")
            await expect(page.locator("#risk-parts")).to_be_hidden()
            await scene.publish(third, assessed(third))
            await expect(panel).to_be_hidden()


async def test_a_night_that_stands_out_and_what_was_learned_anew_stay_readable_for_a_day(tmp_path: Path) -> None:
    async with ward_scene(tmp_path) as scene, chromium() as browser:
        patient_id, readings = seeded(scene)
        night = NightSummary(20_778, 74.2, 65.0, 3.1, stands_out=True)
        marked = msgspec.structs.replace(assessed(readings[20]), night=night)
        anew = msgspec.structs.replace(assessed(readings[120]), relearned=(Sign.HEART_RATE,))
        scene.store(readings, [marked, anew, *(assessed(reading) for reading in readings[121:])])
        async with serving(scene) as dashboard:
            url = f"{dashboard.url}patients/{patient_id}"
            for dark, phone in ((False, False), (True, True)):
                size = {"width": 390, "height": 844} if phone else {"width": 1440, "height": 900}
                async with page_at(browser, url, dark=dark, phone=phone, **size) as page:
                    line = page.locator("#night")
                    await expect(line).to_contain_text(
                        "74 /min, 9 above the usual 65, and high the night before as well."
                    )
                    await expect(line).to_contain_text("It stands out: an infection may be on its way.")
                    await expect(page.locator("#relearned")).to_contain_text(
                        "usual learned anew for heart rate (now 78)"
                    )
                    assert await page.evaluate("document.documentElement.scrollWidth") <= size["width"]


async def test_of_an_ordinary_night_and_of_few_nights_no_more_is_said_than_is_known(tmp_path: Path) -> None:
    says = "async (night) => (await import('/static/js/marks.js')).nightSentence(night)"
    night = {"day": 20_778, "resting_bpm": 61.4, "usual_bpm": 61.0, "deviation": 0.1, "stands_out": False}
    async with (
        ward_scene(tmp_path) as scene,
        chromium() as browser,
        serving(scene) as dashboard,
        page_at(browser, f"{dashboard.url}patients/nobody") as page,
    ):
        assert (await page.evaluate(says, night)).endswith(": 61 /min, as usual.")
        few = {**night, "usual_bpm": None, "deviation": None}
        assert (await page.evaluate(says, few)).endswith("61 /min; what is usual is known after a week of nights.")
