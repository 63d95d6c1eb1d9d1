"""`python -m tests.upgrade`: try an upgrade with old and new side by side, or put down what this release writes."""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from runtime.clock import SystemClock
from runtime.lifecycle import EXIT_FAILED, EXIT_OK
from runtime.logs import set_up_logging
from runtime.settings import TelemetrySettings
from runtime.version import VERSION
from tests.support.golden_records import GOLDEN, write_release
from tests.upgrade.trial import TrialPlan, checked_out, try_upgrade


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments ask for; an exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.upgrade", description=__doc__)
    ways = parser.add_subparsers(dest="way", required=True)
    trial = ways.add_parser("trial", help="an earlier state of the program, then this one beside it, under load")
    trial.add_argument("--from", dest="commit", required=True, metavar="COMMIT")
    trial.add_argument("--seconds", type=float, default=30.0, help="of each of the three phases")
    trial.add_argument("--rate", type=float, default=20.0, metavar="READINGS", help="readings per second in all")
    ways.add_parser("golden", help=f"put down what this release writes in tests/golden/{VERSION}")
    options = parser.parse_args(arguments)
    if options.way == "golden":
        sys.stdout.write(f"{write_release(GOLDEN / VERSION)} records in {GOLDEN / VERSION}\n")
        return EXIT_OK
    set_up_logging(TelemetrySettings(log_level="error"), clock=SystemClock())
    with tempfile.TemporaryDirectory(prefix="wardlight-upgrade-") as name:
        directory = Path(name)
        old = checked_out(options.commit, directory / "old")
        plan = TrialPlan(old=old, phase_s=options.seconds, readings_per_s=options.rate)
        account = asyncio.run(try_upgrade(plan, directory))
    sys.stdout.write(f"from {options.commit}: {account.told()}\n")
    return EXIT_FAILED if account.complaints() else EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
