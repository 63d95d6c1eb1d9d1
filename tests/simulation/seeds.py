"""`python -m tests.simulation.seeds`: wards in storms, each decided by one seed, held against what was promised.

A seed decides beds, devices and their clocks, wards, partitions and workers, the network, crashes and disk errors, and what
people do; checkers look after every second and at rest. Results are appended to a file: seeds that are clean against the code
as it is are not run again, so that many sittings make one campaign. Exits 1 where a seed is not clean.
"""

import multiprocessing
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from pprint import pformat

from runtime.clock import SystemClock
from runtime.lifecycle import EXIT_FAILED, EXIT_OK
from tests.support.campaign_arguments import CampaignArguments
from tests.support.storm_campaign import Results, SeedResult, code_hash, due_seeds, run_seed
from tests.support.storm_plan import storm_of

RESULTS = Path("build/simulate.jsonl")
BATCH = 50
"""Seeds between two lines of progress."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run seeds and report; an exit code."""
    parser = CampaignArguments(prog="python -m tests.simulation.seeds", description=__doc__)
    parser.add_count("--seeds", "how many", default=100)
    parser.add_count("--first", "the first of them", default=1, metavar="SEED")
    parser.add_argument("--seed", type=int, help="only this one, with its plan, whether it was clean before or not")
    parser.add_count("--jobs", "processes side by side", default=os.cpu_count() or 1)
    parser.add_length("--minutes", "begin no seed after so long")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FILE")
    options = parser.parse_args(arguments)
    code = code_hash()
    if options.seed is not None:
        return _one(options.seed, code)
    results = Results(options.results)
    seeds = due_seeds(options.first, options.seeds, results.clean_seeds(code))
    last = options.first + options.seeds - 1
    _say(
        f"Seeds {options.first} to {last}, code {code}: {options.seeds - len(seeds)} are clean by {options.results},"
        f" {len(seeds)} to run on {options.jobs} processes."
    )
    done = _run(seeds, code, results, jobs=options.jobs, minutes=options.minutes)
    return _report(done, options.first, options.seeds, results, code)


def _one(seed: int, code: str) -> int:
    _say(f"Seed {seed}, code {code}:\n{pformat(storm_of(seed), width=140)}")
    result = run_seed(seed, code)
    _say(_told(result))
    return EXIT_OK if result.clean else EXIT_FAILED


def _run(seeds: Sequence[int], code: str, results: Results, *, jobs: int, minutes: float | None) -> list[SeedResult]:
    """Batch by batch, each announced before it begins."""
    clock = SystemClock()
    began_s = clock.monotonic_s()
    done: list[SeedResult] = []
    # Spawned, and each with the same order of hashes: nothing of a seed hangs on the process that runs it.
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        for start in range(0, len(seeds), BATCH):
            wall_s = clock.monotonic_s() - began_s
            if minutes is not None and wall_s > 60 * minutes:
                _say(f"{minutes:g} minutes are over.")
                break
            batch = seeds[start : start + BATCH]
            failed = sum(not one.clean for one in done)
            _say(f"seeds {batch[0]} to {batch[-1]} …  ({len(done)} done in {wall_s:.0f} s, {failed} not clean)")
            for future in as_completed([pool.submit(run_seed, seed, code) for seed in batch]):
                result = future.result()
                results.append(result)
                done.append(result)
                if not result.clean:
                    _say(_told(result))
    return done


def _report(done: Sequence[SeedResult], first: int, count: int, results: Results, code: str) -> int:
    clean = results.clean_seeds(code) & set(range(first, first + count))
    cpu_s = sum(one.cpu_s for one in done)
    _say(
        f"{len(done)} seeds run: {sum(one.simulated_s for one in done) / 3600:.1f} hours of wards,"
        f" {sum(one.readings for one in done):,} readings, {sum(one.episodes for one in done):,} episodes,"
        f" {sum(one.demands for one in done):,} times an alert was due, {sum(one.deaths for one in done):,} deaths,"
        f" {sum(one.failures for one in done):,} database failures; {cpu_s:.0f} s of CPU,"
        f" {cpu_s / max(1, len(done)):.2f} s a seed.\n"
        f"{len(clean):,} of {count:,} seeds are clean against code {code}."
    )
    return EXIT_OK if all(one.clean for one in done) else EXIT_FAILED


def _told(result: SeedResult) -> str:
    if result.clean:
        return f"seed {result.seed} is clean: trace {result.trace}, {result.cpu_s:.1f} s of CPU"
    return f"seed {result.seed} is NOT clean; again by: make simulate SEED={result.seed}\n    {result.said}"


def _say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
