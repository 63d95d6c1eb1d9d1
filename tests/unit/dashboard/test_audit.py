"""What requests leave in the audit trail, and what happens while it cannot be written."""

import contextlib
import json
from collections.abc import AsyncIterator, Iterator, Sequence

import httpx
import pytest

from dashboard.app import create_app
from dashboard.audit_rules import trace_of
from dashboard.permissions import RULES, Permission
from storage import audit
from storage.audit import AuditAction, AuditEntry, Link
from storage.session import Database
from tests.support.builders import EPOCH_MS, reading
from tests.support.ward_scene import WARD, WardScene, transition, ward_scene
from vitals.alert import AlertKind, Priority, TransitionKind
from vitals.errors import Unavailable
from vitals.reading import PatientId

BASE = "http://127.0.0.1:8080/api/v1/"


@contextlib.asynccontextmanager
async def api(scene: WardScene) -> AsyncIterator[httpx.AsyncClient]:
    context = scene.context()
    transport = httpx.ASGITransport(create_app(context), client=("10.0.0.7", 1))
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
        yield client
    await context.trail.close(within_s=1)


def trail(scene: WardScene) -> Sequence[Link]:
    """The whole trail, oldest first; it must be sound."""
    with scene.database.snapshot() as conn:
        assert audit.verify(conn).broken is None
        return audit.list_entries(conn, limit=1000)[::-1]


def said(scene: WardScene) -> list[tuple[str, str | None, str | None]]:
    return [(link.action, link.patient_id, link.subject) for link in trail(scene)]


class Outage:
    """A database whose transactions can be switched off."""

    def __init__(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_on = False
        real = database.transaction

        @contextlib.contextmanager
        def transaction() -> Iterator[object]:
            if self.is_on:
                raise Unavailable("The database does not answer.")
            with real() as conn:
                yield conn

        monkeypatch.setattr(database, "transaction", transaction)


@pytest.mark.asyncio
async def test_whoever_looks_at_a_patient_is_on_record_once_per_view() -> None:
    async with ward_scene() as scene, api(scene) as client:
        patient_id = scene.admit("1", "Ada")
        for _ in range(3):
            assert (await client.get(f"patients/{patient_id}")).status_code == 200
        assert (await client.get(f"patients/{patient_id}/assessments")).status_code == 200
        assert said(scene) == [("see", patient_id, "patients"), ("see", patient_id, "assessments")]
        link = trail(scene)[0]
        assert (link.person_id, link.name, link.address) == ("guest", "Guest", "10.0.0.7")


@pytest.mark.asyncio
async def test_a_view_is_told_again_after_its_span() -> None:
    async with ward_scene() as scene:
        scene.settings = scene.settings.model_copy(update={"audit_view_minutes": 0})
        async with api(scene) as client:
            patient_id = scene.admit("1", "Ada")
            for _ in range(2):
                await client.get(f"patients/{patient_id}")
            assert said(scene) == [("see", patient_id, "patients")] * 2


@pytest.mark.asyncio
async def test_what_cannot_be_found_was_not_seen() -> None:
    async with ward_scene() as scene, api(scene) as client:
        assert (await client.get("patients/nobody/history")).status_code == 404
        assert said(scene) == []


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("query", "action"),
    [
        ({}, "see"),
        ({"from": str(EPOCH_MS), "to": str(EPOCH_MS + 3_600_000)}, "see"),
        ({"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T06:00:00Z"}, "see"),
        ({"from": str(EPOCH_MS), "to": str(EPOCH_MS + 25 * 3_600_000)}, "export"),
        ({"from": "2026-01-01T00:00:00Z", "to": "2026-01-03T00:00:00Z"}, "export"),
        ({"from": "0"}, "export"),
        ({"from": str(EPOCH_MS - 24 * 3_600_000), "to": str(EPOCH_MS + 60_000), "every": "120000"}, "see"),
        ({"format": "csv"}, "export"),
        ({"format": "fhir"}, "export"),
        ({"format": "table"}, "see"),
    ],
)
async def test_history_that_can_be_carried_away_is_an_export(query: dict[str, str], action: str) -> None:
    async with ward_scene() as scene, api(scene) as client:
        patient_id = scene.admit("1", "Ada")
        scene.store([reading(at_s=1, patient=patient_id)])
        assert (await client.get(f"patients/{patient_id}/history", params=query)).status_code == 200
        assert said(scene) == [(action, patient_id, "history")]
        assert json.loads(trail(scene)[0].detail) == query


DAY_MS = 24 * 3_600_000


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("kept", "query", "action"),
    [
        ("assessments", {}, "see"),
        ("assessments", {"from": str(EPOCH_MS - DAY_MS), "to": str(EPOCH_MS)}, "see"),
        ("assessments", {"from": "0", "limit": "5000"}, "export"),
        ("charting", {}, "see"),
        ("charting", {"limit": "50"}, "see"),
        ("charting", {"limit": "50", "before": f"{EPOCH_MS - 9 * DAY_MS}~charting/x"}, "see"),
        ("charting", {"limit": "500"}, "export"),
    ],
)
async def test_scores_and_charted_entries_that_can_be_carried_away_are_an_export(
    kept: str, query: dict[str, str], action: str
) -> None:
    async with ward_scene() as scene, api(scene) as client:
        patient_id = scene.admit("1", "Ada")
        answer = await client.get(f"patients/{patient_id}/{kept}", params=query)
        assert answer.status_code == 200, answer.text
        assert said(scene) == [(action, patient_id, kept)]


@pytest.mark.asyncio
async def test_history_read_in_slices_leaves_an_entry_for_each_of_its_days() -> None:
    async with ward_scene() as scene, api(scene) as client:
        patient_id = scene.admit("1", "Ada")
        for _ in range(2):
            for day in range(5):
                begin_ms = EPOCH_MS - day * DAY_MS
                slice_ = {"from": str(begin_ms), "to": str(begin_ms + DAY_MS - 1)}
                for kept in ("history", "assessments"):
                    assert (await client.get(f"patients/{patient_id}/{kept}", params=slice_)).status_code == 200
                paged = {"before": f"{begin_ms}~charting/x"}
                assert (await client.get(f"patients/{patient_id}/charting", params=paged)).status_code == 200
        one_round = [("see", patient_id, kept) for kept in ("history", "assessments", "charting")]
        assert said(scene) == one_round * 5, "and looking again is no other entry"


@pytest.mark.asyncio
async def test_a_list_of_another_ward_or_other_days_is_another_view() -> None:
    async with ward_scene() as scene, api(scene) as client:
        scene.admit("1", "Ada")
        day_before = {"from": str(EPOCH_MS - DAY_MS), "to": str(EPOCH_MS)}
        queries: Sequence[dict[str, str]] = ({}, {"ward": "north"}, {"ward": "south"}, {"ward": "south", **day_before})
        for query in (*queries, *queries):
            assert (await client.get("alerts", params=query)).status_code == 200
        assert [json.loads(link.detail) for link in trail(scene)] == list(queries)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("path", "queries"),
    [
        ("patients", [{}, {"with_discharged": "true"}]),
        (
            "alerts",
            [{"active": "true"}, {"active": "false"}, {"active": "false", "limit": "1000"}, {"state": "latched"}],
        ),
        ("silences", [{}, {"open": "false"}]),
    ],
)
async def test_a_list_that_shows_more_than_before_is_another_view(path: str, queries: Sequence[dict[str, str]]) -> None:
    async with ward_scene() as scene, api(scene) as client:
        for query in (*queries, *queries):
            assert (await client.get(path, params=query)).status_code == 200
        assert [json.loads(link.detail) for link in trail(scene)] == list(queries)


@pytest.mark.asyncio
async def test_history_and_alerts_read_page_by_page_leave_an_entry_for_each_day_that_a_page_begins_in() -> None:
    async with ward_scene() as scene, api(scene) as client:
        patient_id = scene.admit("1", "Ada")
        for path in (f"patients/{patient_id}/history", "alerts"):
            before = len(said(scene))
            for hours in (0, 1, 30, 31, 54) * 2:
                after = f"{EPOCH_MS // DAY_MS * DAY_MS - hours * 3_600_000}~x"
                assert (await client.get(path, params={"after": after})).status_code == 200
            assert len(said(scene)) - before == 4, "0 h, 1 h, 30 and 31 h, 54 h before midnight"


@pytest.mark.asyncio
async def test_whoever_looks_at_the_ledger_is_on_record_once_per_view() -> None:
    async with ward_scene() as scene, api(scene) as client:
        for _ in range(2):
            assert (await client.get("ledger")).status_code == 200
        assert (await client.get("ledger", params={"device": "watch-1"})).status_code == 200
        assert said(scene) == [("see", None, "ledger")] * 2


@pytest.mark.asyncio
async def test_a_change_and_its_entry_stand_or_fall_together(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ward_scene() as scene, api(scene) as client:
        added = await client.post("patients", json={"ward_id": WARD, "bed": "4", "name": "Ada Lovelace"})
        assert added.status_code == 201
        link = trail(scene)[0]
        assert (link.action, link.patient_id) == ("admit", added.json()["patient_id"])
        assert json.loads(link.detail) == {"request": "POST patients", "ward_id": WARD, "bed": "4"}
        assert "Lovelace" not in link.detail

        def refused(*_: object) -> int:
            raise Unavailable("The trail is away.")

        monkeypatch.setattr(audit, "append", refused)
        answer = await client.post("patients", json={"ward_id": WARD, "bed": "5", "name": "Grace"})
        assert answer.status_code == 503
        monkeypatch.undo()
        assert len((await client.get("patients")).json()) == 1


@pytest.mark.asyncio
async def test_devices_and_discharge_are_on_record() -> None:
    async with ward_scene() as scene, api(scene) as client:
        patient_id = scene.admit("1", "Ada")
        await client.post("devices", json={"device_id": "d9", "ward_id": WARD})
        await client.post("devices/d9/assign", json={"patient_id": patient_id})
        await client.post(f"patients/{patient_id}/discharge", json={})
        assert said(scene) == [
            ("change_device", None, "devices"),
            ("change_device", patient_id, "d9"),
            ("discharge", patient_id, "discharge"),
        ]


def an_alert(scene: WardScene, patient_id: PatientId) -> str:
    step = transition(
        patient_id,
        AlertKind.SPO2_LOW,
        TransitionKind.RAISED,
        priority=Priority.HIGH,
        text="SpO2 79 % below 80 %",
        at_ms=EPOCH_MS,
        raised_at_ms=EPOCH_MS,
    )
    scene.store_steps(step)
    return step.episode_id


@pytest.mark.asyncio
async def test_an_acknowledgement_is_on_record_before_its_answer() -> None:
    async with ward_scene() as scene, api(scene) as client:
        episode = an_alert(scene, scene.admit("1", "Ada"))
        answer = await client.post(f"alerts/{episode}/acknowledge", json={})
        assert answer.status_code == 202
        assert [entry[0] for entry in said(scene)] == ["acknowledge"]
        assert said(scene)[0][2] == episode


@pytest.mark.asyncio
async def test_while_the_trail_is_away_reads_are_refused_and_the_board_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with ward_scene() as scene:
        outage = Outage(scene.database, monkeypatch)
        async with api(scene) as client:
            patient_id = scene.admit("1", "Ada")
            outage.is_on = True
            refused = await client.get(f"patients/{patient_id}/history")
            assert refused.status_code == 503
            assert refused.json()["code"] == "unavailable"
            assert (await client.get("alerts", params={"active": "true"})).status_code == 200
            assert scene.telemetry.value("wardlight_dashboard_audit_reads_refused_total") == 1
            outage.is_on = False
        assert said(scene) == [("see", None, "alerts")]
        assert scene.telemetry.value("wardlight_dashboard_audit_entries_lost_total") == 0


@pytest.mark.asyncio
async def test_a_ward_may_choose_that_reads_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ward_scene() as scene:
        scene.settings = scene.settings.model_copy(update={"audit_unwritable": "go_on"})
        outage = Outage(scene.database, monkeypatch)
        async with api(scene) as client:
            patient_id = scene.admit("1", "Ada")
            outage.is_on = True
            assert (await client.get(f"patients/{patient_id}/history")).status_code == 200
            outage.is_on = False
        assert said(scene) == [("see", patient_id, "history")]


@pytest.mark.asyncio
async def test_what_must_be_kept_is_written_once_sql_answers_and_reads_fail_at_once_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with ward_scene() as scene:
        outage = Outage(scene.database, monkeypatch)
        keeper = scene.context().trail
        kept = [AuditEntry(at_ms=1, person_id="ada", name="Ada", action=AuditAction.ACKNOWLEDGE)]
        outage.is_on = True
        assert not await keeper.keep(kept, patience_s=0.05)
        assert keeper.failure is not None
        with pytest.raises(Unavailable):
            await keeper.write(kept)
        outage.is_on = False
        await keeper.close(within_s=10)
        assert keeper.waiting == 0
        assert said(scene) == [("acknowledge", None, None)]


def test_every_route_with_a_change_under_a_permission_leaves_an_entry() -> None:
    for key, rule in RULES.items():
        method, _, path = key.partition(" ")
        if method == "GET" or rule.permission is None:
            continue
        trace = trace_of(key, rule, {}, b"", b"{}", now_ms=0, export_span_ms=1)
        assert trace is not None or "/session" in path, key


def test_every_read_of_patient_data_leaves_an_entry() -> None:
    for key, rule in RULES.items():
        method, _, path = key.partition(" ")
        if method == "GET" and path.startswith("/api/") and rule.permission is Permission.SEE_PATIENT:
            assert trace_of(key, rule, {"patient_id": "p"}, b"", b"", now_ms=0, export_span_ms=1) is not None, key
