"""`python -m tests.simulation.sequences`: random event sequences through the alert engine, each checked after every record.

Readings of several signs, gaps, scores, ticks, orders of several people, silences, changes of rules, discharges, moves and
corrections. Exits 1 with the seed of the first sequence that broke an invariant; `--only` runs that one again.
"""

import multiprocessing
import os
import sys
import traceback
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Final, NamedTuple

from runtime.clock import SystemClock
from runtime.lifecycle import EXIT_FAILED, EXIT_OK
from tests.support.campaign_arguments import CampaignArguments
from tests.support.sequence_checks import checked
from vitals.alert import Reason, TransitionKind

WORKERS_MAX: Final = 16
_AT_ONCE: Final = 500


class Tally(NamedTuple):
    """What a run of sequences did."""

    sequences: int
    records: int
    steps: Counter[tuple[TransitionKind, Reason]]
    broken: str | None
    """The seed of the first that broke, with why."""


def tally(seed: int, first: int, count: int) -> Tally:
    """Draw and check `count` sequences from number `first` on."""
    steps: Counter[tuple[TransitionKind, Reason]] = Counter()
    records = 0
    for number in range(first, first + count):
        try:
            drawn, told = checked(f"{seed}-{number}")
        except AssertionError:
            return Tally(number - first + 1, records, steps, f"--seed {seed} --only {number}\n{traceback.format_exc()}")
        records += len(drawn)
        steps.update((step.transition, step.reason) for step in told)
    return Tally(count, records, steps, None)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and report; an exit code."""
    parser = CampaignArguments(prog="python -m tests.simulation.sequences", description=__doc__)
    parser.add_count("--sequences", "how many", default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, metavar="NUMBER", help="run this one alone, and print what happens in it")
    options = parser.parse_args(arguments)
    if options.only is not None:
        return _run_one(f"{options.seed}-{options.only}")
    _say(f"{options.sequences:,} sequences, seed {options.seed}")
    clock = SystemClock()
    began_s = clock.monotonic_s()
    workers = min(os.cpu_count() or 1, WORKERS_MAX)
    starts = range(0, options.sequences, _AT_ONCE)
    sequences, records, steps = 0, 0, Counter[tuple[TransitionKind, Reason]]()
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        counts = [min(_AT_ONCE, options.sequences - first) for first in starts]
        for done in pool.map(tally, [options.seed] * len(starts), starts, counts):
            sequences, records = sequences + done.sequences, records + done.records
            steps.update(done.steps)
            if done.broken is not None:
                _say(f"broken: {done.broken}")
                pool.shutdown(cancel_futures=True)
                return EXIT_FAILED
    for (transition, reason), count in sorted(steps.items()):
        _say(f"{transition.value:14} {reason.value:26} {count:>10,}")
    lasted_s = clock.monotonic_s() - began_s
    _say(f"{sequences:,} sequences of {records:,} records in {lasted_s:.0f} s: every invariant held")
    return EXIT_OK


def _run_one(seed: str) -> int:
    try:
        records, told = checked(seed)
    except AssertionError:
        _say(traceback.format_exc())
        return EXIT_FAILED
    for record in records:
        _say(str(record))
    for step in told:
        _say(str(step))
    return EXIT_OK


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
