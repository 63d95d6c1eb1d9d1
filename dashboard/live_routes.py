"""Server-sent events: a snapshot, then what changes; a browser that reconnects gets a fresh snapshot."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from dashboard.context import Here
from dashboard.crowd import hang_up
from dashboard.fanout import Browser, Fanout, Interest
from dashboard.permissions import Permission
from dashboard.person import GUEST, Person, Signed
from dashboard.schemas import Level
from runtime.clock import Clock
from vitals.errors import Forbidden, Locked, SignInNeeded, Unavailable
from vitals.reading import PatientId, WardId

router = APIRouter(tags=["live"])

_RETRY_MS = 1000
"""How long a browser waits before it reconnects."""
RECHECK_S = 5.0
"""Real time between looks at whether the session still is and still may see what the stream shows."""

StillMay = Callable[[], Awaitable[bool]]
Waited = asyncio.Future[Any]


class EventStream(Response):
    """One browser's stream; ends when the browser leaves or the fan-out ends it, and always gives its place back.

    Once it has to end it waits for nobody: a browser that does not take what it was sent is hung up on.
    """

    media_type = "text/event-stream"

    def __init__(self, fanout: Fanout, browser: Browser, *, still_may: StillMay, clock: Clock) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._fanout = fanout
        self._browser = browser
        self._still_may = still_may
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.ensure_future(_disconnected(receive))
        barred = asyncio.ensure_future(self._barred())
        ended = asyncio.ensure_future(self._browser.ended.wait())
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await self._send(send, f"retry: {_RETRY_MS}\n\n".encode())
            while not (gone.done() or barred.done()):
                following = asyncio.ensure_future(self._browser.next_round())
                await asyncio.wait({gone, barred, following}, return_when=asyncio.FIRST_COMPLETED)
                if not following.done():
                    following.cancel()
                    break
                events = following.result()
                if events is None:
                    break
                sending = asyncio.ensure_future(self._send(send, events))
                await _taken(sending, scope, unless=(gone, barred, ended))
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()
            barred.cancel()
            ended.cancel()
            self._fanout.leave(self._browser)

    async def _barred(self) -> None:
        """Returns once whoever listens may no longer."""
        await self._clock.sleep(RECHECK_S * self._clock.speed)
        while await self._still_may():
            await self._clock.sleep(RECHECK_S * self._clock.speed)

    async def _send(self, send: Send, body: bytes) -> None:
        await send({"type": "http.response.body", "body": body, "more_body": True})


async def _taken(sending: Waited, scope: Scope, *, unless: Iterable[Waited]) -> None:
    """Returns once it is sent, or the connection hung up on because the stream has to end before it is."""
    try:
        await asyncio.wait({sending, *unless}, return_when=asyncio.FIRST_COMPLETED)
        if not sending.done():
            hang_up(scope)
        await sending
    finally:
        sending.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


@router.get("/events", response_class=Response, responses={200: {"content": {"text/event-stream": {}}}})
async def events(
    here: Here,
    who: Signed,
    request: Request,
    ward: Annotated[Level | None, Query()] = None,
    patient: Annotated[Level | None, Query()] = None,
) -> EventStream:
    """Events `snapshot`, then `tile` or (with `patient`) `patient`, `gone` and `clock`; data are JSON objects."""
    interest = Interest(
        ward_id=None if ward is None else WardId(ward),
        patient_id=None if patient is None else PatientId(patient),
        wards=who.wards(Permission.SEE_WARD),
        owner=None if who is GUEST else who.person_id,
        token_id=who.token_id,
    )
    recheck: Callable[[], Awaitable[Person | None]] = request.scope["recheck"]

    async def still_may() -> bool:
        try:
            now = await recheck()
        except (SignInNeeded, Forbidden, Locked):
            return False
        except Unavailable:
            return True
        return now is not None and now.access == who.access

    return EventStream(here.fanout, here.feed.connect(interest), still_may=still_may, clock=here.clock)
