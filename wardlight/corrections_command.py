"""`wardlight corrections`: what was corrected, by whom and with what result; and ordering one, for `devices correct`."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from wardlight.api_client import DEFAULT_URL, ApiClient, JsonOption, UrlOption, api
from wardlight.printing import print_json, print_rows

COLUMNS = (
    "correction_id",
    "requested_at_ms",
    "device_id",
    "wrong_patient_id",
    "right_patient_id",
    "state",
    "readings",
    "retracted",
    "found",
    "by",
    "reason",
)


def add_to(app: typer.Typer) -> None:
    """Register `corrections list|show`."""
    corrections = typer.Typer(help="Corrections of whom a device measured.", no_args_is_help=True)
    app.add_typer(corrections, name="corrections")

    @corrections.command("list")
    def list_(
        patient: Annotated[str | None, typer.Option(help="only those about this patient")] = None,
        device: Annotated[str | None, typer.Option(help="only those of this device")] = None,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Corrections, newest first."""
        with api(url) as client:
            rows = client.get("corrections", patient=patient, device=device)
        print_rows(rows, COLUMNS, as_json=as_json)

    @corrections.command()
    def show(
        correction: Annotated[str, typer.Argument(metavar="CORRECTION")],
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """One correction, and how far it is."""
        with api(url) as client:
            answer = client.get(f"corrections/{correction}")
        if as_json:
            print_json(answer)
        else:
            typer.echo(sentence(answer))


def order(client: ApiClient, device: str, *, from_ms: int, until_ms: int | None, to: str | None, reason: str) -> Any:  # noqa: ANN401 - JSON
    """Order a correction; `to` None says that nobody wore the device."""
    return client.send(
        "corrections",
        {
            "device_id": device,
            "from": from_ms,
            **({} if until_ms is None else {"until": until_ms}),
            "to_patient_id": to,
            "reason": reason,
        },
    )


def sentence(correction: Mapping[str, Any]) -> str:
    """What became of it."""
    right = correction["right_patient_id"] or "nobody"
    said = f"{correction['device_id']} was on {right}, not on {correction['wrong_patient_id']}"
    if correction["state"] != "done":
        return f"{said}: ordered as {correction['correction_id']}, being carried out."
    return (
        f"{said}: {correction['readings']} readings corrected, {correction['retracted']} alerts taken back,"
        f" {correction['found']} found."
    )
