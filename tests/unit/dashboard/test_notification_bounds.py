"""What a token, one ward's manager, or somebody who only sees a ward cannot do to what others are told."""

import pytest

from dashboard.permissions import LENDABLE, Permission, Role
from storage import ladders
from storage.ladders import ladder_book
from tests.support.builders import EPOCH_MS
from tests.support.outbox_scene import step
from tests.support.people_scene import OTHER, OWN, PeopleScene, people_scene
from tests.unit.dashboard.test_notifications_api import HOOK, count, somebody, subscribed
from vitals.alert import Priority
from vitals.ladder import Ladder, LadderStep

pytestmark = pytest.mark.asyncio
SHOWS = tuple(LENDABLE)


async def hook_of(scene: PeopleScene, headers: dict[str, str], **more: object) -> str:
    made = await scene.client.post("destinations", json={**HOOK, **more}, headers=headers)
    assert made.status_code == 201, made.text
    return str(made.json()["destination_id"])


async def test_a_token_that_only_shows_neither_tells_its_owners_alerts_elsewhere_nor_ends_how_they_are_told() -> None:
    async with people_scene() as scene:
        person_id = await scene.add("kim", (Role.NURSE, OWN), password=None)
        kim = await scene.session(person_id)
        subscription = await subscribed(scene, kim)
        (hook,) = [one["destination_id"] for one in (await scene.client.get("destinations", headers=kim)).json()]
        count(scene, step(ward=OWN))
        (delivery,) = (await scene.client.get("deliveries", params={"episode": "e1"}, headers=kim)).json()
        screen = scene.token(person_id, SHOWS)
        wanted = {"name": "Mine", "destination_id": hook}
        contact = {"destination_id": hook, "priorities": ["high"]}
        for path, body in (
            ("destinations", HOOK),
            (f"destinations/{hook}/test", {}),
            ("subscriptions", wanted),
            (f"subscriptions/{subscription}/off", {}),
            (f"subscriptions/{subscription}/reactivate", {}),
            (f"deliveries/{delivery['delivery_id']}/seen", {}),
            ("me/contacts", contact),
        ):
            answer = await scene.client.post(path, json=body, headers=screen)
            assert answer.status_code == 403, path
            assert "only shows" in answer.json()["message"]
        for path in (f"subscriptions/{subscription}", f"destinations/{hook}", f"me/contacts/{hook}"):
            assert (await scene.client.delete(path, headers=screen)).status_code == 403
        assert (await scene.client.get("subscriptions", headers=screen)).status_code == 200
        acting = scene.token(person_id, (*SHOWS, Permission.ACKNOWLEDGE))
        assert (await scene.client.post("subscriptions", json=wanted, headers=acting)).status_code == 201


async def test_a_token_of_one_ward_asks_for_no_other_ward_of_its_owner() -> None:
    async with people_scene() as scene:
        scene.furnish()
        person_id = await scene.add("kim", (Role.WARD_MANAGER, OWN), (Role.WARD_MANAGER, OTHER), password=None)
        narrow = scene.token(person_id, wards=(OWN,))
        wanted = {"name": "Mine", "destination_id": await hook_of(scene, narrow)}
        for more, status in (
            ({}, 403),
            ({"patients": ["pa"]}, 403),
            ({"wards": [OTHER]}, 403),
            ({"wards": [OWN, "system"]}, 201),
        ):
            answer = await scene.client.post("subscriptions", json={**wanted, **more}, headers=narrow)
            assert answer.status_code == status, more
        wide = scene.token(person_id)
        assert (await scene.client.post("subscriptions", json=wanted, headers=wide)).status_code == 201


async def test_a_destination_of_the_house_that_a_ladder_or_somebody_is_reached_by_is_not_taken_away() -> None:
    async with people_scene() as scene:
        here, there = (
            await somebody(scene, "max", (Role.WARD_MANAGER, OWN)),
            await somebody(scene, "mia", (Role.WARD_MANAGER, OTHER)),
        )
        pager, chat, spare = [await hook_of(scene, here, of_house=True) for _ in range(3)]
        ladder = Ladder(OWN, Priority.HIGH, (LadderStep(to=(f"destination:{pager}",), after_s=0),))
        with scene.ward.database.transaction() as conn:
            ladders.put(conn, ladder, at_ms=EPOCH_MS, by="Max")
        contact = {"destination_id": chat, "priorities": ["high"]}
        assert (await scene.client.post("me/contacts", json=contact, headers=here)).status_code == 200
        for hook, status in ((pager, 409), (chat, 409), (spare, 200)):
            for manager in (there, here):
                if (answer := await scene.client.delete(f"destinations/{hook}", headers=manager)).status_code != 404:
                    assert answer.status_code == status, answer.text
        with scene.ward.database.snapshot() as conn:
            assert ladder_book(conn).find(OWN, Priority.HIGH).ladder == ladder


async def test_seen_is_said_by_whoever_may_answer_the_alert_or_was_told_of_it() -> None:
    async with people_scene() as scene:
        kim = await somebody(scene, "kim", (Role.NURSE, OWN))
        analyst = await somebody(scene, "ann", (Role.DATA_ANALYST, OWN))
        await subscribed(scene, kim)
        count(scene, step(ward=OWN))
        (delivery,) = (await scene.client.get("deliveries", params={"episode": "e1"}, headers=analyst)).json()
        path = f"deliveries/{delivery['delivery_id']}/seen"
        assert (await scene.client.post(path, json={}, headers=analyst)).status_code == 403
        assert (await scene.client.post(path, json={}, headers=kim)).json()["deliveries"] == 1
