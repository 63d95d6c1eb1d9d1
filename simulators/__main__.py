"""`python -m simulators`: a simulated ward on the configured broker, until a signal."""

import asyncio
import sys

from runtime.composition import Ports, run_process
from runtime.settings import MqttSettings
from simulators.service import simulate
from simulators.settings import SimulatorSettings


async def _serve(ports: Ports, stopping: asyncio.Event) -> None:
    await simulate(
        ports.configuration.section("mqtt", MqttSettings),
        ports.configuration.section("simulators", SimulatorSettings),
        clock=ports.clock,
        stopping=stopping,
    )


if __name__ == "__main__":
    sys.exit(run_process("simulators", _serve))
