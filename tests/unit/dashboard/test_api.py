"""The API over an in-memory database and log: what it gives, what it refuses, and how it says so."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import msgspec
import pytest

from dashboard.app import create_app
from runtime.bus import Delivered
from storage import rejections
from tests.support.builders import EPOCH_MS, at_ms, reading
from tests.support.ward_scene import WARD, WardScene, assessed, transition, ward_scene
from vitals.alert import Action, AlertKind, Command, Priority, Transition, TransitionKind
from vitals.assessment import RiskParts
from vitals.codec import decode
from vitals.reading import PatientId, Rejection, RejectionReason
from vitals.sign import Sign
from vitals.topics import LogTopic

pytestmark = pytest.mark.asyncio
JSON = {"content-type": "application/json"}


@contextlib.asynccontextmanager
async def api() -> AsyncIterator[tuple[WardScene, httpx.AsyncClient]]:
    async with ward_scene() as scene:
        transport = httpx.ASGITransport(create_app(scene.context()))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080/api/v1/") as client:
            yield scene, client


def raised(patient_id: PatientId, *, at: int = EPOCH_MS) -> Transition:
    return transition(
        patient_id, AlertKind.SPO2_LOW, TransitionKind.RAISED, priority=Priority.HIGH, text="SpO2 79 % below 80 %",
        at_ms=at, raised_at_ms=at,
    )  # fmt: skip


async def published(scene: WardScene) -> list[Command]:
    reader = await scene.bus.reader(group=None, topics=[LogTopic.COMMANDS])
    try:
        await reader.poll(records_max=1, timeout_s=1)
        await reader.seek({})
        polled = await reader.poll(records_max=100, timeout_s=0)
        assert isinstance(polled, Delivered)
        return [decode(Command, record.value) for record in polled.records]
    finally:
        await reader.close()


def said(answer: httpx.Response, status: int, code: str) -> str:
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"code", "message"}
    assert body["code"] == code
    return str(body["message"])


async def test_a_patient_is_admitted_listed_and_found() -> None:
    async with api() as (_, client):
        added = await client.post("patients", json={"ward_id": "w1", "bed": "4", "name": " Ada Lovelace "})
        assert added.status_code == 201
        assert added.json()["name"] == "Ada Lovelace"
        patient_id = added.json()["patient_id"]
        assert "ada" not in patient_id.lower()
        assert (await client.get("patients", params={"ward": "w1"})).json() == [added.json()]
        assert (await client.get(f"patients/{patient_id}")).json() == added.json()
        assert (await client.get("wards")).json() == [{"ward_id": "w1", "patients": 1}]
        taken = await client.post("patients", json={"ward_id": "w1", "bed": "4", "name": "Grace"})
        assert "taken" in said(taken, 409, "conflict")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"ward_id": "w1", "name": ""},
        {"ward_id": "w1", "name": "   "},
        {"ward_id": "w1", "name": "a\u0000b"},
        {"ward_id": "w1", "name": "a\nb"},
        {"ward_id": "w1", "name": "a" * 121},
        {"ward_id": "a/b", "name": "Ada"},
        {"ward_id": "+", "name": "Ada"},
        {"ward_id": "w1", "name": "Ada", "spo2_scale": 3},
        {"ward_id": "w1", "name": "Ada", "admin": True},
        [],
    ],
)
async def test_an_impossible_patient_is_refused_in_one_sentence(body: object) -> None:
    async with api() as (_, client):
        assert said(await client.post("patients", json=body), 422, "invalid_argument").endswith(".")


async def test_history_comes_page_by_page_without_gap_or_double() -> None:
    async with api() as (scene, client):
        patient_id = scene.admit("1", "Ada")
        records = [reading(at_s=second, patient=patient_id) for second in range(25)]
        scene.store(records)
        query = {"from": str(EPOCH_MS), "to": "2026-01-01T00:01:00Z", "limit": "10"}
        found: list[int] = []
        pages = 0
        after: str | None = None
        while pages == 0 or after is not None:
            page = (
                await client.get(f"patients/{patient_id}/history", params=query | ({"after": after} if after else {}))
            ).json()
            found += [row["measured_at_ms"] for row in page["rows"]]
            after, pages = page["next"], pages + 1
        assert found == [record.measured_at_ms for record in records]
        assert pages == 3


async def test_history_sums_up_and_chooses_signs() -> None:
    async with api() as (scene, client):
        patient_id = scene.admit("1", "Ada")
        scene.store(
            [
                reading(at_s=second, patient=patient_id, heart_rate_bpm=60 + second, spo2_percent=97)
                for second in range(20)
            ]
        )
        query = {
            "from": str(EPOCH_MS),
            "to": str(at_ms(60)),
            "every": "10s",
            "sign": "heart_rate_bpm,temperature_celsius",
        }
        answer = (await client.get(f"patients/{patient_id}/history", params=query)).json()
        assert answer["every_ms"] == 10_000
        assert [(row["measured_at_ms"], row["signs"]) for row in answer["rows"]] == [
            (at_ms(0), {"heart_rate_bpm": 64.5}),
            (at_ms(10), {"heart_rate_bpm": 74.5}),
        ]
        assert answer["rows"][0]["ranges"] == {"heart_rate_bpm": {"minimum": 60, "maximum": 69}}


async def test_summed_up_history_is_paged_too() -> None:
    async with api() as (scene, client):
        patient_id = scene.admit("1", "Ada")
        scene.store([reading(at_s=second, patient=patient_id) for second in range(0, 100, 5)])
        query = {"from": str(EPOCH_MS), "to": str(at_ms(100)), "every": "10000", "limit": "4"}
        first = (await client.get(f"patients/{patient_id}/history", params=query)).json()
        second = (await client.get(f"patients/{patient_id}/history", params=query | {"after": first["next"]})).json()
        third = (await client.get(f"patients/{patient_id}/history", params=query | {"after": second["next"]})).json()
        starts = [row["measured_at_ms"] for page in (first, second, third) for row in page["rows"]]
        assert starts == [at_ms(second_) for second_ in range(0, 100, 10)]
        assert third["next"] is None


@pytest.mark.parametrize(
    "query",
    [
        {"from": "yesterday"},
        {"from": "2026-01-01T00:00:00"},
        {"from": "-5"},
        {"from": "99999999999999999"},
        {"from": str(EPOCH_MS), "to": str(EPOCH_MS)},
        {"sign": "mood"},
        {"every": "soon"},
        {"every": "0s"},
        {"every": "9" * 40},
        {"limit": "0"},
        {"limit": "10001"},
        {"after": "x"},
        {"after": "1"},
    ],
)
async def test_an_impossible_history_question_is_refused_in_one_sentence(query: dict[str, str]) -> None:
    async with api() as (scene, client):
        patient_id = scene.admit("1", "Ada")
        said(await client.get(f"patients/{patient_id}/history", params=query), 422, "invalid_argument")


async def test_history_of_nobody_is_not_found() -> None:
    async with api() as (_, client):
        said(await client.get("patients/nobody/history"), 404, "not_found")
        said(await client.get("patients/nobody"), 404, "not_found")
        said(await client.get("patients/a%2F..%2Fb"), 404, "not_found")


async def test_assessments_carry_points_missing_inputs_and_drivers() -> None:
    async with api() as (scene, client):
        patient_id = scene.admit("1", "Ada")
        record = reading(patient=patient_id)
        scene.store([record], [assessed(record)])
        (found,) = (
            await client.get(f"patients/{patient_id}/assessments", params={"from": EPOCH_MS, "to": at_ms(1)})
        ).json()
        assert found["reading_id"] == record.reading_id
        assert "consciousness_acvpu" in found["news2"]["missing"]
        assert found["drivers"][0]["usual"] is not None


async def test_assessments_carry_the_learned_risk_with_its_parts_and_nothing_where_none_is_told() -> None:
    parts = RiskParts(-2.0, -4.0, {"respiratory_rate_bpm": 1.5}, 0.5, ("respiratory_rate_bpm",))
    async with api() as (scene, client):
        patient_id = scene.admit("1", "Ada")
        with_risk, without = (reading(patient=patient_id, at_s=second) for second in (0, 1))
        told = msgspec.structs.replace(assessed(with_risk), risk=0.12, risk_threshold=0.2, risk_parts=parts)
        scene.store([with_risk, without], [told, assessed(without)])
        window = {"from": EPOCH_MS, "to": at_ms(2)}
        first, second = (await client.get(f"patients/{patient_id}/assessments", params=window)).json()
        assert first["risk"] == {
            "probability": 0.12, "threshold": 0.2, "horizon_s": None,
            "log_odds": -2.0, "usual": -4.0, "parts": {"respiratory_rate_bpm": 1.5}, "others": 0.5,
            "unmeasured": ["respiratory_rate_bpm"],
        }  # fmt: skip
        assert second["risk"] is None


async def test_assessments_that_mark_something_are_found_by_themselves() -> None:
    async with api() as (scene, client):
        patient_id = scene.admit("1", "Ada")
        plain, anew = (reading(patient=patient_id, at_s=second) for second in (0, 1))
        marked = msgspec.structs.replace(assessed(anew), relearned=(Sign.HEART_RATE,))
        scene.store([plain, anew], [assessed(plain), marked])
        window: dict[str, str | int] = {"from": EPOCH_MS, "to": at_ms(2), "marked": "true"}
        (found,) = (await client.get(f"patients/{patient_id}/assessments", params=window)).json()
        assert (found["reading_id"], found["relearned"]) == (anew.reading_id, ["heart_rate_bpm"])


async def test_alerts_are_listed_by_state_and_say_who_acknowledged() -> None:
    async with api() as (scene, client):
        one, two = scene.admit("1", "Ada"), scene.admit("2", "Grace")
        seen = transition(
            one, AlertKind.SPO2_LOW, TransitionKind.ACKNOWLEDGED, priority=Priority.HIGH, text="x", at_ms=EPOCH_MS + 5,
            raised_at_ms=EPOCH_MS, by="Kim",
        )  # fmt: skip
        ended = transition(
            one, AlertKind.SPO2_LOW, TransitionKind.RESOLVED, priority=Priority.HIGH, text="x", at_ms=EPOCH_MS + 9,
            raised_at_ms=EPOCH_MS, acknowledged=True,
        )  # fmt: skip
        scene.store_steps(raised(one), seen, ended, raised(two))
        (active,) = (await client.get("alerts", params={"active": "true"})).json()
        (over,) = (await client.get("alerts", params={"active": "false", "patient": one})).json()
        assert (active["patient_id"], active["acknowledged"]) == (two, False)
        assert (over["acknowledged_by"], over["acknowledged_at_ms"], over["resolved_at_ms"]) == (
            "Kim",
            EPOCH_MS + 5,
            EPOCH_MS + 9,
        )
        assert len((await client.get("alerts", params={"ward": WARD})).json()) == 2
        assert (await client.get(f"alerts/{over['episode_id']}")).json() == over


async def test_an_acknowledgement_is_on_the_log_before_it_is_answered() -> None:
    async with api() as (scene, client):
        step = raised(scene.admit("1", "Ada"))
        scene.store_steps(step)
        body = {"note": "on my way", "command_id": "0123456789abcdef"}
        answer = await client.post(f"alerts/{step.episode_id}/acknowledge", json=body)
        assert (answer.status_code, answer.json()) == (
            202,
            {
                "command_id": "0123456789abcdef",
                "episode_id": step.episode_id,
                "person_id": "guest",
                "by": "Guest",
                "until_ms": None,
                "label_id": None,
            },
        )
        technical = msgspec.structs.replace(step, transition_id="t2", episode_id="e2", kind=AlertKind.LOW_BATTERY)
        scene.store_steps(technical)
        await client.post(f"alerts/{technical.episode_id}/resolve", json={})
        first, second = await published(scene)
        assert (first.action, first.by, first.note, first.patient_id) == (
            Action.ACKNOWLEDGE,
            "Guest",
            "on my way",
            "p1",
        )
        assert second.action is Action.RESOLVE
        assert second.command_id != first.command_id


async def test_orders_about_nothing_or_about_what_has_ended_are_refused() -> None:
    async with api() as (scene, client):
        patient_id = scene.admit("1", "Ada")
        step = raised(patient_id)
        over = transition(
            patient_id, AlertKind.SPO2_LOW, TransitionKind.RESOLVED, priority=Priority.HIGH, text="x",
            at_ms=EPOCH_MS + 9, raised_at_ms=EPOCH_MS,
        )  # fmt: skip
        scene.store_steps(step, over)
        said(await client.post(f"alerts/{step.episode_id}/acknowledge", json={}), 409, "conflict")
        said(await client.post("alerts/unknown/acknowledge", json={}), 404, "not_found")
        said(await client.post(f"alerts/{step.episode_id}/acknowledge", json={"by": "Kim"}), 422, "invalid_argument")
        assert await published(scene) == []


async def test_devices_are_added_assigned_and_released() -> None:
    async with api() as (scene, client):
        patient_id = scene.admit("1", "Ada")
        added = await client.post("devices", json={"device_id": "w9", "ward_id": WARD})
        assert added.status_code == 201
        assigned = await client.post(
            "devices/w9/assign", json={"patient_id": patient_id, "from_ms": "2026-01-01T00:00:00Z"}
        )
        assert (assigned.json()["patient_id"], assigned.json()["assigned_from_ms"]) == (patient_id, EPOCH_MS)
        released = await client.post("devices/w9/release", json={})
        assert released.json()["patient_id"] is None
        assert [device["device_id"] for device in (await client.get("devices")).json()] == ["w9", "watch-1"]
        said(await client.post("devices", json={"device_id": "w9", "ward_id": WARD}), 409, "conflict")
        said(await client.post("devices/none/assign", json={"patient_id": patient_id}), 404, "not_found")
        said(await client.post("devices/none/release", json={}), 404, "not_found")


async def test_a_discharged_patient_frees_the_bed_and_keeps_the_history() -> None:
    async with api() as (scene, client):
        patient_id = scene.admit("1", "Ada")
        left = await client.post(f"patients/{patient_id}/discharge", json={})
        assert left.status_code == 200
        present = [patient["patient_id"] for patient in (await client.get("patients")).json()]
        assert patient_id not in present
        assert (await client.get(f"patients/{patient_id}/history")).status_code == 200
        again = await client.post("patients", json={"ward_id": WARD, "bed": "1", "name": "Bao"})
        assert again.status_code == 201
        said(await client.post("patients/none/discharge", json={}), 404, "not_found")


def rejection(number: int, *, payload: bytes = b"{}", cut: bool = False) -> Rejection:
    return Rejection(
        rejection_id=f"r{number}",
        reason=RejectionReason.UNASSIGNED,
        detail="No patient wears it.",
        device_id="w9",
        received_at_ms=EPOCH_MS + number,
        payload=payload,
        payload_bytes=len(payload) + cut,
    )


async def test_rejected_messages_are_replayed_with_their_original_bytes_oldest_first() -> None:
    async with api() as (scene, client):
        with scene.database.transaction() as conn:
            rejections.store(
                conn, [rejection(1, payload=b"\xffone"), rejection(2, payload=b"two"), rejection(3, cut=True)]
            )
        listed = (await client.get("rejected", params={"reason": "unassigned"})).json()
        assert [(row["rejection_id"], row["replayable"]) for row in listed] == [
            ("r3", False),
            ("r2", True),
            ("r1", True),
        ]
        answer = await client.post("rejected/replay", json={"reason": "unassigned"})
        assert answer.json() == {"replayed": 2, "not_replayable": 1, "next": None}
        topic = "wardlight/v1/devices/w9/readings"
        assert scene.republished == [(topic, b"\xffone"), (topic, b"two")]
        again = await client.post("rejected/replay", json={"reason": "unassigned"})
        assert again.json() == {"replayed": 0, "not_replayable": 1, "next": None}
        said(await client.post("rejected/r3/replay", json={}), 409, "conflict")
        assert (await client.post("rejected/r1/replay", json={})).json()["replayed"] == 1
        said(await client.post("rejected/r9/replay", json={}), 404, "not_found")


async def test_messages_that_cannot_be_replayed_do_not_stand_before_those_that_can() -> None:
    async with api() as (scene, client):
        with scene.database.transaction() as conn:
            rejections.store(conn, [rejection(1, payload=b"one"), rejection(2, cut=True), rejection(3, cut=True)])
        order = {"reason": "unassigned", "limit": 2}
        page = (await client.post("rejected/replay", json=order)).json()
        assert (page["replayed"], page["not_replayable"]) == (0, 2)
        rest = (await client.post("rejected/replay", json={**order, "after": page["next"]})).json()
        assert rest == {"replayed": 1, "not_replayable": 0, "next": None}


async def test_without_mqtt_a_replay_says_so() -> None:
    async with ward_scene() as scene:
        with scene.database.transaction() as conn:
            rejections.store(conn, [rejection(1)])
        app = create_app(replace(scene.context(), republish=None))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1/api/v1/") as client:
            assert "MQTT" in said(await client.post("rejected/r1/replay", json={}), 503, "unavailable")


async def test_status_health_and_readiness_are_honest_before_the_feed_runs() -> None:
    async with api() as (_, client):
        status = (await client.get("status")).json()
        assert status["feed"]["live"] is False
        assert status["feed"]["why_not_live"]
        assert (await client.get("http://127.0.0.1/healthz")).status_code == 200
        assert (await client.get("http://127.0.0.1/readyz")).status_code == 503


async def test_the_api_describes_itself_and_every_error_has_one_shape() -> None:
    async with api() as (_, client):
        described = (await client.get("openapi.json")).json()
        assert "/api/v1/alerts/{episode_id}/acknowledge" in described["paths"]
        said(await client.get("nothing/here"), 404, "not_found")
        said(await client.put("patients", json={}), 405, "invalid_argument")
        said(await client.post("patients", content=b"{", headers=JSON), 422, "invalid_argument")
