"""Nights of smartwatch wearers as rows of the report: infections noticed, and false nights before, by each rule of `evaluation.nights`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from evaluation.datasets import Progress, listed, names_in, said_of
from evaluation.labelled import Recorded
from evaluation.nights import RULES, read_wearers
from vitals.errors import InvalidArgument

DATASET: Final = "smartwatch_covid"
SITE: Final = "home"
OUTCOME: Final = "infection, noticed from 14 days before onset to 7 days after it"
SCORERS: Final = {
    "this project's": "night_rate",
    "like NightSignal, 3 beats": "nightsignal_3",
    "like NightSignal, 4 beats": "nightsignal_4",
    "like NightSignal, 3 beats, after a week": "nightsignal_3_after_a_week",
    "like NightSignal, 4 beats, after a week": "nightsignal_4_after_a_week",
}
"""Rule, and its name in JSON."""
_NEEDED = {
    "hr.parquet": frozenset({"participant", "datetime", "heartrate"}),
    "steps.parquet": frozenset({"participant", "datetime", "steps"}),
    "labels.csv": frozenset({"participant", "onset_day0"}),
}


def is_smartwatch(path: Path) -> bool:
    """Whether the folder holds heart rates, steps and labels of the set."""
    return path.is_dir() and all(
        any(file.name == name and names_in(file) >= columns for file in listed(path, name))
        for name, columns in _NEEDED.items()
    )


def rows(path: Path, progress: Progress) -> Iterator[dict[str, Any]]:
    """A row per rule; raises InvalidArgument where a file cannot be read.

    The set is small: counts, no intervals. Whoever has no known onset is counted in `people` and in nothing else.
    """
    with said_of(path):
        wearers = list(read_wearers(path))
    for number, (rule, verdicts_of) in enumerate(RULES.items()):
        progress(number, len(RULES))
        verdicts = [verdicts_of(wearer) for wearer in wearers]
        known = [each for each in verdicts if each.onset_day is not None]
        yield {
            "dataset": DATASET,
            "site": SITE,
            "scorer": SCORERS[rule],
            "rule": rule,
            "group": "all",
            "people": len(verdicts),
            "n": sum(len(each.nights) for each in verdicts),
            "infections": len(known),
            "infections_noticed": sum(bool(each.noticed) for each in known),
            "days_from_onset": sorted(min(each.noticed) for each in known if each.noticed),
            "nights_before": sum(len(each.before) for each in known),
            "false_nights_before": sum(sum(each.before) for each in known),
            "auroc": None,
            "auprc": None,
        }


def refuse(path: Path, progress: Progress) -> Recorded:  # noqa: ARG001 - the shape of every reader
    """Raises InvalidArgument: nights are not hours, and nothing is learned from them before another set."""
    raise InvalidArgument(
        f"{path} holds nights of smartwatches: they can be evaluated, but not learned from before another set."
    )
