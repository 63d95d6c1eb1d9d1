"""Runs `evaluation.evaluate` with a bar on stderr, and prints what it found: tables for people, one JSON object for programs."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from evaluation.evaluate import evaluate
from evaluation.orders import Plan
from evaluation.scorers import facts_of
from runtime.clock import SystemClock
from wardlight.printing import print_json, print_table, table

__all__ = ["Plan", "report"]
_GROUPS_FIRST = ("all", "second_half")
_BY_GROUP = ("risk", "news2_partial")


def report(plan: Plan, *, as_json: bool) -> None:
    """Evaluate and print; raises InvalidArgument in one sentence."""
    with _bar() as tell:
        found = evaluate(plan, tell, SystemClock())
    if as_json:
        print_json(found)
    else:
        _print(found)


def _print(found: Mapping[str, Any]) -> None:
    for each in found["datasets"]:
        sys.stdout.write(f"{_said_of(each)}\n")
    for seed in found["seeds"]:
        mine = [row for row in found["rows"] if row["seed"] == seed]
        _print_loads([row for row in mine if row["group"] == "all" and row["prevalence"] is None])
        first = [row for row in mine if row["group"] in _GROUPS_FIRST and row["prevalence"] is not None]
        if not first:
            continue
        print_table(_figures(first, title=f"what each score is worth, seed {seed} (95 % intervals by patient)"))
        ahead = [each for each in found["differences"] if each["seed"] == seed]
        if ahead:
            print_table(_ahead(ahead, title=f"the risk model beside others on the same patients, seed {seed}"))
        print_table(_alerts(first, title=f"at one alert per patient-day, and where half are caught, seed {seed}"))
        others = [
            row
            for row in mine
            if row["group"] not in _GROUPS_FIRST and row["scorer"] in _BY_GROUP and row["scored_share"]
        ]
        if others:
            print_table(_figures(others, title=f"by group, seed {seed}"))
    _print_nights([row for row in found["rows"] if "infections" in row])
    _print_spread(found)
    for note in found["notes"]:
        sys.stdout.write(f"{note}\n")


def _said_of(dataset: Mapping[str, Any]) -> str:
    outcome, refused = dataset["outcome"], dataset["refused_values"]
    said = f"{dataset['dataset']}: {dataset['rows']:,} rows of {dataset['patients']:,} patients"
    said += "; no outcome recorded" if outcome is None else f", {dataset['patients_with_outcome']:,} with {outcome}"
    return said + ("." if refused is None else f"; {refused:,} impossible values refused.")


def _print_loads(rows: list[Mapping[str, Any]]) -> None:
    lines = [
        (
            row["dataset"],
            facts_of(row["scorer"]).label,
            f"{row['threshold_at_usual']:g}",
            _figure(row.get("patients_in_alarm_at_usual")),
            _figure(row.get("time_in_alarm_at_usual")),
            _figure(row.get("alerts_per_patient_day_at_usual")),
        )
        for row in rows
        if row.get("threshold_at_usual") is not None
    ]
    if lines:
        columns = ("set", "score", "from", "patients ever in alarm", "time in alarm", "alerts a day")
        print_table(
            table(columns, lines, title="where each score customarily calls somebody; nobody knows who was ill")
        )


def _print_nights(rows: list[Mapping[str, Any]]) -> None:
    if rows:
        lines = (
            (
                row["rule"],
                f"{row['infections_noticed']} of {row['infections']}",
                f"{row['false_nights_before']} of {row['nights_before']}",
            )
            for row in rows
        )
        columns = ("rule", "infections noticed", "false nights before")
        print_table(table(columns, lines, title=f"nights of {rows[0]['people']} people"))


def _figures(rows: list[Mapping[str, Any]], *, title: str) -> Any:  # noqa: ANN401 - rich's table
    columns = ("site", "group", "score", "hours", "said of", "AUROC", "AUPRC", "ECE", "utility")
    lines = (
        (
            row["site"],
            row["group"],
            row["scorer"],
            f"{row['n']:,}",
            f"{100 * row['scored_share']:.0f} %",
            _with_interval(row, "auroc") if "withheld" not in row else row["withheld"],
            _with_interval(row, "auprc"),
            _figure(row.get("ece")),
            _with_interval(row, "utility"),
        )
        for row in rows
    )
    return table(columns, lines, title=title)


def _alerts(rows: list[Mapping[str, Any]], *, title: str) -> Any:  # noqa: ANN401 - rich's table
    columns = (
        "site",
        "group",
        "score",
        "caught",
        "PPV",
        "lead h",
        "in alarm",
        "alerts a day at half",
        "fewer than NEWS2",
    )
    lines = []
    for row in rows:
        lead = row.get("lead_time_hours_at_1")
        fewer = row.get("fewer_alerts_than_news2_percent")
        lines.append(
            (
                row["site"],
                row["group"],
                facts_of(row["scorer"]).label,
                _figure(row.get("sensitivity_at_1")),
                _figure(row.get("ppv_at_1")),
                "" if lead is None else f"{lead['median']:.0f} ({lead['q25']:.0f} to {lead['q75']:.0f})",
                _figure(row.get("time_in_alarm_at_1")),
                _figure(row.get("alerts_per_patient_day_at_exactly_half")),
                "" if fewer is None else f"{fewer:.0f} %",
            )
        )
    return table(columns, lines, title=title)


def _ahead(differences: list[Mapping[str, Any]], *, title: str) -> Any:  # noqa: ANN401 - rich's table
    columns = ("site", "group", "beside", "AUROC", "beside", "ahead by", "AUPRC", "beside", "ahead by")
    lines = (
        (
            each["site"],
            each["group"],
            facts_of(each["beside"]).label,
            _figure(each["auroc"]),
            _figure(each["auroc_beside"]),
            _with_interval(each, "auroc_ahead"),
            _figure(each["auprc"]),
            _figure(each["auprc_beside"]),
            _with_interval(each, "auprc_ahead"),
        )
        for each in differences
    )
    return table(columns, lines, title=title)


def _print_spread(found: Mapping[str, Any]) -> None:
    lines = [
        (
            row["site"],
            row["group"],
            row["scorer"],
            *(_spread(row.get(name)) for name in ("auroc", "auprc", "ece", "utility")),
        )
        for row in found["over_seeds"]
        if row["group"] in _GROUPS_FIRST
    ]
    if lines:
        columns = ("site", "group", "score", "AUROC", "AUPRC", "ECE", "utility")
        print_table(table(columns, lines, title=f"mean and standard deviation over {len(found['seeds'])} seeds"))


def _spread(figures: Mapping[str, Any] | None) -> str:
    if figures is None:
        return ""
    return f"{figures['mean']:.4f}" if figures["sd"] is None else f"{figures['mean']:.4f} ± {figures['sd']:.4f}"


def _with_interval(row: Mapping[str, Any], name: str) -> str:
    value, interval = row.get(name), row.get(f"{name}_ci")
    if value is None:
        return ""
    return _figure(value) if interval is None else f"{value:.3f} ({interval[0]:.3f} to {interval[1]:.3f})"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


@contextmanager
def _bar() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on stderr that names what is being done; nothing where that is no terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not sys.stderr.isatty(), transient=True) as bars:
        task = bars.add_task("", total=None)

        def tell(title: str, done: int, total: int) -> None:
            bars.update(task, description=title, completed=done, total=total)

        yield tell
