"""What lists and orders over many things come to: no row of another ward, and no order about it."""

import re
from collections.abc import Mapping

import pytest

from dashboard.permissions import HOUSE_ROLES, RULES, Role, Where
from storage import devices
from tests.support.builders import EPOCH_MS, reading
from tests.support.people_scene import OTHER, OWN, people_scene
from vitals.reading import DeviceId, PatientId

pytestmark = pytest.mark.asyncio


async def test_lists_hold_no_row_of_another_ward() -> None:
    async with people_scene() as scene:
        scene.furnish()
        nurse = await scene.session(await scene.add("kim", (Role.NURSE, OWN)))
        keeper = await scene.session(await scene.add("lee", (Role.WARD_MANAGER, OWN)))
        house = await scene.session(await scene.add("max", (Role.WARD_MANAGER, None)))

        async def ids(path: str, field: str, headers: Mapping[str, str]) -> set[str]:
            answer = await scene.client.get(path, headers=dict(headers))
            assert answer.status_code == 200, answer.text
            return {row[field] for row in answer.json()}

        for path, field, own, everything in (
            ("wards", "ward_id", {OWN}, {OWN, OTHER}),
            ("patients", "patient_id", {"pa"}, {"pa", "pb"}),
            ("patients?with_discharged=true", "patient_id", {"pa"}, {"pa", "pb"}),
            ("alerts", "patient_id", {"pa"}, {"pa", "pb"}),
            ("alerts?active=true", "patient_id", {"pa"}, {"pa", "pb"}),
            ("devices", "device_id", {"watch-a"}, {"watch-a", "watch-b"}),
        ):
            assert await ids(path, field, nurse) == own, path
            assert await ids(path, field, house) == everything, path
        assert await ids("rejected", "rejection_id", keeper) == {"ra"}
        assert await ids("rejected", "rejection_id", house) == {"ra", "rb", "rx"}
        assert (await scene.client.get("alerts", params={"ward": OTHER}, headers=nurse)).status_code == 403
        assert (await scene.client.get("alerts", params={"patient": "pb"}, headers=nurse)).status_code == 403
        for query in (f"ward={OWN}&ward={OTHER}", f"ward={OTHER}&ward={OWN}"):
            assert (await scene.client.get(f"patients?{query}", headers=nurse)).status_code == 403


async def test_no_list_of_whatever_kind_names_anything_of_another_ward() -> None:
    async with people_scene() as scene:
        scene.furnish()
        for letter in "ab":
            scene.ward.store([reading(patient=f"p{letter}", device=f"watch-{letter}", at_s=-60)])
        grants = [(role, OWN) for role in Role if role not in HOUSE_ROLES]
        one = await scene.session(await scene.add("kim", *grants))
        house = await scene.session(await scene.add("max", *((role, None) for role in Role)))
        lists = [
            key.removeprefix("GET /api/v1/")
            for key, rule in RULES.items()
            if key.startswith("GET /api/v1/") and {Where.FILTERED, Where.QUERY} & set(rule.where) and "{" not in key
        ]
        lists.remove("wards/known")  # the names of wards alone, for whoever moves a patient to another one
        foreign = re.compile(r"watch-b|\bpb\b|ward-b|Patient b")
        told = {path: (await scene.client.get(path, headers=one)).text for path in lists if path != "events"}
        assert {path: found for path, text in told.items() if (found := foreign.findall(text))} == {}
        whole = [path for path in told if foreign.search((await scene.client.get(path, headers=house)).text)]
        assert {"wards", "patients", "alerts", "devices", "rejected"} <= set(whole)


async def test_the_corrections_of_another_ward_take_no_place_in_ones_own_list() -> None:
    async with people_scene() as scene:
        scene.furnish()
        house = await scene.session(await scene.add("max", (Role.WARD_MANAGER, None)))
        nurse = await scene.session(await scene.add("kim", (Role.NURSE, OWN)))
        for letter in "ab":
            body = {
                "device_id": f"watch-{letter}",
                "from": EPOCH_MS - 1000,
                "to_patient_id": None,
                "reason": "mixed up",
            }
            made = await scene.client.post("corrections", json=body, headers=house)
            assert made.status_code == 202, made.text
            scene.clock.pass_s(1)
        newest = {"limit": 1}
        of_all = (await scene.client.get("corrections", params=newest, headers=house)).json()
        assert [each["wrong_patient_id"] for each in of_all] == ["pb"]
        of_one = (await scene.client.get("corrections", params=newest, headers=nurse)).json()
        assert [each["wrong_patient_id"] for each in of_one] == ["pa"]
        glass = {"reason": "collapsed in the corridor"}
        broken = await scene.client.post("patients/pb/break-glass", json=glass, headers=nurse)
        assert broken.status_code < 300, broken.text
        of_both = (await scene.client.get("corrections", headers=nurse)).json()
        assert [each["wrong_patient_id"] for each in of_both] == ["pb", "pa"]


async def test_a_replay_by_reason_leaves_the_messages_of_other_wards_alone() -> None:
    async with people_scene() as scene:
        scene.furnish()
        keeper = await scene.session(await scene.add("lee", (Role.WARD_MANAGER, OWN)))
        answer = await scene.client.post("rejected/replay", json={"reason": "unassigned"}, headers=keeper)
        assert answer.json() == {"replayed": 1, "not_replayable": 0, "next": None}
        assert [topic for topic, _ in scene.ward.republished] == ["wardlight/v1/devices/watch-a/readings"]


async def test_a_device_lent_to_another_ward_is_for_who_looks_after_both() -> None:
    async with people_scene() as scene:
        scene.furnish()
        with scene.ward.database.transaction() as conn:
            devices.assign(conn, DeviceId("watch-a"), PatientId("pb"), 1)
        one = await scene.session(await scene.add("kim", (Role.NURSE, OWN)))
        both = await scene.session(await scene.add("lee", (Role.NURSE, OWN), (Role.NURSE, OTHER)))
        assert (await scene.client.get("devices", headers=one)).json() == []
        assert (await scene.client.post("devices/watch-a/release", json={}, headers=one)).status_code == 403
        assert (await scene.client.post("devices/watch-a/release", json={}, headers=both)).status_code == 200
