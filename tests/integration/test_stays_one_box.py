"""A transfer, a swap and a wrong-patient correction in mid-alert, on real servers, checked on every interface."""

import contextlib
from pathlib import Path

import httpx
import pytest

from tests.support.registry_box import CLOCK, ILL, WELL, RegistryBox, registry_box
from vitals.alert import AlertKind, TransitionKind

pytestmark = [pytest.mark.integration, pytest.mark.asyncio, pytest.mark.timeout(400)]

INGEST_LOOKS_MS = 2_000
"""Well beyond `ingest.directory_refresh_s` on a busy machine."""
BEDS = (
    ("Ann Lee", "ward-a", "1", "d-ann"),
    ("Bob Ray", "ward-a", "2", "d-bob"),
    ("Cy Dunn", "ward-b", "1", "d-cy"),
)


def spo2(box: RegistryBox, patient: str) -> list[str]:
    return [alert.episode_id for alert in box.alerts(patient) if alert.kind is AlertKind.SPO2_LOW and alert.active]


async def test_an_alert_follows_its_patient_to_another_ward_on_every_interface(tmp_path: Path) -> None:
    async with registry_box(tmp_path, BEDS) as box:
        box.signs = {"d-ann": ILL, "d-bob": WELL, "d-cy": WELL}
        await box.until(lambda: spo2(box, "ann"))
        (before,) = spo2(box, "ann")
        await box.post(f"alerts/{before}/acknowledge", {"command_id": "integration-1"})
        await box.until(lambda: any(alert.acknowledged for alert in box.alerts("ann")))

        assert (
            await box.command("patients", "transfer", "ann", "--ward", "ward-b", "--bed", "4")
            == "ann lies in bed 4 of ward ward-b."
        )

        async def has_moved() -> bool:
            topics = set(await box.retained())
            return "ward-b/ann/spo2-low" in topics and not any(topic.startswith("ward-a/ann/") for topic in topics)

        await box.until(has_moved)
        (after,) = [alert for alert in box.alerts("ann") if alert.kind is AlertKind.SPO2_LOW]
        assert (after.episode_id, after.ward_id, after.active, after.acknowledged) == (before, "ward-b", True, True)
        assert (await box.retained())["ward-b/ann/spo2-low"].acknowledged
        assert before not in {alert["episode_id"] for alert in await box.get("alerts", ward="ward-a")}
        assert before in {alert["episode_id"] for alert in await box.get("alerts", ward="ward-b", active="true")}
        listed = await box.said("alerts", "list", "--ward", "ward-b")
        assert before in {alert["episode_id"] for alert in listed}
        moves = await box.said("patients", "moves", "ann")
        assert [(move["ward_id"], move["bed"], move["by"]) for move in moves] == [
            ("ward-a", "1", None),
            ("ward-b", "4", "Guest"),
        ]
        box.service.kill()
        box.service.start()
        await box.until(box.is_live)
        await box.until(has_moved)
        assert spo2(box, "ann") == [before]
        await box.command("patients", "swap-beds", "ann", "cy")
        places = {each["patient_id"]: each["bed"] for each in await box.said("patients", "list", "--ward", "ward-b")}
        assert places == {"ann": "1", "cy": "4"}
        await box.command("patients", "discharge", "ann")
        await box.until(lambda: not any(alert.active for alert in box.alerts("ann")))


async def test_after_a_swap_in_mid_alert_nobody_is_shown_what_was_measured_on_another(tmp_path: Path) -> None:
    async with registry_box(tmp_path, BEDS, [("d-new", "ward-a")]) as box:
        box.signs = {"d-ann": ILL, "d-bob": WELL, "d-cy": WELL}
        await box.until(lambda: spo2(box, "ann"))

        assert await box.command("devices", "swap", "d-ann", "d-bob") == "d-ann is worn by bob; d-bob is worn by ann."
        swapped_ms = max(entry["from_ms"] for entry in await box.get("devices/d-ann/assignments"))
        await CLOCK.sleep(1.5)
        box.signs = {"d-ann": WELL, "d-bob": ILL, "d-cy": WELL}
        await box.send("d-ann", {"spo2_percent": 71.0}, measured_at_ms=swapped_ms - 400)
        await box.until(lambda: any(value.signs for value in box.history("bob") if value.device_id == "d-ann"))
        await CLOCK.sleep(4)

        # Ingest looks at the register each half second: so long a device still speaks for whom it was taken off.
        assert {
            (value.device_id, value.measured_at_ms < swapped_ms)
            for value in box.history("ann")
            if value.device_id != "d-ann" or value.measured_at_ms > swapped_ms + INGEST_LOOKS_MS
        } == {("d-bob", False)}
        assert all(value.measured_at_ms >= swapped_ms for value in box.history("bob") if value.device_id == "d-ann")
        assert 71.0 in {next(iter(value.signs.values())) for value in box.history("ann")}
        assert 71.0 not in {next(iter(value.signs.values())) for value in box.history("bob")}
        assert not box.alerts("bob")
        assert [topic for topic in await box.retained() if "/bob/" in topic] == []
        rows = (await box.get("patients/bob/history", sign="spo2_percent"))["rows"]
        assert {row["signs"]["spo2_percent"] for row in rows if row["measured_at_ms"] < swapped_ms} == {97.0}
        await box.command("devices", "swap", "d-ann", "d-new")
        worn = {entry["device_id"]: entry["patient_id"] for entry in await box.said("devices", "list")}
        assert worn == {"d-ann": None, "d-bob": "ann", "d-cy": "cy", "d-new": "bob"}
        await box.command("devices", "release", "d-new")
        assert [entry["until_ms"] is None for entry in await box.get("devices/d-new/assignments")] == [False]


async def test_a_wrong_patient_is_corrected_in_mid_alert_though_the_service_dies_meanwhile(tmp_path: Path) -> None:
    async with registry_box(tmp_path, BEDS) as box:
        box.signs = {"d-ann": WELL, "d-bob": WELL, "d-cy": WELL}
        await box.until(lambda: len(box.history("ann")) > 10)
        since_ms = CLOCK.now_ms()
        await CLOCK.sleep(0.05)
        # d-ann goes onto Cy, who is ill; the register goes on calling it Ann's.
        box.signs = {"d-ann": ILL, "d-bob": WELL, "d-cy": {"temperature_celsius": 37.0}}
        await box.until(lambda: spo2(box, "ann"))
        (wrong,) = spo2(box, "ann")
        outlook = await box.get("corrections/outlook", device="d-ann", **{"from": str(since_ms)})
        assert (outlook["wrong_patient_id"], outlook["until_ms"]) == ("ann", None)
        assert outlook["open_alerts"] >= 1

        correction = await box.said(
            "devices", "correct", "d-ann", "--since", str(since_ms), "--to", "cy", "--reason", "mixed up at the bath"
        )
        assert correction["state"] == "requested"
        await CLOCK.sleep(2.4)
        box.service.kill()
        box.service.start()

        async def is_done() -> bool:
            box.service.require_alive()
            with contextlib.suppress(httpx.HTTPError):
                return bool((await box.get(f"corrections/{correction['correction_id']}"))["state"] == "done")
            return False

        await box.until(is_done, within_s=120)
        done = await box.said("corrections", "show", correction["correction_id"])
        assert done["readings"] > 10
        assert done["retracted"] >= 1
        assert done["found"] >= 1
        assert (done["by"], done["reason"]) == ("Guest", "mixed up at the bath")

        assert all(value.measured_at_ms < since_ms for value in box.history("ann"))
        moved = [value for value in box.history("cy") if value.device_id == "d-ann"]
        assert len({value.measured_at_ms for value in moved}) == len(moved) >= done["readings"]
        (retracted,) = [alert for alert in box.alerts("ann") if alert.episode_id == wrong]
        assert (retracted.active, retracted.last_transition) == (False, TransitionKind.RETRACTED)
        shown = {alert["episode_id"]: alert for alert in await box.get("alerts", patient="ann")}
        assert shown[wrong]["retracted"]
        found = [alert for alert in await box.get("alerts", patient="cy") if alert["retrospective"]]
        assert {alert["correction_id"] for alert in found} == {correction["correction_id"]}
        assert not any(alert["active"] for alert in found)
        assert [topic for topic in await box.retained() if "/ann/" in topic] == []
        listed = await box.said("corrections", "list", "--patient", "cy")
        assert [entry["correction_id"] for entry in listed] == [correction["correction_id"]]
        # What still holds is alarmed live, as Cy's own.
        await box.until(lambda: spo2(box, "cy"))
        assert "ward-b/cy/spo2-low" in await box.retained()
