"""What a house tells of itself at one moment of an overload, and what each stage did between two of them."""

from collections.abc import Sequence

import msgspec


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """The house at one moment of an overload."""

    at_s: float
    phase: str
    taken: float
    """Readings that ingest has put into the log."""
    stored: float
    assessed: float
    lag: dict[str, float]
    """Records not handled yet, by worker."""
    held: float
    """Messages ingest holds unacknowledged."""
    paused: float
    """1 while ingest does not read its socket."""
    waiting_on_devices: int


def rates_between(first: Look, last: Look) -> dict[str, float]:
    """Readings per second of each stage.

    The engine of alerts reads readings and assessments: its share of what came of both, of the readings that came.
    """
    apart_s = last.at_s - first.at_s
    ingest = (last.taken - first.taken) / apart_s
    stream = (last.assessed - first.assessed) / apart_s
    grown = (last.lag.get("alerts", 0) - first.lag.get("alerts", 0)) / apart_s
    return {
        "ingest": ingest,
        "recorder": (last.stored - first.stored) / apart_s,
        "stream": stream,
        "alerts": ingest * (1 - grown / (ingest + stream)) if ingest + stream else 0.0,
    }


def settled_rates(looks: Sequence[Look]) -> dict[str, float]:
    """Readings per second of each stage in the second half of a phase, in which every queue is as full as it gets."""
    return rates_between(looks[len(looks) // 2], looks[-1])
