"""Rules over the API: whose word a limit is, what may be set by whom, and books that the alert service judges."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from alerts.bundled_rules import default_book
from alerts.decision_cache import DecisionCache
from alerts.rulebook_keeper import RulebookKeeper
from dashboard.permissions import Role
from runtime.blocking import InlineDoor
from runtime.telemetry import Telemetry
from storage import audit, rulebooks
from storage.decisions import SETTLE_MS
from tests.support.people_scene import OTHER, OWN, PeopleScene, people_scene

pytestmark = pytest.mark.asyncio
H_MS = 3_600_000


@asynccontextmanager
async def ruled() -> AsyncIterator[PeopleScene]:
    """Patients pa and pb on either ward, and the program's own rulebook in force."""
    async with people_scene() as scene:
        scene.furnish()
        keeper_of(scene).look()
        scene.clock.pass_s(10)
        yield scene


def keeper_of(scene: PeopleScene) -> RulebookKeeper:
    telemetry = Telemetry()
    cache = DecisionCache(database=scene.ward.database, clock=scene.clock, telemetry=telemetry, reach_ms=200 * H_MS)
    return RulebookKeeper(
        database=scene.ward.database,
        door=InlineDoor(),
        clock=scene.clock,
        telemetry=telemetry,
        cache=cache,
        file=None,
        renew_s=1,
        file_every_s=5,
    )


def answering(scene: PeopleScene, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the API waits, the alert service works."""
    keeper = keeper_of(scene)

    async def sleep(seconds: float) -> None:
        scene.clock.pass_s(seconds)
        keeper.look()

    monkeypatch.setattr(scene.clock, "sleep", sleep)


def wanted(scene: PeopleScene, hours: float = 24, **fields: Any) -> dict[str, Any]:
    until = scene.clock.now_ms() + round(hours * H_MS)
    return {"kind": "spo2-low", "limits": [84], "until": until, "reason": "COPD, 84 % agreed", **fields}


def kind_of(answer: dict[str, Any], kind: str) -> dict[str, Any]:
    return next(entry for entry in answer["kinds"] if entry["kind"] == kind)


async def test_limits_in_force_say_whose_word_they_are_and_until_when() -> None:
    async with ruled() as scene:
        physician = await scene.session(await scene.add("ada", (Role.PHYSICIAN, OWN)))
        body = wanted(scene)
        ordered = await scene.client.post("patients/pa/alert-limits", json=body, headers=physician)
        assert ordered.status_code == 201, ordered.text
        assert ordered.json()["state"] == "to come"
        assert ordered.json()["effective_ms"] == scene.clock.now_ms() + SETTLE_MS
        scene.clock.pass_s(5)
        answer = (await scene.client.get("patients/pa/alert-limits", headers=physician)).json()
        assert answer["rulebook"] == default_book().version
        spo2 = kind_of(answer, "spo2-low")
        assert [band["limit"] for band in spo2["bands"]] == [84, 80, 70, 60]
        assert [band["limit"] for band in spo2["book_bands"]] == [88, 80, 70, 60]
        (change,) = spo2["changes"]
        assert (change["by"], change["reason"], change["until_ms"]) == ("Ada", "COPD, 84 % agreed", body["until"])
        assert (change["state"], change["fits"], change["patient_id"]) == ("in force", True, "pa")
        assert kind_of(answer, "lost-contact")["delay_s"] == 120
        ended = await scene.client.post(
            f"patients/pa/alert-limits/{change['change_id']}/end", json={}, headers=physician
        )
        assert (ended.status_code, ended.json()["ended_by"]) == (200, "Ada")
        scene.clock.pass_s(5)
        answer = (await scene.client.get("patients/pa/alert-limits", headers=physician)).json()
        assert kind_of(answer, "spo2-low")["bands"] == kind_of(answer, "spo2-low")["book_bands"]
        assert kind_of(answer, "spo2-low")["changes"] == []


async def test_a_change_stands_in_the_audit_trail_with_who_what_why_and_until_when() -> None:
    async with ruled() as scene:
        physician = await scene.session(await scene.add("ada", (Role.PHYSICIAN, OWN)))
        body = wanted(scene)
        assert (await scene.client.post("patients/pa/alert-limits", json=body, headers=physician)).status_code == 201
        with scene.ward.database.snapshot() as conn:
            (entry,) = [link for link in audit.list_entries(conn, limit=9) if link.action == "change"]
        assert (entry.name, entry.patient_id) == ("Ada", "pa")
        for said in ('"kind":"spo2-low"', '"reason":"COPD, 84 % agreed"', f'"until":{body["until"]}'):
            assert said in entry.detail


async def test_a_change_beyond_the_books_bounds_is_refused_in_one_sentence() -> None:
    async with ruled() as scene:
        physician = await scene.session(await scene.add("ada", (Role.PHYSICIAN, OWN)))
        for fields, said in (
            ({"limits": [79, 76]}, "spo2-low, band 1: 79 is looser than the rulebook allows; it allows 80."),
            ({"limits": []}, "The change changes nothing: give limits, delays or priorities."),
            ({"hours": 400}, "By the rulebook a patient's change holds for at most 168 h: choose an earlier end."),
            ({"kind": "worker-down"}, "No rule of worker-down can be changed"),
            ({"kind": "lost-contact"}, "lost-contact has no limits of its own: give a delay or a priority."),
        ):
            answer = await scene.client.post(
                "patients/pa/alert-limits", json=wanted(scene, **fields), headers=physician
            )
            assert answer.status_code == 422
            assert said in answer.json()["message"]


async def test_a_patients_change_takes_reason_and_end() -> None:
    async with ruled() as scene:
        physician = await scene.session(await scene.add("ada", (Role.PHYSICIAN, OWN)))
        for missing in ("reason", "until"):
            body = wanted(scene)
            del body[missing]
            answer = await scene.client.post("patients/pa/alert-limits", json=body, headers=physician)
            assert answer.status_code == 422
            assert missing in answer.json()["message"]


async def test_a_change_of_another_patient_is_not_found() -> None:
    async with ruled() as scene:
        everywhere = await scene.session(await scene.add("ada", (Role.PHYSICIAN, None)))
        ordered = await scene.client.post("patients/pa/alert-limits", json=wanted(scene), headers=everywhere)
        path = f"patients/pb/alert-limits/{ordered.json()['change_id']}/end"
        assert (await scene.client.post(path, json={}, headers=everywhere)).status_code == 404


async def test_nurses_see_limits_and_do_not_set_them() -> None:
    async with ruled() as scene:
        nurse = await scene.session(await scene.add("kim", (Role.NURSE, OWN)))
        assert (await scene.client.get("patients/pa/alert-limits", headers=nurse)).status_code == 200
        assert (await scene.client.get("patients/pb/alert-limits", headers=nurse)).status_code == 403
        body = wanted(scene)
        assert (await scene.client.post("patients/pa/alert-limits", json=body, headers=nurse)).status_code == 403


async def test_a_ward_manager_sets_their_wards_limits_and_no_others() -> None:
    async with ruled() as scene:
        manager = await scene.session(await scene.add("lee", (Role.WARD_MANAGER, OWN)))
        body = {"ward_id": OWN, "kind": "heart-rate-high", "limits": [120], "reason": "cardiology"}
        ordered = await scene.client.post("alert-limits", json=body, headers=manager)
        assert ordered.status_code == 201, ordered.text
        other = await scene.client.post("alert-limits", json={**body, "ward_id": OTHER}, headers=manager)
        assert other.status_code == 403
        scene.clock.pass_s(5)
        answer = (await scene.client.get("patients/pa/alert-limits", headers=manager)).json()
        rate = kind_of(answer, "heart-rate-high")
        assert rate["bands"][0]["limit"] == 120
        assert rate["changes"][0]["ward_id"] == OWN
        of_ward = (await scene.client.get("alert-limits", params={"ward": OWN}, headers=manager)).json()
        assert kind_of(of_ward, "heart-rate-high")["bands"] == rate["bands"]
        end = {"ward_id": OWN, "change_id": ordered.json()["change_id"]}
        assert (await scene.client.post("alert-limits/end", json=end, headers=manager)).json()["ended_by"] == "Lee"


async def test_a_rulebook_is_put_in_force_by_who_answers_for_every_ward(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ruled() as scene:
        one = await scene.session(await scene.add("lee", (Role.WARD_MANAGER, OWN)))
        every = await scene.session(await scene.add("pat", (Role.WARD_MANAGER, None)))
        answering(scene, monkeypatch)
        book = {"yaml": "format: 1\nclear_s: 45\nsources: {clear_s: our study}\n", "reason": "fewer alerts"}
        assert (await scene.client.put("alert-rules", json=book, headers=one)).status_code == 403
        taken = await scene.client.put("alert-rules", json=book, headers=every)
        assert taken.status_code == 200, taken.text
        assert (taken.json()["number"], taken.json()["by"], taken.json()["state"]) == (2, "Pat", "to come")
        assert (await scene.client.get("alert-rules", headers=one)).json()["number"] == 1
        scene.clock.pass_s(5)
        found = (await scene.client.get("alert-rules", headers=one)).json()
        assert (found["number"], found["yaml"]) == (2, book["yaml"])
        history = (await scene.client.get("alert-rules/history", headers=one)).json()
        assert [(entry["number"], entry["state"], entry["source"]) for entry in history] == [
            (2, "in force", "person"),
            (1, "over", "program"),
        ]
        first = (await scene.client.get("alert-rules", params={"number": 1}, headers=one)).json()
        assert first["yaml"] == default_book().text


async def test_a_rulebook_that_cannot_be_taken_is_answered_with_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ruled() as scene:
        every = await scene.session(await scene.add("pat", (Role.WARD_MANAGER, None)))
        answering(scene, monkeypatch)
        body = {"yaml": "format: 1\nclear_s: soon\n", "reason": "fewer alerts"}
        answer = await scene.client.put("alert-rules", json=body, headers=every)
        assert answer.status_code == 422
        assert answer.json()["message"] == "Line 2, column 10: found 'soon', expected a number."
        assert len((await scene.client.get("alert-rules/history", headers=every)).json()) == 1


async def test_where_the_alert_service_is_silent_the_book_is_withdrawn_for_good() -> None:
    async with ruled() as scene:
        every = await scene.session(await scene.add("pat", (Role.WARD_MANAGER, None)))
        body = {"yaml": "format: 1\n", "reason": "a try"}
        answer = await scene.client.put("alert-rules", json=body, headers=every)
        assert answer.status_code == 503
        assert "not answered within 10 s: the rulebook is not in force" in answer.json()["message"]
        with scene.ward.database.snapshot() as conn:
            assert rulebooks.waiting(conn) == ()
