"""`wardlight ledger`: what became of every reading, per device and window."""

from typing import Annotated, Any

import typer

from runtime.clock import SystemClock
from runtime.lifecycle import EXIT_FAILED, EXIT_OK
from wardlight.api_client import DEFAULT_URL, JsonOption, UrlOption, api
from wardlight.arguments import moment_ms, moment_text
from wardlight.printing import print_json, print_table, table

_COLUMNS = ("device", "published", "accepted", "repeats", "rejected", "stored", "assessed", "missing")


def add_to(app: typer.Typer) -> None:
    """Register `ledger`."""

    @app.command()
    def ledger(
        from_: Annotated[
            str | None, typer.Option("--from", help="begin of the window, such as 24h or 2026-01-31T14:00:00Z")
        ] = None,
        to: Annotated[str | None, typer.Option("--to", help="end of the window; now, unless said")] = None,
        device: Annotated[str | None, typer.Option(help="only this device")] = None,
        every: Annotated[str, typer.Option(help="a line for each device and hour, day, or all of the window")] = "all",
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Published, accepted, rejected, stored, assessed and missing readings; exit code 1 where readings are missing or lost."""
        now_ms = SystemClock().now_ms()
        given = (("from", from_), ("to", to))
        window = {name: moment_ms(text, now_ms=now_ms) for name, text in given if text is not None}
        with api(url) as client:
            found = client.get("ledger", device=device, every=every, **window)
        if as_json:
            print_json(found)
        else:
            _show(found, every)
        raise typer.Exit(EXIT_FAILED if _lost(found["total"]) else EXIT_OK)


def _lost(total: dict[str, Any]) -> int:
    return int(total["missing"] + total["forgotten"] + total["unstorable"])


def _show(found: dict[str, Any], every: str) -> None:
    lines = found["lines"]
    rows = [_row(line, every) for line in lines]
    if len(lines) != 1:
        rows.append(_row({**found["total"], "device_id": "all"}, "all"))
    title = f"{moment_text(found['from_ms'])} to {moment_text(found['to_ms'])}"
    print_table(table(_COLUMNS, rows, title=title))
    for gap in found["gaps"]:
        numbers = f"{gap['first']}" if gap["first"] == gap["last"] else f"{gap['first']} to {gap['last']}"
        cause = gap["cause"].replace("_", " ")
        typer.echo(f"Missing: {gap['device_id']} boot {gap['boot']}, {numbers} ({gap['count']}): {cause}")
    unassessed = found["total"]["unassessed"]
    if unassessed:
        typer.echo(f"On their way: {unassessed} stored and not assessed yet.")
    if found["waiting"]:
        typer.echo(f"Not entered yet: {found['waiting']} commits of the recorder.")
    lost = _lost(found["total"])
    typer.echo(f"Does not balance: {lost} readings are not accounted for." if lost else "Balances.")


def _row(line: dict[str, Any], every: str) -> tuple[object, ...]:
    name = line["device_id"] or "(none of ours)"
    if every != "all":
        name = f"{name} {moment_text(line['from_ms'])[:16]}"
    reasons = ", ".join(f"{count} {reason or 'forgotten'}" for reason, count in line["rejected_by_reason"].items())
    return (
        name,
        "unknowable" if line["published"] is None else line["published"],
        line["accepted"],
        line["duplicates"],
        f"{line['rejected']} ({reasons})" if reasons else line["rejected"],
        line["stored"] + line["copied"],
        line["assessed"],
        line["missing"],
    )
