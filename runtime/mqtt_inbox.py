"""Messages that have arrived and are not yet acknowledged by their taker: in order, counted, and bounded by marks."""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from runtime.mqtt import Received


@dataclass(frozen=True, kw_only=True)
class SessionLimits:
    """How much a session may hold that its taker has not acknowledged, before it stops reading."""

    held_messages_max: int = 1000
    """Passed by as many at most as there are publishes outstanding on the same session."""
    held_bytes_max: int = 32 * 2**20
    packets_per_turn: int = 200
    """Packets decoded before other tasks get a turn."""


class Inbox:
    """One taker's messages; `is_high` from the high-water mark on, `is_low` again at half of it."""

    def __init__(self, limits: SessionLimits) -> None:
        self._limits = limits
        self._waiting: deque[Received] = deque()
        self._held: deque[Received] = deque()
        self._held_bytes = 0
        self._arrived = asyncio.Event()
        self._closed = False
        self.high_water = 0
        """The most messages ever held at once."""
        self.received = 0
        self.redelivered = 0

    def __len__(self) -> int:
        return len(self._held)

    def add(self, message: Received) -> None:
        """One more has arrived; `announce` wakes the taker."""
        self._waiting.append(message)
        self._held.append(message)
        self._held_bytes += len(message.payload)
        self.received += 1
        self.redelivered += message.redelivered
        self.high_water = max(self.high_water, len(self._held))

    def announce(self) -> None:
        """Wake the taker if there is something to take."""
        if self._waiting:
            self._arrived.set()

    def close(self) -> None:
        """`take` gives what is there and then nothing."""
        self._closed = True
        self._arrived.set()

    async def take(self, messages_max: int) -> Sequence[Received]:
        """At least one message, at most `messages_max`, in order; none once closed and empty."""
        waiting = self._waiting
        while not waiting:
            if self._closed:
                return ()
            self._arrived.clear()
            await self._arrived.wait()
        if len(waiting) <= messages_max:
            taken = list(waiting)
            waiting.clear()
            return taken
        return [waiting.popleft() for _ in range(messages_max)]

    def release(self, messages: Iterable[Received]) -> Iterator[Received]:
        """Mark these as done; gives those that are thereby done in arrival order, with nothing undone before them."""
        for message in messages:
            message.acknowledged = True
        held = self._held
        while held and held[0].acknowledged:
            message = held.popleft()
            self._held_bytes -= len(message.payload)
            yield message

    @property
    def is_high(self) -> bool:
        """Time to stop reading."""
        return len(self._held) >= self._limits.held_messages_max or self._held_bytes >= self._limits.held_bytes_max

    @property
    def is_low(self) -> bool:
        """Time to read again."""
        return (
            len(self._held) <= self._limits.held_messages_max // 2
            and self._held_bytes <= self._limits.held_bytes_max // 2
        )
