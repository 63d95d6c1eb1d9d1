"""The way to the audit trail from a service that answers people: batched, bounded, and never lost in silence.

Entries that wait are written together, in one transaction after the other. Whoever `write`s learns whether the entry stands
in the trail; what is to be `kept` is written as soon as SQL answers, however long that takes.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import structlog

from runtime.blocking import Door
from runtime.clock import Clock
from runtime.retry import Backoff
from runtime.telemetry import Telemetry
from storage import audit
from storage.audit import AuditEntry
from storage.session import Database, in_snapshot, in_transaction
from vitals.errors import Unavailable

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class TrailLimits:
    """Bounds of what waits and of what is remembered."""

    batch_max: int = 500
    """Entries in one transaction."""
    waiting_max: int = 10_000
    """Entries that may wait; what must be kept beyond that pushes out the oldest, counted and logged whole."""
    patience_s: float = 2.0
    """How long an order that has been obeyed already waits for its entry before it is answered."""
    view_s: float = 600.0
    """One person who goes on looking at one thing is one entry in so long."""
    views_max: int = 20_000
    """Views remembered for that; one forgotten is told again."""
    backoff_s_max: float = 5.0


@dataclass(eq=False)
class _Waiting:
    entries: Sequence[AuditEntry]
    done: asyncio.Future[None]
    kept: bool


class Trail:
    """Writes what happened; one a process. Starts working with the first entry."""

    def __init__(
        self, *, database: Database, door: Door, clock: Clock, telemetry: Telemetry, limits: TrailLimits
    ) -> None:
        self._database = database
        self._door = door
        self._clock = clock
        self._telemetry = telemetry
        self._limits = limits
        self._waiting: list[_Waiting] = []
        self._worker: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self._views: OrderedDict[Hashable, float] = OrderedDict()
        self.failure: Unavailable | None = None
        """Why nothing can be written now; None while all goes well."""

    @property
    def waiting(self) -> int:
        """Entries that are not in the trail yet."""
        return sum(len(one.entries) for one in self._waiting)

    async def write(self, entries: Sequence[AuditEntry]) -> None:
        """Returns once `entries` stand in the trail; raises Unavailable where they do not and will not."""
        if self.failure is not None:
            raise Unavailable("What is seen cannot be put on record now, so it is not shown.") from self.failure
        if self.waiting + len(entries) > self._limits.waiting_max:
            raise Unavailable("Too much waits to be put on record: try again in a moment.")
        await asyncio.shield(self._wait(entries, kept=False).done)

    async def keep(self, entries: Sequence[AuditEntry], *, patience_s: float | None = None) -> bool:
        """Put `entries` on record now, or once SQL answers; whether they are after at most `patience_s`."""
        one = self._wait(entries, kept=True)
        self._bound()
        patience_s = self._limits.patience_s if patience_s is None else patience_s
        if self.failure is None and patience_s > 0:
            await asyncio.wait({one.done}, timeout=patience_s)
        return one.done.done()

    def is_new(self, view: Hashable, *, within_s: float | None = None) -> bool:
        """Whether this view is not on record for the present span of time: `within_s`, or as the house has set it."""
        seen_s = self._views.get(view)
        span_s = self._limits.view_s if within_s is None else within_s
        return seen_s is None or self._clock.monotonic_s() - seen_s >= span_s

    def remember(self, view: Hashable) -> None:
        """A view that is on record now."""
        self._views[view] = self._clock.monotonic_s()
        self._views.move_to_end(view)
        if len(self._views) > self._limits.views_max:
            self._views.popitem(last=False)

    def count(self, entries: Sequence[AuditEntry]) -> None:
        """These stand in the trail now."""
        for entry in entries:
            self._telemetry.count("wardlight_dashboard_audit_entries_total", action=entry.action.value)

    async def tell_anchor(self, *, every_s: float) -> None:
        """Log an anchor now and then, so that logs kept elsewhere hold the trail; cancel it to end it."""
        while True:
            await self._clock.sleep(every_s)
            try:
                line = await in_snapshot(self._door, self._database, audit.anchor)
            except Unavailable as error:
                log.warning("audit_anchor_not_told", error=str(error))
            else:
                log.info("audit_anchor", anchor=line)

    async def close(self, *, within_s: float) -> None:
        """Write what waits, for so long at most; what is left is logged whole."""
        if self._worker is not None:
            await asyncio.wait({self._worker}, timeout=within_s)
            self._closing.set()
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)
        for one in self._waiting:
            self._lose(one)
        self._waiting = []

    def _wait(self, entries: Sequence[AuditEntry], *, kept: bool) -> _Waiting:
        one = _Waiting(entries, asyncio.get_running_loop().create_future(), kept)
        one.done.add_done_callback(_heard)
        self._waiting.append(one)
        self._telemetry.set("wardlight_dashboard_audit_waiting_count", self.waiting)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work(), name="dashboard-audit")
        return one

    def _bound(self) -> None:
        while self.waiting > self._limits.waiting_max and len(self._waiting) > 1:
            self._lose(self._waiting.pop(0))

    def _lose(self, one: _Waiting) -> None:
        """The last resort: the log holds it, and a counter that must stay 0 says so."""
        self._telemetry.count("wardlight_dashboard_audit_entries_lost_total", len(one.entries))
        for entry in one.entries:
            log.error("audit_entry_lost", person_id=entry.person_id, action=entry.action.value, at_ms=entry.at_ms)

    async def _work(self) -> None:
        backoff = Backoff(clock=self._clock, cap_s=self._limits.backoff_s_max)
        while self._waiting and not self._closing.is_set():
            batch = self._next_batch()
            entries = [entry for one in batch for entry in one.entries]
            try:
                await in_transaction(self._door, self._database, audit.append, entries)
            except Unavailable as error:
                self._on_failure(batch, error)
                await backoff.pause(until=self._closing)
            except BaseException as error:
                self._on_failure(batch, Unavailable(f"The audit trail takes nothing: {error}"))
                raise
            else:
                backoff.reset()
                self._on_success(batch, entries)

    def _next_batch(self) -> list[_Waiting]:
        taken, entries = 0, 0
        for one in self._waiting:
            if taken and entries + len(one.entries) > self._limits.batch_max:
                break
            taken, entries = taken + 1, entries + len(one.entries)
        batch, self._waiting = self._waiting[:taken], self._waiting[taken:]
        return batch

    def _on_success(self, batch: Sequence[_Waiting], entries: Sequence[AuditEntry]) -> None:
        if self.failure is not None:
            log.info("audit_written_again")
        self.failure = None
        self.count(entries)
        self._telemetry.set("wardlight_dashboard_audit_waiting_count", self.waiting)
        for one in batch:
            if not one.done.done():
                one.done.set_result(None)

    def _on_failure(self, batch: Sequence[_Waiting], error: Unavailable) -> None:
        if self.failure is None:
            log.error("audit_not_written", error=str(error))
        waiting = [*batch, *self._waiting]
        self._waiting = [one for one in waiting if one.kept]
        # While something is kept the worker goes on trying; else the next entry finds out anew.
        self.failure = error if self._waiting else None
        self._telemetry.set("wardlight_dashboard_audit_waiting_count", self.waiting)
        for one in waiting:
            if not one.kept and not one.done.done():
                one.done.set_exception(error)


def _heard(done: asyncio.Future[None]) -> None:
    """Whoever waited may have left: an outcome that nobody asks for is no error."""
    if not done.cancelled():
        done.exception()
