"""`python -m stream`: the stream service as a process of its own."""

import asyncio
import sys

from runtime.composition import Ports, run_process
from storage.foundation import foundation
from stream.service import serve
from stream.settings import StreamSettings


async def _serve(ports: Ports, stopping: asyncio.Event) -> None:
    settings = ports.configuration.section("stream", StreamSettings)
    ports.telemetry.not_ready("stream", "starting")
    async with foundation(ports, threads_max=1) as base:
        ports.telemetry.ready("stream")
        await serve(
            bus=base.bus,
            database=base.database,
            door=base.door,
            clock=base.clock,
            telemetry=base.telemetry,
            settings=settings,
            stopping=stopping,
        )


if __name__ == "__main__":
    sys.exit(run_process("stream", _serve))
