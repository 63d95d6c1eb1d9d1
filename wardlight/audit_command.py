"""`wardlight audit`: who saw, charted, acknowledged, changed and exported what; and whether the trail is what was written."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from runtime.clock import SystemClock
from runtime.lifecycle import EXIT_FAILED, EXIT_OK
from storage.audit_chain import Anchor, Link, verify
from vitals.errors import InvalidArgument
from wardlight.api_client import DEFAULT_URL, JsonOption, UrlOption, api
from wardlight.arguments import moment_ms, moment_text
from wardlight.printing import print_json, print_table, table

_PAGE = 1000
_ANCHOR = re.compile(r"wardlight-audit:([0-9]{1,15}):([0-9a-f]{64}):[0-9a-f]{64}")
_COLUMNS = ("number", "when", "who", "did", "patient", "what", "detail", "from")
PersonOption = Annotated[str | None, typer.Option(help="only this person: id or whole name")]
PatientOption = Annotated[str | None, typer.Option(help="only about this patient")]
ActionOption = Annotated[str | None, typer.Option(help="only this: see, export, chart, acknowledge, …")]
FromOption = Annotated[
    str | None, typer.Option("--from", help="begin of the window, such as 2h or 2026-01-31T14:00:00Z")
]
ToOption = Annotated[str | None, typer.Option("--to", help="end of the window")]
AnchorOption = Annotated[
    str | None, typer.Option(metavar="FILE", help="an anchor kept elsewhere: a file, or the line itself")
]


def add_to(app: typer.Typer) -> None:
    """Register `audit list|verify|anchor|export`."""
    audit = typer.Typer(help="The audit trail.", no_args_is_help=True)
    app.add_typer(audit, name="audit")
    audit.command("list")(_list)
    audit.command("verify")(_verify)
    audit.command("anchor")(_anchor)
    audit.command("export")(_export)


def _list(
    person: PersonOption = None,
    patient: PatientOption = None,
    action: ActionOption = None,
    from_: FromOption = None,
    to: ToOption = None,
    limit: Annotated[int, typer.Option(min=1, max=_PAGE)] = 100,
    as_json: JsonOption = False,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Entries, newest first."""
    with api(url) as client:
        window = _window(from_, to)
        page = client.get("audit", person=person, patient=patient, action=action, limit=limit, **window)
    if as_json:
        print_json(page["entries"])
    else:
        print_table(table(_COLUMNS, (_row(entry) for entry in page["entries"])))


def _row(entry: dict[str, Any]) -> tuple[object, ...]:
    detail = ", ".join(f"{name} {value}" for name, value in entry["detail"].items())
    return (
        entry["number"],
        moment_text(entry["at_ms"]),
        entry["name"],
        entry["action"],
        entry["patient_id"],
        entry["subject"],
        detail,
        entry["address"],
    )


def _verify(
    anchor: AnchorOption = None,
    file: Annotated[
        Path | None, typer.Option("--file", metavar="EXPORT", help="an export instead of the running system's trail")
    ] = None,
    as_json: JsonOption = False,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Walk the whole trail; exit code 1, and the first entry at fault, where it is not what was written."""
    line = None if anchor is None else _anchor_line(anchor)
    if file is not None:
        found = _verified_file(file, line)
    else:
        with api(url) as client:
            found = client.get("audit/verify", anchor=line)
    if as_json:
        print_json(found)
    elif found["sound"]:
        against = ", and the anchor holds" if found["anchored"] else ""
        typer.echo(f"Sound: {found['entries']} entries, one unbroken chain{against}.")
    else:
        typer.echo(f"Broken at entry {found['broken']['number']}: {found['broken']['why']}")
    raise typer.Exit(EXIT_OK if found["sound"] else EXIT_FAILED)


def _anchor(as_json: JsonOption = False, url: UrlOption = DEFAULT_URL) -> None:
    """Print how far the trail has come, signed; keep the line where nobody who runs Wardlight can change it."""
    with api(url) as client:
        made = client.get("audit/anchor")
    if as_json:
        print_json(made)
    else:
        typer.echo(made["anchor"])


def _export(
    person: PersonOption = None,
    patient: PatientOption = None,
    action: ActionOption = None,
    from_: FromOption = None,
    to: ToOption = None,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Every entry as JSON, a line each, newest first; a whole export can be verified anywhere with `verify --file`."""
    with api(url) as client:
        window = _window(from_, to)
        before = None
        while True:
            page = client.get(
                "audit", person=person, patient=patient, action=action, limit=_PAGE, before=before, **window
            )
            for entry in page["entries"]:
                sys.stdout.write(msgspec.json.encode(entry).decode() + "\n")
            before = page["next"]
            if before is None:
                break


def _window(from_: str | None, to: str | None) -> dict[str, int]:
    now_ms = SystemClock().now_ms()
    given = (("from", from_), ("to", to))
    return {name: moment_ms(text, now_ms=now_ms) for name, text in given if text is not None}


def _anchor_line(given: str) -> str:
    if _ANCHOR.fullmatch(given.strip()):
        return given.strip()
    try:
        text = Path(given).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidArgument(
            f"Cannot read the anchor {given}: name the file that `wardlight audit anchor` filled."
        ) from error
    found = _ANCHOR.search(text)
    if found is None:
        raise InvalidArgument(f"{given} holds no anchor: it is one line that begins with wardlight-audit:.")
    return found[0]


def _verified_file(file: Path, line: str | None) -> dict[str, Any]:
    """What a walk over an export says; its anchor's signature only the installation itself can check."""
    found = None if line is None else _ANCHOR.fullmatch(line)
    anchor = None if found is None else Anchor(int(found[1]), bytes.fromhex(found[2]))
    verdict = verify(_links(file), anchor=anchor)
    broken = verdict.broken
    return {
        "sound": broken is None,
        "entries": verdict.entries,
        "last_hash": verdict.last_hash.hex(),
        "broken": None if broken is None else {"number": broken.number, "why": broken.why},
        "anchored": anchor is not None,
    }


def _links(file: Path) -> Iterator[Link]:
    """The entries of an export, oldest first; held in memory, since it is written newest first."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
        for line in reversed(lines):
            entry = msgspec.json.decode(line)
            texts = {name: entry[name] for name in Link._fields if name not in ("detail", "hash")}
            yield Link(**texts, detail=entry["detail_text"], hash=bytes.fromhex(entry["hash"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidArgument(f"{file} is no export of the audit trail: {error}.") from error
