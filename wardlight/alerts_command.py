"""`wardlight alerts`: list episodes, take them in hand, say what they were worth, end them by hand; silences."""

import uuid
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any

import typer

from vitals.alert import AlertKind, Priority
from vitals.episode_state import EpisodeState
from vitals.errors import InvalidArgument
from vitals.label import Feedback
from wardlight import rule_commands, silence_commands
from wardlight.api_client import DEFAULT_URL, JsonOption, UrlOption, api
from wardlight.arguments import moment_text
from wardlight.printing import print_json, print_table, table
from wardlight.service_commands import ConfigOption, become

EpisodeArgument = Annotated[str, typer.Argument(metavar="EPISODE", help="an episode's id, or its first characters")]
FeedbackOption = Annotated[Feedback | None, typer.Option(help="whether the alert was worth it")]
NoteOption = Annotated[str | None, typer.Option("--note", help="why")]


def add_to(app: typer.Typer) -> None:
    """Register `alerts`, `alerts list|show|ack|feedback|resolve` and those of silences and rules."""
    alerts = typer.Typer(help="Alert episodes; without a further word, the alert service.")
    app.add_typer(alerts, name="alerts")

    @alerts.callback(invoke_without_command=True)
    def service(context: typer.Context, config: ConfigOption = None) -> None:
        """Alert episodes; without a further word, the alert service itself."""
        if context.invoked_subcommand is None:
            become("alerts", config)

    _add_looking_up(alerts)
    _add_orders(alerts)
    silence_commands.add_to(alerts)
    rule_commands.add_to(alerts)


def _add_looking_up(alerts: typer.Typer) -> None:
    @alerts.command("list")
    def list_(
        ward: Annotated[str | None, typer.Option(help="only this ward")] = None,
        patient: Annotated[str | None, typer.Option(help="only this patient")] = None,
        kind: Annotated[AlertKind | None, typer.Option(help="only this kind")] = None,
        priority: Annotated[Priority | None, typer.Option(help="only this priority")] = None,
        state: Annotated[
            EpisodeState | None, typer.Option(help="only those that stand so; `ended` and `unseen` are over")
        ] = None,
        everything: Annotated[bool, typer.Option("--all", help="also those that have ended")] = False,
        limit: Annotated[int, typer.Option(min=1, max=1000)] = 100,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Episodes, newest first; only open ones without --all."""
        with api(url) as client:
            rows = client.get(
                "alerts",
                ward=ward,
                patient=patient,
                kind=None if kind is None else kind.value,
                priority=None if priority is None else priority.value,
                state=None if state is None else state.value,
                active=None if everything or state is not None else "true",
                limit=limit,
            )
        if as_json:
            print_json(rows)
        else:
            print_table(table(_COLUMNS, map(_row, rows)))

    @alerts.command()
    def show(episode: EpisodeArgument, as_json: JsonOption = False, url: UrlOption = DEFAULT_URL) -> None:
        """One episode's whole life: every step with its reason, who, and what people said of it."""
        with api(url) as client:
            life = client.get(f"alerts/{_whole_id(client.get('alerts', limit=1000), episode)}/timeline")
        if as_json:
            print_json(life)
        else:
            print_table(table(_LIFE_COLUMNS, _life_rows(life)))


def _add_orders(alerts: typer.Typer) -> None:
    @alerts.command()
    def ack(
        episode: EpisodeArgument,
        note: NoteOption = None,
        minutes: Annotated[
            int | None, typer.Option(min=1, help="for how long you take it in hand; by the rules where not given")
        ] = None,
        feedback: FeedbackOption = None,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Take an episode in hand for a time: it stays open, and is told again if it persists beyond that."""
        more = {"minutes": minutes, "feedback": None if feedback is None else feedback.value}
        _order("acknowledge", episode, note=note, as_json=as_json, url=url, more=more)

    @alerts.command()
    def feedback(
        episode: EpisodeArgument,
        said: Annotated[Feedback, typer.Argument(help="what it was worth")],
        note: NoteOption = None,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Say whether an alert was worth it, also after it has ended."""
        with api(url) as client:
            episode_id = _whole_id(client.get("alerts", limit=1000), episode)
            body = {"feedback": said.value, "note": note, "label_id": uuid.uuid4().hex}
            answer = client.post(f"alerts/{episode_id}/feedback", body)
        if as_json:
            print_json(answer)
        else:
            typer.echo(f"Put on record: {said.value}, of {episode_id}.")

    @alerts.command()
    def resolve(
        episode: EpisodeArgument,
        note: NoteOption = None,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """End an episode by hand, where its kind allows that."""
        _order("resolve", episode, note=note, as_json=as_json, url=url)


_LIFE_COLUMNS = ("when", "step", "reason", "priority", "by", "until", "text")
_COLUMNS = ("episode", "raised", "priority", "kind", "patient", "ward", "state", "text")


def _row(episode: dict[str, Any]) -> list[object]:
    return [
        episode["episode_id"][:10],
        moment_text(episode["raised_at_ms"]),
        episode["priority"],
        episode["kind"],
        episode["patient_id"],
        episode["ward_id"],
        state_words(episode),
        episode["text"],
    ]


def state_words(episode: Mapping[str, Any]) -> str:
    """How an episode stands: in whose hands until when, latched, or quiet by whom."""
    quiet = episode.get("suppression")
    hands = ", ".join(
        f"{one['by']} until {moment_text(one['until_ms'])}" for one in episode.get("acknowledgements") or ()
    )
    if not (episode["active"] or episode.get("latched")):
        words = "ended"
    elif quiet is not None:
        who = quiet["by"] or quiet["kind"] or "the rules"
        until = f" until {moment_text(quiet['until_ms'])}" if quiet["until_ms"] else ""
        return f"{quiet['reason']} by {who}{until}"
    else:
        words = "latched: ended, not seen" if episode.get("latched") else "active"
    if episode["acknowledged"]:
        words += f", acknowledged{f' by {hands}' if hands else ''}"
    return f"{words}, told {episode['round'] + 1} times" if episode.get("round") else words


def _life_rows(life: Mapping[str, Any]) -> list[list[object]]:
    steps = [
        (
            step["heard_ms"] or step["at_ms"],
            step["transition"],
            step["reason"],
            step["priority"],
            step["by"] or "",
            moment_text(step["until_ms"]) if step["until_ms"] else "",
            " ".join(filter(None, (step["text"], step["note"]))),
        )
        for step in life["steps"]
    ]
    said = [
        (label["at_ms"], "feedback", label["feedback"], "", label["by"], "", label["note"] or "")
        for label in life["labels"]
    ]
    return [[moment_text(at_ms), *rest] for at_ms, *rest in sorted([*steps, *said], key=lambda row: row[0])]


def _order(
    action: str,
    episode: str,
    *,
    note: str | None,
    as_json: bool,
    url: str,
    more: Mapping[str, object] = MappingProxyType({}),
) -> None:
    with api(url) as client:
        episode_id = _whole_id(client.get("alerts", limit=1000), episode)
        body = {"note": note, "command_id": uuid.uuid4().hex, **more}
        answer = client.post(f"alerts/{episode_id}/{action}", body)
    if as_json:
        print_json(answer)
    else:
        typer.echo(f"Ordered: {action} {episode_id}.")


def _whole_id(rows: list[dict[str, Any]], start: str) -> str:
    if not start:
        raise InvalidArgument("Name the episode by its id, or the id's first characters: see wardlight alerts list.")
    matches = {row["episode_id"] for row in rows if row["episode_id"].startswith(start)}
    if start in matches or not matches:
        return start
    if len(matches) > 1:
        raise InvalidArgument(f"{len(matches)} episodes begin with {start!r}; give more of the id.")
    return str(matches.pop())
