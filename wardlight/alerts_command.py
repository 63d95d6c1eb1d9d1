"""`wardlight alerts`: list episodes, acknowledge them, end them by hand."""

import uuid
from typing import Annotated, Any

import typer

from vitals.errors import InvalidArgument
from wardlight.api_client import DEFAULT_URL, JsonOption, UrlOption, api
from wardlight.arguments import moment_text
from wardlight.printing import print_json, print_table, table
from wardlight.service_commands import ConfigOption, become

EpisodeArgument = Annotated[str, typer.Argument(metavar="EPISODE", help="an episode's id, or its first characters")]
NoteOption = Annotated[str | None, typer.Option("--note", help="why")]


def add_to(app: typer.Typer) -> None:
    """Register `alerts` and `alerts list|ack|resolve`."""
    alerts = typer.Typer(help="Alert episodes; without a further word, the alert service.")
    app.add_typer(alerts, name="alerts")

    @alerts.callback(invoke_without_command=True)
    def service(context: typer.Context, config: ConfigOption = None) -> None:
        """Alert episodes; without a further word, the alert service itself."""
        if context.invoked_subcommand is None:
            become("alerts", config)

    @alerts.command("list")
    def list_(
        ward: Annotated[str | None, typer.Option(help="only this ward")] = None,
        patient: Annotated[str | None, typer.Option(help="only this patient")] = None,
        everything: Annotated[bool, typer.Option("--all", help="also those that have ended")] = False,
        limit: Annotated[int, typer.Option(min=1, max=1000)] = 100,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Episodes, newest first; only open ones without --all."""
        with api(url) as client:
            rows = client.get("alerts", ward=ward, patient=patient, active=None if everything else "true", limit=limit)
        if as_json:
            print_json(rows)
        else:
            print_table(table(_COLUMNS, map(_row, rows)))

    @alerts.command()
    def ack(
        episode: EpisodeArgument,
        note: NoteOption = None,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Acknowledge an episode: it stays until its condition ends."""
        _order("acknowledge", episode, note=note, as_json=as_json, url=url)

    @alerts.command()
    def resolve(
        episode: EpisodeArgument,
        note: NoteOption = None,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """End an episode by hand, where its kind allows that."""
        _order("resolve", episode, note=note, as_json=as_json, url=url)


_COLUMNS = ("episode", "raised", "priority", "kind", "patient", "ward", "state", "text")


def _row(episode: dict[str, Any]) -> list[object]:
    state = "active" if episode["active"] else "ended"
    if episode["acknowledged"]:
        state += ", acknowledged"
    return [
        episode["episode_id"][:10],
        moment_text(episode["raised_at_ms"]),
        episode["priority"],
        episode["kind"],
        episode["patient_id"],
        episode["ward_id"],
        state,
        episode["text"],
    ]


def _order(action: str, episode: str, *, note: str | None, as_json: bool, url: str) -> None:
    with api(url) as client:
        episode_id = _whole_id(client.get("alerts", limit=1000), episode)
        body = {"note": note, "command_id": uuid.uuid4().hex}
        answer = client.post(f"alerts/{episode_id}/{action}", body)
    if as_json:
        print_json(answer)
    else:
        typer.echo(f"Ordered: {action} {episode_id}.")


def _whole_id(rows: list[dict[str, Any]], start: str) -> str:
    matches = {row["episode_id"] for row in rows if row["episode_id"].startswith(start)}
    if start in matches or not matches:
        return start
    if len(matches) > 1:
        raise InvalidArgument(f"{len(matches)} episodes begin with {start!r}; give more of the id.")
    return str(matches.pop())
