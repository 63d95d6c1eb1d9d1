"""`python -m tests.simulation.week`: a week of a 48-bed ward with every scenario, in virtual time, held against its truth.

Exits 1 where a reading was lost, doubled or made up, where the ledger does not balance, or where a due alarm did not come.
False alarms are counted and printed: they are the rules', and no reason to bend a scenario.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from runtime.clock import SystemClock
from runtime.lifecycle import EXIT_FAILED, EXIT_OK
from runtime.logs import set_up_logging
from runtime.settings import TelemetrySettings
from runtime.virtual_loop import run_virtual
from tests.support.campaign_arguments import CampaignArguments
from tests.support.simulated_week import Seen, SimulatedWeek, WeekOutcome, WeekPlan
from tests.support.week_verdicts import summary
from wardlight.printing import print_table, table


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate and report; an exit code."""
    parser = CampaignArguments(prog="python -m tests.simulation.week", description=__doc__)
    parser.add_count("--beds", "how many patients", default=48)
    parser.add_length("--hours", "how long", default=168.0, metavar="HOURS")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--onsets-within", type=float, default=24, metavar="HOURS", help="over which scenarios begin")
    parser.add_argument("--readings-days", type=int, default=3, help="how long readings are kept as they came")
    options = parser.parse_args(arguments)
    set_up_logging(TelemetrySettings(log_level="error"), clock=SystemClock())
    with tempfile.TemporaryDirectory(prefix="wardlight-week-") as directory:
        plan = WeekPlan(
            beds=options.beds,
            hours=options.hours,
            seed=options.seed,
            onsets_within_h=options.onsets_within,
            readings_days=options.readings_days,
            directory=Path(directory),
        )
        sys.stdout.write(f"{plan}\n")

        async def run() -> WeekOutcome:
            return await SimulatedWeek(plan, told=_tell).run()

        return _report(run_virtual(run()))


def _tell(seen: Seen) -> None:
    rows = ", ".join(f"{name} {count:,}" for name, count in seen.tables.rows.items())
    files = ", ".join(f"{name} {size:g} MB" for name, size in seen.tables.files_mb.items() if size)
    sys.stdout.write(f"hour {seen.hour:5.0f}: {seen.wall_s:6.1f} s, {seen.rss_mb:.0f} MB resident; {rows}; {files}\n")
    sys.stdout.flush()


def _report(outcome: WeekOutcome) -> int:
    rows = summary(outcome.verdicts)
    print_table(
        table(
            ("scenario", "beds", "due", "missed", "false episodes"),
            (
                (name, beds, due, missed, ", ".join(f"{kind} {count}" for kind, count in false.items()))
                for name, beds, due, missed, false in rows
            ),
        )
    )
    missed, due = sum(row[3] for row in rows), sum(row[2] for row in rows)
    complaints = outcome.complaints()
    for complaint in complaints:
        sys.stdout.write(f"{complaint}\n")
    book = outcome.ledger
    sys.stdout.write(
        f"{len(outcome.published):,} readings published, {len(outcome.receipted):,} receipted, {len(outcome.refused):,}"
        f" refused, {len(outcome.stored):,} stored, {len(outcome.assessed):,} assessed; ledger: published"
        f" {book.published:,}, stored {book.stored:,}, missing {book.missing:,}; retention took"
        f" {outcome.trimmed.total():,} rows.\n"
        f"{due - missed} of {due} due alarms came in time; {outcome.opinions} unusual patterns were told.\n"
        f"{outcome.wall_s:.0f} s, {outcome.cpu_s:.0f} s of CPU.\n"
    )
    return EXIT_FAILED if complaints or missed else EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
