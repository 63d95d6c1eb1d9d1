"""`wardlight alarm-load`: how many alarms people would get, beside a plain monitor, and what spared them the rest."""

from pathlib import Path
from typing import Annotated

import typer

from wardlight.api_client import JsonOption


def add_to(app: typer.Typer) -> None:
    """Register `alarm-load`."""

    @app.command("alarm-load")
    def alarm_load(
        data: Annotated[
            list[Path] | None,
            typer.Argument(metavar="[DATA]...", help="where recordings lie (docs/alarm-load.md); none: simulated only"),
        ] = None,
        beds: Annotated[int, typer.Option(min=0, max=500, help="of the simulated ward; 0: recordings only")] = 19,
        hours: Annotated[float, typer.Option(min=0.5, max=168, help="of the simulated ward")] = 24.0,
        every: Annotated[float, typer.Option(min=1, max=60, help="seconds between two readings there")] = 5.0,
        seed: Annotated[int, typer.Option(min=0, help="which simulated ward")] = 1,
        as_json: JsonOption = False,
    ) -> None:
        """Alarm load of the live engine on a simulated ward with known truth, and on recordings of real patients."""
        from wardlight import alarm_load_report

        plan = alarm_load_report.Plan(beds=beds, hours=hours, every_s=every, seed=seed, data=tuple(data or ()))
        alarm_load_report.report(plan, as_json=as_json)
