"""How many connections and requests there may be at once, and who gives way."""

import asyncio
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from dashboard.crowd import PIECE_BYTES, Bounds, Connection, Connections, Places
from dashboard.person import GUEST, Person
from vitals.errors import Unavailable

FAR = "203.0.113.7"


class Wire:
    """One connection, without its socket."""

    def __init__(self, *, is_asking: bool = False) -> None:
        self.is_asking = is_asking
        self.transport = self
        self.is_ended = False

    def abort(self) -> None:
        self.is_ended = True


def crowd(*, connections_max: int = 16, per_address_max: int = 2) -> Connections:
    return Connections(
        Bounds(
            connections_max=connections_max,
            per_address_max=per_address_max,
            exempt=frozenset({"10.0.0.1"}),
            head_s=1,
            answer_s=1,
        )
    )


def come(to: Connections, address: str, *, is_asking: bool = False) -> tuple[bool, Wire]:
    wire: Any = Wire(is_asking=is_asking)
    connection: Connection = wire
    return to.admit(connection, address), wire


def test_one_address_has_only_so_many_connections_and_an_idle_one_gives_way() -> None:
    connections = crowd()
    asking, idle, third = (come(connections, FAR, is_asking=first)[1] for first in (True, False, True))
    assert [asking.is_ended, idle.is_ended, third.is_ended] == [False, True, False]
    assert come(connections, FAR)[0] is False
    assert come(connections, "203.0.113.8")[0] is True


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.1"])
def test_this_machine_and_trusted_proxies_are_bounded_in_all_only(address: str) -> None:
    connections = crowd()
    assert all(come(connections, address, is_asking=True)[0] for _ in range(16))
    assert not come(connections, address)[0]
    assert len(connections) == 16


def test_who_leaves_makes_room() -> None:
    connections = crowd(per_address_max=1)
    wire: Any = come(connections, FAR, is_asking=True)[1]
    assert not come(connections, FAR)[0]
    connections.leave(wire)
    assert come(connections, FAR)[0]


def test_connections_stay_below_the_limit_of_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (300, 300))
    bounds = Bounds(connections_max=1000, per_address_max=1, exempt=(), head_s=1, answer_s=1)
    assert bounds.below_file_limit() == 44


class Hall:
    """An application that holds every request until told."""

    def __init__(self, *, known: set[str], requests_max: int = 4, kept: int = 2) -> None:
        self._known = known
        self.release = asyncio.Event()
        self._places = Places(self._hold, identify=self._identify, requests_max=requests_max, kept=kept)

    async def _identify(self, scope: Scope) -> Person | None:
        if scope["whose"] == "lost":
            raise Unavailable("The database does not answer.")
        return GUEST if scope["whose"] in self._known else None

    async def _hold(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await self.release.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def ask(self, whose: str, path: str = "/") -> int:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "http.disconnect"}

        await self._places({"type": "http", "path": path, "whose": whose}, receive, send)
        status: int = sent[0]["status"]
        return status


@pytest.mark.asyncio
async def test_strangers_leave_places_to_people_who_are_signed_in_and_to_probes() -> None:
    hall = Hall(known={"kim"})
    asks = [("x", "/"), ("x", "/"), ("x", "/"), ("lost", "/"), ("kim", "/"), ("x", "/healthz"), ("kim", "/")]
    tasks = [asyncio.create_task(hall.ask(*ask)) for ask in asks]
    while sum(task.done() for task in tasks) < 3:
        await asyncio.wait(tasks, timeout=0.01)
    hall.release.set()
    assert await asyncio.gather(*tasks) == [200, 200, 503, 503, 200, 200, 503]
    assert await hall.ask("x") == 200


@pytest.mark.asyncio
@pytest.mark.parametrize("size", [0, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES])
async def test_a_long_answer_is_handed_on_in_pieces_and_whole(size: int) -> None:
    body = bytes(number % 251 for number in range(size))
    parts: list[Message] = []

    async def answer(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async def send(message: Message) -> None:
        parts.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def identify(_scope: Scope) -> None:
        return None

    await Places(answer, identify=identify, requests_max=4, kept=2)({"type": "http", "path": "/"}, receive, send)
    assert b"".join(part["body"] for part in parts) == body
    assert max(len(part["body"]) for part in parts) <= PIECE_BYTES
    assert [part["more_body"] for part in parts] == [True] * (len(parts) - 1) + [False]
