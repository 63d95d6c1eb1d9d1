"""Rules change in a running ward, without a restart: by a file, by the API, for a patient; and a wrong one changes nothing."""

import json
from pathlib import Path

import pytest

from tests.support.registry_box import CLOCK, WELL, RegistryBox, registry_box
from vitals.alert import AlertKind

pytestmark = [pytest.mark.integration, pytest.mark.asyncio, pytest.mark.timeout(300)]

BEDS = (("Ann Lee", "ward-a", "1", "d-ann"), ("Bob Ray", "ward-a", "2", "d-bob"))
AT_ONCE = """\
format: 1
name: at once
clear_s: 0
sources: {clear_s: so that this test need not wait, changes: for an athlete}
limits:
  - kind: heart-rate-low
    sign: heart_rate_bpm
    side: low
    source: so that this test need not wait
    depths: [{limit: LIMIT, delay_s: 1, priority: low}]
changes: {kinds: [{kind: heart-rate-low, limits: [50]}]}
"""


def slow_hearts(box: RegistryBox, patient: str) -> list[str]:
    """Open alerts of a slow heart."""
    return [one.episode_id for one in box.alerts(patient) if one.kind is AlertKind.HEART_RATE_LOW and one.active]


async def versions(box: RegistryBox) -> list[tuple[int, str]]:
    """Books that are or were in force or are about to be, and their sources, the last first."""
    return [(book["number"], book["source"]) for book in await box.get("alert-rules/history")]


async def test_rules_change_in_a_running_ward_without_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("format: 1\nname: nothing of our own yet\n")
    environment = {"WARDLIGHT_ALERTS__RULES_FILE": str(file), "WARDLIGHT_ALERTS__RULES_FILE_EVERY_S": "0.5"}
    async with registry_box(tmp_path, BEDS, settings=environment) as box:
        box.signs = {"d-ann": WELL, "d-bob": WELL}
        await box.until(lambda: box.history("ann"))
        assert await versions(box) == [(1, "file")]
        assert not slow_hearts(box, "ann")

        # By the file: a heart of 76 is slow now.
        file.write_text(AT_ONCE.replace("LIMIT", "80"))
        await box.until(lambda: slow_hearts(box, "ann") and slow_hearts(box, "bob"))
        told = json.loads(await box.command("alerts", "rules", "show", "--json"))
        assert (told["number"], told["state"]) == (2, "in force")
        assert [one.rules_version for one in box.alerts("ann") if one.active] == [told["version"]]

        # For one patient: Ann's is not, for a day; Bob's still is.
        for_a_day = ("--limit", "60", "--for", "24h", "--reason", "athlete")
        await box.command("alerts", "limits", "set", "ann", "heart-rate-low", *for_a_day)
        await box.until(lambda: not slow_hearts(box, "ann"))
        assert slow_hearts(box, "bob")
        shown = await box.said("alerts", "limits", "show", "ann")
        (slow,) = [kind for kind in shown["kinds"] if kind["kind"] == "heart-rate-low"]
        assert ([band["limit"] for band in slow["bands"]], slow["changes"][0]["reason"]) == ([60], "athlete")

        # A file that cannot be taken, and a book that nobody may have: nothing changes.
        file.write_text(AT_ONCE.replace("LIMIT", "eighty"))
        await CLOCK.sleep(2)
        slip = {"yaml": "format: 1\nclear_s: soon\n", "reason": "a slip"}
        refused = await box.http.put("alert-rules", json=slip)
        assert refused.status_code == 422
        assert refused.json()["message"] == "Line 2, column 10: found 'soon', expected a number."
        assert await versions(box) == [(2, "file"), (1, "file")]
        assert slow_hearts(box, "bob")

        # By the API, with author and reason: no heart of 76 is slow any more.
        ours = tmp_path / "ours.yaml"
        ours.write_text(AT_ONCE.replace("LIMIT", "41"))
        await box.command("alerts", "rules", "apply", str(ours), "--reason", "back to what we know")
        await box.until(lambda: not slow_hearts(box, "bob"))
        assert (await versions(box))[0] == (3, "person")

        # What somebody ordered outlives a restart, whatever the file says.
        box.service.kill()
        box.service.start()
        await box.until(box.is_live)
        await CLOCK.sleep(2)
        assert (await versions(box))[0] == (3, "person")
