"""`python -m evaluation.unusual [DIRECTORY]`: what unusual patterns and trends are worth, on a staged ward with known truth.

Prints what share of deteriorations is caught and how long before a plain monitor, what benign mimics raise, how the alert
budget is kept on held-out time by patients in health (at readings a minute, an hour and a second apart), and how often
limits are reached within the interval that trends told of; with DIRECTORY (docs/evaluation.md) the last on recordings too.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from evaluation.arguments import Arguments, ended
from evaluation.unusual_figures import TREND_SETS, Budget, Figures, budget_kept, figures, recorded_trends
from evaluation.unusual_run import Replayed, replay
from evaluation.unusual_ward import StagedBed, healthy_beds, ward
from runtime.lifecycle import EXIT_OK
from stream.pipeline import PipelineParameters


class Well(NamedTuple):
    """Patients in health whose budget is measured."""

    every_s: float
    keep_every: int
    """Of those readings."""
    hours: float
    beds: int
    held_out_from_h: float
    """What comes before is for learning."""


WELL = (Well(60.0, 1, 72.0, 12, 24.0), Well(60.0, 60, 192.0, 8, 48.0), Well(1.0, 1, 8.0, 2, 2.0))
"""A reading each minute, each hour and each second."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; an exit code."""
    return ended(_measured, arguments)


def _measured(arguments: Sequence[str]) -> int:
    options = _options(arguments)
    parameters = _parameters(options)
    beds = ward(seed=options.seed, every_s=options.every, share=options.share)
    found = figures(list(_replayed(beds, parameters)))
    if not options.ward_only:
        found = msgspec.structs.replace(found, budget=tuple(_budgets(options, parameters)))
        if options.recordings is not None:
            found = msgspec.structs.replace(found, recorded_trends=tuple(recorded_trends(options.recordings)))
    _tell(found, as_json=options.json)
    return EXIT_OK


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = Arguments(prog="python -m evaluation.unusual", description=__doc__)
    parser.add_directory("recordings", nargs="?")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--budget", type=float, default=0.5, help="unusual-pattern alerts a patient and day, at most")
    parser.add_argument("--every", type=float, default=60.0, help="seconds between readings of the ward")
    parser.add_argument("--share", type=float, default=1.0, help="of the ward's beds")
    parser.add_argument("--trees-weight", type=float, default=None, help="0: the distance alone")
    parser.add_argument("--distance-weight", type=float, default=None, help="0: the trees alone")
    parser.add_argument("--ward-only", action="store_true", help="leave out the patients in health and the recordings")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    if options.recordings is not None and not any((options.recordings / name).is_dir() for name in TREND_SETS):
        parser.error(f"there is none of the folders {', '.join(TREND_SETS)} in {options.recordings}")
    return options


def _budgets(options: argparse.Namespace, parameters: PipelineParameters) -> Iterator[Budget]:
    for well in WELL:
        count = max(1, round(well.beds * options.share))
        beds = healthy_beds(seed=options.seed, every_s=well.every_s, hours=well.hours, count=count)
        replayed = list(_replayed(beds, parameters, keep_every=well.keep_every))
        yield budget_kept(replayed, from_h=well.held_out_from_h, every_s=well.every_s * well.keep_every)


def _parameters(options: argparse.Namespace) -> PipelineParameters:
    usual = PipelineParameters()
    unusual = usual.unusual
    if options.trees_weight is not None:
        unusual = msgspec.structs.replace(unusual, trees_weight=options.trees_weight)
    if options.distance_weight is not None:
        unusual = msgspec.structs.replace(unusual, distance_weight=options.distance_weight)
    budget = msgspec.structs.replace(usual.budget, unusual_per_day_max=options.budget)
    return msgspec.structs.replace(usual, unusual=unusual, budget=budget)


def _replayed(beds: Sequence[StagedBed], parameters: PipelineParameters, *, keep_every: int = 1) -> Iterator[Replayed]:
    for number, bed in enumerate(beds):
        yield replay(bed, parameters, keep_every=keep_every)
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{number + 1} of {len(beds)} beds, readings {bed.every_s:g} s apart ")
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K")


def _tell(found: Figures, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
        return
    sys.stdout.writelines(f"{line}\n" for line in found.lines())


if __name__ == "__main__":
    sys.exit(main())
