"""`wardlight rejected`: what ingest refused and why, and another try once the cause is mended."""

from typing import Annotated

import typer

from vitals.errors import InvalidArgument
from wardlight.api_client import DEFAULT_URL, JsonOption, UrlOption, api
from wardlight.printing import print_json, print_rows


def add_to(app: typer.Typer) -> None:
    """Register `rejected list|replay`."""
    rejected = typer.Typer(help="Refused messages.", no_args_is_help=True)
    app.add_typer(rejected, name="rejected")

    @rejected.command("list")
    def list_(
        reason: Annotated[str | None, typer.Option(help="only this reason")] = None,
        limit: Annotated[int, typer.Option(min=1, max=1000)] = 100,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Refused messages, newest first."""
        with api(url) as client:
            rows = client.get("rejected", reason=reason, limit=limit)
        print_rows(
            rows, ("rejection_id", "received_at_ms", "device_id", "reason", "detail", "payload_bytes"), as_json=as_json
        )

    @rejected.command()
    def replay(
        rejection: Annotated[str | None, typer.Argument(metavar="REJECTION", help="one refused message")] = None,
        reason: Annotated[str | None, typer.Option(help="all that were refused for this reason")] = None,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Send refused messages down the same path again, with their original bytes."""
        if (rejection is None) == (reason is None):
            raise InvalidArgument("Name one rejection, or give --reason for all of one reason.")
        with api(url) as client:
            if rejection is not None:
                answer = client.post(f"rejected/{rejection}/replay", {})
            else:
                answer = client.post("rejected/replay", {"reason": reason})
        if as_json:
            print_json(answer)
        else:
            typer.echo(f"Sent again: {answer['replayed']}.")
