"""`python -m simulators`: a simulated ward on the configured broker, until a signal."""

import asyncio
import sys

from runtime.composition import Ports, run_process
from runtime.settings import MqttSettings, ProcessSettings
from simulators.service import simulate
from simulators.settings import SimulatorSettings


async def _serve(ports: Ports, stopping: asyncio.Event) -> None:
    settings = ports.configuration.section("simulators", SimulatorSettings)
    process = ports.configuration.section("process", ProcessSettings)
    # Receipts are waited for within the shutdown's own deadline, which also has to close the connections.
    drain_s = min(settings.drain_s, process.shutdown_s / 2)
    await simulate(
        ports.configuration.section("mqtt", MqttSettings),
        settings.model_copy(update={"drain_s": drain_s}),
        clock=ports.clock,
        stopping=stopping,
    )


if __name__ == "__main__":
    sys.exit(run_process("simulators", _serve))
