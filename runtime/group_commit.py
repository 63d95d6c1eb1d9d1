"""Group commit: publishes that arrive while a commit runs go into the next one together, in order, within bounds.

What came behind a group that failed fails with it: committed now, it would stand before what is then published again.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from runtime.bus import Outgoing
from vitals.errors import Unavailable, WardError

Commit = Callable[[Sequence[Outgoing]], Awaitable[None]]
"""Makes records durable, in order; raises Unavailable where some may not be."""


_BEHIND = "What was published before did not reach the log; publish again."


class _Publish(NamedTuple):
    records: Sequence[Outgoing]
    size_bytes: int
    done: "asyncio.Future[None]"


class GroupCommit:
    """Queues publishes and commits them one group at a time; one group waits at most, further publishers wait in line.

    A group holds at most `records_max` records and `bytes_max` bytes of keys and values; a single publish larger than
    that is cut into several groups, which nobody comes between, and a single record larger than `bytes_max` goes alone.
    """

    def __init__(self, commit: Commit, *, records_max: int, bytes_max: int) -> None:
        self._commit = commit
        self._records_max = records_max
        self._bytes_max = bytes_max
        self._line = asyncio.Lock()
        self._room = asyncio.Event()
        self._waiting: deque[_Publish] = deque()
        self._waiting_records = 0
        self._waiting_bytes = 0
        self._committer: asyncio.Task[None] | None = None
        self._failures = 0
        """Groups that failed, so that whoever stood in line meanwhile can tell."""
        self._closed = False

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Returns once `records` are committed; raises what the commit raised.

        Raises Unavailable too where what was published before, and not yet committed, failed.
        """
        failures = self._failures
        async with self._line:
            entered = [await self._enter(part, failures) for part in self._parts(records)]
        for committed in entered:
            await committed

    async def close(self) -> None:
        """Commit what waits, refuse the rest; a programmer's error to publish afterwards."""
        self._closed = True
        self._room.set()
        if self._committer is not None:
            await asyncio.wait({self._committer})

    def _parts(self, records: Sequence[Outgoing]) -> list[Sequence[Outgoing]]:
        if len(records) <= self._records_max and _size_bytes(records) <= self._bytes_max:
            return [records] if records else []
        parts: list[Sequence[Outgoing]] = []
        part: list[Outgoing] = []
        part_bytes = 0
        for record in records:
            record_bytes = len(record.key) + len(record.value)
            if part and (len(part) == self._records_max or part_bytes + record_bytes > self._bytes_max):
                parts.append(part)
                part, part_bytes = [], 0
            part.append(record)
            part_bytes += record_bytes
        parts.append(part)
        return parts

    async def _enter(self, records: Sequence[Outgoing], failures: int) -> "asyncio.Future[None]":
        """Wait for room behind what waits, as the one whose turn it is; the future is done once it is committed."""
        size_bytes = _size_bytes(records)
        while not self._fits(len(records), size_bytes):
            self._room.clear()
            await self._room.wait()
        if self._closed:
            raise RuntimeError("The log is closed.")
        if failures != self._failures:
            raise Unavailable(_BEHIND)
        publish = _Publish(records, size_bytes, asyncio.get_running_loop().create_future())
        publish.done.add_done_callback(_heard)
        self._waiting.append(publish)
        self._waiting_records += len(records)
        self._waiting_bytes += size_bytes
        if self._committer is None:
            self._committer = asyncio.create_task(self._commit_waiting(), name="group-commit")
        return publish.done

    def _fits(self, records_count: int, size_bytes: int) -> bool:
        return self._closed or (
            self._waiting_records + records_count <= self._records_max
            and (not self._waiting or self._waiting_bytes + size_bytes <= self._bytes_max)
        )

    async def _commit_waiting(self) -> None:
        try:
            while self._waiting:
                await self._commit_group(self._take_group())
        finally:
            self._committer = None
            _settle(self._take_group(), Unavailable("The log was interrupted; publish again."))

    def _take_group(self) -> list[_Publish]:
        group = list(self._waiting)
        self._waiting.clear()
        self._waiting_records = self._waiting_bytes = 0
        self._room.set()
        return group

    async def _commit_group(self, group: Sequence[_Publish]) -> None:
        try:
            await self._commit([record for publish in group for record in publish.records])
        except WardError as error:
            self._refuse(group, error)
        except BaseException as error:
            _settle(group, error if isinstance(error, Exception) else Unavailable("The log is closing; publish again."))
            raise
        else:
            _settle(group, None)

    def _refuse(self, group: Sequence[_Publish], error: WardError) -> None:
        self._failures += 1
        behind = error if isinstance(error, Unavailable) else Unavailable(_BEHIND)
        # In the loop's next turn, just before those are woken whom this tells: who publishes until then would overtake them.
        asyncio.get_running_loop().call_soon(self._refuse_waiting, behind)
        _settle(group, error)
        self._refuse_waiting(behind)

    def _refuse_waiting(self, error: Unavailable) -> None:
        _settle(self._take_group(), error)


def _size_bytes(records: Sequence[Outgoing]) -> int:
    return sum([len(record.key) + len(record.value) for record in records])


def _heard(done: "asyncio.Future[None]") -> None:
    """Of a publish in several parts one failure is told; the others are no exceptions that nobody looked at."""
    if not done.cancelled():
        done.exception()


def _settle(group: Sequence[_Publish], error: Exception | None) -> None:
    for publish in group:
        if publish.done.done():
            continue
        if error is None:
            publish.done.set_result(None)
        else:
            publish.done.set_exception(error)
