"""`wardlight outcomes`: that a patient did deteriorate, which the risk model is held to and learns from."""

from typing import Annotated

import typer

from runtime.clock import SystemClock
from vitals.outcome import OutcomeKind
from wardlight.api_client import DEFAULT_URL, JsonOption, UrlOption, api
from wardlight.arguments import moment_ms, moment_text
from wardlight.printing import print_json, print_table, table

PatientArgument = Annotated[str, typer.Argument(metavar="PATIENT", help="the patient's id (wardlight patients list)")]


def add_to(app: typer.Typer) -> None:
    """Register `outcomes add|list|withdraw`."""
    outcomes = typer.Typer(help="What became of patients.", no_args_is_help=True)
    app.add_typer(outcomes, name="outcomes")

    @outcomes.command()
    def add(
        patient: PatientArgument,
        kind: Annotated[OutcomeKind, typer.Argument(metavar="KIND", help=", ".join(OutcomeKind))],
        at: Annotated[str | None, typer.Option("--at", help="when it happened: a time, or how long ago")] = None,
        note: Annotated[str | None, typer.Option("--note", help="what else there is to say")] = None,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Chart what happened, in the name of whoever the token belongs to; also of a patient who has left."""
        happened_at = None if at is None else moment_ms(at, now_ms=SystemClock().now_ms())
        with api(url) as client:
            body = {"kind": kind.value, "happened_at": happened_at, "note": note}
            answer = client.post(f"patients/{patient}/outcomes", body)
        if as_json:
            print_json(answer)
        else:
            typer.echo(answer["outcome_id"])

    @outcomes.command("list")
    def list_(patient: PatientArgument, as_json: JsonOption = False, url: UrlOption = DEFAULT_URL) -> None:
        """What was charted of a patient, the latest first."""
        with api(url) as client:
            found = client.get(f"patients/{patient}/outcomes")
        if as_json:
            print_json(found)
            return
        rows = [
            (
                moment_text(each["happened_at_ms"]),
                each["kind"],
                each["by"],
                each["outcome_id"],
                "" if each["withdrawn"] is None else f"by {each['withdrawn']['by']}: {each['withdrawn']['reason']}",
            )
            for each in found
        ]
        print_table(table(("happened at", "what", "charted by", "outcome", "taken back"), rows))

    @outcomes.command()
    def withdraw(
        patient: PatientArgument,
        outcome: Annotated[str, typer.Argument(metavar="OUTCOME", help="its id (wardlight outcomes list)")],
        reason: Annotated[str, typer.Option("--reason", help="why it is taken back")],
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Take back what was charted in error: it stays on record and teaches nothing more."""
        with api(url) as client:
            answer = client.post(f"patients/{patient}/outcomes/{outcome}/withdraw", {"reason": reason})
        if as_json:
            print_json(answer)
        else:
            typer.echo(f"{outcome} is taken back.")
