"""Which reads carry history away: one rule, for the gate (who may) and for the audit trail (what it is called). Pure."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from pydantic import TypeAdapter, ValidationError

from dashboard.schemas import TimeMs
from runtime.clock import Clock
from vitals.errors import Forbidden

FORMATS: Final = frozenset({"csv", "parquet", "fhir", "json"})
"""Named in `format` by whoever writes what is seen into a file."""
SLACK_MS: Final = 300_000
"""A page's last 24 hours asks a minute into the future, and a browser's clock may differ."""
CHARTING_ROWS: Final = 50
"""Charted entries on one page, the patient's page's too; whoever asks for more at once carries them away."""
_KEPT: Final = frozenset({"history", "assessments", "charting"})
_MOMENT: Final = TypeAdapter[int](TimeMs)
_NUMBER: Final = TypeAdapter(int)


def is_export(key: str, query_string: bytes, *, now_ms: int, span_ms: int) -> bool:
    """Whether a request under line `key` of the table asks for what is kept in a form, or an amount, to carry away.

    What was measured and what was said of it is judged by its span; what was charted, by how much is asked for at once.
    """
    method, _, path = key.partition(" ")
    kept = path.rpartition("/")[2]
    if method != "GET" or kept not in _KEPT:
        return False
    said = said_in(query_string)
    if said.get("format") in FORMATS:
        return True
    if kept == "charting":
        rows = _number(said.get("limit"))
        return rows is not None and rows > CHARTING_ROWS
    from_ms, to_ms = moment_ms(said.get("from")), moment_ms(said.get("to"))
    return from_ms is not None and (now_ms if to_ms is None else to_ms) - from_ms > span_ms + SLACK_MS


def said_in(query_string: bytes) -> dict[str, str]:
    """The query's fields as routes read them: of one that is repeated, the last."""
    return dict(parse_qsl(query_string.decode("latin-1")))


def moment_ms(said: object) -> int | None:
    """A moment as routes read it; None where there is none, or none that a route would take."""
    try:
        return None if said is None else _MOMENT.validate_python(said)
    except ValidationError:
        return None


@dataclass(frozen=True)
class Exports:
    """The rule as one installation set it."""

    clock: Clock
    span_ms: int

    def __call__(self, key: str, query_string: bytes) -> bool:
        """Whether this request is an export now."""
        return is_export(key, query_string, now_ms=self.clock.now_ms(), span_ms=self.span_ms)

    @property
    def refusal(self) -> Forbidden:
        """For somebody who may see the patient and may not export."""
        return Forbidden(
            f"History over more than {self.span_ms / 3_600_000:g} h, more than {CHARTING_ROWS} charted entries at once,"
            " or either as CSV, Parquet, FHIR or JSON, is an export:"
            " it takes the permission export on the patient's ward."
        )


def _number(said: str | None) -> int | None:
    try:
        return None if said is None else _NUMBER.validate_python(said)
    except ValidationError:
        return None
