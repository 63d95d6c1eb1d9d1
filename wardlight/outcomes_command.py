"""`wardlight outcomes`: that a patient did deteriorate, which the risk model is held to and learns from."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from runtime.clock import SystemClock
from vitals.errors import InvalidArgument, NotFound
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
        else:
            _show(found)

    @outcomes.command()
    def withdraw(
        patient: PatientArgument,
        outcome: Annotated[str, typer.Argument(metavar="OUTCOME", help="its id, or the id's first characters")],
        reason: Annotated[str, typer.Option("--reason", help="why it is taken back")],
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Take back what was charted in error: it stays on record and teaches nothing more."""
        with api(url) as client:
            outcome_id = _whole_id(client.get(f"patients/{patient}/outcomes"), outcome, patient)
            answer = client.post(f"patients/{patient}/outcomes/{outcome_id}/withdraw", {"reason": reason})
        if as_json:
            print_json(answer)
        else:
            typer.echo(f"{outcome_id} is taken back.")


def _show(found: Sequence[Mapping[str, Any]]) -> None:
    rows = [
        (
            moment_text(each["happened_at_ms"]),
            each["kind"],
            each["note"] or "",
            each["by"],
            each["outcome_id"],
            "" if each["withdrawn"] is None else f"by {each['withdrawn']['by']}: {each['withdrawn']['reason']}",
        )
        for each in found
    ]
    print_table(table(("happened at", "what", "note", "charted by", "outcome", "taken back"), rows))


def _whole_id(charted: Sequence[Mapping[str, Any]], start: str, patient: str) -> str:
    """The one outcome whose id begins so; raises NotFound, and InvalidArgument where several do."""
    ids = {str(each["outcome_id"]) for each in charted}
    if start in ids:
        return start
    matches = [each for each in ids if start and each.startswith(start)]
    if not matches:
        raise NotFound(f"No outcome of this patient begins with {start!r}: see wardlight outcomes list {patient}.")
    if len(matches) > 1:
        raise InvalidArgument(f"{len(matches)} outcomes of this patient begin with {start!r}; give more of the id.")
    return matches[0]
