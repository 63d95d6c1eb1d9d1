"""What must hold between the numbers of a rulebook: limits go outwards, delays never grow, priorities never fall. Pure."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Final

import msgspec

from alerts.rulebook_text import Marked, Path, RulebookError, Value, shown
from alerts.rules import AlertRules
from vitals.alert import AlertKind
from vitals.kind_rules import DEPTHS_MAX, PRIORITY_RANK, complaint_about, crossed
from vitals.limits import HARD_LIMITS, LimitRule
from vitals.sign import SIGN_FACTS

_MEANT: Final = {rule.kind.value: (rule.sign.value, rule.side.value) for rule in HARD_LIMITS}
"""What each kind of limit is about."""

_SCORES: Final = (
    (AlertKind.NEWS2_SINGLE_RED, "single_red_delay_s"),
    (AlertKind.NEWS2_URGENT, "urgent_delay_s"),
    (AlertKind.NEWS2_EMERGENCY, "emergency_delay_s"),
)
"""From least to most urgent."""


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
            field, index, expected = complaint
            found = shown(entry["depths"][index][field])
            raise RulebookError(marked.mark((*at, "depths", index, field)), found, expected)


def check_sides(marked: Marked, path: Path, limits: Iterable[LimitRule]) -> None:
    """Raises RulebookError where the two sides of a sign meet; `path` is where the book says anything of them."""
    sign = crossed(limits)
    if sign is not None:
        found = f"a low limit of {SIGN_FACTS[sign].label} that does not lie below the high one"
        raise RulebookError(_mark_of_sign(marked, path, sign.value), found, "low limits below high ones")


def check_order(marked: Marked, path: Path, rules: AlertRules) -> None:
    """Raises RulebookError where a more urgent score waits longer or calls less."""
    for (lower, lower_delay), (upper, upper_delay) in pairwise(_SCORES):
        if getattr(rules, upper_delay) > getattr(rules, lower_delay):
            mark = _mark_of_either(marked, (*path, upper_delay), (*path, lower_delay))
            found = f"{upper_delay} {getattr(rules, upper_delay):g} above {lower_delay} {getattr(rules, lower_delay):g}"
            raise RulebookError(mark, found, "delays that never grow with urgency")
        below, above = rules.priorities.get(lower), rules.priorities.get(upper)
        if below is not None and above is not None and PRIORITY_RANK[above] < PRIORITY_RANK[below]:
            mark = _mark_of_either(marked, (*path, "priorities", upper.value), (*path, "priorities", lower.value))
            found = f"{upper.value} {above.value} below {lower.value} {below.value}"
            raise RulebookError(mark, found, "priorities that never fall with urgency")


def _mark_of_sign(marked: Marked, at: Path, sign: str) -> Any:  # noqa: ANN401 - a mark
    places = [path for path in marked.marks if path[: len(at)] == at and path[len(at) + 1 :] == ("sign",)]
    values = [path for path in places if _value_at(marked.value, path) == sign]
    return marked.mark((*values[-1][:-1], "depths", 0, "limit") if values else at)


def _value_at(value: Any, path: Path) -> object:  # noqa: ANN401 - plain data
    for step in path:
        value = value[step]
    return value


def _mark_of_either(marked: Marked, first: Path, second: Path) -> Any:  # noqa: ANN401 - a mark
    return marked.mark(first if first in marked.marks else second)
