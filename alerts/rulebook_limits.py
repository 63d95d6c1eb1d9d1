"""What must hold between the numbers of a rulebook: limits go outwards, delays never grow, priorities never fall. Pure."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Final

import msgspec

from alerts.rulebook_text import Mark, Marked, Path, RulebookError, Value, shown
from alerts.rules import AlertRules
from vitals.alert import AlertKind
from vitals.kind_rules import DEPTHS_MAX, PRIORITY_RANK, complaint_about, crossed
from vitals.limits import HARD_LIMITS, LimitRule
from vitals.sign import SIGN_FACTS

_MEANT: Final = {rule.kind.value: (rule.sign.value, rule.side.value) for rule in HARD_LIMITS}
"""What each kind of limit is about."""

_SCORES: Final = (AlertKind.NEWS2_SINGLE_RED, AlertKind.NEWS2_URGENT, AlertKind.NEWS2_EMERGENCY)
"""From least to most urgent."""

_NOT_ABOVE: Final[tuple[tuple[Path, Path, str], ...]] = (
    (("urgent_delay_s",), ("single_red_delay_s",), "delays that never grow with urgency"),
    (("emergency_delay_s",), ("urgent_delay_s",), "delays that never grow with urgency"),
    (("pews", "high_delay_s"), ("pews", "medium_delay_s"), "delays that never grow with urgency"),
    (("pews", "medium_from"), ("pews", "high_from"), "more points for high than for medium"),
    (("battery", "critical_percent"), ("battery", "low_percent"), "a critical charge below a low one"),
    (("battery", "low_percent"), ("battery", "clear_percent"), "an end above the beginning"),
    *(
        (
            ("life", priority, "acknowledged_s"),
            ("life", priority, "acknowledged_s_max"),
            "the usual time within the longest",
        )
        for priority in ("high", "medium", "low")
    ),
)
"""Numbers of which the first must not lie above the second, and what that means."""


def check_limits(marked: Marked, path: Path, value: Value, *, of_child: bool = False) -> None:
    """Raises RulebookError where a list of limits, of the right shape already, does not hold together."""
    seen: set[str] = set()
    entries: list[Any] = value if isinstance(value, list) else []
    for place, entry in enumerate(entries):
        at, kind = (*path, place), entry["kind"]
        if kind not in _MEANT:
            raise RulebookError(marked.mark((*at, "kind")), shown(kind), f"one of {', '.join(_MEANT)}")
        if kind in seen:
            raise RulebookError(marked.mark((*at, "kind")), f"{kind} again", "each kind once")
        seen.add(kind)
        for name, meant in zip(("sign", "side"), _MEANT[kind], strict=True):
            if entry[name] != meant:
                raise RulebookError(marked.mark((*at, name)), shown(entry[name]), f"{meant}: that is what {kind} means")
        if not 1 <= len(entry["depths"]) <= DEPTHS_MAX:
            found = f"{len(entry['depths'])} bands"
            raise RulebookError(marked.mark((*at, "depths")), found, f"1 to {DEPTHS_MAX} bands")
        complaint = complaint_about(msgspec.convert(entry, LimitRule), of_child=of_child)
        if complaint is not None:
            bands, field = (*at, "depths"), complaint.field
            mark = marked.mark((*bands, complaint.band, field))
            beside = () if complaint.beside is None else (marked.mark((*bands, complaint.beside, field)),)
            found = shown(entry["depths"][complaint.band][field])
            raise RulebookError(mark, found, complaint.expected, beside)


def check_sides(marked: Marked, path: Path, limits: Iterable[LimitRule]) -> None:
    """Raises RulebookError where the two sides of a sign meet; `path` is where the book says anything of them."""
    sign = crossed(limits)
    if sign is not None:
        found = f"a low limit of {SIGN_FACTS[sign].label} that does not lie below the high one"
        *beside, mark = _marks_of_sign(marked, path, sign.value) or [marked.mark(path)]
        raise RulebookError(mark, found, "low limits below high ones", tuple(beside))


def check_order(marked: Marked, path: Path, rules: AlertRules) -> None:
    """Raises RulebookError where numbers of different rules do not go with each other."""
    for lower, upper, expected in _NOT_ABOVE:
        below, above = _number_at(rules, lower), _number_at(rules, upper)
        if below > above:
            found = f"{_named(lower)} {below:g} above {_named(upper)} {above:g}"
            raise _told(marked, (*path, *lower), (*path, *upper), found, expected)
    for lesser, greater in pairwise(_SCORES):
        low, high = rules.priorities.get(lesser), rules.priorities.get(greater)
        if low is not None and high is not None and PRIORITY_RANK[high] < PRIORITY_RANK[low]:
            found = f"{greater.value} {high.value} below {lesser.value} {low.value}"
            at = (*path, "priorities")
            expected = "priorities that never fall with urgency"
            raise _told(marked, (*at, greater.value), (*at, lesser.value), found, expected)


def _told(marked: Marked, first: Path, second: Path, found: str, expected: str) -> RulebookError:
    """The error at the first of two places that the book names, with the line of the other."""
    places = [path for path in (first, second) if path in marked.marks]
    if not places:
        return RulebookError(marked.mark(first), found, expected)
    return RulebookError(marked.mark(places[0]), found, expected, tuple(map(marked.mark, places[1:])))


def _named(path: Path) -> str:
    return ".".join(map(str, path))


def _number_at(record: Any, path: Path) -> float:  # noqa: ANN401 - a record of any kind
    for name in path:
        record = getattr(record, str(name))
    return float(record)


def _marks_of_sign(marked: Marked, at: Path, sign: str) -> list[Mark]:
    places = [path for path in marked.marks if path[: len(at)] == at and path[len(at) + 1 :] == ("sign",)]
    return [marked.mark((*path[:-1], "depths", 0, "limit")) for path in places if _value_at(marked.value, path) == sign]


def _value_at(value: Any, path: Path) -> object:  # noqa: ANN401 - plain data
    for step in path:
        value = value[step]
    return value
