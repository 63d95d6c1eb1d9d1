"""The API of escalation: how far an alert has climbed, who has seen it, and who may set whom it climbs to."""

from typing import Any

import httpx
import pytest

from dashboard.permissions import Role
from storage import audit
from tests.support.ladder_scene import LadderScene
from tests.support.people_scene import OTHER, OWN, PeopleScene, alert_of, people_scene
from vitals.ladder import LadderStep
from vitals.notification import ReceiptState

pytestmark = pytest.mark.asyncio
ALERT = alert_of("pa", OWN).episode_id


async def tried(
    scene: PeopleScene, method: str, path: str, headers: dict[str, str], body: Any = None
) -> httpx.Response:
    """The answer, whatever it is; a change without a body says so in JSON."""
    sent = {} if body is None and method != "GET" else body
    return await scene.client.request(method, path, json=sent, headers=headers)


async def asked(scene: PeopleScene, method: str, path: str, headers: dict[str, str], body: Any = None) -> Any:
    """The answer's JSON; its status must be of success."""
    answer = await tried(scene, method, path, headers, body)
    assert answer.is_success, answer.text
    return answer.json()


def ladder(ward: str = OWN, *to: str) -> dict[str, Any]:
    steps = [{"after_s": 0, "to": ["screen"]}, {"after_s": 90, "to": list(to) or ["role:physician"]}]
    return {"ward_id": ward, "priority": "high", "steps": steps}


async def test_an_alert_tells_its_steps_what_became_of_each_and_what_comes_next() -> None:
    async with people_scene() as scene:
        scene.furnish()
        kim = await scene.session(await scene.add("kim", (Role.NURSE, OWN), password=None))
        climbing = LadderScene(database=scene.ward.database)
        climbing.clock = scene.clock
        climbing.somebody("lee", "nurse", ward=OWN)
        climbing.ladder(
            LadderStep(after_s=0, to=("role:nurse", "on-call:gone")), LadderStep(after_s=90, to=("role:physician",))
        )
        before = await asked(scene, "GET", f"alerts/{ALERT}/escalation", kim)
        assert (before["steps"], before["next"]["step"], before["next"]["evidence"]) == ([], 1, "first")
        await climbing.start()
        await climbing.look_at(2)
        climbing.receipt("to-lee", ReceiptState.SENT)
        found = await asked(scene, "GET", f"alerts/{ALERT}/escalation", kim)
        (step,) = found["steps"]
        assert (step["round"], step["step"], step["evidence"], step["at_ms"] - step["due_ms"]) == (1, 1, "first", 2000)
        assert [(one["name"], one["state"]) for one in step["told"]] == [("Lee", "sent")]
        assert {(one["to"], one["why"]) for one in step["missing"]} == {
            ("role:nurse", "no_destination"),
            ("on-call:gone", "no_such_schedule"),
        }
        assert (found["next"]["step"], found["next"]["evidence"], found["next"]["to"]) == (
            2,
            "not_seen",
            ["role:physician"],
        )
        assert (found["acknowledgements"], found["acknowledgements_needed"], found["over"]) == (0, 1, None)


async def test_seen_is_noted_once_a_round_and_moves_the_evidence() -> None:
    async with people_scene() as scene:
        scene.furnish()
        kim = await scene.session(await scene.add("kim", (Role.NURSE, OWN), password=None))
        await asked(scene, "GET", f"alerts/{ALERT}/escalation", kim)
        scene.clock.pass_s(5)
        first = await asked(scene, "POST", f"alerts/{ALERT}/seen", kim)
        scene.clock.pass_s(5)
        again = await asked(scene, "POST", f"alerts/{ALERT}/seen", kim)
        assert first == again
        found = await asked(scene, "GET", f"alerts/{ALERT}/escalation", kim)
        assert [(one["name"], one["last_at_ms"]) for one in found["seen"]] == [("Kim", first["at_ms"])]
        with scene.ward.database.snapshot() as conn:
            seen = [link for link in audit.list_entries(conn, limit=20) if link.subject == ALERT]
        assert any(link.action == "see" for link in seen)


async def test_who_is_of_another_ward_or_may_not_acknowledge_has_not_seen_it() -> None:
    async with people_scene() as scene:
        scene.furnish()
        for login, grant in (("ben", (Role.NURSE, OTHER)), ("dora", (Role.DATA_ANALYST, OWN))):
            headers = await scene.session(await scene.add(login, grant, password=None))
            answer = await tried(scene, "POST", f"alerts/{ALERT}/seen", headers)
            assert answer.status_code == 403, login
        kim = await scene.session(await scene.add("kim", (Role.NURSE, OWN), password=None))
        assert (await tried(scene, "POST", "alerts/nothing/seen", kim)).status_code == 404
        assert (await scene.client.get("alerts/nothing/escalation", headers=kim)).status_code == 404


async def test_a_manager_sets_the_ladders_of_their_ward_and_the_house_s_takes_every_ward() -> None:
    async with people_scene() as scene:
        kim = await scene.session(await scene.add("kim", (Role.WARD_MANAGER, OWN), password=None))
        ada = await scene.session(await scene.add("ada", (Role.WARD_MANAGER, None), password=None))
        made = await asked(scene, "POST", "ladders", kim, ladder())
        assert (made["version"], made["by"], made["steps"][1]["to"]) == (1, "Kim", ["role:physician"])
        for ward in (OTHER, "*", "system"):
            assert (await scene.client.post("ladders", json=ladder(ward), headers=kim)).status_code == 403, ward
            await asked(scene, "POST", "ladders", ada, ladder(ward))
        listed = {
            (one["ward_id"], one["priority"]): one["version"] for one in await asked(scene, "GET", "ladders", kim)
        }
        assert listed[OWN, "high"] == listed["*", "high"] == 1
        assert listed["*", "medium"] == 0
        assert (await tried(scene, "DELETE", "ladders/*/high", kim)).status_code == 403
        instead = await asked(scene, "DELETE", f"ladders/{OWN}/high", kim)
        assert instead["ward_id"] == "*"
        assert (await tried(scene, "DELETE", f"ladders/{OWN}/high", kim)).status_code == 404


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"steps": [{"after_s": 5, "to": ["screen"]}]}, "steps[0].after_s must be 0"),
        ({"steps": [{"after_s": 0, "to": ["nurse"]}]}, "'nurse' is nobody to tell"),
        ({"priority": "urgent"}, "priority"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_a_ladder_that_makes_no_sense_is_refused_in_a_sentence(changed: dict[str, Any], sentence: str) -> None:
    async with people_scene() as scene:
        ada = await scene.session(await scene.add("ada", (Role.WARD_MANAGER, None), password=None))
        answer = await scene.client.post("ladders", json={**ladder(), **changed}, headers=ada)
        assert answer.status_code in {400, 422}
        assert sentence in answer.json()["message"]


async def test_the_outlook_says_whom_each_step_would_reach_now() -> None:
    async with people_scene() as scene:
        scene.furnish()
        kim = await scene.session(await scene.add("kim", (Role.WARD_MANAGER, OWN), password=None))
        climbing = LadderScene(database=scene.ward.database)
        climbing.somebody("lee", "physician", ward=OWN)
        await asked(scene, "POST", "ladders", kim, ladder(OWN, "role:physician", "role:nurse"))
        outlook = await asked(scene, "GET", "ladders/outlook", kim)
        assert {one["ward_id"] for one in outlook} == {OWN}
        (high,) = [one for one in outlook if one["priority"] == "high"]
        assert [step["reached"] for step in high["steps"]] == ["screen", "told"]
        assert [one["name"] for one in high["steps"][1]["told"]] == ["Lee"]
        assert [one["why"] for one in high["steps"][1]["missing"]] == ["nobody_with_role"]
        assert (await scene.client.get(f"ladders/outlook?ward={OTHER}", headers=kim)).status_code == 403


def schedule(**changed: Any) -> dict[str, Any]:
    layer = {"people": ["lee", "max"], "starts": "2026-01-05", "at": "08:00"}
    return {"schedule_id": "doctors", "ward_id": OWN, "time_zone": "Europe/Berlin", "layers": [layer], **changed}


async def test_schedules_are_set_asked_overridden_and_taken_away() -> None:
    async with people_scene() as scene:
        kim = await scene.session(await scene.add("kim", (Role.WARD_MANAGER, OWN), password=None))
        ben = await scene.session(await scene.add("ben", (Role.WARD_MANAGER, OTHER), password=None))
        refused = await scene.client.post("schedules", json=schedule(), headers=kim)
        assert "Nobody signs in as lee, max" in refused.json()["message"]
        for login in ("lee", "max"):
            await scene.add(login, (Role.PHYSICIAN, OWN), password=None)
        assert (await asked(scene, "POST", "schedules", kim, schedule()))["version"] == 1
        stolen = await scene.client.post("schedules", json=schedule(ward_id=OTHER), headers=ben)
        assert stolen.status_code == 403, "a schedule of another ward is not theirs to replace"

        async def who(at: str) -> tuple[str | None, str | None, int]:
            (found,) = await asked(scene, "GET", f"on-call?at={at}", kim)
            return found["login"], found["through"], len(found["gaps"])

        assert await who("2026-01-04T12:00:00Z") == (None, None, 1)
        assert await who("2026-01-06T12:00:00Z") == ("lee", "rotation", 0)
        assert await who("2026-01-13T12:00:00Z") == ("max", "rotation", 0)
        cover = {"login": "kim", "from_ms": "2026-01-06T00:00:00Z", "until_ms": "2026-01-07T00:00:00Z", "note": "ill"}
        assert (await scene.client.post("schedules/doctors/overrides", json=cover, headers=ben)).status_code == 403
        made = await asked(scene, "POST", "schedules/doctors/overrides", kim, cover)
        assert await who("2026-01-06T12:00:00Z") == ("kim", "override", 0)
        shown = await asked(
            scene, "GET", "schedules/doctors/shifts?from=2026-01-05T07:00:00Z&to=2026-01-12T07:00:00Z", ben
        )
        assert [shift["login"] for shift in shown] == ["lee", "kim", "lee"]
        assert len(await asked(scene, "GET", "schedules/doctors/overrides", kim)) == 1
        await asked(scene, "DELETE", f"schedules/doctors/overrides/{made['override_id']}", kim)
        assert await who("2026-01-06T12:00:00Z") == ("lee", "rotation", 0)
        await asked(scene, "DELETE", "schedules/doctors", kim)
        assert await asked(scene, "GET", "on-call", kim) == []


async def test_people_say_themselves_how_they_are_reached_and_a_manager_of_the_house_for_others() -> None:
    async with people_scene() as scene:
        kim_id = await scene.add("kim", (Role.NURSE, OWN), password=None)
        kim, lee = (
            await scene.session(kim_id),
            await scene.session(await scene.add("lee", (Role.NURSE, OWN), password=None)),
        )
        ada = await scene.session(await scene.add("ada", (Role.ADMINISTRATOR, None), password=None))
        paging = LadderScene(database=scene.ward.database)
        paging.destination("kims-phone", person_id=kim_id)
        body = {"destination_id": "kims-phone", "priorities": ["high", "medium"]}
        made = await asked(scene, "POST", "me/contacts", kim, body)
        assert (made["login"], made["priorities"]) == ("kim", ["high", "medium"])
        stolen = await scene.client.post("me/contacts", json=body, headers=lee)
        assert stolen.status_code == 403
        assert (await scene.client.get("contacts", headers=kim)).status_code == 403
        assert [one["login"] for one in await asked(scene, "GET", "contacts", ada)] == ["kim"]
        await asked(scene, "POST", "contacts/kim", ada, {**body, "priorities": ["high"]})
        assert (await asked(scene, "GET", "me/contacts", kim))[0]["priorities"] == ["high"]
        await asked(scene, "DELETE", "contacts/kim/kims-phone", ada)
        assert await asked(scene, "GET", "me/contacts", kim) == []
        assert (await tried(scene, "DELETE", "me/contacts/kims-phone", kim)).status_code == 404
