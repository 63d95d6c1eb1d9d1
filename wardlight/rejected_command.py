"""`wardlight rejected`: what ingest refused and why, and another try once the cause is mended."""

import asyncio
from typing import Annotated, Final

import typer

from runtime.clock import SystemClock
from vitals.errors import InvalidArgument
from wardlight.api_client import DEFAULT_URL, ApiClient, JsonOption, UrlOption, api
from wardlight.printing import print_json, print_rows

PAGE: Final = 100
"""Sent with one request; each is a message of its own to the broker."""
COUNTED_MAX: Final = 1000
SETTLE_S: Final = 2.0
"""What ingest and recorder may take to refuse again, before what waits is counted."""

_LISTED: Final = ("rejection_id", "received_at_ms", "replayed_at_ms", "device_id", "reason", "detail", "payload_bytes")


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
        print_rows(rows, _LISTED, as_json=as_json)

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
                answer = _replay_all(client, reason)
        if as_json:
            print_json(answer)
            return
        typer.echo(f"Sent again: {answer['replayed']}.")
        if answer["not_replayable"]:
            typer.echo(
                f"Cannot be sent again, their bytes were cut or they named no device: {answer['not_replayable']}."
            )
        if answer.get("waiting"):
            more = " or more" if answer["waiting"] == COUNTED_MAX else ""
            typer.echo(f"Wait again for the same reason by now: {answer['waiting']}{more}.")


def _replay_all(client: ApiClient, reason: str | None) -> dict[str, int]:
    """Send each once, page by page, newest first; what is refused anew meanwhile is newer, and counted only."""
    done = {"replayed": 0, "not_replayable": 0}
    after: str | None = None
    while True:
        page = client.post("rejected/replay", {"reason": reason, "limit": PAGE, "after": after})
        for name in done:
            done[name] += page[name]
        after = page["next"]
        if after is None:
            break
    if done["replayed"]:
        asyncio.run(SystemClock().sleep(SETTLE_S))
    rows = client.get("rejected", reason=reason, limit=COUNTED_MAX)
    return {**done, "waiting": sum(row["replayable"] and row["replayed_at_ms"] is None for row in rows)}
