"""The rulebook that comes with the program, and books read over it."""

from functools import cache
from importlib import resources

from alerts.rulebook import Rulebook, parse

FILE = "default_rules.yaml"


@cache
def default_book() -> Rulebook:
    """The book that comes with the program."""
    return parse(resources.files("alerts").joinpath(FILE).read_text(encoding="utf-8"))


def read_book(text: str) -> Rulebook:
    """A book over the default one; raises RulebookError."""
    return parse(text, bounds=default_book().bounds)
