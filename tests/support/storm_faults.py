"""What a simulated storm does to one process and what it stands on: death at a call, standstill, failing statements, a full disk."""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import Connection, event

from runtime.bus import Assigned, Bus, Delivered, Outgoing, Positions, Reader, TopicPartition
from runtime.clock import Clock
from runtime.local_log import LocalLog
from storage.session import Database
from vitals.errors import Unavailable

Parameters = ParamSpec("Parameters")
ResultT = TypeVar("ResultT")


class Life:
    """One process from its start to its end; each of its calls to the database or the log asks here first, and afterwards."""

    def __init__(self, name: str, clock: Clock, *, dies: Callable[["Life"], None]) -> None:
        self.name = name
        self.is_over = False
        self.stopped_until_s = 0.0
        self.delay_s = 0.0
        """What each call takes, while the database is slow."""
        self.dies_before_in = self.dies_after_in = 0
        """It dies at its next so manieth call; 0: at none."""
        self.unsure_publish: int | None = None
        """Its next publish says that it failed, once so many of its records are in the log."""
        self._clock = clock
        self._dies = dies

    async def before(self) -> None:
        """Whatever stands before a call: nothing of a process that is over ever begins."""
        await self._stand_still()
        if self.delay_s:
            await self._clock.sleep(self.delay_s)
        if self.dies_before_in:
            self.dies_before_in -= 1
            if not self.dies_before_in:
                await self._die()
        self.require()

    async def after(self) -> None:
        """Whatever stands between a call that is done and its caller."""
        if self.dies_after_in:
            self.dies_after_in -= 1
            if not self.dies_after_in:
                await self._die()
        await self._stand_still()

    def require(self) -> None:
        """Raises CancelledError in a process that is over."""
        if self.is_over:
            raise asyncio.CancelledError

    async def _stand_still(self) -> None:
        while (left_s := self.stopped_until_s - self._clock.monotonic_s()) > 0 and not self.is_over:
            await self._clock.sleep(left_s)

    async def _die(self) -> None:
        self.is_over = True
        self._dies(self)
        await asyncio.get_running_loop().create_future()


class MortalDoor:
    """Runs calls on the spot, as `InlineDoor` does, for one life."""

    def __init__(self, life: Life, database: "FlakyDatabase") -> None:
        self._life = life
        self._database = database

    async def run(
        self, call: Callable[Parameters, ResultT], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> ResultT:
        await self._life.before()
        with self._database.called_by(self._life.name):
            result = call(*args, **kwargs)
        await self._life.after()
        return result


class MortalBus:
    """The log as one life sees it."""

    def __init__(self, bus: Bus, life: Life) -> None:
        self._bus = bus
        self._life = life

    @property
    def partition_count(self) -> int:
        return self._bus.partition_count

    async def publish(self, records: Sequence[Outgoing]) -> None:
        await self._life.before()
        unsure = self._life.unsure_publish
        if unsure is not None and records:
            self._life.unsure_publish = None
            await self._bus.publish(list(records)[: unsure % (len(records) + 1)])
            await self._life.after()
            raise Unavailable("The log in memory does not say whether it has these records.")
        await self._bus.publish(records)
        await self._life.after()

    async def reader(self, *, group: str | None, topics: Sequence[str], gather_s: float = 0.0) -> Reader:
        await self._life.before()
        return MortalReader(await self._bus.reader(group=group, topics=topics, gather_s=gather_s), self._life)

    async def ends(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        await self._life.before()
        return await self._bus.ends(topics)

    async def beginnings(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        await self._life.before()
        return await self._bus.beginnings(topics)

    async def close(self) -> None:
        """Whoever opened the log closes it."""


class MortalReader:
    """A reader that stands still and dies with its process."""

    def __init__(self, reader: Reader, life: Life) -> None:
        self._reader = reader
        self._life = life

    async def poll(self, *, records_max: int, timeout_s: float) -> Assigned | Delivered:
        await self._life.before()
        polled = await self._reader.poll(records_max=records_max, timeout_s=timeout_s)
        await self._life.after()
        return polled

    async def seek(self, positions: Positions) -> None:
        await self._life.before()
        await self._reader.seek(positions)

    async def close(self) -> None:
        await self._reader.close()


class FlakyDatabase(Database):
    """A database that services find away, or failing at a statement or after a commit; everybody else finds it well."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.is_away = False
        self.failing: Counter[str] = Counter()
        """Services whose so manieth statement from now fails."""
        self.unheard: set[str] = set()
        """Services that will not hear of their next commit."""
        self.failures: Counter[str] = Counter()
        self._caller: str | None = None
        event.listen(self._engine, "before_cursor_execute", self._look)

    @contextmanager
    def called_by(self, name: str) -> Iterator[None]:
        """While a service's call runs."""
        self._caller = name
        try:
            yield
        finally:
            self._caller = None

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        with super().transaction() as conn:
            yield conn
        if self._caller in self.unheard:
            self.unheard.discard(self._caller)
            self.failures["commit unheard"] += 1
            raise Unavailable("The connection to the database broke during a commit.")

    def _look(self, *_: Any) -> None:
        caller = self._caller
        if caller is None:
            return
        if self.is_away:
            self.failures["away"] += 1
            raise sqlite3.OperationalError("injected: the database is away")
        if self.failing[caller] > 0:
            self.failing[caller] -= 1
            if self.failing[caller] == 0:
                self.failures["statement"] += 1
                raise sqlite3.OperationalError("injected: a statement failed")


class SmallDisk(LocalLog):
    """The log in memory on a disk that can be full: SQLite itself refuses to grow."""

    def __init__(self, path: Path | None, *, partition_count: int) -> None:
        super().__init__(path, partition_count=partition_count)
        self.refusals = 0

    def fill(self) -> None:
        """No page more from now on."""
        (pages,) = self._writer.execute("PRAGMA page_count").fetchone()
        self._writer.execute(f"PRAGMA max_page_count = {pages}")

    def free(self) -> None:
        """Room again."""
        self._writer.execute("PRAGMA max_page_count = 1073741823")
