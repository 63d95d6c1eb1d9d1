"""What campaigns are told at the command line: counts and lengths that make sense, or one sentence and exit code 2."""

import argparse
import math
from typing import NoReturn

from runtime.lifecycle import EXIT_USAGE


class CampaignArguments(argparse.ArgumentParser):
    """A parser that says in one line what is wrong, and in `--help` what goes without being said."""

    def error(self, message: str) -> NoReturn:
        """Ends the process."""
        self.exit(EXIT_USAGE, f"{self.prog}: {message}; --help says more.\n")

    def add_count(self, name: str, what: str, *, default: int | None = None, metavar: str = "N") -> None:
        """A whole number, 1 or more: a campaign of none passes and shows nothing."""
        self.add_argument(name, type=_count, default=default, metavar=metavar, help=_told(what, default))

    def add_length(
        self,
        name: str,
        what: str,
        *,
        default: float | None = None,
        metavar: str = "MINUTES",
        or_zero: bool = False,
    ) -> None:
        """A finite number above zero, or zero itself where that means something."""
        read = _length_or_zero if or_zero else _length
        self.add_argument(name, type=read, default=default, metavar=metavar, help=_told(what, default))


def _told(what: str, default: float | None) -> str:
    return what if default is None else f"{what}; {default:g} without it"


def _count(given: str) -> int:
    if not given.isdecimal() or int(given) < 1:
        raise argparse.ArgumentTypeError(f"{given} is not a whole number of 1 or more")
    return int(given)


def _length(given: str) -> float:
    value = _number(given)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{given} is not a number above 0")
    return value


def _length_or_zero(given: str) -> float:
    value = _number(given)
    if not value >= 0:
        raise argparse.ArgumentTypeError(f"{given} is not a number of 0 or more")
    return value


def _number(given: str) -> float:
    """NaN, which is above nothing, for whatever is no finite number."""
    try:
        value = float(given)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan
