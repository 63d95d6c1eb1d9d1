"""Charting over the API: what is taken, what is refused, and that it goes through the log once."""

import contextlib
from collections.abc import AsyncIterator

import httpx
import pytest

from dashboard.app import create_app
from runtime.bus import Delivered
from storage.recorder import RecorderHandler
from storage.settings import RecorderSettings
from tests.support.builders import charted, reading, withdrawn
from tests.support.ward_scene import WardScene, ward_scene
from vitals.codec import ReadingsRecord, decode_readings_record
from vitals.reading import CHARTING, Charted, Reading, Withdrawn
from vitals.topics import LogTopic

pytestmark = pytest.mark.asyncio
ON_AIR = {"consciousness_acvpu": "A", "supplemental_oxygen": False}


class Api:
    """The application over a scene, with one patient; `record` does what the recorder does."""

    def __init__(self, scene: WardScene, client: httpx.AsyncClient) -> None:
        self.scene = scene
        self.client = client
        self.patient_id = scene.admit("1", "Ada Lovelace")
        self.url = f"patients/{self.patient_id}/charting"

    async def post(self, body: object, path: str = "") -> httpx.Response:
        """Post below the patient's charting."""
        return await self.client.post(f"{self.url}{path}", json=body)

    async def published(self) -> list[ReadingsRecord]:
        """Everything on log topic `readings`."""
        reader = await self.scene.bus.reader(group=None, topics=[LogTopic.READINGS])
        try:
            await reader.poll(records_max=1, timeout_s=1)
            await reader.seek({})
            polled = await reader.poll(records_max=100, timeout_s=0)
            assert isinstance(polled, Delivered)
            return [decode_readings_record(record.value) for record in polled.records]
        finally:
            await reader.close()

    async def record(self) -> None:
        """Store what the log has."""
        reader = await self.scene.bus.reader(group=None, topics=[LogTopic.READINGS])
        handler = RecorderHandler(
            database=self.scene.database,
            door=self.scene.door,
            clock=self.scene.clock,
            telemetry=self.scene.telemetry,
            settings=RecorderSettings(commit_interval_s=0),
        )
        await handler.claim(frozenset(range(3)))
        await reader.poll(records_max=1, timeout_s=1)
        await reader.seek({})
        polled = await reader.poll(records_max=100, timeout_s=0)
        assert isinstance(polled, Delivered)
        await handler.handle(polled.records)
        await handler.remember({}, final=True)
        await reader.close()


@contextlib.asynccontextmanager
async def api() -> AsyncIterator[Api]:
    async with ward_scene() as scene:
        context = scene.context()
        transport = httpx.ASGITransport(create_app(context))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080/api/v1/") as client:
            yield Api(scene, client)


def refused(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"code", "message"}
    return str(answer.json()["message"])


async def test_an_entry_goes_onto_the_log_under_the_name_of_who_asks() -> None:
    async with api() as ward:
        answer = await ward.post({"signs": ON_AIR, "note": " Sat up,\nhad tea "})
        assert answer.status_code == 201, answer.text
        entry = answer.json()
        assert entry["signs"] == {"consciousness_acvpu": 0, "supplemental_oxygen": 0, "oxygen_flow_l_per_min": 0}
        assert (entry["by"], entry["note"], entry["withdrawn"]) == ("Guest", "Sat up,\nhad tea", None)
        assert entry["valid_until_ms"]["consciousness_acvpu"] - entry["observed_at_ms"] == 6 * 3_600_000
        (record,) = await ward.published()
        assert isinstance(record, Reading)
        assert (record.device_id, record.patient_id, record.reading_id) == (
            CHARTING,
            ward.patient_id,
            entry["reading_id"],
        )
        assert record.charted == Charted("guest", "Guest", note="Sat up,\nhad tea")


async def test_an_entry_sent_again_under_its_key_is_one_entry_and_another_is_a_conflict() -> None:
    async with api() as ward:
        body = {"signs": ON_AIR, "idempotency_key": "tap-0001"}
        first = (await ward.post(body)).json()
        await ward.record()
        again = await ward.post(body)
        assert again.json() == first
        assert len(await ward.published()) == 1
        other = await ward.post({"signs": {"consciousness_acvpu": "V"}, "idempotency_key": "tap-0001"})
        assert "idempotency key" in refused(other, 409)


async def test_what_was_charted_is_listed_and_an_entry_taken_back_is_shown_as_such() -> None:
    async with api() as ward:
        wrong = (await ward.post({"signs": {"consciousness_acvpu": "U"}})).json()
        await ward.post({"signs": {"pain_score": 3}})
        await ward.record()
        gone = await ward.post({"reason": "wrong patient"}, f"/{wrong['entry_id']}/withdraw")
        assert gone.status_code == 200, gone.text
        assert gone.json()["withdrawn"]["reason"] == "wrong patient"
        await ward.record()
        again = await ward.post({"reason": "again"}, f"/{wrong['entry_id']}/withdraw")
        assert again.json()["withdrawn"]["reason"] == "wrong patient", "the first order stands"
        assert [type(record) for record in await ward.published()] == [Reading, Reading, Withdrawn]
        listed = (await ward.client.get(ward.url)).json()["entries"]
        assert {entry["reading_id"]: entry["withdrawn"] is not None for entry in listed} == {
            wrong["reading_id"]: True,
            listed[0]["reading_id"]: False,
        }
        history = (await ward.client.get(f"patients/{ward.patient_id}/history")).json()["rows"]
        assert [(row["signs"], row["charted"]["by"]) for row in history] == [({"pain_score": 3}, "Guest")]


async def test_an_entry_is_listed_before_the_recorder_has_it() -> None:
    async with api() as ward:
        ward.scene.store([charted(at_s=1, patient=ward.patient_id, note="older")])
        context = ward.client._transport.app.state.context  # type: ignore[attr-defined]
        entry = charted(at_s=5, patient=ward.patient_id, consciousness_acvpu=1)
        context.feed.ward.apply_reading(entry)
        context.feed.ward.apply_withdrawn(withdrawn(entry, at_s=9))
        listed = (await ward.client.get(ward.url)).json()["entries"]
        assert [one["reading_id"] for one in listed] == [entry.reading_id, listed[1]["reading_id"]]
        assert listed[0]["withdrawn"]["by"] == "Ben Nurse"


async def test_entries_come_page_by_page() -> None:
    async with api() as ward:
        ward.scene.store([charted(at_s=second, patient=ward.patient_id, note=f"{second}") for second in range(7)])
        notes: list[str] = []
        before: str | None = None
        while before is not None or not notes:
            page = (
                await ward.client.get(ward.url, params={"limit": "3"} | ({"before": before} if before else {}))
            ).json()
            notes += [entry["note"] for entry in page["entries"]]
            before = page["next"]
        assert notes == [f"{second}" for second in range(6, -1, -1)]


async def test_the_scale_is_set_by_an_entry_and_the_register_follows() -> None:
    async with api() as ward:
        nobody = await ward.client.post(f"patients/{ward.patient_id}/spo2-scale", json={"spo2_scale": 2})
        assert "name of the clinician" in refused(nobody, 422)
        answer = await ward.client.post(
            f"patients/{ward.patient_id}/spo2-scale", json={"spo2_scale": 2, "prescribed_by": "Dr Bell"}
        )
        assert answer.status_code == 201, answer.text
        await ward.record()
        assert (await ward.client.get(f"patients/{ward.patient_id}")).json()["spo2_scale"] == 2
        assert (await ward.client.get(ward.url)).json()["entries"][0]["spo2_scale_by"] == "Dr Bell"


async def test_admission_takes_no_scale() -> None:
    async with api() as ward:
        answer = await ward.client.post("patients", json={"ward_id": "w1", "name": "Ada", "spo2_scale": 2})
        assert "spo2_scale" in refused(answer, 422)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "empty"),
        ({"note": "  "}, "empty"),
        ({"signs": {"consciousness_acvpu": "X"}}, "not a value of consciousness"),
        ({"signs": {"consciousness_acvpu": 1.5}}, "whole number"),
        ({"signs": {"supplemental_oxygen": False, "oxygen_flow_l_per_min": 2}}, "contradict"),
        ({"signs": {"heart_rate_bpm": 5}}, "not possible"),
        ({"signs": {"heart_rate_bpm": True}}, "not a value"),
        ({"signs": {"steps_count": 5}}, "not charted by people"),
        ({"signs": {"systolic_mmhg": 80, "diastolic_mmhg": 90}}, "not below"),
        ({"signs": {"mood": 5}}, "not charted by people"),
        ({"signs": ON_AIR, "observed_at": 4_102_444_800_000}, "future"),
        ({"signs": ON_AIR, "observed_at": "2020-01-01T00:00:00Z"}, "old"),
        ({"signs": ON_AIR, "valid_for_s": 1}, "5 min to 12 h"),
        ({"note": "a" * 2001}, "note"),
        ({"note": "a\u0000b"}, "control characters"),
        ({"signs": ON_AIR, "idempotency_key": "short"}, "idempotency_key"),
        ({"signs": ON_AIR, "by": "Somebody Else"}, "by"),
        ({"signs": ON_AIR, "spo2_scale": 2}, "spo2_scale"),
        ([], "."),
    ],
)
async def test_what_cannot_be_is_refused_in_one_sentence_and_never_reaches_the_log(body: object, says: str) -> None:
    async with api() as ward:
        sentence = refused(await ward.post(body), 422)
        assert says in sentence
        assert sentence.endswith(".")


async def test_not_a_number_is_refused() -> None:
    async with api() as ward:
        answer = await ward.client.post(
            ward.url, content=b'{"signs":{"spo2_percent":NaN}}', headers={"content-type": "application/json"}
        )
        assert answer.status_code == 422


async def test_nobody_charts_for_a_patient_who_is_unknown_or_has_left() -> None:
    async with api() as ward:
        assert (await ward.client.post("patients/nobody/charting", json={"note": "x"})).status_code == 404
        assert (await ward.client.get("patients/nobody/charting")).status_code == 404
        await ward.client.post(f"patients/{ward.patient_id}/discharge", json={})
        assert "has left" in refused(await ward.post({"note": "x"}), 409)


async def test_only_an_entry_of_this_patient_can_be_taken_back_and_only_with_a_reason() -> None:
    async with api() as ward:
        ward.scene.admit("2", "Grace Hopper")
        entry = (await ward.post({"signs": ON_AIR})).json()
        await ward.record()
        path = f"{entry['entry_id']}/withdraw"
        other = await ward.client.post(f"patients/p2/charting/{path}", json={"reason": "x"})
        assert other.status_code == 404
        assert (await ward.post({"reason": " "}, f"/{path}")).status_code == 422
        assert (await ward.post({}, f"/{path}")).status_code == 422
        ward.scene.store([reading(at_s=1, patient=ward.patient_id)])
        assert (await ward.post({"reason": "x"}, f"/{'0' * 32}/withdraw")).status_code == 404
