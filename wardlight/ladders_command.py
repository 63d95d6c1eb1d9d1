"""`wardlight ladders`: who is told of an alert that nobody takes in hand; list, show, set, take away, check."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from vitals.errors import ConfigurationError, InvalidArgument
from wardlight.api_client import DEFAULT_URL, ApiClient, JsonOption, UrlOption, api
from wardlight.arguments import moment_text
from wardlight.printing import print_json, print_table, table

FILE_BYTES_MAX = 1_000_000
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="ladders and schedules, as YAML or JSON")]
WardArgument = Annotated[str, typer.Argument(metavar="WARD", help="a ward's id; house for every ward without its own")]
PriorityArgument = Annotated[str, typer.Argument(metavar="PRIORITY", help="high, medium or low")]
_GAP_DAYS = 7


def add_to(app: typer.Typer) -> None:
    """Register `ladders list|show|set|remove|check`."""
    ladders = typer.Typer(help="Escalation ladders per ward and priority.", no_args_is_help=True)
    app.add_typer(ladders, name="ladders")
    _add_reading(ladders)
    _add_checking(ladders)
    _add_changing(ladders)


def _add_reading(ladders: typer.Typer) -> None:
    @ladders.command("list")
    def list_(
        ward: Annotated[str | None, typer.Option(help="only what holds on this ward")] = None,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Every ladder in force; version 0 is one as shipped, ward * the house's."""
        with api(url) as client:
            rows = client.get("ladders")
        if ward is not None:
            rows = [_in_force(rows, ward, priority) for priority in ("high", "medium", "low")]
        if as_json:
            print_json(rows)
        else:
            print_table(table(("ward", "priority", "version", "by", "steps"), map(_row, rows)))

    @ladders.command()
    def show(
        ward: WardArgument, priority: PriorityArgument, as_json: JsonOption = False, url: UrlOption = DEFAULT_URL
    ) -> None:
        """The ladder that alerts of this ward and priority climb, and whom each step would tell now."""
        with api(url) as client:
            ladder = _in_force(client.get("ladders"), _ward(ward), priority)
            outlook = () if _ward(ward) == "*" else client.get("ladders/outlook", ward=ward)
        (now,) = [one for one in outlook if one["priority"] == priority] or [None]
        if as_json:
            print_json({**ladder, "now": now})
            return
        rows = [
            (number, f"{step['after_s']:g} s", ", ".join(step["to"]), _reach(now["steps"][number - 1]) if now else None)
            for number, step in enumerate(ladder["steps"], start=1)
        ]
        whose = "the house's" if ladder["ward_id"] == "*" else f"ward {ladder['ward_id']}'s"
        title = f"{priority} alerts: {whose}, version {ladder['version']}"
        print_table(table(("step", "after", "to", "would tell now"), rows, title=title))
        typer.echo(_ends(ladder))


def _add_checking(ladders: typer.Typer) -> None:
    @ladders.command()
    def check(
        file: Annotated[Path | None, typer.Argument(metavar="FILE", help="check this file, and ask nobody")] = None,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Check a file; without one, the running system: which steps would tell nobody now, and when nobody is on call.

        Exits with 1 where a step of a high or medium ladder would tell nobody, or a schedule has a gap in the next days.
        """
        if file is not None:
            read = read_file(file)
            typer.echo(f"{file}: {len(read['ladders'])} ladders and {len(read['schedules'])} schedules, no mistakes.")
            return
        with api(url) as client:
            outlook, on_call = client.get("ladders/outlook"), client.get("on-call", days=_GAP_DAYS)
        found = list(_nobody(outlook))
        gaps = [(one["schedule_id"], gap) for one in on_call for gap in one["gaps"]]
        if as_json:
            said = [{"schedule_id": name, **gap} for name, gap in gaps]
            print_json({"steps_that_tell_nobody": found, "gaps": said})
        else:
            _print_check(outlook, found, gaps)
        if found or gaps:
            raise typer.Exit(1)


def _add_changing(ladders: typer.Typer) -> None:
    @ladders.command("set")
    def set_(file: FileArgument, as_json: JsonOption = False, url: UrlOption = DEFAULT_URL) -> None:
        """Set the schedules and ladders of a file, in this order, after checking all of it."""
        read = read_file(file)
        with api(url) as client:
            made = [
                *set_schedules(client, read["schedules"]),
                *(client.send("ladders", one) for one in read["ladders"]),
            ]
        if as_json:
            print_json(made)
        else:
            for one in made:
                name = one.get("schedule_id") or f"{one['priority']} ladder of ward {one['ward_id']}"
                typer.echo(f"{name}: version {one['version']}.")

    @ladders.command()
    def remove(
        ward: WardArgument, priority: PriorityArgument, as_json: JsonOption = False, url: UrlOption = DEFAULT_URL
    ) -> None:
        """Take a ladder away: the house's, or the one shipped, holds instead."""
        with api(url) as client:
            instead = client.delete(f"ladders/{quote(_ward(ward), safe='')}/{quote(priority, safe='')}")
        if as_json:
            print_json(instead)
        else:
            typer.echo(f"Now the {priority} ladder of ward {instead['ward_id']} holds, version {instead['version']}.")


def set_schedules(client: ApiClient, schedules: Iterable[dict[str, Any]]) -> list[Any]:
    """Set each schedule; what the system answers."""
    return [client.send("schedules", one) for one in schedules]


def read_file(file: Path) -> dict[str, list[dict[str, Any]]]:
    """What a file says, as the API takes it; raises ConfigurationError, or InvalidArgument naming the line."""
    import msgspec

    from alerts.ladder_file import read_ladders

    try:
        if file.stat().st_size > FILE_BYTES_MAX:
            raise ConfigurationError(f"{file} is larger than {FILE_BYTES_MAX} bytes.")
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"Cannot read {file}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{file} is not text in UTF-8.") from error
    read = read_ladders(text)
    return {
        "ladders": [msgspec.to_builtins(ladder) for ladder in read.ladders],
        "schedules": [msgspec.to_builtins(schedule) for schedule in read.schedules],
    }


def _ward(name: str) -> str:
    return "*" if name == "house" else name


def _in_force(rows: list[dict[str, Any]], ward: str, priority: str) -> dict[str, Any]:
    """A ward's own ladder, else the house's."""
    wanted = [row for row in rows if row["priority"] == priority and row["ward_id"] in (ward, "*")]
    if not wanted:
        raise InvalidArgument(f"{priority!r} is no priority: write high, medium or low.")
    return max(wanted, key=lambda row: row["ward_id"] == ward)


def _row(ladder: dict[str, Any]) -> list[object]:
    steps = "; ".join(f"{step['after_s']:g} s {', '.join(step['to'])}" for step in ladder["steps"])
    return [ladder["ward_id"], ladder["priority"], ladder["version"], ladder["by"], steps]


def _reach(step: dict[str, Any]) -> str:
    told = [one["name"] or one["destination_id"] for one in step["told"]]
    missing = [f"{one['name'] or one['to']}: {one['why'].replace('_', ' ')}" for one in step["missing"]]
    who = ", ".join(dict.fromkeys(told)) or ("the ward's screens" if step["reached"] == "screen" else "nobody")
    return who + (f" (not {'; '.join(missing)})" if missing else "")


def _ends(ladder: dict[str, Any]) -> str:
    people = ladder["acknowledgements"]
    ends = "as soon as somebody takes the alert in hand" if people == 1 else f"once {people} people have it in hand"
    again = ladder.get("repeat_every_s")
    repeats = f" The last step comes again every {again:g} s, at most {ladder['repeats_max']} times." if again else ""
    return f"It ends {ends}.{repeats}"


def _nobody(outlook: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for one in outlook:
        for step in one["steps"]:
            if step["reached"] == "nobody":
                yield {"ward_id": one["ward_id"], "priority": one["priority"], **step}


def _print_check(
    outlook: list[dict[str, Any]], found: list[dict[str, Any]], gaps: list[tuple[str, dict[str, Any]]]
) -> None:
    if found:
        rows = [(one["ward_id"], one["priority"], one["step"], _reach(one)) for one in found]
        print_table(table(("ward", "priority", "step", "would tell"), rows, title="Steps that would tell nobody now"))
    if gaps:
        times = [(name, moment_text(gap["from_ms"]), moment_text(gap["until_ms"])) for name, gap in gaps]
        print_table(table(("schedule", "from", "until"), times, title=f"Nobody on call, next {_GAP_DAYS} days"))
    if not found and not gaps:
        wards = len({one["ward_id"] for one in outlook})
        typer.echo(f"Every step of the ladders of {wards} wards would tell somebody, and no schedule has a gap.")
