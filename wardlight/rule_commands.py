"""`wardlight alerts check-rules|rules|limits`: the rulebook, and what is different for single wards and patients."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

import typer

from runtime.clock import SystemClock
from vitals.alert import AlertKind, Priority
from vitals.errors import InvalidArgument
from wardlight.api_client import DEFAULT_URL, JsonOption, UrlOption, api
from wardlight.arguments import moment_ms, moment_text, seconds
from wardlight.printing import print_json, print_rows, print_table, table

if TYPE_CHECKING:
    from alerts.rulebook_text import RulebookError

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="a rulebook, as YAML")]
ReasonOption = Annotated[str, typer.Option("--reason", help="why; everybody sees it")]
WardOption = Annotated[str | None, typer.Option("--ward", help="a ward's instead of a patient's")]
_BOOK_COLUMNS: Final = ("number", "version", "state", "source", "by", "reason", "ordered_at_ms")
_LIMIT_COLUMNS: Final = ("kind", "limits", "delays", "priorities", "whose word", "until", "why", "change")


def add_to(alerts: typer.Typer) -> None:
    """Register them on `alerts`."""
    _add_check(alerts)
    rules = typer.Typer(help="The rulebook in force.", no_args_is_help=True)
    alerts.add_typer(rules, name="rules")
    _add_rules(rules)
    limits = typer.Typer(help="Limits, delays and priorities of a patient or a ward.", no_args_is_help=True)
    alerts.add_typer(limits, name="limits")
    _add_limits_shown(limits)
    _add_limits_set(limits)
    _add_limits_ended(limits)


def _add_check(alerts: typer.Typer) -> None:
    @alerts.command("check-rules")
    def check_rules(file: FileArgument, as_json: JsonOption = False) -> None:
        """Check a rulebook without a server: where it cannot be taken line and reason, else what it says otherwise."""
        from alerts.bundled_rules import default_book, read_book
        from alerts.rulebook_difference import differences
        from alerts.rulebook_text import RulebookError

        try:
            book = read_book(_text_of(file))
        except RulebookError as error:
            _refuse(file, error, as_json=as_json)
        found = differences(default_book(), book)
        if as_json:
            changes = [{"place": one.place, "default": one.before, "book": one.after} for one in found]
            print_json({"version": book.version, "name": book.name, "differences": changes})
            return
        if found:
            print_table(table(("rule", "default", "this book"), ([one.place, *map(_said, one[1:])] for one in found)))
        typer.echo(f"Rulebook {book.version} can be taken; it differs from the default in {len(found)} values.")


def _add_rules(rules: typer.Typer) -> None:
    @rules.command()
    def apply(
        file: FileArgument, reason: ReasonOption, as_json: JsonOption = False, url: UrlOption = DEFAULT_URL
    ) -> None:
        """Put a rulebook in force for the whole house; it takes effect a few seconds later."""
        with api(url) as client:
            answer = client.put("alert-rules", {"yaml": _text_of(file), "reason": reason})
        if as_json:
            print_json(answer)
        else:
            typer.echo(f"Rulebook {answer['version']} holds from {moment_text(answer['effective_ms'])}.")

    @rules.command()
    def show(
        number: Annotated[int | None, typer.Option(min=1, help="an earlier one, by its number")] = None,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """The text of the rulebook in force."""
        with api(url) as client:
            answer = client.get("alert-rules", number=number)
        if as_json:
            print_json(answer)
        else:
            typer.echo(answer["yaml"], nl=not answer["yaml"].endswith("\n"))

    @rules.command()
    def history(as_json: JsonOption = False, url: UrlOption = DEFAULT_URL) -> None:
        """Every rulebook that was in force: whose, why, from when."""
        with api(url) as client:
            rows = client.get("alert-rules/history", limit=1000)
        print_rows(rows, _BOOK_COLUMNS, as_json=as_json)


def _add_limits_shown(limits: typer.Typer) -> None:
    @limits.command()
    def show(
        patient: Annotated[str | None, typer.Argument(metavar="[PATIENT]")] = None,
        ward: WardOption = None,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """What is in force now, whose word it is and until when."""
        path, parameters = _path(patient, ward)
        with api(url) as client:
            answer = client.get(path, **parameters)
        if as_json:
            print_json(answer)
        else:
            print_table(table(_LIMIT_COLUMNS, map(_row, answer["kinds"])))


def _add_limits_set(limits: typer.Typer) -> None:
    @limits.command("set")
    def set_(
        subject: Annotated[
            list[str], typer.Argument(metavar="[PATIENT] KIND", help="with --ward the kind alone, such as spo2-low")
        ],
        reason: ReasonOption,
        ward: WardOption = None,
        limit: Annotated[str | None, typer.Option(help="from the shallowest band on, such as 84,79")] = None,
        delay: Annotated[str | None, typer.Option(help="in seconds, likewise, such as 60,20")] = None,
        priority: Annotated[str | None, typer.Option(help="high, medium or low, likewise")] = None,
        until: Annotated[str | None, typer.Option(help="such as 2026-01-31T14:00:00Z")] = None,
        lasting: Annotated[str | None, typer.Option("--for", help="such as 48h, in place of --until")] = None,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Make one kind different within the rulebook's bounds; a patient's needs its end."""
        patient, kind = _subject(subject, ward)
        path, named = _path(patient, ward)
        body = {
            **({"ward_id": ward} if named else {}),
            "kind": kind.value,
            "limits": _numbers(limit, "--limit"),
            "delays_s": _numbers(delay, "--delay"),
            "priorities": _priorities(priority),
            "until": _until_ms(until, lasting),
            "reason": reason,
        }
        with api(url) as client:
            answer = client.post(path, body)
        if as_json:
            print_json(answer)
        else:
            typer.echo(f"Holds from {moment_text(answer['effective_ms'])} {_until(answer)}. Id {answer['change_id']}.")


def _add_limits_ended(limits: typer.Typer) -> None:
    @limits.command()
    def end(
        subject: Annotated[list[str], typer.Argument(metavar="[PATIENT] CHANGE", help="with --ward the id alone")],
        ward: WardOption = None,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """End a change early."""
        patient, change_id = _pair(subject, ward, "CHANGE")
        with api(url) as client:
            if ward is None:
                answer = client.post(f"patients/{patient}/alert-limits/{change_id}/end", {})
            else:
                answer = client.post("alert-limits/end", {"ward_id": ward, "change_id": change_id})
        if as_json:
            print_json(answer)
        else:
            typer.echo(f"Ended: {answer['kind']} is as the rulebook says in a few seconds.")


def _refuse(file: Path, error: "RulebookError", *, as_json: bool) -> NoReturn:
    """Say where and why, and end with 1: the command was right, the book is not."""
    if as_json:
        at = {"line": error.mark.line, "column": error.mark.column}
        print_json({"error": str(error), **at, "found": error.found, "expected": error.expected})
    else:
        typer.echo(f"{file}: {error}", err=True)
    raise typer.Exit(1)


def _text_of(file: Path) -> str:
    from alerts.rulebook_text import BYTES_MAX

    try:
        with file.open("rb") as stream:
            content = stream.read(BYTES_MAX + 1)
        return content.decode()
    except OSError as error:
        raise InvalidArgument(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"{file} is no text in UTF-8.") from error


def _path(patient: str | None, ward: str | None) -> tuple[str, dict[str, str]]:
    """Where the limits of this patient, or of this ward, are."""
    if (patient is None) == (ward is None):
        raise InvalidArgument("Name a patient, or a ward with --ward.")
    return (f"patients/{patient}/alert-limits", {}) if ward is None else ("alert-limits", {"ward": ward})


def _pair(given: Sequence[str], ward: str | None, what: str) -> tuple[str | None, str]:
    """The patient, who is not named with --ward, and what comes after."""
    if len(given) != (2 if ward is None else 1):
        raise InvalidArgument(f"Write PATIENT {what}, or --ward WARD {what}.")
    return (given[0] if ward is None else None), given[-1]


def _subject(given: Sequence[str], ward: str | None) -> tuple[str | None, AlertKind]:
    patient, kind = _pair(given, ward, "KIND")
    try:
        return patient, AlertKind(kind)
    except ValueError as error:
        raise InvalidArgument(f"{kind!r} is no kind of alert, such as spo2-low or lost-contact.") from error


def _numbers(text: str | None, option: str) -> list[float]:
    try:
        return [float(part) for part in (text or "").split(",") if part.strip()]
    except ValueError as error:
        raise InvalidArgument(f"{option} takes numbers with commas between, such as 84,79, not {text!r}.") from error


def _priorities(text: str | None) -> list[str]:
    known = [priority.value for priority in Priority]
    wanted = [part.strip() for part in (text or "").split(",") if part.strip()]
    if not set(wanted) <= set(known):
        raise InvalidArgument(f"--priority takes {', '.join(known)}, with commas between, not {text!r}.")
    return wanted


def _until_ms(until: str | None, lasting: str | None) -> int | None:
    if until is not None and lasting is not None:
        raise InvalidArgument("Say --until or --for, not both.")
    now_ms = SystemClock().now_ms()
    if lasting is not None:
        return now_ms + round(seconds(lasting) * 1000)
    return None if until is None else moment_ms(until, now_ms=now_ms)


def _row(kind: dict[str, Any]) -> list[object]:
    bands = kind["bands"]
    changes = [change for change in kind["changes"] if change["state"] != "over"]
    first = changes[-1] if changes else None
    return [
        kind["kind"],
        ", ".join(f"{band['limit']:g}" for band in bands),
        ", ".join(f"{band['delay_s']:g} s" for band in bands) or _said(kind["delay_s"]),
        ", ".join(band["priority"] for band in bands) or _said(kind["priority"]),
        "the rulebook" if first is None else first["by"],
        "" if first is None else _until(first),
        "" if first is None else first["reason"],
        "" if first is None else first["change_id"],
    ]


def _until(change: dict[str, Any]) -> str:
    return "until ended" if change["until_ms"] is None else f"until {moment_text(change['until_ms'])}"


def _said(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return ", ".join(map(_said, value))
    return "" if value is None else str(value)
