"""The reports that a model card is made of: read from files, and pruned to what the card says, to be kept beside it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from evaluation.scorers import ANEW, FROZEN
from vitals.errors import InvalidArgument

REPORT_BYTES_MAX = 64 * 1024 * 1024
_NEEDED = frozenset(
    {
        "command",
        "code",
        "prior",
        "after",
        "seeds",
        "datasets",
        "rows",
        "differences",
        "gaps",
        "over_seeds",
        "notes",
        "model_version",
    }
)
_KEPT_BESIDE = frozenset({"population_model", "settings", "durations_s", "occult_hypoxaemia"})
_HEAD = ("all", "second_half")
_BY_GROUP = ("risk", "news2_partial")
_WITH_INTERVALS = (
    "auroc",
    "auprc",
    "utility",
    "sensitivity_at_0.5",
    "sensitivity_at_1",
    "sensitivity_at_2",
    "ppv_at_1",
    "time_in_alarm_at_1",
    "ece",
    "brier",
    "observed_over_predicted",
)
_SHOWN = frozenset(
    {
        *_WITH_INTERVALS,
        *(f"{name}_ci" for name in _WITH_INTERVALS),
        *("dataset", "site", "seed", "scorer", "group", "grouping", "withheld"),
        *("n", "patients", "patients_with_outcome", "prevalence", "scored_share"),
        *("lead_time_hours_at_1", "alerts_per_patient_day_at_1"),
        *("alerts_per_patient_day_at_exactly_half", "fewer_alerts_than_news2_percent"),
        *("threshold_at_usual", "patients_in_alarm_at_usual", "time_in_alarm_at_usual"),
        "alerts_per_patient_day_at_usual",
        *("rule", "people", "infections", "infections_noticed", "nights_before", "false_nights_before"),
    }
)


def read_all(files: Sequence[Path]) -> list[Mapping[str, Any]]:
    """The reports of all files in their order; of two that the same command made, the one named first.

    Raises InvalidArgument where a file holds none.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for file in files:
        for report in read_reports(file):
            found.setdefault(report["command"], report)
    return list(found.values())


def read_reports(file: Path) -> list[Mapping[str, Any]]:
    """The report, or reports, in a file; raises InvalidArgument where it holds none."""
    try:
        if file.stat().st_size > REPORT_BYTES_MAX:
            raise InvalidArgument(f"{file} is larger than any report of wardlight evaluate.")
        found = msgspec.json.decode(file.read_bytes(), type=dict[str, Any] | list[dict[str, Any]])
    except (OSError, msgspec.DecodeError) as error:
        raise InvalidArgument(f"{file} is no report of wardlight evaluate --json: {error}.") from error
    reports = [found] if isinstance(found, dict) else found
    missing = _NEEDED if not reports else frozenset().union(*(_NEEDED - report.keys() for report in reports))
    if missing:
        raise InvalidArgument(
            f"{file} is no report of wardlight evaluate --json: it lacks {', '.join(sorted(missing))}."
        )
    return list(reports)


def kept(reports: Sequence[Mapping[str, Any]]) -> bytes:
    """What the card says of the reports and nothing else, as JSON with a line a row; the card made of it is the same."""
    lines = [",\n".join(_lines(report)) for report in reports]
    return ("[" + ",\n".join(f"{{{each}}}" for each in lines) + "]\n").encode()


def _lines(report: Mapping[str, Any]) -> list[str]:
    shown = {name: value for name, value in report.items() if name in _NEEDED | _KEPT_BESIDE} | {
        "rows": [_row(row) for row in report["rows"] if _is_shown(row, report)],
        "gaps": [gap for gap in report["gaps"] if gap["scorer"] in _BY_GROUP and gap["seed"] == report["seeds"][0]],
        "over_seeds": [each for each in report["over_seeds"] if each["scorer"] in (*_BY_GROUP, FROZEN, ANEW)],
        "differences": [each for each in report["differences"] if each["seed"] == report["seeds"][0]],
    }
    return [f"{_json(name)}: {_json_of_lines(value)}" for name, value in shown.items()]


def _is_shown(row: Mapping[str, Any], report: Mapping[str, Any]) -> bool:
    if row.get("seed") is None:
        return True
    return row["seed"] == report["seeds"][0] and (
        row["group"] in _HEAD or (bool(row["grouping"]) and row["scorer"] in _BY_GROUP)
    )


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    curve = row["scorer"] == "risk" and row["group"] == "second_half"
    return {name: value for name, value in row.items() if name in _SHOWN or (name == "reliability" and curve)}


def _json_of_lines(value: Any) -> str:  # noqa: ANN401 - whatever the report holds
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        return "[\n" + ",\n".join(map(_json, value)) + "\n]"
    return _json(value)


def _json(value: Any) -> str:  # noqa: ANN401 - whatever the report holds
    return json.dumps(value, ensure_ascii=False)
