"""How many may be at the door and in the house at once, so that nobody keeps everybody else out.

Connections are bounded in number, in all and per address, and each has to ask for something, and to take its answer,
within its time: one that only stays open is closed, and is the first to give way; one that does not read is cut off.
Requests are counted once they have arrived whole; some of the places are kept for people who are signed in and for
health probes.
"""

import asyncio
import resource
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, ClassVar, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from dashboard.person import Person
from dashboard.refusals import refusal
from vitals.errors import ErrorCode, WardError

FILES_KEPT = 256
"""Open files that connections leave to the rest of the process: database, log, broker."""
HEALTH = frozenset({"/healthz", "/readyz"})
PIECE_BYTES: Final = 64 * 1024
"""An answer is handed on in pieces of this size, so that `answer_s` is the time for one of them, not for the whole."""
_HANG_UP: Final = "hang_up"
_PEER: Final = "peer"


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What the door allows."""

    connections_max: int
    per_address_max: int
    """Proxies and this machine itself are exempt."""
    exempt: Collection[str]
    head_s: float
    """Time for the head of a request to arrive whole."""
    answer_s: float
    """Time for the other side to take what waits to be sent."""

    def below_file_limit(self) -> int:
        """Connections that this process can hold: fewer than asked for where its limit of open files is low."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return self.connections_max if soft < 0 else max(16, min(self.connections_max, soft - FILES_KEPT))


class Connections:
    """Every open connection, the oldest first."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self._connections_max = bounds.below_file_limit()
        self._open: dict[Connection, str | None] = {}
        self._per_address: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, connection: "Connection", address: str | None) -> bool:
        """Whether there is a place, made by ending the oldest that asks for nothing where need be."""
        counted = None if address is None or self._is_exempt(address) else address
        if counted is not None and self._per_address[counted] >= self.bounds.per_address_max:
            if not self._ended_one([one for one, whose in self._open.items() if whose == counted]):
                return False
        elif len(self._open) >= self._connections_max and not self._ended_one(list(self._open)):
            return False
        self._open[connection] = counted
        if counted is not None:
            self._per_address[counted] += 1
        return True

    def leave(self, connection: "Connection") -> None:
        """The connection has ended, or was never admitted."""
        counted = self._open.pop(connection, None)
        if counted is not None:
            self._per_address[counted] -= 1
            if not self._per_address[counted]:
                del self._per_address[counted]

    def _ended_one(self, among: Sequence["Connection"]) -> bool:
        for connection in among:
            if not connection.is_asking:
                self.leave(connection)
                connection.transport.abort()
                return True
        return False

    def _is_exempt(self, address: str) -> bool:
        return address in self.bounds.exempt or ip_address(address.partition("%")[0]).is_loopback


class Connection(H11Protocol):
    """One connection: closed unless a request's head has arrived whole `head_s` after its first byte, or its opening.

    Aborted, whatever it was told, where what waits to be sent is not taken within `answer_s`.
    """

    crowd: ClassVar[Connections]
    _deadline: asyncio.TimerHandle | None = None
    _untaken: asyncio.TimerHandle | None = None

    @property
    def is_asking(self) -> bool:
        """Whether a request of it is in hand."""
        return self.cycle is not None and not self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, _HANG_UP: transport.abort, _PEER: self.client}
        if self.crowd.admit(self, None if self.client is None else self.client[0]):
            self._begin_head()
        else:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        if not self.is_asking:
            self._begin_head()
        super().data_received(data)
        if self.is_asking:
            self._end_head()

    def on_response_complete(self) -> None:
        self._end_head()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head()
        self._end_untaken()
        self.crowd.leave(self)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._end_untaken()
        self._untaken = self.loop.call_later(self.crowd.bounds.answer_s, self.transport.abort)

    def resume_writing(self) -> None:
        self._end_untaken()
        super().resume_writing()

    def _begin_head(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.crowd.bounds.head_s, self.transport.abort)

    def _end_head(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end_untaken(self) -> None:
        if self._untaken is not None:
            self._untaken.cancel()
            self._untaken = None


def protocol_of(bounds: Bounds) -> type[Connection]:
    """The protocol that the web server is to speak; every connection of one server counts together."""
    crowd = Connections(bounds)
    return type("BoundedConnection", (Connection,), {"crowd": crowd})


def hang_up(scope: Scope) -> None:
    """End the connection of this request at once, whatever of its answer is not taken yet."""
    end: Callable[[], None] | None = scope.get("state", {}).get(_HANG_UP)
    if end is not None:
        end()


def peer_of(scope: Scope) -> tuple[str, int] | None:
    """Address and port at the other end of this request's connection: a proxy's, whatever it says of the browser's."""
    peer: tuple[str, int] | None = scope.get("state", {}).get(_PEER)
    return peer


class Places:
    """ASGI middleware: counts requests in hand, live streams included, and answers 503 where there is no place."""

    def __init__(
        self, app: ASGIApp, *, identify: Callable[[Scope], Awaitable[Person | None]], requests_max: int, kept: int
    ) -> None:
        self._app = app
        self._identify = identify
        self._requests_max = requests_max
        self._kept = kept
        self._in_hand = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._in_hand >= self._requests_max:
            await self._full()(scope, receive, send)
            return
        self._in_hand += 1
        try:
            app = self._app if await self._has_place(scope) else self._full()
            await app(scope, receive, _in_pieces(send))
        finally:
            self._in_hand -= 1

    async def _has_place(self, scope: Scope) -> bool:
        if self._in_hand <= self._requests_max - self._kept or scope["path"] in HEALTH:
            return True
        try:
            return await self._identify(scope) is not None
        except WardError:
            return False

    def _full(self) -> ASGIApp:
        answer: Any = refusal(503, ErrorCode.UNAVAILABLE, "Too many requests are in hand: try again in a moment.")
        answer.headers.update({"retry-after": "1", "connection": "close"})
        full: ASGIApp = answer
        return full


def _in_pieces(send: Send) -> Send:
    async def sender(message: Message) -> None:
        body, given = message.get("body", b""), 0
        while len(body) - given > PIECE_BYTES:
            await send({**message, "body": body[given : given + PIECE_BYTES], "more_body": True})
            given += PIECE_BYTES
        await send({**message, "body": body[given:]} if given else message)

    return sender
