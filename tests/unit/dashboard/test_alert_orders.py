"""Taking alerts in hand, saying what they were worth, silencing them: over the API, onto the log and into SQL."""

import contextlib
from collections.abc import AsyncIterator

import msgspec
import pytest

from dashboard.permissions import Permission, Role
from runtime.bus import Delivered
from storage import audit, devices, labels, silences
from storage.audit import AuditAction
from tests.support.builders import EPOCH_MS
from tests.support.labels import label
from tests.support.people_scene import OTHER, OWN, PeopleScene, alert_of, people_scene
from tests.support.ward_scene import transition
from vitals.alert import (
    Acknowledgement,
    AlertKind,
    Command,
    Priority,
    Reason,
    Suppression,
    TransitionKind,
)
from vitals.codec import decode, encode
from vitals.fault import SYSTEM_WARD, subject_of
from vitals.label import Feedback, Label
from vitals.reading import DeviceId, PatientId
from vitals.topics import LogTopic

pytestmark = pytest.mark.asyncio
MINUTE_MS = 60_000


async def on_log(scene: PeopleScene, topic: LogTopic, record: type[msgspec.Struct]) -> list[msgspec.Struct]:
    reader = await scene.ward.bus.reader(group=None, topics=[topic])
    found: list[msgspec.Struct] = []
    quiet = 0
    while quiet < 3:
        polled = await reader.poll(records_max=100, timeout_s=0.01)
        if isinstance(polled, Delivered):
            found += [decode(record, one.value) for one in polled.records]
            quiet = 0 if polled.records else quiet + 1
        else:
            await reader.seek({})
    await reader.close()
    return found


@contextlib.asynccontextmanager
async def nursed() -> AsyncIterator[tuple[PeopleScene, dict[str, str]]]:
    """A furnished house and a nurse of her own ward."""
    async with people_scene() as scene:
        scene.furnish()
        yield scene, await scene.session(await scene.add("kim", (Role.NURSE, OWN)))


ALERT = alert_of("pa", OWN)


async def test_an_alert_is_taken_in_hand_for_a_time_by_a_person_with_a_word_of_what_it_was_worth() -> None:
    async with nursed() as (scene, nurse):
        order = {"minutes": 20, "note": "at the bed", "feedback": "useful", "command_id": "order-0001"}
        answer = await scene.client.post(f"alerts/{ALERT.episode_id}/acknowledge", json=order, headers=nurse)
        said = answer.json()
        assert (answer.status_code, said["by"], said["until_ms"]) == (202, "Kim", EPOCH_MS + 20 * MINUTE_MS)
        (command,) = await on_log(scene, LogTopic.COMMANDS, Command)
        assert isinstance(command, Command)
        assert (command.person_id, command.until_ms, command.note) == (
            said["person_id"],
            EPOCH_MS + 20 * MINUTE_MS,
            "at the bed",
        )
        (given,) = await on_log(scene, LogTopic.LABELS, Label)
        assert isinstance(given, Label)
        assert (given.label_id, given.feedback, given.episode_id) == ("order-0001", Feedback.USEFUL, ALERT.episode_id)


@pytest.mark.parametrize(
    ("priority", "minutes", "status"),
    [("high", 60, 202), ("high", 61, 422), ("medium", 240, 202), ("medium", 241, 422)],
)
async def test_nobody_takes_an_alert_in_hand_for_longer_than_its_priority_allows(
    priority: str, minutes: int, status: int
) -> None:
    async with nursed() as (scene, nurse):
        step = msgspec.structs.replace(
            ALERT, priority=Priority(priority), transition_id="t9", episode_id="e9", kind=AlertKind.NEWS2_URGENT
        )
        scene.ward.store_steps(step)
        answer = await scene.client.post("alerts/e9/acknowledge", json={"minutes": minutes}, headers=nurse)
        assert answer.status_code == status


async def test_a_latched_alert_can_be_acknowledged_and_one_that_is_over_can_only_be_judged() -> None:
    async with nursed() as (scene, nurse):
        latched = msgspec.structs.replace(
            ALERT, transition_id="t2", transition=TransitionKind.LATCHED, active=False, latched=True, at_ms=EPOCH_MS + 1
        )
        scene.ward.store_steps(latched)
        address = f"alerts/{ALERT.episode_id}"
        (shown,) = (await scene.client.get("alerts", params={"active": "true", "ward": OWN}, headers=nurse)).json()
        assert (shown["active"], shown["latched"], shown["state"], shown["resolved_at_ms"]) == (
            False,
            True,
            "latched",
            None,
        )
        assert (await scene.client.post(f"{address}/acknowledge", json={}, headers=nurse)).status_code == 202
        over = msgspec.structs.replace(
            latched, transition_id="t3", transition=TransitionKind.RESOLVED, latched=False, at_ms=EPOCH_MS + 2
        )
        scene.ward.store_steps(over)
        assert (await scene.client.post(f"{address}/acknowledge", json={}, headers=nurse)).status_code == 409
        judged = await scene.client.post(f"{address}/feedback", json={"feedback": "false"}, headers=nurse)
        assert (judged.status_code, judged.json()["feedback"]) == (202, "false")
        with scene.ward.database.snapshot() as conn:
            actions = [link.action for link in audit.list_entries(conn, limit=9)]
        assert AuditAction.LABEL in actions


async def test_what_the_signs_still_say_cannot_be_ended_by_hand_until_nothing_is_worn_or_it_is_over() -> None:
    async with nursed() as (scene, nurse):
        address = f"alerts/{ALERT.episode_id}/resolve"
        refused = await scene.client.post(address, json={}, headers=nurse)
        assert (refused.status_code, "acknowledge it instead" in refused.json()["message"]) == (409, True)
        technical = msgspec.structs.replace(ALERT, transition_id="t8", episode_id="e8", kind=AlertKind.LOW_BATTERY)
        scene.ward.store_steps(technical)
        assert (await scene.client.post("alerts/e8/resolve", json={}, headers=nurse)).status_code == 202
        with scene.ward.database.transaction() as conn:
            devices.release(conn, DeviceId("watch-a"), EPOCH_MS + 1)
        assert (await scene.client.post(address, json={}, headers=nurse)).status_code == 202


async def test_an_alerts_life_is_told_with_who_what_and_why() -> None:
    async with nursed() as (scene, nurse):
        held = Acknowledgement("kim", "Kim", EPOCH_MS + 5, EPOCH_MS + 905, "on my way")
        seen = msgspec.structs.replace(
            ALERT, transition_id="t2", transition=TransitionKind.ACKNOWLEDGED, reason=Reason.PERSON, by="Kim",
            acknowledged=True, acknowledgements=(held,), at_ms=EPOCH_MS + 5,
        )  # fmt: skip
        again = msgspec.structs.replace(
            ALERT, transition_id="t3", transition=TransitionKind.REALARMED, round=1, at_ms=EPOCH_MS + 905,
            reason=Reason.ACKNOWLEDGEMENT_EXPIRED,
        )  # fmt: skip
        scene.ward.store_steps(seen, again)
        with scene.ward.database.transaction() as conn:
            labels.store(conn, [encode(label(episode=ALERT.episode_id))])
        life = (await scene.client.get(f"alerts/{ALERT.episode_id}/timeline", headers=nurse)).json()
        assert [(step["transition"], step["by"], step["until_ms"], step["note"]) for step in life["steps"]] == [
            ("raised", None, None, None),
            ("acknowledged", "Kim", EPOCH_MS + 905, "on my way"),
            ("realarmed", None, None, None),
        ]
        assert life["steps"][2]["reason"] == "acknowledgement_expired"
        assert [one["feedback"] for one in life["labels"]] == ["not_actionable"]
        assert (life["episode"]["round"], life["episode"]["acknowledged"]) == (1, False)


async def test_alerts_are_found_by_state_kind_and_priority_page_by_page() -> None:
    async with nursed() as (scene, nurse):
        quiet = Suppression(reason=Reason.SILENCED, since_ms=EPOCH_MS, by="Kim", silence_id="s1", until_ms=EPOCH_MS + 9)
        for number, kind in enumerate((AlertKind.HEART_RATE_HIGH, AlertKind.LOST_CONTACT), 1):
            one = transition(
                PatientId("pa"), kind, TransitionKind.RAISED, priority=Priority.MEDIUM, text="x",
                at_ms=EPOCH_MS + number, raised_at_ms=EPOCH_MS + number, ward=OWN,
            )  # fmt: skip
            scene.ward.store_steps(msgspec.structs.replace(one, suppression=quiet if number == 1 else None))

        async def kinds(**asked: str) -> list[str]:
            return [row["kind"] for row in (await scene.client.get("alerts", params=asked, headers=nurse)).json()]

        assert await kinds(state="suppressed") == ["heart-rate-high"]
        assert await kinds(state="active") == ["lost-contact", "spo2-low"]
        assert await kinds(kind="lost-contact") == ["lost-contact"]
        assert await kinds(priority="high") == ["spo2-low"]
        assert await kinds(state="ended") == await kinds(active="false") == []
        (first,) = (await scene.client.get("alerts", params={"limit": "1"}, headers=nurse)).json()
        after = f"{first['raised_at_ms']}~{first['episode_id']}"
        assert await kinds(after=after) == ["heart-rate-high", "spo2-low"]
        wrong = await scene.client.get("alerts", params={"active": "true", "state": "ended"}, headers=nurse)
        assert wrong.status_code == 422


async def test_an_export_takes_its_permission_and_brings_what_people_said_in_cells_no_sheet_takes_for_formulas() -> (
    None
):
    async with nursed() as (scene, nurse):
        assert (await scene.client.get("alerts/export", headers=nurse)).status_code == 403
        manager = await scene.session(await scene.add("lee", (Role.WARD_MANAGER, OWN)))
        scene.ward.store_steps(msgspec.structs.replace(ALERT, transition_id="t2", text="=HYPERLINK(1)", round=1))
        with scene.ward.database.transaction() as conn:
            labels.store(conn, [encode(label(episode=ALERT.episode_id, by="Kim Nurse"))])
        exported = (await scene.client.get("alerts/export", headers=manager)).json()
        assert [(row["ward_id"], len(row["labels"])) for row in exported] == [(OWN, 1)]
        sheet = (await scene.client.get("alerts/export", params={"format": "csv"}, headers=manager)).text
        head, row = sheet.splitlines()
        assert head.startswith("episode_id,ward_id,patient_id,kind,priority,state")
        assert "'=HYPERLINK(1)" in row
        assert row.endswith("not_actionable by Kim Nurse")
        with scene.ward.database.snapshot() as conn:
            assert [link.action for link in audit.list_entries(conn, limit=9)].count(AuditAction.EXPORT) == 2


async def test_alerts_about_wardlight_itself_are_for_everybody_who_sees_any_ward() -> None:
    async with nursed() as (scene, nurse):
        fault = transition(
            subject_of("recorder"), AlertKind.WORKER_DOWN, TransitionKind.RAISED, priority=Priority.HIGH,
            text="The recorder stands still.", at_ms=EPOCH_MS, raised_at_ms=EPOCH_MS, ward=SYSTEM_WARD,
        )  # fmt: skip
        scene.ward.store_steps(fault)
        listed = (await scene.client.get("alerts", params={"active": "true"}, headers=nurse)).json()
        assert {row["ward_id"] for row in listed} == {OWN, SYSTEM_WARD}
        assert (await scene.client.get(f"alerts/{fault.episode_id}", headers=nurse)).json()["technical"]
        for action in ("acknowledge", "resolve"):
            assert (await scene.client.post(f"alerts/{fault.episode_id}/{action}", json={}, headers=nurse)).is_success
        quiet = {"ward_id": "system", "minutes": 10, "reason": "known"}
        assert (await scene.client.post("silences", json=quiet, headers=nurse)).status_code == 403
        auditor = await scene.session(await scene.add("lee", (Role.AUDITOR, None)))
        assert (await scene.client.get(f"alerts/{fault.episode_id}", headers=auditor)).status_code == 403


async def test_a_silence_is_ordered_seen_and_ended_in_ones_own_name() -> None:
    async with nursed() as (scene, nurse):
        order = {
            "ward_id": OWN,
            "kind": "low-battery",
            "minutes": 60,
            "reason": "new ones ordered",
            "silence_id": "quiet-001",
        }
        made = await scene.client.post("silences", json=order, headers=nurse)
        assert made.status_code == 201
        assert (made.json()["by"], made.json()["priority"], made.json()["state"]) == ("Kim", "medium", "to come")
        assert (await scene.client.post("silences", json=order, headers=nurse)).json() == made.json()
        listed = (await scene.client.get("silences", headers=nurse)).json()
        assert {one["silence_id"] for one in listed} == {"quiet-001"}
        ended = await scene.client.delete("silences/quiet-001", headers=nurse)
        assert (ended.status_code, ended.json()["ended_by"]) == (200, "Kim")
        with scene.ward.database.snapshot() as conn:
            assert silences.get(conn, "quiet-001").ended_by == "Kim"
            changes = [link.action for link in audit.list_entries(conn, limit=9)]
        assert changes.count(AuditAction.SILENCE) >= 2


@pytest.mark.parametrize(
    ("order", "status"),
    [
        ({"minutes": 721}, 422),
        ({"minutes": 30, "priority": "high"}, 422),
        ({"minutes": 30, "priority": "high", "patient_id": "pa"}, 422),
        ({"minutes": 31, "priority": "high", "patient_id": "pa", "kind": "spo2-low"}, 422),
        ({"minutes": 30, "priority": "high", "patient_id": "pa", "kind": "spo2-low"}, 409),
        ({"minutes": 30, "priority": "high", "patient_id": "pa", "kind": "spo2-low", "confirmed": True}, 201),
        ({"minutes": 30, "reason": " "}, 422),
        ({"minutes": 30, "ward_id": OTHER}, 403),
        ({"minutes": 30, "ward_id": None}, 403),
    ],
)
async def test_what_may_go_quiet_is_bounded_and_high_priority_is_said_twice(
    order: dict[str, object], status: int
) -> None:
    async with nursed() as (scene, nurse):
        whole: dict[str, object] = {"ward_id": OWN, "reason": "seen at the bed", **order}
        if "patient_id" in order:
            del whole["ward_id"]
        whole = {name: value for name, value in whole.items() if value is not None}
        assert (await scene.client.post("silences", json=whole, headers=nurse)).status_code == status


async def test_a_token_silences_only_where_its_scope_says_so() -> None:
    async with people_scene() as scene:
        scene.furnish()
        owner = await scene.add("kim", (Role.NURSE, OWN))
        order = {"ward_id": OWN, "minutes": 5, "reason": "test run"}
        narrow, wide = scene.token(owner, [Permission.SEE_WARD]), scene.token(owner, [Permission.SILENCE])
        assert (await scene.client.post("silences", json=order, headers=narrow)).status_code == 403
        assert (await scene.client.post("silences", json=order, headers=wide)).status_code == 201


async def test_a_patient_nobody_knows_is_not_said_to_be_silenced() -> None:
    async with nursed() as (scene, _):
        everywhere = await scene.session(await scene.add("lee", (Role.NURSE, None)))
        order = {"minutes": 30, "reason": "seen at the bed", "patient_id": "nobody"}
        answer = await scene.client.post("silences", json=order, headers=everywhere)
        assert (answer.status_code, answer.json()["message"]) == (404, "There is no patient nobody.")
        order["patient_id"] = subject_of("notifications")
        assert (await scene.client.post("silences", json=order, headers=everywhere)).status_code == 201
