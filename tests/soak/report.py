"""What a sitting came to: a verdict per process and quantity, and a table for people."""

import statistics
import sys
from collections.abc import Iterator

from tests.soak.flatness import DESCRIPTORS, MB, MEMORY, THREADS, Verdict, judge, judge_disk, judge_lag, judged_s_min
from tests.soak.results import Sitting
from wardlight.printing import print_table, table

NOT_OURS = frozenset({"kafka"})
"""Sampled, and not judged by its memory: Java's heap is as large as it is allowed."""


def judged(sitting: Sitting) -> list[Verdict]:
    """Every quantity of the sitting that there is enough of to judge."""
    return [verdict for verdict in _verdicts(sitting) if verdict is not None]


def say(sitting: Sitting, verdicts: list[Verdict]) -> None:
    """Print the sitting."""
    plan, samples = sitting.begun.plan, sitting.samples
    load = f"{plan.readings_per_s:g} readings/s of {plan.beds} beds" if plan.readings_per_s else "nothing coming"
    lasted_s = samples[-1].at_s if samples else 0.0
    machine = f"{statistics.median(sample.load for sample in samples):.1f}" if samples else "unknown"
    sys.stdout.write(
        f"{lasted_s / 60:.0f} minutes with {load}, the first {plan.warm_up_s / 60:g} not judged;"
        f" median load of the machine {machine}\n"
    )
    rows = (
        (v.what, _shown(v.what, v.first), _shown(v.what, v.last), _shown(v.what, v.per_hour),
         _shown(v.what, v.bound_per_hour), "flat" if v.flat else "GROWS")
        for v in verdicts
    )  # fmt: skip
    print_table(table(("what", "first third", "last third", "growth per hour", "bound", "verdict"), rows))
    if not verdicts:
        sys.stdout.write(
            f"Too little was sampled to judge: it takes {judged_s_min(plan.every_s) / 60:g} minutes after the warm-up.\n"
        )
    ended = sitting.ended
    if ended is None:
        sys.stdout.write("It was cut off before its end, or still runs.\n")
    else:
        sys.stdout.write(
            f"{ended.published:,} published, {ended.receipted:,} receipted, {ended.stored:,} stored,"
            f" {ended.assessed:,} assessed, {ended.lost} lost; {ended.episodes} episodes; viewers {ended.viewers}\n"
        )


def _verdicts(sitting: Sitting) -> Iterator[Verdict | None]:
    plan, samples = sitting.begun.plan, sitting.samples
    names = sorted({name for sample in samples for name in sample.processes})
    for name in names:
        seen = [(sample.at_s, sample.processes[name]) for sample in samples if name in sample.processes]
        warm_up_s = plan.warm_up_s
        if name not in NOT_OURS:
            own = [(at_s, float(one.own_bytes)) for at_s, one in seen]
            yield judge(f"{name} memory", own, warm_up_s=warm_up_s, bound=MEMORY)
            threads = [(at_s, float(one.threads)) for at_s, one in seen]
            yield judge(f"{name} threads", threads, warm_up_s=warm_up_s, bound=THREADS)
            descriptors = [(at_s, float(one.descriptors)) for at_s, one in seen]
            yield judge(f"{name} descriptors", descriptors, warm_up_s=warm_up_s, bound=DESCRIPTORS)
        lag = [(at_s, one.lag_records) for at_s, one in seen if one.lag_records is not None]
        if lag:
            yield judge_lag(f"{name} lag", lag, warm_up_s=warm_up_s, records_per_s=max(plan.readings_per_s, 1.0))
    for what in ("database", "log"):
        disk = [(s.at_s, float(getattr(s, f"{what}_bytes")), float(s.database_rows)) for s in samples]
        yield judge_disk(f"{what} per reading", disk, warm_up_s=plan.warm_up_s)


def _shown(what: str, value: float) -> str:
    if what.endswith("memory"):
        return f"{value / MB:.1f} MB"
    if what.endswith("per reading"):
        return f"{value:,.0f} B"
    return f"{value:.1f}"
