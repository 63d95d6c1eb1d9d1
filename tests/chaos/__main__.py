"""`python -m tests.chaos`: faults on real servers under a load of known truth, held against that truth; results are appended.

Exits 1 where a reading was lost or doubled, or an alert was late or wrong, in the repetitions of this sitting.
"""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from runtime.clock import SystemClock
from runtime.logs import set_up_logging
from runtime.settings import TelemetrySettings
from tests.chaos import results
from tests.chaos.campaign import Campaign, dues_of
from tests.chaos.faults.catalogue import FAULTS
from tests.chaos.load import Plan
from tests.support.campaign_arguments import CampaignArguments


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, list or print; an exit code."""
    options = _parser().parse_args(arguments)
    if options.list:
        for fault in FAULTS.values():
            print(f"{fault.name:22} {fault.what}")
        return 0
    if options.table:
        told = {name: fault.what for name, fault in FAULTS.items()}
        print("\n".join(results.table(results.read(options.results), list(FAULTS), told)))
        return 0
    unknown = [name for name in options.fault if name not in FAULTS]
    if unknown:
        print(f"There is no fault {unknown[0]!r}: --list names all.", file=sys.stderr)
        return 2
    return _run(options)


def _run(options: argparse.Namespace) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that everything started is ended as by Ctrl-C
    clock = SystemClock()
    set_up_logging(TelemetrySettings(log_level="error"), clock=clock)
    plan = Plan(seed=options.seed)
    dues = dues_of(plan, options.results.parent)
    print(
        f"seed {plan.seed}: {plan.beds} beds, as many readings a second, {len(dues)} alerts due in {plan.course_s_max} s"
    )
    faults = [FAULTS[name] for name in options.fault or FAULTS]
    until_s = None if options.minutes is None else options.minutes * 60
    campaign = Campaign(
        faults,
        repetitions=options.repetitions,
        at_a_time=options.at_a_time,
        file=options.results,
        clock=clock,
        seed=options.seed,
        until_s=until_s,
    )
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(campaign.run(plan, dues, brokers=options.brokers))
    return 0 if all(repetition.is_clean for repetition in campaign.new) else 1


def _parser() -> argparse.ArgumentParser:
    parser = CampaignArguments(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--fault", action="append", default=[], metavar="NAME", help="only this one; may be repeated")
    parser.add_count("--repetitions", "of each fault in all, those on file included")
    parser.add_count("--at-a-time", "repetitions in one course at most", default=5)
    parser.add_argument("--results", type=Path, default=Path("build/chaos.jsonl"), help="where results are appended")
    parser.add_length("--minutes", "begin no new course after so long")
    parser.add_argument("--seed", type=int, default=21)
    parser.add_argument("--brokers", type=int, default=3, choices=(1, 3))
    parser.add_argument("--list", action="store_true", help="name every fault and end")
    parser.add_argument("--table", action="store_true", help="print what is on file as a table and end")
    return parser


if __name__ == "__main__":
    sys.exit(main())
