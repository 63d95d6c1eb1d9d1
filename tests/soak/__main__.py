"""`python -m tests.soak`: hours at steady load, or at rest with --idle; sampled every 30 s, judged, kept in a file.

Starts Mosquitto, Kafka, PostgreSQL and every service of its own, on free loopback ports. --results names a file of JSON
lines to which every sitting is appended while it runs; --judge reads such a file again and starts nothing. Exits 1 where
something was not flat, or a receipted reading was not stored and assessed.
"""

import asyncio
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from runtime.clock import SystemClock
from runtime.lifecycle import EXIT_FAILED, EXIT_OK, EXIT_USAGE
from runtime.logs import set_up_logging
from runtime.settings import TelemetrySettings
from tests.soak.flatness import judged_s_min
from tests.soak.report import judged, say
from tests.soak.results import SoakPlan, read_sittings
from tests.soak.sitting import sit
from tests.support.campaign_arguments import CampaignArguments
from wardlight.__main__ import EXIT_INTERRUPTED

RESULTS = Path("build/soak.jsonl")


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak or judge; an exit code."""
    parser = CampaignArguments(prog="python -m tests.soak", description=__doc__)
    parser.add_length("--minutes", "how long in all", default=120.0)
    parser.add_length("--rate", "readings per second in all", default=20.0, metavar="READINGS")
    parser.add_count("--beds", "how many patients", default=40)
    parser.add_argument("--idle", action="store_true", help="everything runs and nothing comes")
    parser.add_length("--warm-up", "not judged", default=20.0, or_zero=True)
    parser.add_length("--every", "between samples", default=30.0, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=1, help="decides what comes; %(default)s without it")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FILE", help="%(default)s without it")
    parser.add_argument("--judge", action="store_true", help="judge what --results holds; start nothing")
    options = parser.parse_args(arguments)
    minutes_min = options.warm_up + judged_s_min(options.every) / 60
    if options.minutes < minutes_min and not options.judge:
        sys.stderr.write(
            f"--minutes must be {minutes_min:g} or more with this --warm-up and --every: less is too little to judge.\n"
        )
        return EXIT_USAGE
    plan = SoakPlan(
        minutes=options.minutes,
        readings_per_s=0.0 if options.idle else options.rate,
        beds=options.beds,
        warm_up_s=60 * options.warm_up,
        every_s=options.every,
        seed=options.seed,
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that everything started is ended as by Ctrl-C
    set_up_logging(TelemetrySettings(log_level="error"), clock=SystemClock())
    if not options.judge:
        options.results.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="wardlight-soak-") as directory:
            try:
                asyncio.run(sit(plan, options.results, Path(directory)))
            except KeyboardInterrupt:
                sys.stderr.write("Stopped. --judge reads what was sampled until now.\n")
                return EXIT_INTERRUPTED
    sittings = read_sittings(options.results)
    shown = sittings if options.judge else sittings[-1:]
    good = True
    for sitting in shown:
        verdicts = judged(sitting)
        say(sitting, verdicts)
        good = good and bool(verdicts) and all(verdict.flat for verdict in verdicts) and not sitting.lost
    return EXIT_OK if good else EXIT_FAILED


if __name__ == "__main__":
    sys.exit(main())
