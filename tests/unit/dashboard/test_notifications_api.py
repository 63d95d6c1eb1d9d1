"""Destinations, subscriptions, deliveries and saying seen, by the API: one's own, the house's, and nobody else's."""

import pytest

from dashboard.permissions import ROLE_PERMISSIONS, Permission, Role
from storage import audit, notifications
from storage.notifications import NewDelivery
from storage.notifications_house import trim_events
from storage.notifications_telling import Had, Telling, tell
from storage.seen_links import seen_token
from storage.signing import load_signer
from storage.subscribers import ROLES_THAT_SEE
from storage.subscriptions import set_state
from tests.support.builders import EPOCH_MS
from tests.support.outbox_scene import step
from tests.support.people_scene import OTHER, OWN, PeopleScene, people_scene
from vitals.alert import Transition
from vitals.notification import Subscription, SubscriptionState

pytestmark = pytest.mark.asyncio
HOOK = {"name": "Pager", "channel": "webhook", "address": "https://pager.example/hook", "secret": "s3cret-of-kim"}


async def somebody(scene: PeopleScene, login: str, *roles: tuple[Role, str | None]) -> dict[str, str]:
    return await scene.session(await scene.add(login, *roles, password=None))  # type: ignore[arg-type]


async def subscribed(scene: PeopleScene, headers: dict[str, str], **more: object) -> str:
    """Make a destination and a subscription to it; its id."""
    hook = await scene.client.post("destinations", json=HOOK, headers=headers)
    body = {"name": "Mine", "destination_id": hook.json()["destination_id"], **more}
    answer = await scene.client.post("subscriptions", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["subscription_id"])


def count(scene: PeopleScene, *steps: Transition) -> None:
    """As the notifier does."""

    def judge(_: Subscription, __: Transition, ___: Had) -> Telling:
        return Telling(None, 1000, is_ending=False)

    with scene.ward.database.transaction() as conn:
        tell(conn, steps, judge, now_ms=EPOCH_MS)


async def test_one_s_own_destination_is_seen_by_nobody_else_and_its_secret_by_nobody() -> None:
    async with people_scene() as scene:
        kim, lee = await somebody(scene, "kim", (Role.NURSE, OWN)), await somebody(scene, "lee", (Role.NURSE, OWN))
        added = await scene.client.post("destinations", json=HOOK, headers=kim)
        assert added.status_code == 201
        path = f"destinations/{added.json()['destination_id']}"
        assert added.json()["has_secret"]
        for headers, status in ((kim, 200), (lee, 404)):
            assert (await scene.client.get(path, headers=headers)).status_code == status
        assert len((await scene.client.get("destinations", headers=kim)).json()) == 1
        assert (await scene.client.get("destinations", headers=lee)).json() == []
        assert (await scene.client.delete(path, headers=lee)).status_code == 404
        for answer in (added, await scene.client.get("destinations", headers=kim)):
            assert "s3cret" not in answer.text
        with scene.ward.database.snapshot() as conn:
            told = audit.list_entries(conn, limit=50)
        assert any(link.action == "change" for link in told)
        assert all("s3cret" not in str(link) for link in told)


async def test_the_house_s_destinations_take_the_permission_to_manage_notifications() -> None:
    async with people_scene() as scene:
        nurse = await somebody(scene, "kim", (Role.NURSE, OWN))
        manager = await somebody(scene, "max", (Role.WARD_MANAGER, OWN))
        body = {**HOOK, "of_house": True}
        assert (await scene.client.post("destinations", json=body, headers=nurse)).status_code == 403
        made = await scene.client.post("destinations", json=body, headers=manager)
        assert made.json()["of_house"]
        wide = {"name": "All", "destination_id": made.json()["destination_id"], "of_house": True}
        for wards, status in ((None, 403), ([OTHER], 403), ([OWN, OTHER], 403), ([OWN], 201)):
            answer = await scene.client.post("subscriptions", json={**wide, "wards": wards}, headers=manager)
            assert answer.status_code == status, wards


@pytest.mark.parametrize(
    "body",
    [
        {**HOOK, "address": "pager.example"},
        {**HOOK, "address": "https://kim:pw@pager.example/"},
        {**HOOK, "channel": "email"},
        {**HOOK, "channel": "pigeon"},
        {**HOOK, "name": " "},
        {**HOOK, "secret": ""},
        {**HOOK, "options": {str(n): "x" for n in range(21)}},
    ],
)
async def test_an_impossible_destination_is_refused_in_a_sentence_without_its_secret(body: dict[str, object]) -> None:
    async with people_scene() as scene:
        kim = await somebody(scene, "kim", (Role.NURSE, OWN))
        answer = await scene.client.post("destinations", json=body, headers=kim)
        assert answer.status_code == 422
        assert "s3cret" not in answer.text


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"wards": [OWN]}, 201),
        ({"wards": [OTHER]}, 403),
        ({"wards": ["system"]}, 201),
        ({"patients": ["pb"]}, 403),
        ({"patients": ["nobody"]}, 404),
        ({"wards": []}, 422),
        ({"quiet": {"from": "22:00", "until": "06:30", "time_zone": "Europe/Berlin"}}, 201),
        ({"quiet": {"from": "22:00", "until": "22:00", "time_zone": "Europe/Berlin"}}, 422),
        ({"quiet": {"from": "22:00", "until": "06:30", "time_zone": "Mars/Olympus"}}, 422),
        ({"quiet": {"from": "22:00", "until": "06:30", "time_zone": "../../etc/passwd"}}, 422),
        ({"expires_at_ms": EPOCH_MS - 1}, 422),
        ({"heartbeat_s": 5}, 422),
        ({"heartbeat_s": 60, "kinds": ["spo2-low"], "priorities": ["high"], "transitions": ["raised"]}, 201),
        ({"destination_id": "nowhere"}, 404),
        ({"shoe_size": 42}, 422),
    ],
)
async def test_a_subscription_asks_only_for_what_its_owner_may_see(more: dict[str, object], status: int) -> None:
    async with people_scene() as scene:
        scene.furnish()
        kim = await somebody(scene, "kim", (Role.NURSE, OWN))
        hook = await scene.client.post("destinations", json=HOOK, headers=kim)
        body = {"name": "Mine", "destination_id": hook.json()["destination_id"], **more}
        answer = await scene.client.post("subscriptions", json=body, headers=kim)
        assert answer.status_code == status, answer.text
        if status == 201:
            assert {name: answer.json()[name] for name in more} == more
            assert answer.json()["state"] == "requested"


async def test_somebody_else_s_destination_is_none_to_subscribe_by() -> None:
    async with people_scene() as scene:
        kim, lee = await somebody(scene, "kim", (Role.NURSE, OWN)), await somebody(scene, "lee", (Role.NURSE, OWN))
        hook = await scene.client.post("destinations", json=HOOK, headers=kim)
        body = {"name": "Theirs", "destination_id": hook.json()["destination_id"]}
        assert (await scene.client.post("subscriptions", json=body, headers=lee)).status_code == 404


async def test_who_was_away_reads_exactly_what_they_missed_and_is_told_what_is_no_longer_kept() -> None:
    async with people_scene() as scene:
        kim = await somebody(scene, "kim", (Role.NURSE, OWN))
        made = await subscribed(scene, kim)
        count(scene, *(step(f"e{n}", ward=OWN, patient=f"p{n}") for n in range(5)))
        path = f"subscriptions/{made}/events"
        first = (await scene.client.get(path, params={"limit": 2}, headers=kim)).json()
        assert ([one["number"] for one in first["events"]], first["next"], first["last_number"]) == ([1, 2], 2, 5)
        rest = (await scene.client.get(path, params={"since": first["next"]}, headers=kim)).json()
        assert [one["episode_id"] for one in rest["events"]] == ["e2", "e3", "e4"]
        assert (await scene.client.get(path, params={"since": 5}, headers=kim)).json()["events"] == []
        with scene.ward.database.transaction() as conn:
            trim_events(conn, before_ms=EPOCH_MS + 1, limit=3)
        gone = await scene.client.get(path, params={"since": 1}, headers=kim)
        assert (gone.status_code, gone.json()["first_kept"]) == (410, 4)
        assert len((await scene.client.get(path, params={"since": 3}, headers=kim)).json()["events"]) == 2
        lee = await somebody(scene, "lee", (Role.NURSE, OWN))
        assert (await scene.client.get(path, headers=lee)).status_code == 404


async def test_events_of_a_ward_that_was_lost_show_their_number_alone() -> None:
    async with people_scene() as scene:
        kim = await somebody(scene, "kim", (Role.NURSE, OWN), (Role.NURSE, OTHER))
        made = await subscribed(scene, kim)
        count(scene, step("e1", ward=OTHER), step("e2", ward=OWN, patient="p2"))
        with scene.ward.database.transaction() as conn:
            conn.exec_driver_sql(f"DELETE FROM grants WHERE ward_id = '{OTHER}'")  # noqa: S608 - a constant
        scene.clock.pass_s(60)
        events = (await scene.client.get(f"subscriptions/{made}/events", headers=kim)).json()["events"]
        assert [(one["number"], one["hidden"], one["episode_id"]) for one in events] == [
            (1, True, None),
            (2, False, "e2"),
        ]


async def test_a_subscription_in_error_is_active_again_only_after_a_person_asked_and_a_handshake() -> None:
    async with people_scene() as scene:
        kim = await somebody(scene, "kim", (Role.NURSE, OWN))
        made = await subscribed(scene, kim)
        with scene.ward.database.transaction() as conn:
            set_state(conn, made, SubscriptionState.ERROR, now_ms=EPOCH_MS, reason="test")
        scene.clock.pass_s(5)
        asked = await scene.client.post(f"subscriptions/{made}/reactivate", json={}, headers=kim)
        assert asked.json()["state"] == "requested"
        queued = (await scene.client.get("deliveries", params={"subscription": made}, headers=kim)).json()
        assert [one["purpose"] for one in queued] == ["handshake", "handshake"]
        off = await scene.client.post(f"subscriptions/{made}/off", json={}, headers=kim)
        assert off.json()["state"] == "off"
        removed = await scene.client.delete(f"subscriptions/{made}", headers=kim)
        assert removed.status_code == 200
        assert (await scene.client.get(f"subscriptions/{made}", headers=kim)).status_code == 404


async def test_deliveries_are_shown_to_who_sees_the_ward_and_seen_is_said_in_one_s_own_name() -> None:
    async with people_scene() as scene:
        kim, lee = await somebody(scene, "kim", (Role.NURSE, OWN)), await somebody(scene, "lee", (Role.NURSE, OTHER))
        await subscribed(scene, kim)
        count(scene, step(ward=OWN))
        (delivery,) = (await scene.client.get("deliveries", params={"episode": "e1"}, headers=kim)).json()
        path = f"deliveries/{delivery['delivery_id']}"
        assert (await scene.client.get("deliveries", params={"episode": "e1"}, headers=lee)).json() == []
        assert (await scene.client.get(path, headers=lee)).status_code == 404
        assert (await scene.client.post(f"{path}/seen", json={}, headers=lee)).status_code == 404
        for expected in (1, 0):
            answer = await scene.client.post(f"{path}/seen", json={}, headers=kim)
            assert answer.json()["deliveries"] == expected
        shown = (await scene.client.get(path, headers=kim)).json()
        assert shown["seen"]
        assert [(one["state"], one["by"]) for one in shown["receipts"]] == [("queued", None), ("seen", "Kim")]
        assert (await scene.client.get("deliveries", headers=kim)).status_code == 422


async def test_a_link_says_seen_once_without_sign_in_and_a_forged_or_old_one_never() -> None:
    async with people_scene() as scene:
        kim = await somebody(scene, "kim", (Role.NURSE, OWN))
        hook = (await scene.client.post("destinations", json=HOOK, headers=kim)).json()["destination_id"]
        new = NewDelivery(delivery_id="d1", destination_id=hook, due_at_ms=0, expires_at_ms=10, step=step(ward=OWN))
        with scene.ward.database.transaction() as conn:
            notifications.enqueue(conn, [new], now_ms=EPOCH_MS)
            signer = load_signer(conn)
        good = seen_token(signer, "d1", scene.clock.now_ms() + 1000)
        old = seen_token(signer, "d1", scene.clock.now_ms())
        forged = good.replace("d1.", "d2.")
        for token, status in ((forged, 403), (old, 403), ("x", 403), ("1.2.3", 403), (good, 200), (good, 409)):
            answer = await scene.client.post("seen", json={"token": token})
            assert answer.status_code == status, token
        shown = (await scene.client.get("deliveries/d1", headers=kim)).json()
        assert shown["receipts"][-1]["by"] == "whoever holds the notification"


async def test_a_destination_is_tried_by_a_handshake_that_leaves_receipts() -> None:
    async with people_scene() as scene:
        kim = await somebody(scene, "kim", (Role.NURSE, OWN))
        hook = (await scene.client.post("destinations", json=HOOK, headers=kim)).json()["destination_id"]
        tried = await scene.client.post(f"destinations/{hook}/test", json={}, headers=kim)
        shown = (await scene.client.get(f"deliveries/{tried.json()['delivery_id']}", headers=kim)).json()
        assert (shown["purpose"], shown["state"]) == ("handshake", "queued")
        assert (await scene.client.delete(f"destinations/{hook}", headers=kim)).status_code == 200
        assert (await scene.client.post(f"destinations/{hook}/test", json={}, headers=kim)).status_code == 409


async def test_roles_that_storage_takes_for_seeing_are_those_of_the_table() -> None:
    seeing = {role.value for role in Role if Permission.SEE_PATIENT in ROLE_PERMISSIONS[role]}
    assert set(ROLES_THAT_SEE) == seeing
