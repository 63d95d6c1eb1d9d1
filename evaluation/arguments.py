"""Manners of the programs of this room: `--help`, what is wrong in one line with exit code 2, Ctrl-C with 130 and no traceback."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from runtime.lifecycle import EXIT_USAGE
from runtime.terminal import harmless
from vitals.errors import InvalidArgument

EXIT_INTERRUPTED = 130


class Arguments(argparse.ArgumentParser):
    """A parser that says in one line what is wrong."""

    def __init__(self, *, prog: str, description: str | None) -> None:
        super().__init__(prog=prog, description=description, formatter_class=argparse.RawDescriptionHelpFormatter)

    def error(self, message: str) -> NoReturn:
        """Raises InvalidArgument."""
        raise InvalidArgument(f"{self.prog}: {message}; --help says more.")

    def add_directory(self, name: str, **options: Any) -> None:  # noqa: ANN401 - as argparse takes them
        """A folder, which must be there."""
        self.add_argument(name, type=_directory, metavar="DIRECTORY", **options)


def ended(main: Callable[[Sequence[str]], int], arguments: Sequence[str] | None) -> int:
    """The exit code of a program that may raise InvalidArgument or be interrupted; without arguments those of the process."""
    try:
        return main(sys.argv[1:] if arguments is None else arguments)
    except InvalidArgument as error:
        sys.stderr.write(f"{harmless(str(error))}\n")
        return EXIT_USAGE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _directory(given: str) -> Path:
    path = Path(given)
    if not path.exists():
        raise argparse.ArgumentTypeError(f"there is no {given}")
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{given} is no directory")
    return path
