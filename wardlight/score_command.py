"""`wardlight score`: early-warning scores of one set of observations."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.table import Table

from vitals import news2, pews
from vitals.age import AgeBand
from vitals.assessment import News2Summary, PewsSummary
from vitals.errors import InvalidArgument
from vitals.sign import CONSCIOUSNESS_LETTERS, SIGN_FACTS, Sign
from wardlight.arguments import observation
from wardlight.printing import print_json, print_table

RESPONSES = {
    news2.Response.LOW: "low risk: routine monitoring, registered nurse decides on frequency",
    news2.Response.LOW_MEDIUM: "low-medium risk: one parameter alone is red, urgent ward-based review",
    news2.Response.URGENT: "medium risk: urgent review by a clinician competent in acute illness",
    news2.Response.EMERGENCY: "high risk: emergency assessment by a team with critical-care skills",
}
"""What each band asks for, after RCP 2017 chart 4, in our words."""


def add_to(app: typer.Typer) -> None:
    """Register `score`."""

    @app.command()
    def score(
        observations: Annotated[
            list[str], typer.Argument(metavar="SIGN=VALUE...", help="such as spo2=94 rr=22 oxygen=yes")
        ],
        scale: Annotated[int, typer.Option(help="SpO2 scale: 2 only where a clinician confirmed it")] = 1,
        age: Annotated[AgeBand | None, typer.Option(help="of a child, who gets Bedside PEWS and never NEWS2")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
    ) -> None:
        """Early-warning scores of one set of observations."""
        given = observations_of(observations, of_child=age is not None)
        if age is not None:
            child = pews.score(given, age)
            if as_json:
                print_json(pews_json_of(child))
            else:
                print_table(pews_table_of(child, given))
            return
        summary = news2.score(given, spo2_scale=scale)
        if as_json:
            print_json(json_of(summary))
        else:
            print_table(table_of(summary, given))


def observations_of(texts: Sequence[str], *, of_child: bool = False) -> dict[Sign, float]:
    """The observations that `SIGN=VALUE…` say; raises InvalidArgument, also where a sign comes twice."""
    observations: dict[Sign, float] = {}
    for text in texts:
        sign, value = observation(text, of_child=of_child)
        if sign in observations:
            raise InvalidArgument(f"{sign.value} is given twice; give each sign once.")
        observations[sign] = value
    return observations


def json_of(summary: News2Summary) -> dict[str, Any]:
    """The `--json` object: total is null while inputs are missing, min and max bound it."""
    return {"news2": {**_bounds_of(summary), "single_red": summary.single_red, "response": summary.response}}


def pews_json_of(summary: PewsSummary) -> dict[str, Any]:
    """The `--json` object of a child."""
    return {"pews": {**_bounds_of(summary), "age": summary.band.value}}


def table_of(summary: News2Summary, observations: Mapping[Sign, float]) -> Table:
    """The score for people: points per input, the total or its interval, and what it asks for."""
    asks = RESPONSES[news2.Response(summary.response)]
    table = Table(title=f"NEWS2 {_total_of(summary)}", caption=asks)
    return _filled(table, summary, news2.POINTS_MAX, observations)


def pews_table_of(summary: PewsSummary, observations: Mapping[Sign, float]) -> Table:
    """A child's score for people."""
    table = Table(title=f"Bedside PEWS {_total_of(summary)} ({summary.band.value})", caption=_pews_response(summary))
    return _filled(table, summary, pews.POINTS_MAX, observations)


def _pews_response(summary: PewsSummary) -> str:
    """What the score asks for; no more than holds whatever the missing inputs are."""
    if summary.low >= pews.HIGH_FROM:
        return "urgent review"
    if summary.high < pews.HIGH_FROM:
        return f"below the threshold of {pews.HIGH_FROM}"
    return f"unknown whether the threshold of {pews.HIGH_FROM} is reached: observe what is missing"


def _bounds_of(summary: News2Summary | PewsSummary) -> dict[str, Any]:
    return {
        "total": summary.total,
        "min": summary.low,
        "max": summary.high,
        "points": {sign.value: points for sign, points in summary.points.items()},
        "missing": [sign.value for sign in summary.missing],
    }


def _total_of(summary: News2Summary | PewsSummary) -> str:
    return str(summary.total) if summary.total is not None else f"{summary.low} to {summary.high}"


def _filled(
    table: Table,
    summary: News2Summary | PewsSummary,
    points_max: Mapping[Sign, int],
    observations: Mapping[Sign, float],
) -> Table:
    """A row per input of the score, in the order of its chart."""
    table.add_column("input")
    table.add_column("value", justify="right")
    table.add_column("points", justify="right")
    for sign, most in points_max.items():
        value = observations.get(sign)
        points = summary.points.get(sign)
        table.add_row(
            SIGN_FACTS[sign].label,
            "missing" if value is None else value_text(sign, value),
            f"0 to {most}" if points is None else str(points),
        )
    return table


def value_text(sign: Sign, value: float) -> str:
    """A value with its unit, as people write it."""
    if sign is Sign.CONSCIOUSNESS:
        return CONSCIOUSNESS_LETTERS[int(value)]
    if sign is Sign.SUPPLEMENTAL_OXYGEN:
        return "air" if value == 0 else "oxygen"
    return f"{value:g} {SIGN_FACTS[sign].ucum}"
