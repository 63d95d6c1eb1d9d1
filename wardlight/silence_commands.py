"""`wardlight alerts silence|silences|unsilence`: keep alerts quiet for a time, in one's own name."""

import uuid
from typing import Annotated, Any

import typer

from vitals.alert import AlertKind, Priority
from vitals.errors import InvalidArgument
from wardlight.api_client import DEFAULT_URL, JsonOption, UrlOption, api
from wardlight.arguments import moment_text
from wardlight.printing import print_json, print_table, table

SilenceArgument = Annotated[str, typer.Argument(metavar="SILENCE", help="a silence's id, or its first characters")]
_COLUMNS = ("silence", "state", "covers", "by", "reason", "until", "holds back")


def add_to(alerts: typer.Typer) -> None:
    """Register the three on `alerts`."""
    _add_silence(alerts)
    _add_silences(alerts)


def _add_silence(alerts: typer.Typer) -> None:
    @alerts.command()
    def silence(
        reason: Annotated[str, typer.Option(help="why; everybody sees it")],
        minutes: Annotated[int, typer.Option(min=1, help="for how long; never without end")],
        ward: Annotated[str | None, typer.Option(help="only alerts of this ward")] = None,
        patient: Annotated[str | None, typer.Option(help="only alerts of this patient")] = None,
        kind: Annotated[AlertKind | None, typer.Option(help="only alerts of this kind")] = None,
        priority: Annotated[Priority, typer.Option(help="the highest that is covered")] = Priority.MEDIUM,
        confirm: Annotated[
            bool, typer.Option("--confirm", help="say a second time that high priority is meant")
        ] = False,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Keep alerts quiet: they are raised, recorded and shown, and told to nobody. High: one patient, one kind."""
        if not (ward or patient or kind):
            raise InvalidArgument("Say what is kept quiet: --ward, --patient or --kind.")
        body = {
            "ward_id": ward,
            "patient_id": patient,
            "kind": None if kind is None else kind.value,
            "priority": priority.value,
            "minutes": minutes,
            "reason": reason,
            "confirmed": confirm,
            "silence_id": uuid.uuid4().hex,
        }
        with api(url) as client:
            answer = client.post("silences", body)
        if as_json:
            print_json(answer)
        else:
            typer.echo(
                f"Silenced until {moment_text(answer['until_ms'])}: {_covers(answer)}. Id {answer['silence_id']}."
            )


def _add_silences(alerts: typer.Typer) -> None:
    @alerts.command()
    def silences(
        ward: Annotated[str | None, typer.Option(help="only this ward's")] = None,
        everything: Annotated[bool, typer.Option("--all", help="also those that are over")] = False,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Silences in force and to come: what each covers, by whose word, until when."""
        with api(url) as client:
            rows = client.get("silences", ward=ward, open="false" if everything else "true")
        if as_json:
            print_json(rows)
        else:
            print_table(table(_COLUMNS, map(_row, rows)))

    @alerts.command()
    def unsilence(silence: SilenceArgument, as_json: JsonOption = False, url: UrlOption = DEFAULT_URL) -> None:
        """End a silence early: what it holds back is told within seconds."""
        with api(url) as client:
            answer = client.delete(f"silences/{_whole_id(client.get('silences', open='false'), silence)}")
        if as_json:
            print_json(answer)
        else:
            typer.echo(f"Ended: {_covers(answer)}.")


def _row(silence: dict[str, Any]) -> list[object]:
    return [
        silence["silence_id"][:10],
        silence["state"],
        _covers(silence),
        silence["by"],
        silence["reason"],
        moment_text(silence["ended_at_ms"] or silence["until_ms"]),
        silence["holds_back"],
    ]


def _covers(silence: dict[str, Any]) -> str:
    where = silence["patient_id"] or (f"ward {silence['ward_id']}" if silence["ward_id"] else "the whole house")
    return f"{where}, {silence['kind'] or 'every kind'}, up to {silence['priority']}"


def _whole_id(rows: list[dict[str, Any]], start: str) -> str:
    if not start:
        raise InvalidArgument(
            "Name the silence by its id, or the id's first characters: see wardlight alerts silences."
        )
    matches = {row["silence_id"] for row in rows if row["silence_id"].startswith(start)}
    if start in matches or not matches:
        return start
    if len(matches) > 1:
        raise InvalidArgument(f"{len(matches)} silences begin with {start!r}; give more of the id.")
    return str(matches.pop())
