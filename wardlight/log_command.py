"""`wardlight log`: the log's topics, and who may do what with them."""

import asyncio

import typer

from runtime.settings import Configuration, LogSettings
from wardlight.db_command import ConfigOption


def add_to(app: typer.Typer) -> None:
    """Register `log access|prepare`."""
    log = typer.Typer(help="The log: Kafka's topics and rights.", no_args_is_help=True)
    app.add_typer(log, name="log")

    @log.command()
    def access(config: ConfigOption = None) -> None:
        """Print who may do what with which topic and group, a line each: the table that deploy/kafka-access brings about."""
        from wardlight.log_access import table

        settings = Configuration.read(file=config).section("log", LogSettings)
        for line in table(prefix=settings.topic_prefix):
            typer.echo(line)

    @log.command()
    def prepare(config: ConfigOption = None) -> None:
        """Make the topics that are not there yet, as the account of section `log` (operator); harmless when they are."""
        from vitals.topics import LogTopic

        settings = Configuration.read(file=config).section("log", LogSettings)
        if settings.kind == "local":
            typer.echo("The local log needs no preparation.")
            return
        asyncio.run(_prepare(settings))
        typer.echo(f"Kafka at {settings.bootstrap} has all {len(LogTopic)} topics.")


async def _prepare(settings: LogSettings) -> None:
    from runtime.clock import SystemClock
    from runtime.kafka_bus import KafkaBus
    from runtime.telemetry import Telemetry
    from vitals.topics import LogTopic

    bus = await KafkaBus.start(settings, clock=SystemClock(), telemetry=Telemetry())
    try:
        await bus.prepare(tuple(LogTopic))
    finally:
        await bus.close()
