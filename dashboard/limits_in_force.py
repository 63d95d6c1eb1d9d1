"""Limits, delays and priorities as they are in force for a patient or on a ward, and whose word that is. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from dashboard.rule_schemas import Depth, KindLimits, LimitChangeEntry, State
from vitals.alert import AlertKind
from vitals.kind_rules import Change, KindRules
from vitals.limits import LimitRule
from vitals.rule_change import RuleChange
from vitals.sign import SIGN_FACTS


def kinds_in_force(book: KindRules, changes: Sequence[RuleChange], at_ms: int) -> list[KindLimits]:
    """Every kind that can be changed: what holds at this moment, what the book says, and every change of it."""
    holding = [change for change in changes if change.holds(at_ms)]
    misfits: set[str] = set()
    rules = book
    for whose in (_of_wards(holding), _of_patients(holding)):
        rules, left_out = rules.with_all(_by_kind(whose))
        misfits |= {change.change_id for change in whose if change.kind in left_out}
    by_kind: dict[AlertKind, list[LimitChangeEntry]] = {}
    for change in changes:
        by_kind.setdefault(change.kind, []).append(entry_of(change, at_ms, fits=change.change_id not in misfits))
    return [_kind(kind, rules, book, by_kind.get(kind, [])) for kind in book.kinds()]


def entry_of(change: RuleChange, at_ms: int, *, fits: bool = True) -> LimitChangeEntry:
    """A change as it is shown."""
    return LimitChangeEntry(
        change_id=change.change_id,
        ward_id=change.ward_id,
        patient_id=change.patient_id,
        kind=change.kind,
        limits=list(change.change.limits),
        delays_s=list(change.change.delays_s),
        priorities=list(change.change.priorities),
        by=change.by,
        reason=change.reason,
        ordered_at_ms=change.ordered_at_ms,
        effective_ms=change.effective_ms,
        until_ms=change.expires_ms,
        ended_at_ms=change.ended_at_ms,
        ended_by=change.ended_by,
        state=state_of(change.effective_ms, change.last_ms, at_ms),
        fits=fits,
    )


def state_of(effective_ms: int, last_ms: int | None, at_ms: int) -> State:
    """Whether something that holds from `effective_ms` up to `last_ms` is to come, in force or over."""
    if last_ms is not None and at_ms >= last_ms:
        return "over"
    return "to come" if at_ms < effective_ms else "in force"


def _kind(kind: AlertKind, rules: KindRules, book: KindRules, changes: list[LimitChangeEntry]) -> KindLimits:
    rule = rules.limit_rule(kind)
    side: Literal["low", "high"] | None = None
    if rule is not None:
        side = "low" if rule.side.value == "low" else "high"
    return KindLimits(
        kind=kind,
        sign=None if rule is None else rule.sign.value,
        unit=None if rule is None else SIGN_FACTS[rule.sign].ucum,
        side=side,
        source=None if rule is None else rule.source,
        bands=_bands(rule),
        book_bands=_bands(book.limit_rule(kind)),
        delay_s=rules.delays_s.get(kind),
        book_delay_s=book.delays_s.get(kind),
        priority=rules.priorities.get(kind),
        book_priority=book.priorities.get(kind),
        changes=changes,
    )


def _bands(rule: LimitRule | None) -> list[Depth]:
    if rule is None:
        return []
    return [Depth(limit=depth.limit, delay_s=depth.delay_s, priority=depth.priority) for depth in rule.depths]


def _of_wards(changes: Iterable[RuleChange]) -> list[RuleChange]:
    return [change for change in changes if change.patient_id is None]


def _of_patients(changes: Iterable[RuleChange]) -> list[RuleChange]:
    return [change for change in changes if change.patient_id is not None]


def _by_kind(changes: Iterable[RuleChange]) -> Mapping[AlertKind, Change]:
    return {change.kind: change.change for change in changes}
