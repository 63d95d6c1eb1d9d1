"""Runs `evaluation.alarm_load` over all beds, as many at once as there are processors, and prints it: tables, or one JSON object."""

import multiprocessing
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import msgspec

from evaluation.alarm_load import (
    LEAST_FEWER,
    Absorbed,
    EventLoad,
    ScenarioLoad,
    SetLoad,
    Yardsticks,
    events,
    loads_by_set,
    scenarios,
)
from evaluation.alarm_load_beds import Bed, SimulatedBed
from evaluation.alarm_load_grouping import notifications_of
from evaluation.alarm_load_recordings import read_beds
from evaluation.alarm_load_run import BedLoad, replay
from vitals.alert import Priority
from vitals.errors import InvalidArgument
from wardlight.printing import print_json, print_table, progress, table

WORKERS_MAX = 16


class Plan(NamedTuple):
    """One run; everything it prints follows from it."""

    beds: int
    hours: float
    every_s: float
    seed: int
    data: tuple[Path, ...]


class Report(NamedTuple):
    """What is printed."""

    plan: Plan
    sets: Sequence[SetLoad]
    scenarios: Sequence[ScenarioLoad]
    events: Sequence[EventLoad]


def report(plan: Plan, *, as_json: bool) -> None:
    """Measure and print; raises InvalidArgument where there is nothing to measure."""
    measured = measure(plan)
    if as_json:
        print_json(_json(measured))
    else:
        _print(measured)


def measure(plan: Plan, *, workers: int | None = None) -> Report:
    """Replay every bed of the plan. With one worker all happens in this process."""
    wards = [SimulatedBed(plan.beds, bed, plan.seed, plan.hours, plan.every_s) for bed in range(plan.beds)]
    beds: list[Bed] = [*wards, *read_beds(plan.data)]
    if not beds:
        raise InvalidArgument("There is nothing to measure: give --beds, or a directory with recordings.")
    loads = _replayed(beds, workers=workers or min(os.cpu_count() or 1, WORKERS_MAX, len(beds)))
    by_name = {load.name: load for load in loads}
    found = events(wards, by_name)
    return Report(plan, loads_by_set(loads, notifications_of(loads)), scenarios(wards, by_name, found), found)


def _replayed(beds: Sequence[Bed], *, workers: int) -> list[BedLoad]:
    """Each bed's load, in the order of the beds."""
    with progress("replaying beds") as tell:
        if workers == 1:
            loads = []
            for done, bed in enumerate(beds, start=1):
                loads.append(replay(bed))
                tell(done, len(beds))
            return loads
        # Spawned, since the progress bar has a thread of its own. The longest first, so that none is left over alone.
        with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
            longest_first = sorted(beds, key=lambda bed: -bed.hours)
            waiting = {pool.submit(replay, bed): bed.name for bed in longest_first}
            found = {}
            for done, future in enumerate(as_completed(waiting), start=1):
                found[waiting[future]] = future.result()
                tell(done, len(beds))
    return [found[bed.name] for bed in beds]


def _json(measured: Report) -> dict[str, Any]:
    plan = measured.plan
    sets: list[dict[str, Any]] = msgspec.to_builtins(measured.sets)
    for row, load in zip(sets, measured.sets, strict=True):
        row["fewer_than_plain"] = _rounded(load.fewer)
        row["fewer_of_limits"] = _rounded(load.fewer_of_limits)
        for means, absorbed in zip(row["absorbed"], load.absorbed, strict=True):
            means["share"] = _rounded(absorbed.share)
    return {
        "plan": {"beds": plan.beds, "hours": plan.hours, "every_s": plan.every_s, "seed": plan.seed},
        "sets": sets,
        "scenarios": msgspec.to_builtins(measured.scenarios),
        "events": msgspec.to_builtins(measured.events),
    }


def _print(measured: Report) -> None:
    for load in measured.sets:
        _print_set(load)
    if measured.scenarios:
        _print_scenarios(measured)
    for line in _verdicts(measured):
        sys.stdout.write(f"{line}\n")


def _print_set(load: SetLoad) -> None:
    engine = load.engine
    print_table(
        table(
            (f"{load.source}: {engine.beds} patients, {engine.bed_hours:g} patient-hours", "engine", "plain monitor"),
            _yardstick_rows(load),
        )
    )
    priorities = [priority.value for priority in Priority]
    print_table(
        table(
            (f"{load.source}: told, by kind", *priorities, "per patient-day"),
            [
                *(
                    (kind, *(counts.get(name, 0) for name in priorities), _per_day(sum(counts.values()), engine))
                    for kind, counts in sorted(load.by_kind.items(), key=lambda item: -sum(item[1].values()))
                ),
                ("all", *(load.by_priority[name] for name in priorities), _per_day(engine.told, engine)),
                (
                    "share",
                    *(_percent(_share(load.by_priority[name], engine.told)) for name in priorities),
                    f"of {engine.told}",
                ),
            ],
        )
    )
    print_table(
        table(
            (f"{load.source}: absorbed by", "without it", "with it", "share absorbed"),
            [(each.means, each.without, each.told, _percent(each.share)) for each in _whole(load)],
        )
    )


def _yardstick_rows(load: SetLoad) -> list[tuple[object, ...]]:
    engine, plain = load.engine, load.plain

    def row(name: str, pick: str, of: str = "") -> tuple[object, ...]:
        return (f"{name}{of}", getattr(engine, pick), getattr(plain, pick))

    of_windows = f" (of {engine.windows} windows of 10 min, {engine.positions} positions)"
    return [
        ("episodes of alerts that were told", load.episodes, ""),
        row("told: raised, escalated, told anew", "told"),
        row("told per patient-day", "per_patient_day"),
        row("told per patient-hour", "per_bed_hour"),
        row("most in 10 min", "peak_per_window"),
        row("windows with more than 10: floods", "flood_windows", of_windows),
        row("windows with none", "empty_windows", of_windows),
        row("chattering: third or later within 60 s", "chattering"),
        row("fleeting: over within 60 s", "fleeting"),
        row("stale: longer than 24 h", "stale"),
        (
            "share of the ten busiest sources (of so many)",
            *(f"{_percent(side.top_sources_share)} ({side.sources})" for side in (engine, plain)),
        ),
    ]


def _whole(load: SetLoad) -> tuple[Absorbed, ...]:
    return (*load.absorbed, Absorbed("all, beside a plain monitor", load.plain.told, load.engine.told))


def _print_scenarios(measured: Report) -> None:
    print_table(
        table(
            (
                "scenario",
                "beds",
                "hours",
                "told",
                "false",
                "plain monitor",
                "had to alarm",
                "caught",
                "by plain",
                "engine later by (median)",
            ),
            [
                (
                    row.scenario,
                    row.beds,
                    f"{row.bed_hours:g}",
                    row.told,
                    row.false,
                    row.plain,
                    row.due,
                    row.caught,
                    row.plain_caught,
                    _lag(measured.events, row.scenario),
                )
                for row in measured.scenarios
            ],
        )
    )


def _verdicts(measured: Report) -> list[str]:
    """The targets, a sentence each."""
    lines = []
    for load in measured.sets:
        if load.fewer is not None:
            lines.append(
                f"{load.source}: told {load.engine.told} times, {_percent(load.fewer)} fewer than the {load.plain.told}"
                f" of a plain monitor (target: at least {_percent(LEAST_FEWER)}); of limits alone, all that such a monitor"
                f" knows, {load.limit_alarms} times, {_percent(load.fewer_of_limits)} fewer."
            )
        lines.append(
            f"{load.source}: told {load.medium_or_high_per_patient_day:g} times of medium or high priority per"
            f" patient-day, of {load.medium_or_high_episodes_per_patient_day:g} episodes, over {load.engine.bed_hours:g}"
            f" h; heart rate above 120 for 15 s would be {load.plain_heart_rate_per_patient_day:g} alarms."
        )
    if measured.events:
        for title, chosen in (
            ("physiological", [event for event in measured.events if event.physiological]),
            ("other", [event for event in measured.events if not event.physiological]),
        ):
            lines.append(
                f"simulated: of {len(chosen)} {title} events that had to alarm the engine told"
                f" {sum(event.engine_s is not None for event in chosen)} in time, the plain monitor"
                f" {sum(event.plain_s is not None for event in chosen)}."
            )
    return lines


def _lag(found: Sequence[EventLoad], scenario: str) -> str:
    lags = [
        event.engine_s - event.plain_s
        for event in found
        if event.scenario == scenario and event.engine_s is not None and event.plain_s is not None
    ]
    return f"{median(lags):g} s (of {len(lags)})" if lags else ""


def _per_day(count: int, load: Yardsticks) -> str:
    return f"{count / load.bed_hours * 24:.2f}" if load.bed_hours else ""


def _share(count: int, whole: int) -> float | None:
    return None if not whole else count / whole


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{100 * share:.1f} %"


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)
