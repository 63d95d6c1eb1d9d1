"""`wardlight patients`: who lies on which ward, and adding one."""

from typing import Annotated

import typer

from wardlight.api_client import DEFAULT_URL, JsonOption, UrlOption, api
from wardlight.printing import print_json, print_rows


def add_to(app: typer.Typer) -> None:
    """Register `patients list|add|discharge`."""
    patients = typer.Typer(help="Patients.", no_args_is_help=True)
    app.add_typer(patients, name="patients")

    @patients.command("list")
    def list_(
        ward: Annotated[str | None, typer.Option(help="only this ward")] = None,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Patients by ward and bed."""
        with api(url) as client:
            rows = client.get("patients", ward=ward)
        print_rows(rows, ("patient_id", "name", "ward_id", "bed"), as_json=as_json)

    @patients.command()
    def add(
        name: Annotated[str, typer.Argument(metavar="NAME", help="as the ward board shows it")],
        ward: Annotated[str, typer.Option(help="the ward's id")],
        bed: Annotated[str | None, typer.Option(help="the bed's label")] = None,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Admit a patient; prints the random id that stands for this patient everywhere."""
        with api(url) as client:
            answer = client.post("patients", {"name": name, "ward_id": ward, "bed": bed})
        if as_json:
            print_json(answer)
        else:
            typer.echo(answer["patient_id"])

    @patients.command()
    def discharge(
        patient: Annotated[str, typer.Argument(metavar="PATIENT")],
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """The patient leaves: bed and devices are free, open alerts end, history stays."""
        with api(url) as client:
            answer = client.post(f"patients/{patient}/discharge", {})
        if as_json:
            print_json(answer)
        else:
            typer.echo(f"{patient} has left.")
