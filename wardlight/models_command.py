"""`wardlight models`: versions of the risk model, how the candidates do, and which one scores."""

from typing import Annotated, Any

import typer

from wardlight.api_client import DEFAULT_URL, JsonOption, UrlOption, api
from wardlight.arguments import moment_text
from wardlight.printing import print_json, print_table, table

NumberArgument = Annotated[int, typer.Argument(metavar="NUMBER", min=0, help="the version (wardlight models list)")]
WhyOption = Annotated[str, typer.Option("--reason", help="why; kept with your name")]


def add_to(app: typer.Typer) -> None:
    """Register `models list|promote|retire|restore`."""
    models = typer.Typer(help="Versions of the risk model.", no_args_is_help=True)
    app.add_typer(models, name="models")

    @models.command("list")
    def list_(as_json: JsonOption = False, url: UrlOption = DEFAULT_URL) -> None:
        """Versions, newest first, with their scores on lessons before they were learned; and who put which in force."""
        with api(url) as client:
            found = client.get("models")
        if as_json:
            print_json(found)
        else:
            _show(found)

    @models.command()
    def promote(
        number: NumberArgument, reason: WhyOption, as_json: JsonOption = False, url: UrlOption = DEFAULT_URL
    ) -> None:
        """Put a version in force; 0 goes back to what Wardlight came with."""
        with api(url) as client:
            answer = client.post(f"models/{number}/promote", {"reason": reason})
        if as_json:
            print_json(answer)
        else:
            typer.echo(f"Version {number} is to score from now on; each scorer switches where the log says so.")

    @models.command()
    def retire(
        number: NumberArgument, reason: WhyOption, as_json: JsonOption = False, url: UrlOption = DEFAULT_URL
    ) -> None:
        """Take a version out of use; the newest of a challenger ends that candidate's learning."""
        with api(url) as client:
            answer = client.post(f"models/{number}/retire", {"reason": reason})
        if as_json:
            print_json(answer)
        else:
            typer.echo(f"Version {number} is retired.")

    @models.command()
    def restore(
        number: NumberArgument, reason: WhyOption, as_json: JsonOption = False, url: UrlOption = DEFAULT_URL
    ) -> None:
        """Take back that a version was retired; the newest of its candidate learns on."""
        with api(url) as client:
            answer = client.post(f"models/{number}/restore", {"reason": reason})
        if as_json:
            print_json(answer)
        else:
            typer.echo(f"Version {number} is restored. {answer['refused'] or 'It may be promoted again.'}")


def _show(found: dict[str, Any]) -> None:
    in_force = found["in_force"]
    if not found["versions"] and not found["switches"]:
        typer.echo("No version has been learned here yet: what Wardlight came with scores.")
        return
    typer.echo("What Wardlight came with scores." if in_force == 0 else f"Version {in_force} scores.")
    for each in found["versions"]:
        if each["number"] == in_force and each["refused"]:
            typer.echo(f"But: {each['refused']} What they had before goes on.")
    rows = [
        (
            each["number"],
            each["candidate"],
            "refused" if each["refused"] else each["standing"],
            moment_text(each["made_at_ms"]),
            each["lessons"],
            each["positives"],
            _threshold(each),
            *(_figure(each[name]) for name in ("auroc", "brier", "log_loss", "base_log_loss")),
        )
        for each in found["versions"]
    ]
    heads = (
        "version",
        "candidate",
        "standing",
        "made at",
        "lessons",
        "positives",
        "threshold",
        "AUROC",
        "Brier",
        "log-loss",
        "base",
    )
    print_table(table(heads, rows))
    if not found["switches"]:
        return
    switches = [(moment_text(each["at_ms"]), each["number"], each["by"], each["why"]) for each in found["switches"]]
    print_table(table(("switched at", "to version", "by", "why"), switches))


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _threshold(version: dict[str, Any]) -> str:
    origin = version["threshold_from"]
    return _figure(version["threshold"]) + ("" if origin is None else f" (of {origin})")
