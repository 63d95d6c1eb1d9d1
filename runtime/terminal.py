"""What comes from elsewhere, made harmless to show: a terminal obeys control characters, and a reader believes lines. Pure."""

import re
from typing import Any, Final

_OBEYED: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but tab and line feed, DEL, and C1, which some terminals take for escapes
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # what turns the direction of writing
    "\u2028\u2029]"  # further ends of lines
)


def harmless(text: str) -> str:
    r"""`text` with what a terminal would obey written out, as JSON writes it; tabs and line feeds stay.

    >>> harmless("Ada\x1b[2J"), harmless("one\r\ntwo")
    ('Ada\\u001b[2J', 'one\ntwo')
    """
    return _OBEYED.sub(_written_out, text.replace("\r\n", "\n"))


def harmless_line(text: str) -> str:
    r"""As `harmless`, and on one line.

    >>> harmless_line("a\nforged line")
    'a\\u000aforged line'
    """
    return harmless(text).replace("\n", "\\u000a")


def harmless_json(value: Any) -> Any:  # noqa: ANN401 - a parsed JSON document
    """A parsed JSON document in which every text, keys too, is `harmless`."""
    match value:
        case str():
            return harmless(value)
        case list():
            return [harmless_json(each) for each in value]
        case dict():
            return {harmless(key): harmless_json(each) for key, each in value.items()}
        case _:
            return value


def _written_out(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
