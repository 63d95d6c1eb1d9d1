"""Composes simulators for a running broker: what `python -m simulators`, `wardlight simulate` and the demo call."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from runtime.blocking import ThreadDoor
from runtime.clock import Clock
from runtime.mqtt import Will
from runtime.mqtt_session import MqttSession
from runtime.settings import DEVICE_PLACE, MqttSettings
from simulators.fleet import Fleet, FleetReport
from simulators.link import Session
from simulators.links import Connect, device_of_client
from simulators.recording import open_recording
from simulators.replay import LIVE, Replay, ReplayReport
from simulators.settings import SimulatorSettings
from simulators.truth import TruthRecord, as_lines
from vitals.errors import ConfigurationError, InvalidArgument

log = structlog.get_logger()


def connect_by(mqtt: MqttSettings, *, clock: Clock) -> Connect:
    """Sessions on the broker of `mqtt`; the broker forgets each with its connection, since devices remember for themselves.

    Raises ConfigurationError where each device is to show its own certificate and several share a connection.
    """

    def connect(client_id: str, will: Will | None) -> Session:
        device_id = device_of_client(client_id)
        if device_id is None and DEVICE_PLACE in str(mqtt.certificate_file):
            raise ConfigurationError(
                f"mqtt.certificate_file has {DEVICE_PLACE} in it, a certificate for each device, but there are more devices"
                " than connections: raise simulators.connections_max."
            )
        settings = mqtt if device_id is None else mqtt.of_device(device_id)
        return MqttSession(settings, client_id=client_id, clock=clock, will=will, persistent=False)

    return connect


def build_fleet(mqtt: MqttSettings, settings: SimulatorSettings, *, clock: Clock) -> Fleet:
    """A fleet that is not yet connected; raises InvalidArgument for an unknown scenario."""
    return Fleet(settings, connect=connect_by(mqtt, clock=clock), clock=clock)


async def simulate(
    mqtt: MqttSettings,
    settings: SimulatorSettings,
    *,
    clock: Clock,
    stopping: asyncio.Event,
    readings_per_device: int | None = None,
    truth_file: Path | None = None,
) -> FleetReport:
    """Publish as a ward of devices until `stopping` or so many readings each, then wait for receipts; raises Unavailable.

    Writes what is true of each bed's course to `truth_file` as JSON lines, once the courses have started.
    """
    fleet = build_fleet(mqtt, settings, clock=clock)
    await fleet.open()
    if truth_file is not None:
        try:
            await write_truth(truth_file, fleet.truths())
        except ConfigurationError:
            await fleet.links.close()
            raise
    log.info("simulation_started", beds=settings.beds, rate_hz=settings.rate_hz, scenario=settings.scenario)
    report = await fleet.run(stopping=stopping, readings_per_device=readings_per_device)
    log.info("simulation_ended", skipped=report.skipped, **vars(report.devices))
    return report


async def replay(
    mqtt: MqttSettings,
    settings: SimulatorSettings,
    files: Sequence[Path],
    *,
    clock: Clock,
    stopping: asyncio.Event,
    speed: float | None = LIVE,
    mapping: str | None = None,
    anchor_ms: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> ReplayReport:
    """Publish recordings as devices, at `speed` or, where that is None, as fast as receipts come.

    Raises InvalidArgument in one sentence where a file, a column or the mapping is not to be had, Unavailable where no
    broker answers.
    """
    player = await build_replay(mqtt, settings, files, clock=clock, speed=speed, mapping=mapping, anchor_ms=anchor_ms)
    log.info("replay_started", devices=len(player.links.devices), boot=player.boot)
    report = await player.run(stopping=stopping, on_progress=on_progress)
    log.info("replay_ended", finished=report.finished, rows=report.rows, **vars(report.devices))
    return report


async def build_replay(
    mqtt: MqttSettings,
    settings: SimulatorSettings,
    files: Sequence[Path],
    *,
    clock: Clock,
    speed: float | None = LIVE,
    mapping: str | None = None,
    anchor_ms: int | None = None,
) -> Replay:
    """A replay that is read but not yet connected; raises InvalidArgument, ConfigurationError."""
    if speed is not None and not speed > 0:
        raise InvalidArgument(f"A speed must be greater than 0, or max, not {speed:g}.")
    door = ThreadDoor(name="recording", threads_max=1)
    try:
        recording = await door.run(open_recording, files, mapping=mapping, rows_max=settings.replay_rows_max)
    finally:
        door.close()
    connect = connect_by(mqtt, clock=clock)
    return Replay(recording, settings, connect=connect, clock=clock, speed=speed, anchor_ms=anchor_ms)


async def write_truth(file: Path, records: list[TruthRecord]) -> None:
    """Write truth as JSON lines; raises ConfigurationError where the file cannot be written."""
    door = ThreadDoor(name="truth", threads_max=1)
    try:
        await door.run(file.write_bytes, as_lines(records))
    except OSError as error:
        raise ConfigurationError(f"Cannot write the truth file {file}: {error.strerror}.") from error
    finally:
        door.close()
