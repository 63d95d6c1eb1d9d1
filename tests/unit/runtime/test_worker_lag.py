"""A worker tells how far behind it is, so that an operator sees a backlog."""

import asyncio
from collections.abc import Sequence

from runtime.blocking import InlineDoor
from runtime.bus import Incoming, Outgoing, Positions
from runtime.clock import LoopClock
from runtime.local_bus import LocalBus
from runtime.telemetry import Telemetry
from runtime.virtual_loop import run_virtual
from runtime.worker import Worker, WorkerLimits
from vitals.errors import Unavailable

LAG = "wardlight_runtime_worker_lag_records"


class StuckHandler:
    """Handles what comes, but can claim only once `database_answers`."""

    def __init__(self) -> None:
        self.database_answers = False

    async def claim(self, partitions: frozenset[int]) -> Positions:
        if not self.database_answers:
            raise Unavailable("The database is down.")
        return {}

    async def handle(self, records: Sequence[Incoming]) -> Sequence[Outgoing]:
        return ()

    async def idle(self) -> Sequence[Outgoing]:
        return ()

    async def remember(self, positions: Positions, *, final: bool) -> None:
        """Nothing to keep."""


def test_the_backlog_is_told_while_the_worker_cannot_claim_and_falls_to_zero_afterwards() -> None:
    async def scene() -> None:
        clock, telemetry, handler = LoopClock(epoch_ms=0), Telemetry(), StuckHandler()
        bus = await LocalBus.open(None, partitions=2, door=InlineDoor(), clock=clock)
        worker = Worker(
            name="recorder", topics=["readings"], bus=bus, handler=handler, clock=clock, limits=WorkerLimits(),
            telemetry=telemetry,
        )  # fmt: skip
        await bus.publish([Outgoing("readings", b"key-%d" % number, b"{}") for number in range(7)])
        task = asyncio.create_task(worker.run())
        await clock.sleep(30)
        assert telemetry.value(LAG, worker="recorder") == 7
        handler.database_answers = True
        await clock.sleep(30)
        assert telemetry.value(LAG, worker="recorder") == 0
        worker.stop()
        await task
        await bus.close()

    run_virtual(scene())
