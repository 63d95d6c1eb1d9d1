"""Which reads carry history away: one rule, for the gate (who may) and for the audit trail (what it is called). Pure."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from dashboard.schemas import parse_time_ms
from runtime.clock import Clock
from vitals.errors import Forbidden

FORMATS: Final = frozenset({"csv", "parquet", "fhir", "json"})
"""Named in `format` by whoever writes what is seen into a file."""
SLACK_MS: Final = 300_000
"""A page's last 24 hours asks a minute into the future, and a browser's clock may differ."""


def is_export(key: str, query_string: bytes, *, now_ms: int, span_ms: int) -> bool:
    """Whether a request under line `key` of the table asks for history in a form, or over a span, to carry away."""
    method, _, path = key.partition(" ")
    if method != "GET" or not path.endswith("/history"):
        return False
    said = dict(parse_qsl(query_string.decode("latin-1")))
    if said.get("format") in FORMATS:
        return True
    from_ms, to_ms = _moment(said.get("from")), _moment(said.get("to"))
    return from_ms is not None and (now_ms if to_ms is None else to_ms) - from_ms > span_ms + SLACK_MS


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
            f"History over more than {self.span_ms / 3_600_000:g} h, or as CSV, Parquet, FHIR or JSON, is an export:"
            " it takes the permission export on the patient's ward."
        )


def _moment(said: str | None) -> int | None:
    try:
        return None if said is None else int(str(parse_time_ms(said)))
    except ValueError:
        return None
