"""`wardlight simulate` and `wardlight replay`: publish as devices over MQTT, keeping every reading until it is receipted."""

from pathlib import Path
from typing import Annotated

import typer

from runtime.settings import Configuration
from wardlight import arguments
from wardlight.api_client import JsonOption
from wardlight.service_commands import ConfigOption

_Beds = Annotated[int | None, typer.Option(min=1, help="simulated patients")]
_Scenario = Annotated[
    str | None, typer.Option(metavar="NAME|mix", help="demo or mix (mixtures), or one scenario for every bed")
]
_List = Annotated[bool, typer.Option("--list-scenarios", help="a line for each scenario, and end")]
_Seed = Annotated[int | None, typer.Option(min=0, help="the same seed makes the same ward")]
_Rate = Annotated[float | None, typer.Option(help="readings per second and device", metavar="HZ")]
_Readings = Annotated[int | None, typer.Option(min=1, help="end after so many per device")]
_Truth = Annotated[Path | None, typer.Option(metavar="FILE", help="write what is true of each bed, as JSON lines")]
_Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="CSV or Parquet")]
_Speed = Annotated[str, typer.Option(help="how many times faster than life, or max")]
_Mapping = Annotated[
    str | None, typer.Option(help="a shipped mapping's name, or a mapping file; found by the columns without it")
]
_Anchor = Annotated[
    str | None, typer.Option(metavar="TIME", help="when the recording ends (at speed 1: begins); now without it")
]


def add_to(app: typer.Typer) -> None:
    """Register `simulate` and `replay`."""

    @app.command()
    def simulate(
        beds: _Beds = None,
        scenario: _Scenario = None,
        seed: _Seed = None,
        rate: _Rate = None,
        readings: _Readings = None,
        truth: _Truth = None,
        list_scenarios: _List = False,
        config: ConfigOption = None,
        as_json: JsonOption = False,
    ) -> None:
        """Publish as a ward of wearables, until Ctrl-C; then wait until everything is receipted."""
        from wardlight import publishing

        if list_scenarios:
            publishing.list_scenarios(as_json=as_json)
            return
        given = {"beds": beds, "scenario": scenario, "seed": seed, "rate_hz": rate}
        configuration = Configuration.read(file=config).overridden("simulators", given)
        code = publishing.simulate(configuration, readings_per_device=readings, truth_file=truth, as_json=as_json)
        raise typer.Exit(code)

    @app.command()
    def replay(
        files: _Files,
        speed: _Speed = "1",
        mapping: _Mapping = None,
        anchor: _Anchor = None,
        config: ConfigOption = None,
        as_json: JsonOption = False,
    ) -> None:
        """Publish recordings as devices, with their true times between readings, until each is receipted."""
        from wardlight import publishing

        code = publishing.replay(
            Configuration.read(file=config),
            files,
            speed=arguments.speed(speed),
            mapping=mapping,
            anchor=anchor,
            as_json=as_json,
        )
        raise typer.Exit(code)
