"""What may be read outside: one printable line, without the names of staff. Pure."""

import unicodedata
from typing import Final

from vitals.alert import Transition

LINE_CHARACTERS_MAX: Final = 200
_CHARTED_BY: Final = ", charted by "


def outside_text(step: Transition) -> str:
    """The line about a step without who charted or did it."""
    text = step.text.partition(_CHARTED_BY)[0]
    silenced_by = None if step.suppression is None else step.suppression.by
    names = {step.by, silenced_by, *(given.by for given in step.acknowledgements)} - {None, ""}
    for name in sorted(map(str, names), key=len, reverse=True):
        text = text.replace(name, "somebody")
    return one_line(text)


def one_line(text: str) -> str:
    """Printable, on one line, and not endless; control and direction characters become spaces."""
    shown = "".join(" " if unicodedata.category(sign)[0] in "CZ" else sign for sign in text[: LINE_CHARACTERS_MAX * 2])
    return " ".join(shown.split())[:LINE_CHARACTERS_MAX]
