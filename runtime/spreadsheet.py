"""Cells of a CSV file that a spreadsheet opens: text stays text, and is never run as a formula. Pure."""

from typing import Final

_STARTS_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What OWASP's page on CSV injection names, with the full-width forms that spreadsheets take alike."""


def as_cell(value: object) -> object:
    """`value` as a cell; text that a spreadsheet would take for a formula begins with an apostrophe.

    >>> as_cell("=1+1"), as_cell("SpO2 low"), as_cell(-1.5)
    ("'=1+1", 'SpO2 low', -1.5)
    """
    return f"'{value}" if isinstance(value, str) and value.lstrip(" ").startswith(_STARTS_FORMULA) else value
