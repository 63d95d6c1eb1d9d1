"""Prints what `evaluation.realism` measures: tables for people, a JSON object a line for programs."""

import math
from pathlib import Path
from typing import Any

import msgspec

from evaluation.realism import Distance, Marginal, distances, marginals, news2_shares, simulate_like
from evaluation.recordings import read_sets
from wardlight.printing import print_json, print_table, table


def report(directory: Path, *, seed: int, as_json: bool) -> None:
    """Measure every set in `directory`; raises InvalidArgument where there is none."""
    shown: list[Marginal] = []
    measured: list[Distance] = []
    for recorded in read_sets(directory):
        simulated = simulate_like(recorded, seed=seed)
        shown += marginals(recorded, simulated)
        measured += distances(recorded, simulated)
    scores = news2_shares(seed=seed)
    if as_json:
        for each in shown:
            print_json(_json(each))
        for each_distance in measured:
            print_json(_json(each_distance))
        print_json({"news2_percent": scores})
        return
    print_table(
        table(
            ("recording", "sign", "", "mean", "sd", "5, 25, 50, 75, 95 %"),
            ((each.recording, each.sign, each.side, each.mean, each.sd, each.quantiles) for each in shown),
            title="values of all people together",
        )
    )
    print_table(
        table(
            ("recording", "people", "sign", "measure", "recorded", "simulated", "distance", "floor"),
            (
                (
                    each.recording,
                    each.people,
                    each.sign,
                    each.measure,
                    _figure(each.recorded),
                    _figure(each.simulated),
                    _figure(each.distance),
                    _figure(each.floor),
                )
                for each in measured
            ),
            title="distances, beside those between two halves of the recorded people",
        )
    )
    print_table(
        table(
            ("NEWS2", "% of moments"),
            scores.items(),
            title="simulated healthy patients: 60 over two days, every 20 minutes",
        )
    )


def _json(line: Marginal | Distance) -> dict[str, Any]:
    """What is not known is null: JSON has no word for it."""
    fields = msgspec.structs.asdict(line)
    return {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in fields.items()}


def _figure(value: float) -> str:
    return "none" if math.isnan(value) else f"{value:.3f}"
