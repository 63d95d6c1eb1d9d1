"""`python -m tests.simulation.month`: 30 days of a 200-bed ward in minutes, with workers crashing, held against an oracle.

The alert engine over signed snapshots and a replayed log, partition by partition, on as many processors as there are. Exits
1 with what was wrong: two open episodes of a patient and kind, a breach that was not alarmed when due and that nobody
suppressed, an alert without ground, other episodes or onsets where the same topics are interleaved otherwise.
"""

import multiprocessing
import os
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed

from runtime.clock import SystemClock
from runtime.lifecycle import EXIT_FAILED, EXIT_OK
from tests.support.campaign_arguments import CampaignArguments
from tests.support.month_world import MIX, MonthPlan
from tests.support.simulated_month import MonthOutcome, SimulatedMonth
from wardlight.printing import print_table, table

WORKERS_MAX = 16


def simulate(plan: MonthPlan, partition: int) -> MonthOutcome:
    """One partition's month."""
    return SimulatedMonth(plan, partition).run()


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate and report; an exit code."""
    parser = CampaignArguments(prog="python -m tests.simulation.month", description=__doc__)
    parser.add_count("--beds", "how many patients", default=200)
    parser.add_length("--days", "how long", default=30.0, metavar="DAYS")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_count("--partitions", "of the log", default=8)
    parser.add_argument("--crashes-per-day", type=float, default=2.0, metavar="CRASHES", help="of each worker")
    options = parser.parse_args(arguments)
    plan = MonthPlan(
        beds=options.beds,
        days=options.days,
        seed=options.seed,
        partitions=min(options.partitions, options.beds),
        crashes_per_day=options.crashes_per_day,
    )
    _say(f"{plan}\nof {len(MIX)} beds: " + ", ".join(f"{count} {name}" for name, count in _rhythms().items()))
    clock = SystemClock()
    began_s = clock.monotonic_s()
    outcomes = []
    workers = min(os.cpu_count() or 1, WORKERS_MAX, plan.partitions)
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        for future in as_completed([pool.submit(simulate, plan, partition) for partition in range(plan.partitions)]):
            outcomes.append(future.result())
            told = outcomes[-1]
            _say(
                f"partition {told.partition}: {told.records.total():,} records, {told.crashes} crashes,"
                f" {told.complaints.total()} complaints, {told.cpu_s:.0f} s of CPU"
            )
    return report(outcomes, wall_s=clock.monotonic_s() - began_s)


def report(outcomes: Sequence[MonthOutcome], *, wall_s: float) -> int:
    """Print what all partitions came to; an exit code."""

    def total(pick: str) -> Counter[str]:
        return sum((getattr(outcome, pick) for outcome in outcomes), Counter())

    records, complaints = total("records"), total("complaints")
    for title, pick in (
        ("records of the log", "records"),
        ("steps", "steps"),
        ("raised", "raised"),
        ("due by the oracle, and how met", "demands"),
        ("escalation", "ladder"),
        ("complaints", "complaints"),
    ):
        print_table(table((title, ""), ((name, f"{count:,}") for name, count in total(pick).most_common())))
    for outcome in outcomes:
        for sentence in outcome.sentences[:10]:
            _say(f"partition {outcome.partition}: {sentence}")
    _say(
        f"{records.total():,} records, each read in two orders, {sum(outcome.patients for outcome in outcomes)} patients,"
        f" {sum(outcome.crashes for outcome in outcomes)} crashes with {sum(outcome.replayed for outcome in outcomes):,}"
        f" records read again; {complaints.total()} complaints; {wall_s:.0f} s,"
        f" {sum(outcome.cpu_s for outcome in outcomes):.0f} s of CPU."
    )
    return EXIT_FAILED if complaints else EXIT_OK


def _rhythms() -> Counter[str]:
    return Counter(rhythm.value for rhythm in MIX)


def _say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
