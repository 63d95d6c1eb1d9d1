"""`wardlight evaluate`: detection quality on labelled recordings, through the code that runs live, beside the scores of the bedside."""

import gc
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from wardlight.api_client import JsonOption

_COLLECTED_EVERY = 100_000
"""A replay makes many records and hardly a cycle: looking for them a hundredth as often as Python does spares a tenth of the time."""


class Prior(StrEnum):
    """With which population model the evaluation begins."""

    NONE = "none"
    SHIPPED = "shipped"


def add_to(app: typer.Typer) -> None:
    """Register `evaluate` and `model-card`."""

    @app.command()
    def evaluate(
        datasets: Annotated[
            list[Path],
            typer.Argument(metavar="DATASET...", help="folders or files of recording sets (docs/evaluation.md)"),
        ],
        after: Annotated[
            list[Path] | None, typer.Option(metavar="DATASET", help="having first learned from this one")
        ] = None,
        prior: Annotated[Prior, typer.Option(help="population model to begin with")] = Prior.NONE,
        seed: Annotated[
            list[int] | None, typer.Option(min=0, help="order of arrival; several: --seed 1 --seed 2")
        ] = None,
        reference: Annotated[
            bool, typer.Option(help="fit the offline reference too, where scikit-learn is there")
        ] = True,
        as_json: JsonOption = False,
    ) -> None:
        """Replay labelled recordings in arrival order through the live code: who is recognised, how early, at what cost."""
        gc.set_threshold(_COLLECTED_EVERY)
        from wardlight import evaluate_report

        plan = evaluate_report.Plan(
            datasets=tuple(datasets),
            after=tuple(after or ()),
            prior=prior.value,
            seeds=tuple(seed or (1,)),
            reference=reference,
        )
        evaluate_report.report(plan, as_json=as_json)

    @app.command("model-card")
    def model_card(
        reports: Annotated[
            list[Path],
            typer.Argument(metavar="REPORT...", help="what `evaluate --json` printed, or what was kept of it"),
        ],
        keep: Annotated[
            Path | None,
            typer.Option(metavar="FILE", help="keep there what the card says of the reports, to make it anew"),
        ] = None,
    ) -> None:
        """Make the model card, docs/model-card.md, from the JSON of evaluations."""
        from evaluation import model_card as card
        from evaluation import model_card_reports as files

        found = files.read_all(reports)
        if keep is not None:
            keep.write_bytes(files.kept(found))
        typer.echo(card.model_card(found), nl=False)
