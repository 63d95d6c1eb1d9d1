"""`python -m stream`: the stream service as a process of its own. `python -m stream trainer`: the trainer."""

import asyncio
import sys
from collections.abc import Sequence
from functools import partial

from runtime.composition import Ports, run_process
from storage.foundation import foundation
from stream import service
from stream.candidates import CANDIDATES
from stream.settings import StreamSettings
from stream.trainer_service import Trainer, build_trainer
from stream.trainer_settings import TrainerSettings, check_examples


def main(arguments: Sequence[str]) -> int:
    """Run what the arguments ask for; an exit code."""
    if arguments[:1] == ["trainer"]:
        return run_process("stream trainer", _train, arguments[1:], yields=1)
    return run_process("stream", _score, arguments, yields=1)


async def _score(ports: Ports, stopping: asyncio.Event) -> None:
    settings = ports.configuration.section("stream", StreamSettings)
    ports.telemetry.not_ready("stream", "starting")
    async with foundation(ports, threads_max=1) as base:
        ports.telemetry.ready("stream")
        await service.serve(
            bus=base.bus,
            database=base.database,
            door=base.door,
            clock=base.clock,
            telemetry=base.telemetry,
            settings=settings,
            stopping=stopping,
        )


async def _train(ports: Ports, stopping: asyncio.Event) -> None:
    settings = ports.configuration.section("trainer", TrainerSettings)
    check_examples(settings, ports.configuration.section("stream", StreamSettings))
    async with foundation(ports, threads_max=1) as base:
        build = partial(
            build_trainer,
            bus=base.bus,
            database=base.database,
            door=base.door,
            clock=base.clock,
            telemetry=base.telemetry,
            settings=settings,
            candidates=CANDIDATES,
        )
        await Trainer(build, clock=base.clock, telemetry=base.telemetry).serve(stopping)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
