"""`wardlight status`: whether every stage moves, for people and for monitoring."""

from typing import Any

import typer

from runtime.lifecycle import EXIT_FAILED, EXIT_OK
from wardlight.api_client import DEFAULT_URL, JsonOption, UrlOption, api
from wardlight.arguments import moment_text
from wardlight.printing import print_json, print_table, table


def add_to(app: typer.Typer) -> None:
    """Register `status`."""

    @app.command()
    def status(as_json: JsonOption = False, url: UrlOption = DEFAULT_URL) -> None:
        """Flow, lag and last deeds of a running system; exit code 0 while every stage moves, 1 where one does not or nobody answers."""
        with api(url) as client:
            found = client.get("status")
        if as_json:
            print_json(found)
        else:
            _show(found)
        raise typer.Exit(EXIT_OK if found["whole"] else EXIT_FAILED)


def _show(found: dict[str, Any]) -> None:
    typer.echo("Every stage moves." if found["whole"] else "Not every stage moves:")
    for name, fault in found["faults"].items():
        typer.echo(f"  {name}: {fault}")
    flow = found["flow"]
    if flow is not None:
        typer.echo(
            f"Readings a second: {flow['accepted_per_s']:.1f} accepted, {flow['stored_per_s']:.1f} stored,"
            f" {flow['assessed_per_s']:.1f} assessed (last {flow['window_s']:.0f} s)."
        )
    rows = [
        (stage["name"], stage["behind_records"], f"{stage['behind_s']:.0f}", stage["fault"] or "moves")
        for stage in found["stages"]
    ]
    print_table(table(("stage", "records behind", "seconds behind", "state"), rows))
    database = found["database"]
    if database is not None:
        typer.echo(
            f"Database: {database['kind']}, {database['size_bytes']:,} bytes, schema {database['schema_revision']}."
        )
    ledger = found["ledger"]
    if ledger is not None:
        wrong = ", ".join(f"{kind} {readings}" for kind, readings in ledger["imbalances"].items())
        typer.echo("Ledger: balances." if ledger["balanced"] else f"Ledger: does not balance ({wrong}).")
    escalation = found["escalation"]
    if escalation is not None:
        reach = (
            "people can be reached" if escalation["anybody_reachable"] else "nobody can be reached but by the screens"
        )
        typer.echo(f"Escalation: {reach}; {escalation['told_nobody_24h']} steps in 24 h told nobody.")
    for name, deed in sorted(found["deeds"].items()):
        typer.echo(f"Last {name}: {moment_text(deed['at_ms'])}")
