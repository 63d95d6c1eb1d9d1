"""Outcomes and versions over the API: who may say what, that it goes through the log once, and that a promotion is on record."""

import contextlib
import json
from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest

from dashboard.app import create_app
from runtime.bus import Delivered
from storage import audit, models, outcomes
from storage.audit import Link
from storage.models import Draft
from storage.signing import load_signer
from tests.support.builders import at_ms
from tests.support.ward_scene import WardScene, ward_scene
from vitals.codec import decode_outcomes_record
from vitals.model_version import ProgressiveScores
from vitals.outcome import Outcome, OutcomeKind, OutcomeRecord, OutcomeWithdrawn
from vitals.topics import LogTopic

pytestmark = pytest.mark.asyncio


class Api:
    """The application over a scene, with one patient; nobody has to sign in."""

    def __init__(self, scene: WardScene, client: httpx.AsyncClient) -> None:
        self.scene = scene
        self.client = client
        self.patient_id = scene.admit("1", "Ada Lovelace")
        self.url = f"patients/{self.patient_id}/outcomes"

    async def published(self) -> list[OutcomeRecord]:
        """Everything on log topic `outcomes`."""
        reader = await self.scene.bus.reader(group=None, topics=[LogTopic.OUTCOMES])
        try:
            await reader.poll(records_max=1, timeout_s=1)
            await reader.seek({})
            polled = await reader.poll(records_max=100, timeout_s=0)
            assert isinstance(polled, Delivered)
            return [decode_outcomes_record(record.value) for record in polled.records]
        finally:
            await reader.close()

    async def record(self) -> None:
        """Store what the log has, as the recorder does."""
        rows = [outcomes.outcome_row(msgspec.json.encode(record)) for record in await self.published()]
        with self.scene.database.transaction() as conn:
            outcomes.OUTCOMES_INSERT.insert(conn, rows)

    def audited(self) -> tuple[Link, ...]:
        """What the audit has."""
        with self.scene.database.snapshot() as conn:
            return audit.list_entries(conn, limit=50)

    def make(self, candidate: str = "logistic", *, pipeline: str = "test", threshold: float | None = None) -> None:
        """One more version of a candidate."""
        with self.scene.database.transaction() as conn:
            models.require_candidates(conn, {"logistic": "test", "forest": "test"})
            scores = ProgressiveScores(
                lessons=500, positives=20, auroc=0.71, brier=0.02, log_loss=0.1, base_log_loss=0.2
            )
            draft = Draft(
                candidate, f"hash-{candidate}", pipeline, at_ms(0), 500, 3600.0, scores, b"weights", threshold
            )
            models.make(conn, draft, load_signer(conn), by="trainer", why="500 more lessons")


@contextlib.asynccontextmanager
async def api() -> AsyncIterator[Api]:
    async with ward_scene() as scene:
        transport = httpx.ASGITransport(create_app(scene.context()))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080/api/v1/") as client:
            yield Api(scene, client)


async def test_an_outcome_goes_through_the_log_and_comes_back_from_the_database() -> None:
    async with api() as ward:
        said = {"kind": "sepsis", "note": "Lactate 4.1", "idempotency_key": "round-0001"}
        answer = await ward.client.post(ward.url, json=said)
        assert answer.status_code == 201, answer.text
        (published,) = await ward.published()
        assert isinstance(published, Outcome)
        assert (published.kind, published.patient_id, published.note) == (
            OutcomeKind.SEPSIS,
            ward.patient_id,
            "Lactate 4.1",
        )
        assert published.happened_at_ms == published.at_ms
        await ward.record()
        again = await ward.client.post(ward.url, json=said)
        assert again.json() == answer.json()
        assert len(await ward.published()) == 1
        assert (await ward.client.get(ward.url)).json() == [answer.json()]


async def test_an_outcome_taken_back_stays_on_record_and_taking_it_back_again_changes_nothing() -> None:
    async with api() as ward:
        made = (await ward.client.post(ward.url, json={"kind": "death"})).json()
        await ward.record()
        path = f"{ward.url}/{made['outcome_id']}/withdraw"
        taken_back = await ward.client.post(path, json={"reason": "the wrong patient"})
        assert taken_back.json()["withdrawn"]["reason"] == "the wrong patient"
        await ward.record()
        assert (await ward.client.post(path, json={"reason": "again"})).json() == taken_back.json()
        order = (await ward.published())[-1]
        assert isinstance(order, OutcomeWithdrawn)
        assert [each["withdrawn"]["reason"] for each in (await ward.client.get(ward.url)).json()] == [
            "the wrong patient"
        ]
        elsewhere = await ward.client.post(f"{ward.url}/00ff00ff/withdraw", json={"reason": "none such"})
        assert elsewhere.status_code == 404


async def test_what_lies_ahead_too_far_back_or_is_no_outcome_is_refused_in_one_sentence() -> None:
    async with api() as ward:
        now_ms = ward.scene.clock.now_ms()
        for body in (
            {"kind": "sepsis", "happened_at": now_ms + 60_000},
            {"kind": "sepsis", "happened_at": 1},
            {"kind": "flu"},
        ):
            answer = await ward.client.post(ward.url, json=body)
            assert answer.status_code == 422, answer.text
            assert answer.json()["message"].endswith(".")
        assert await ward.published() == []


async def test_versions_are_listed_with_their_scores_and_a_promotion_is_a_decision_with_a_name_and_a_reason() -> None:
    async with api() as ward:
        empty = (await ward.client.get("models")).json()
        assert (empty["in_force"], empty["chosen"]) == (0, None)
        ward.make("logistic")
        ward.make("forest")
        found = (await ward.client.get("models")).json()
        assert (found["in_force"], found["chosen"]) == (1, found["versions"][1])
        assert {each["threshold"] for each in found["versions"]} == {None}
        assert [(each["number"], each["standing"], each["auroc"]) for each in found["versions"]] == [
            (2, "challenger", 0.71),
            (1, "champion", 0.71),
        ]
        promoted = await ward.client.post("models/2/promote", json={"reason": "Better over a month"})
        assert promoted.status_code == 200, promoted.text
        found = (await ward.client.get("models")).json()
        assert (found["in_force"], found["candidates"]) == (2, {"logistic": "challenger", "forest": "champion"})
        assert found["switches"][0]["why"] == "Better over a month"
        (entry,) = ward.audited()
        assert (entry.name, entry.action, entry.subject) == ("Guest", "change", "2")
        assert json.loads(entry.detail) == {
            "reason": "Better over a month",
            "request": "POST models/{number}/promote",
        }
        assert (await ward.client.post("models/2/promote", json={"reason": "again"})).status_code == 409
        assert (await ward.client.post("models/2/retire", json={"reason": "in force"})).status_code == 409
        assert (await ward.client.post("models/9/promote", json={"reason": "none such"})).status_code == 404
        assert (await ward.client.post("models/1/promote", json={"reason": "  "})).status_code == 422
        assert (await ward.client.post("models/1/retire", json={"reason": "Worse"})).json()["standing"] == "retired"


async def test_what_wardlight_came_with_is_neither_retired_nor_restored() -> None:
    async with api() as ward:
        for deed in ("retire", "restore"):
            refused = await ward.client.post(f"models/0/{deed}", json={"reason": "no more of it"})
            assert (refused.status_code, refused.json()["message"]) == (
                409,
                "Version 0 is what Wardlight came with: it can be neither retired nor restored.",
            )


async def test_a_retired_version_is_put_in_force_only_once_somebody_restored_it() -> None:
    async with api() as ward:
        ward.make("logistic")
        ward.make("forest")
        assert (await ward.client.post("models/2/restore", json={"reason": "not retired"})).status_code == 409
        assert (await ward.client.post("models/2/retire", json={"reason": "Worse"})).status_code == 200
        refused = await ward.client.post("models/2/promote", json={"reason": "Better after all"})
        assert refused.status_code == 409
        assert refused.json()["message"] == "Version 2 was retired: restore it first, if it is to be used again."
        found = (await ward.client.get("models")).json()
        assert (found["in_force"], found["candidates"]["forest"]) == (1, "retired")
        again = await ward.client.post("models/2/retire", json={"reason": "twice"})
        assert (again.status_code, again.json()["message"]) == (409, "Version 2 is retired already.")
        restored = await ward.client.post("models/2/restore", json={"reason": "Retired by mistake"})
        assert restored.json()["standing"] == "challenger"
        assert (await ward.client.get("models")).json()["candidates"]["forest"] == "challenger"
        assert (await ward.client.post("models/2/promote", json={"reason": "Better"})).status_code == 200
        assert (await ward.client.post("models/9/restore", json={"reason": "none such"})).status_code == 404
        assert [json.loads(each.detail)["reason"] for each in ward.audited() if "restore" in each.detail] == [
            "Retired by mistake"
        ]


async def test_what_no_scorer_takes_is_named_so_and_refused() -> None:
    async with api() as ward:
        ward.make("logistic")
        ward.make("forest", pipeline="older")
        ward.make("oak")
        elsewhere, other, fine = (await ward.client.get("models")).json()["versions"]
        assert fine["refused"] is None
        assert "which the trainer of this program does not know" in elsewhere["refused"]
        assert "learned from other features" in other["refused"]
        for each in (elsewhere, other):
            answer = await ward.client.post(f"models/{each['number']}/promote", json={"reason": "Try it"})
            assert (answer.status_code, answer.json()["message"]) == (409, each["refused"])
        assert (await ward.client.get("models")).json()["in_force"] == 1


async def test_a_version_without_a_threshold_takes_the_place_of_none_that_has_one() -> None:
    async with api() as ward:
        ward.make("logistic")
        ward.make("logistic", threshold=0.1)
        answer = await ward.client.post("models/1/promote", json={"reason": "Back"})
        assert answer.status_code == 409
        assert "has no threshold, so that its risk would raise no alert" in answer.json()["message"]
        assert (await ward.client.post("models/0/promote", json={"reason": "Back"})).status_code == 200
        assert (await ward.client.post("models/1/promote", json={"reason": "Now"})).status_code == 200


async def test_a_patients_sex_is_said_and_taken_back() -> None:
    async with api() as ward:
        path = f"patients/{ward.patient_id}/sex"
        assert (await ward.client.post(path, json={"sex": "female"})).json()["sex"] == "female"
        assert (await ward.client.get(f"patients/{ward.patient_id}")).json()["sex"] == "female"
        assert (await ward.client.post(path, json={"sex": None})).json()["sex"] is None
        assert (await ward.client.post(path, json={"sex": "F"})).status_code == 422
