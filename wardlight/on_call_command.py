"""`wardlight on-call` and `wardlight contacts`: who is on call, who stands in, and by what ladders reach people."""

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from vitals.errors import InvalidArgument
from wardlight.api_client import DEFAULT_URL, JsonOption, UrlOption, api
from wardlight.arguments import moment_text
from wardlight.ladders_command import read_file, set_schedules
from wardlight.printing import print_json, print_rows, print_table, table

ScheduleArgument = Annotated[str, typer.Argument(metavar="SCHEDULE", help="a schedule's id")]
DestinationArgument = Annotated[str, typer.Argument(metavar="DESTINATION", help="a destination's id")]
PersonOption = Annotated[
    str | None, typer.Option("--person", metavar="LOGIN", help="somebody else; oneself without it")
]
_TRIAL_S = 30


def add_to(app: typer.Typer) -> None:
    """Register `on-call who|list|add|override|remove` and `contacts list|add|remove|test`."""
    on_call = typer.Typer(help="On-call schedules, and who stands in.", no_args_is_help=True)
    app.add_typer(on_call, name="on-call")
    _add_asking(on_call)
    _add_changing(on_call)
    contacts = typer.Typer(help="By which of their destinations ladders reach people.", no_args_is_help=True)
    app.add_typer(contacts, name="contacts")
    _add_contacts(contacts)
    _add_trial(contacts)


def _add_asking(on_call: typer.Typer) -> None:
    @on_call.command()
    def who(
        at: Annotated[
            str | None, typer.Option("--at", metavar="TIME", help="a moment, as 2026-01-31T14:05:00Z; now without it")
        ] = None,
        ward: Annotated[str | None, typer.Option(help="only schedules of this ward and of the house")] = None,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Who is on call by each schedule, until when, and the gaps of the seven days after."""
        with api(url) as client:
            rows = client.get("on-call", at=at, ward=ward)
        if as_json:
            print_json(rows)
            return
        shown = [
            (
                one["schedule_id"],
                one["ward_id"],
                one["login"] or "nobody: a gap",
                one["through"],
                moment_text(one["until_ms"]),
                "; ".join(f"{moment_text(gap['from_ms'])} to {moment_text(gap['until_ms'])}" for gap in one["gaps"]),
            )
            for one in rows
        ]
        print_table(table(("schedule", "ward", "on call", "through", "until", "gaps"), shown))

    @on_call.command("list")
    def list_(as_json: JsonOption = False, url: UrlOption = DEFAULT_URL) -> None:
        """Every schedule with its layers, and who stands in now or will."""
        with api(url) as client:
            rows = client.get("schedules")
            for row in rows:
                row["overrides"] = client.get(f"schedules/{row['schedule_id']}/overrides")
        if as_json:
            print_json(rows)
            return
        columns = ("schedule", "ward", "time zone", "layers", "overrides")
        print_table(table(columns, map(_schedule, rows)))


def _add_changing(on_call: typer.Typer) -> None:
    @on_call.command()
    def add(
        file: Annotated[Path, typer.Argument(metavar="FILE", help="schedules, as YAML or JSON")],
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Set the schedules of a file, each in place of the one of its id."""
        schedules = read_file(file)["schedules"]
        if not schedules:
            raise InvalidArgument(f"{file} has no schedules: write them as a list named schedules.")
        with api(url) as client:
            made = set_schedules(client, schedules)
        if as_json:
            print_json(made)
        else:
            for one in made:
                typer.echo(f"{one['schedule_id']}: version {one['version']}.")

    @on_call.command()
    def override(
        schedule: ScheduleArgument,
        login: Annotated[str, typer.Argument(metavar="LOGIN", help="who stands in")],
        from_: Annotated[str, typer.Option("--from", metavar="TIME", help="as 2026-01-31T14:05:00Z")],
        until: Annotated[str, typer.Option("--until", metavar="TIME", help="as 2026-01-31T22:05:00Z")],
        note: Annotated[str | None, typer.Option("--note", help="why")] = None,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Let somebody stand in for a time; of several the one made last counts."""
        body = {"login": login, "from_ms": from_, "until_ms": until, "note": note}
        with api(url) as client:
            made = client.post(f"schedules/{quote(schedule, safe='')}/overrides", body)
        if as_json:
            print_json(made)
        else:
            typer.echo(f"{made['login']} stands in, override {made['override_id']}.")

    @on_call.command()
    def remove(
        schedule: ScheduleArgument,
        override_id: Annotated[str | None, typer.Option("--override", metavar="ID", help="only this override")] = None,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Take a schedule away, or one override of it."""
        path = f"schedules/{quote(schedule, safe='')}"
        if override_id is not None:
            path += f"/overrides/{quote(override_id, safe='')}"
        with api(url) as client:
            gone = client.delete(path)
        if as_json:
            print_json(gone)
        else:
            typer.echo(f"Taken away: {override_id or schedule}.")


def _add_contacts(contacts: typer.Typer) -> None:
    @contacts.command("list")
    def list_(
        everybody: Annotated[bool, typer.Option("--everybody", help="not only one's own")] = False,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """By which destinations ladders reach one, or everybody."""
        with api(url) as client:
            rows = client.get("contacts" if everybody else "me/contacts")
        for row in () if as_json else rows:
            row["priorities"] = ", ".join(row["priorities"])
        columns = ("login", "name", "destination_id", "destination_name", "channel", "priorities")
        print_rows(rows, columns, as_json=as_json)

    @contacts.command()
    def add(
        destination: DestinationArgument,
        person: PersonOption = None,
        priority: Annotated[
            list[str] | None, typer.Option("--priority", help="only alerts of this priority; repeat it for more")
        ] = None,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Let ladders reach one (or somebody else) at a destination."""
        body: dict[str, object] = {"destination_id": destination, "priorities": priority or None}
        with api(url) as client:
            made = client.post(_of(person), body)
        if as_json:
            print_json(made)
        else:
            typer.echo(f"{made['name']} is reached at {made['destination_name']} ({made['channel']}).")

    @contacts.command()
    def remove(
        destination: DestinationArgument,
        person: PersonOption = None,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Ladders reach one (or somebody else) there no more."""
        with api(url) as client:
            gone = client.delete(f"{_of(person)}/{quote(destination, safe='')}")
        if as_json:
            print_json(gone)
        else:
            typer.echo(f"Taken away: {destination}.")


def _add_trial(contacts: typer.Typer) -> None:
    @contacts.command()
    def test(destination: DestinationArgument, as_json: JsonOption = False, url: UrlOption = DEFAULT_URL) -> None:
        """Send a trial notification to a destination of one's own, and say within half a minute what became of it."""
        import asyncio

        from runtime.clock import SystemClock

        clock = SystemClock()
        with api(url) as client:
            delivery_id = client.post(f"destinations/{quote(destination, safe='')}/test", {})["delivery_id"]
            for _ in range(_TRIAL_S):
                trial: dict[str, Any] = client.get(f"deliveries/{delivery_id}")
                if trial["state"] in {"accepted", "failed", "expired"}:
                    break
                asyncio.run(clock.sleep(1))
        if as_json:
            print_json(trial)
        else:
            codes = [receipt["code"] for receipt in trial["receipts"] if receipt["code"]]
            why = f": {codes[-1].replace('_', ' ')}" if codes else ""
            typer.echo(f"{destination}: {trial['state']}{why}.")
        if trial["state"] != "accepted":
            raise typer.Exit(1)


def _of(person: str | None) -> str:
    return "me/contacts" if person is None else f"contacts/{quote(person, safe='')}"


def _schedule(row: dict[str, Any]) -> list[object]:
    layers = "; ".join(
        f"{layer['name']}: {', '.join(layer['people'])}, {layer['hands_over']} at {layer['at']} from {layer['starts']}"
        for layer in row["layers"]
    )
    overrides = "; ".join(
        f"{one['login']} {moment_text(one['from_ms'])} to {moment_text(one['until_ms'])} ({one['override_id']})"
        for one in row["overrides"]
    )
    return [row["schedule_id"], row["ward_id"], row["time_zone"], layers, overrides]
