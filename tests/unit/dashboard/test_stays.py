"""Stays over the API: moving, exchanging, correcting, and what each refuses."""

import pytest

from tests.support.ward_scene import course
from tests.unit.dashboard.test_api import api, said

pytestmark = pytest.mark.asyncio


async def test_a_patient_is_moved_and_every_place_is_kept_with_who_said_so() -> None:
    async with api() as (scene, client):
        scene.admit("1", "Amina Yusuf")
        scene.admit("2", "Bernd Krüger")
        taken = await client.post("patients/p1/transfer", json={"ward_id": "ward-3", "bed": "2"})
        assert "taken" in said(taken, 409, "conflict")
        moved = await client.post("patients/p1/transfer", json={"ward_id": "ward-4", "bed": "9"})
        assert (moved.json()["ward_id"], moved.json()["bed"]) == ("ward-4", "9")
        swapped = await client.post("patients/p1/swap-beds", json={"with_patient_id": "p2"})
        assert [(each["ward_id"], each["bed"]) for each in swapped.json()] == [("ward-3", "2"), ("ward-4", "9")]
        moves = (await client.get("patients/p1/moves")).json()
        assert [(move["number"], move["bed"], move["by"]) for move in moves] == [
            (0, "1", None),
            (1, "9", "Guest"),
            (2, "2", "Guest"),
        ]


async def test_two_devices_are_swapped_and_their_wearers_can_be_looked_up() -> None:
    async with api() as (scene, client):
        scene.admit("1", "Amina Yusuf")
        scene.admit("2", "Bernd Krüger")
        swapped = await client.post("devices/watch-1/swap", json={"with_device_id": "watch-2"})
        assert [(each["device_id"], each["patient_id"]) for each in swapped.json()] == [
            ("watch-1", "p2"),
            ("watch-2", "p1"),
        ]
        worn = (await client.get("devices/watch-1/assignments")).json()
        assert [each["patient_id"] for each in worn] == ["p1", "p2"]
        same = await client.post("devices/watch-1/swap", json={"with_device_id": "watch-1"})
        assert "same device" in said(same, 409, "conflict")


async def test_who_assigns_or_swaps_an_unknown_device_is_told_to_make_it_known_first() -> None:
    async with api() as (scene, client):
        patient_id = scene.admit("1", "Amina Yusuf")
        for deed, body in (("assign", {"patient_id": patient_id}), ("swap", {"with_device_id": "watch-1"})):
            answer = await client.post(f"devices/watch-7/{deed}", json=body)
            assert "wardlight devices add watch-7 --ward WARD" in said(answer, 404, "not_found")


async def test_a_correction_says_what_it_would_do_and_is_then_on_record() -> None:
    async with api() as (scene, client):
        patient_id = scene.admit("1", "Amina Yusuf")
        scene.admit("2", "Bernd Krüger")
        now_ms = scene.clock.now_ms()
        rows = course(patient_id, "watch-1", end_ms=now_ms, seconds=60, seed=1)
        scene.store(rows)
        since_ms = rows[2].measured_at_ms
        seen = (await client.get("corrections/outlook", params={"device": "watch-1", "from": since_ms})).json()
        assert (seen["wrong_patient_id"], seen["readings"], seen["until_ms"]) == ("p1", len(rows) - 2, None)
        ordered = await client.post(
            "corrections",
            json={"device_id": "watch-1", "from": since_ms, "to_patient_id": "p2", "reason": "mixed up"},
        )
        assert ordered.status_code == 202
        made = ordered.json()
        assert (made["state"], made["by"], made["right_patient_id"]) == ("requested", "Guest", "p2")
        listed = (await client.get("corrections", params={"patient": "p2"})).json()
        assert listed == [made] == [(await client.get(f"corrections/{made['correction_id']}")).json()]
        worn = (await client.get("devices/watch-1/assignments")).json()
        assert [(each["patient_id"], each["until_ms"]) for each in worn] == [("p1", since_ms), ("p2", None)]


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"to_patient_id": "p1"}, 409, "conflict"),
        ({"to_patient_id": "nobody-here"}, 404, "not_found"),
        ({"device_id": "unknown"}, 404, "not_found"),
        ({"from": 99_999_999_999_999}, 422, "invalid_argument"),
        ({"reason": " "}, 422, "invalid_argument"),
        ({"until": 1}, 409, "conflict"),
    ],
)
async def test_what_cannot_be_corrected_is_refused_in_a_sentence(
    changed: dict[str, object], status: int, code: str
) -> None:
    async with api() as (scene, client):
        scene.admit("1", "Amina Yusuf")
        scene.admit("2", "Bernd Krüger")
        body = {"device_id": "watch-1", "from": 1_000, "to_patient_id": "p2", "reason": "mixed up", **changed}
        assert said(await client.post("corrections", json=body), status, code).endswith(".")
        assert (await client.get("corrections")).json() == []


async def test_nobody_is_meant_only_where_it_is_said() -> None:
    async with api() as (scene, client):
        scene.admit("1", "Amina Yusuf")
        body = {"device_id": "watch-1", "from": 1_000, "reason": "on the table"}
        assert "to_patient_id" in said(await client.post("corrections", json=body), 422, "invalid_argument")
        ordered = await client.post("corrections", json={**body, "to_patient_id": None})
        assert ordered.json()["right_patient_id"] is None
