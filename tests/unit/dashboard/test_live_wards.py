"""Live events by ward: a browser hears of the wards its person may see, and of nothing once they may no longer."""

import asyncio
import json
from typing import Any

import pytest
from starlette.types import Message

from dashboard.app import create_app
from dashboard.fanout import Browser, Interest
from dashboard.live_routes import EventStream
from dashboard.permissions import Role
from dashboard.ward import Bed, Seed
from storage import people, tables
from storage.registry import begin_change
from tests.support.builders import reading
from tests.support.people_scene import OTHER, OWN, PeopleScene, people_scene
from tests.support.ward_scene import ward_scene
from vitals.reading import PatientId, WardId

pytestmark = pytest.mark.asyncio


def told(browser: Browser) -> list[tuple[str, Any]]:
    """Every event that waits: its name and data."""
    events = []
    while not browser.queue.empty():
        published = browser.queue.get_nowait()
        assert published is not None
        for event in published:
            _, name, data = event.decode().strip().split("\n")
            events.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return events


def bed(letter: str, ward_id: WardId) -> Bed:
    return Bed(patient_id=PatientId(f"p{letter}"), ward_id=ward_id, bed=letter, name=f"Patient {letter}")


async def test_a_board_is_told_of_its_persons_wards_only() -> None:
    async with ward_scene() as scene:
        feed = scene.context().feed
        for letter, ward_id in (("a", OWN), ("b", OTHER)):
            feed.ward.adopt(Seed(bed=bed(letter, ward_id)))
        own = feed.connect(Interest(wards=frozenset({OWN})))
        none = feed.connect(Interest(wards=frozenset()))
        every = feed.connect(Interest())
        asked = feed.connect(Interest(wards=frozenset({OWN}), ward_id=OTHER))
        assert [[tile["patient_id"] for tile in told(browser)[0][1]["tiles"]] for browser in (own, none, every, asked)] == [
            ["pa"], [], ["pa", "pb"], [],
        ]  # fmt: skip
        for patient in ("pa", "pb"):
            feed.ward.apply_reading(reading(patient=patient))
        feed.flush()
        heard = [[data["patient_id"] for _, data in told(browser)] for browser in (own, none, every, asked)]
        assert heard == [["pa"], [], ["pa", "pb"], []]


async def test_who_moves_to_another_ward_leaves_the_boards_that_do_not_show_it() -> None:
    async with people_scene() as scene:
        scene.furnish()
        feed = scene.context.feed
        await feed._register()
        own, other = (feed.connect(Interest(wards=frozenset({ward_id}))) for ward_id in (OWN, OTHER))
        every, page = feed.connect(Interest()), feed.connect(Interest(patient_id=PatientId("pa")))
        for browser in (own, other, every, page):
            told(browser)
        feed.ward.take_changes()
        _move(scene, "pa", OTHER)
        await feed._register()
        feed.flush()
        assert [name for name, _ in told(own)] == ["gone"]
        for browser in (other, every):
            assert [(name, data["patient_id"]) for name, data in told(browser)] == [("tile", "pa")]
        assert [name for name, _ in told(page)] == ["patient"]


def _move(scene: PeopleScene, patient_id: str, ward_id: WardId) -> None:
    with scene.ward.database.transaction() as conn:
        begin_change(conn)
        conn.execute(tables.patients.update().where(tables.patients.c.patient_id == patient_id).values(ward_id=ward_id))


async def streamed(
    scene: PeopleScene, headers: dict[str, str], *, after_start: Any = None, hold: bool = False
) -> list[Message]:
    """What GET /events sends until it ends by itself."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)
        if message["type"] == "http.response.start" and after_start is not None:
            after_start()

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    if hold:
        scene.clock.stands = True
    raw = [(name.encode(), value.encode()) for name, value in {"host": "127.0.0.1", **headers}.items()]
    scope = {
        "type": "http", "method": "GET", "path": "/api/v1/events", "raw_path": b"/api/v1/events", "query_string": b"",
        "headers": raw, "scheme": "http", "server": ("127.0.0.1", 80), "client": ("10.0.0.7", 1), "http_version": "1.1",
        "root_path": "", "asgi": {"version": "3.0"},
    }  # fmt: skip
    await asyncio.wait_for(create_app(scene.context)(scope, receive, send), 10)
    return sent


@pytest.mark.parametrize("change", ["disabled", "revoked", "granted"])
async def test_a_stream_ends_when_the_session_does_or_its_wards_change(change: str) -> None:
    async with people_scene() as scene:
        person_id = await scene.add("kim", (Role.NURSE, OWN))
        headers = await scene.session(person_id)

        def act() -> None:
            with scene.ward.database.transaction() as conn:
                if change == "disabled":
                    people.set_disabled(conn, person_id, 1)
                elif change == "revoked":
                    people.revoke(conn, person_id, people.StoredGrant("nurse", OWN))
                else:
                    people.grant(conn, person_id, people.StoredGrant("nurse", OTHER), at_ms=1, by="root")

        sent = await streamed(scene, headers, after_start=act)
        assert sent[0]["status"] == 200
        assert sent[-1]["body"] == b""
        assert scene.context.fanout.browser_count == 0


async def test_the_lock_does_not_end_a_stream() -> None:
    async with people_scene(idle_lock_s=5) as scene:
        headers = await scene.session(await scene.add("kim", (Role.NURSE, OWN)))
        looks = 0
        browser = scene.context.feed.connect(Interest(wards=frozenset({OWN})))

        async def still_may() -> bool:
            nonlocal looks
            looks += 1
            answer = await scene.client.get("wards", headers=headers)
            locked = (await scene.client.get("me", headers=headers)).json()["locked"]
            assert (answer.status_code, locked) == (200, True)
            return looks < 3

        stream = EventStream(scene.context.fanout, browser, still_may=still_may, clock=scene.clock)
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            await asyncio.Event().wait()
            raise AssertionError

        await asyncio.wait_for(stream({}, receive, send), 10)
        assert looks == 3


@pytest.mark.parametrize("why", ["the fan-out ends it", "its person may no longer"])
async def test_a_stream_that_must_end_hangs_up_on_a_browser_that_does_not_read(why: str) -> None:
    async with people_scene() as scene:
        browser = scene.context.feed.connect(Interest(wards=frozenset({OWN})))
        full, cut_off, over = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def still_may() -> bool:
            await over.wait()
            return False

        async def send(message: Message) -> None:
            if b"event: " in message.get("body", b""):
                full.set()
                await cut_off.wait()

        async def receive() -> Message:
            await cut_off.wait()
            return {"type": "http.disconnect"}

        stream = EventStream(scene.context.fanout, browser, still_may=still_may, clock=scene.clock)
        answered = asyncio.ensure_future(stream({"state": {"hang_up": cut_off.set}}, receive, send))
        await asyncio.wait_for(full.wait(), 5)
        assert not cut_off.is_set()
        if why == "the fan-out ends it":
            scene.context.fanout.close()
        else:
            over.set()
        await asyncio.wait_for(answered, 5)
        assert cut_off.is_set()
        assert scene.context.fanout.browser_count == 0


async def test_one_account_with_its_tokens_takes_its_own_streams_only_and_its_oldest_ends_for_the_next() -> None:
    async with people_scene() as scene:
        scene.ward.settings = scene.ward.settings.model_copy(update={"browsers_max": 4, "browsers_per_person_max": 2})
        scene.context = scene.ward.context()
        kim, lee = [await scene.add(login, (Role.NURSE, OWN)) for login in ("kim", "lee")]
        token, page, others = scene.token(kim), await scene.session(kim), await scene.session(lee)
        tasks = []
        for headers in [token, token, token, others, page, token]:
            begun = asyncio.Event()
            tasks.append(asyncio.create_task(streamed(scene, headers, after_start=begun.set, hold=True)))
            await asyncio.wait_for(begun.wait(), 5)
        await asyncio.wait_for(asyncio.gather(*tasks[:3]), 5)
        assert [task.done() for task in tasks] == [True, True, True, False, False, False]
        scene.context.fanout.close()
        assert [answer[0]["status"] for answer in await asyncio.gather(*tasks)] == [200] * 6
