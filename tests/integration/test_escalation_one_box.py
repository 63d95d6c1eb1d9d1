"""Escalation on a real box: `wardlight up`, Mosquitto, a pager's server that is gone and one that answers."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.endpoint import Endpoint, answer
from tests.support.registry_box import CLOCK, ILL, WELL, RegistryBox, registry_box

pytestmark = [pytest.mark.integration, pytest.mark.asyncio, pytest.mark.timeout(400)]

SECRET = "a secret of the test, long enough to sign with"
BEDS = (("Ann Lee", "ward-a", "1", "d-ann"),)
AT_ONCE_MS = 5_000
"""On a busy machine, with a look each second at alerts, outbox and receipts."""


async def destination(box: RegistryBox, name: str, server: Endpoint) -> str:
    """The house's address `name`, where this server answers."""
    body = {"name": name, "channel": "webhook", "address": server.url(), "secret": SECRET, "of_house": True}
    made = await box.post("destinations", body)
    return str(made["destination_id"])


async def climbed(box: RegistryBox, episode_id: str) -> list[dict[str, Any]]:
    """The steps taken."""
    found = await box.get(f"alerts/{episode_id}/escalation")
    return list(found["steps"])


def told(server: Endpoint) -> list[str]:
    """Of what the server was told, in order."""
    return [str(step["transition"]) for asked in server.asked for step in asked.json["events"]]


async def test_a_page_that_nobody_gets_goes_on_at_once_until_somebody_has_it_in_hand(tmp_path: Path) -> None:
    gone, there = Endpoint(answers=[answer(410)]), Endpoint()
    async with gone.listening(), there.listening():
        allowed = ",".join(f"http://127.0.0.1:{server.port}" for server in (gone, there))
        settings = {"WARDLIGHT_NOTIFICATIONS__HOSTS_ALLOWED": allowed}
        async with registry_box(tmp_path, BEDS, settings=settings) as box:
            first, second = await destination(box, "nurses", gone), await destination(box, "doctors", there)
            file = tmp_path / "ladders.json"
            steps = [
                {"after_s": 0, "to": [f"destination:{first}"]},
                {"after_s": 120, "to": [f"destination:{second}"]},
                {"after_s": 240, "to": ["role:physician"]},
            ]
            file.write_text(json.dumps({"ladders": [{"ward_id": "*", "priority": "high", "steps": steps}]}))
            assert "1 ladders and 0 schedules, no mistakes" in await box.command("ladders", "check", str(file))
            await box.command("ladders", "set", str(file))
            assert (await box.tried("ladders", "check")).returncode == 1, "nobody is physician"
            assert (await box.tried("contacts", "test", first)).returncode == 1
            assert await box.command("contacts", "test", second) == f"{second}: accepted."

            box.signs = {"d-ann": ILL}
            await box.until(lambda: "raised" in told(there), within_s=90)
            (episode,) = [alert for alert in box.alerts("ann") if alert.kind == "spo2-low"]
            taken = await climbed(box, episode.episode_id)
            assert [step["evidence"] for step in taken] == ["first", "not_delivered"]
            assert taken[1]["at_ms"] - taken[0]["at_ms"] <= AT_ONCE_MS
            assert [one["state"] for step in taken for one in step["told"]] == ["failed", "sent"]

            box.service.kill()
            box.service.start()
            await box.until(box.is_live)
            await box.post(f"alerts/{episode.episode_id}/seen", {})
            await box.command("alerts", "ack", episode.episode_id)
            await box.until(lambda: "acknowledged" in told(there))
            shown = await box.get(f"alerts/{episode.episode_id}/escalation")
            assert (shown["over"], shown["next"], len(shown["seen"])) == ("acknowledged", None, 1)
            box.signs = {"d-ann": WELL}
            await CLOCK.sleep(10)
            assert await climbed(box, episode.episode_id) == taken, "nothing more, and nothing twice"
            assert told(there).count("raised") == 1
