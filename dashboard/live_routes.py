"""Server-sent events: a snapshot, then what changes; a browser that reconnects gets a fresh snapshot."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from dashboard.context import Here
from dashboard.fanout import Browser, Fanout, Interest
from dashboard.schemas import Level
from vitals.reading import PatientId, WardId

router = APIRouter(tags=["live"])

_RETRY_MS = 1000
"""How long a browser waits before it reconnects."""


class EventStream(Response):
    """One browser's stream; ends when the browser leaves or the fan-out ends it, and always gives its place back."""

    media_type = "text/event-stream"

    def __init__(self, fanout: Fanout, browser: Browser) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._fanout = fanout
        self._browser = browser

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await self._send(send, f"retry: {_RETRY_MS}\n\n".encode())
            while not gone.done():
                following = asyncio.ensure_future(self._browser.next_event())
                await asyncio.wait({gone, following}, return_when=asyncio.FIRST_COMPLETED)
                if not following.done():
                    following.cancel()
                    break
                event = following.result()
                if event is None:
                    break
                await self._send(send, event)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()
            self._fanout.leave(self._browser)

    async def _send(self, send: Send, body: bytes) -> None:
        await send({"type": "http.response.body", "body": body, "more_body": True})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


@router.get("/events", response_class=Response, responses={200: {"content": {"text/event-stream": {}}}})
async def events(
    here: Here,
    ward: Annotated[Level | None, Query()] = None,
    patient: Annotated[Level | None, Query()] = None,
) -> EventStream:
    """Events `snapshot`, then `tile` or (with `patient`) `patient`, `gone` and `clock`; data are JSON objects."""
    interest = Interest(
        ward_id=None if ward is None else WardId(ward), patient_id=None if patient is None else PatientId(patient)
    )
    return EventStream(here.fanout, here.feed.connect(interest))
