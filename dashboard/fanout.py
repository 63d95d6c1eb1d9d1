"""Live events to browsers: one bounded queue each; who cannot keep up is cut off and starts again from a snapshot.

What is published together is one entry of a queue, so that the bound is one of time and not of how many patients there are.
"""

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from runtime.telemetry import Telemetry
from vitals.errors import Unavailable
from vitals.reading import PatientId, WardId


@dataclass(frozen=True, kw_only=True)
class Interest:
    """What one browser wants to hear of: everything, one ward, or one patient's page."""

    ward_id: WardId | None = None
    patient_id: PatientId | None = None
    wards: frozenset[WardId] | None = None
    """The wards this browser may see; None means every one."""
    owner: str | None = None
    """The person whose streams count together, their tokens' too; None counts in all only."""
    token_id: str | None = None
    """The token in the person's name that asks; where streams have to end, its own do first."""

    def covers(self, ward_id: WardId | None) -> bool:
        """Whether a board of this interest shows that ward."""
        return self.ward_id in (None, ward_id) and (self.wards is None or ward_id in self.wards)


@dataclass(frozen=True)
class Told:
    """An event, and who is to hear of it."""

    event: bytes
    wanted: Callable[[Interest], bool]


@dataclass(eq=False)
class Browser:
    """One open stream; `None` in its queue ends it."""

    interest: Interest
    queue: asyncio.Queue[Sequence[bytes] | None]
    waiting_bytes: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def next_round(self) -> bytes | None:
        """The events that were published together next, or None once the stream has to end."""
        events = await self.queue.get()
        if events is None:
            return None
        self.waiting_bytes -= sum(map(len, events))
        return b"".join(events)

    def offer(self, events: Sequence[bytes], *, bytes_max: int) -> bool:
        """Queue one round, of whatever size where none waits; False where more would wait than may."""
        size = sum(map(len, events))
        if self.queue.full() or (self.waiting_bytes and self.waiting_bytes + size > bytes_max):
            return False
        self.waiting_bytes += size
        self.queue.put_nowait(events)
        return True


class Fanout:
    """Hands each event to every browser interested in it, without ever waiting for one."""

    def __init__(
        self,
        *,
        browsers_max: int,
        per_owner_max: int,
        rounds_max: int,
        bytes_max: int,
        telemetry: Telemetry,
        instance: str,
    ) -> None:
        self._browsers: dict[Browser, None] = {}
        self._browsers_max = browsers_max
        self._per_owner_max = per_owner_max
        self._rounds_max = rounds_max
        self._bytes_max = bytes_max
        self._telemetry = telemetry
        self._instance = instance
        self._numbers = itertools.count(1)
        self._closed = False

    @property
    def browser_count(self) -> int:
        """Streams open now."""
        return len(self._browsers)

    def open(self, interest: Interest, first: bytes) -> Browser:
        """A stream that begins with `first`, gap-free: what is published after this call follows.

        The oldest of an owner who has too many ends for it. Raises Unavailable.
        """
        if self._closed:
            raise Unavailable("The dashboard is shutting down: connect again in a moment.")
        self._make_room(interest.owner, interest.token_id)
        if len(self._browsers) >= self._browsers_max:
            raise Unavailable(f"{self._browsers_max} browsers are connected already: close some or raise browsers_max.")
        browser = Browser(interest, asyncio.Queue(maxsize=self._rounds_max))
        browser.offer((first,), bytes_max=self._bytes_max)
        self._browsers[browser] = None
        self._telemetry.set("wardlight_dashboard_browsers_count", len(self._browsers))
        return browser

    def leave(self, browser: Browser) -> None:
        """The stream has ended."""
        self._browsers.pop(browser, None)
        self._telemetry.set("wardlight_dashboard_browsers_count", len(self._browsers))

    def event(self, name: str, data: Mapping[str, Any]) -> bytes:
        """One server-sent event with the next id of this instance."""
        head = f"id: {self._instance}-{next(self._numbers)}\nevent: {name}\ndata: "
        return head.encode() + msgspec.json.encode(data) + b"\n\n"

    def publish(self, *told: Told) -> None:
        """Queue for every browser what of this it wants, in this order, as one round."""
        for browser in list(self._browsers):
            events = [each.event for each in told if each.wanted(browser.interest)]
            if events and not browser.offer(events, bytes_max=self._bytes_max):
                self._end(browser)
                self._telemetry.count("wardlight_dashboard_browsers_cut_off_total")

    def anyone(self, wanted: Callable[[Interest], bool]) -> bool:
        """Whether an event would reach somebody; spares encoding it."""
        return any(wanted(browser.interest) for browser in self._browsers)

    def resync(self, make_snapshot: Callable[[Interest], bytes]) -> None:
        """Replace whatever waits for each browser by a fresh snapshot."""
        for browser in self._browsers:
            _drain(browser)
            browser.offer((make_snapshot(browser.interest),), bytes_max=self._bytes_max)

    def close(self) -> None:
        """End every stream and refuse new ones."""
        self._closed = True
        for browser in list(self._browsers):
            self._end(browser)

    def _make_room(self, owner: str | None, token_id: str | None) -> None:
        own = [browser for browser in self._browsers if owner is not None and browser.interest.owner == owner]
        if len(own) >= self._per_owner_max:
            self._end(next((browser for browser in own if browser.interest.token_id == token_id), own[0]))

    def _end(self, browser: Browser) -> None:
        browser.ended.set()
        _drain(browser)
        browser.queue.put_nowait(None)
        self.leave(browser)


def _drain(browser: Browser) -> None:
    while not browser.queue.empty():
        browser.queue.get_nowait()
    browser.waiting_bytes = 0
