"""What of the rules may differ from ward to ward and patient to patient: limits, delays and priorities, kind by kind. Pure.

A change names bands from the shallowest on; what it does not name stays. Looser than the rulebook it may be only within
the bounds that the rulebook itself names, and for a patient only for a time.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from vitals.age import AgeBand
from vitals.alert import AlertKind, Priority
from vitals.errors import InvalidArgument
from vitals.limits import LimitDepth, LimitRule, Side
from vitals.sign import SIGN_FACTS, Sign, possible_high_of

PRIORITY_RANK: Mapping[Priority, int] = {Priority.LOW: 0, Priority.MEDIUM: 1, Priority.HIGH: 2}
DELAY_S_MAX = 3600.0
"""Longer than that no delay is told from a limit that is not there."""
DEPTHS_MAX = 8
"""Bands of one side of one sign."""
_H_MS = 3_600_000


class Change(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What is different for one kind on one ward, or for one patient; each list from the shallowest band on."""

    limits: tuple[float, ...] = ()
    """In the sign's unit."""
    delays_s: tuple[float, ...] = ()
    priorities: tuple[Priority, ...] = ()
    """One for a kind without bands."""


class Bound(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much looser than the rulebook a change of one kind may be; bands that are not named not at all."""

    kind: AlertKind
    limits: tuple[float, ...] = ()
    """The outermost limit of each band."""
    delays_s: tuple[float, ...] = ()
    """The longest delay of each band."""
    priorities: tuple[Priority, ...] = ()
    """The lowest priority of each band."""


class ChangeBounds(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a rulebook allows of changes for single wards and patients."""

    kinds: tuple[Bound, ...] = ()
    patient_h_max: float = 168.0
    """For so long at most a patient's change holds; ordering it again is looking at the patient again. Our choice."""
    high_h_max: float = 72.0
    """And one that makes anything of high priority later, further out or lower; our choice."""

    def of(self, kind: AlertKind) -> Bound:
        """What is allowed of `kind`; nothing looser where the rulebook does not name it."""
        return next((bound for bound in self.kinds if bound.kind is kind), Bound(kind))


class KindRules(msgspec.Struct, frozen=True):
    """The part of the rules that changes touch; the rest concerns all alike."""

    limits: tuple[LimitRule, ...]
    delays_s: dict[AlertKind, float]
    """Of kinds without bands."""
    priorities: dict[AlertKind, Priority]
    """Of kinds without bands."""

    def limit_rule(self, kind: AlertKind) -> LimitRule | None:
        """The bands of `kind`; None where it has none."""
        return next((rule for rule in self.limits if rule.kind is kind), None)

    def kinds(self) -> tuple[AlertKind, ...]:
        """Every kind that a change may be about."""
        return tuple(dict.fromkeys([*(rule.kind for rule in self.limits), *self.priorities, *self.delays_s]))

    def changed(self, kind: AlertKind, change: Change) -> "KindRules":
        """These with `change`; what it says of bands that are not there any more is left out."""
        rule = self.limit_rule(kind)
        if rule is not None:
            limits = tuple(_rule_with(each, change) if each is rule else each for each in self.limits)
            return msgspec.structs.replace(self, limits=limits)
        delays_s, priorities = dict(self.delays_s), dict(self.priorities)
        if change.delays_s and kind in delays_s:
            delays_s[kind] = change.delays_s[0]
        if change.priorities:
            priorities[kind] = change.priorities[0]
        return msgspec.structs.replace(self, delays_s=delays_s, priorities=priorities)

    def with_all(self, changes: Mapping[AlertKind, Change]) -> "tuple[KindRules, frozenset[AlertKind]]":
        """These with every change that fits, and the kinds whose change does not: those stand as they are here."""
        rules, misfits = self, set()
        for kind, change in changes.items():
            wanted = rules.changed(kind, change)
            rule = wanted.limit_rule(kind)
            if kind not in self.kinds() or _is_crooked(rule) or crossed(wanted.limits):
                misfits.add(kind)
            else:
                rules = wanted
        return rules, frozenset(misfits)


class BookPart(msgspec.Struct, frozen=True):
    """What a rulebook says of changes, for whoever shows or orders them: the engine reads the book itself."""

    version: str
    house: KindRules
    wards: dict[str, KindRules]
    bounds: ChangeBounds
    children: dict[AgeBand, tuple[LimitRule, ...]] = {}
    """In place of the limits of adults, by age; of wards that differ their own."""
    ward_children: dict[str, dict[AgeBand, tuple[LimitRule, ...]]] = {}

    def of(self, ward_id: str | None, band: AgeBand | None = None) -> KindRules:
        """What the book says on a ward, for a child of this age or, without one, for adults."""
        rules = self.house if ward_id is None else self.wards.get(ward_id, self.house)
        if band is None:
            return rules
        children = self.children if ward_id is None else self.ward_children.get(ward_id, self.children)
        return msgspec.structs.replace(rules, limits=children.get(band, rules.limits))


class Complaint(NamedTuple):
    """What is wrong with one band."""

    field: str
    band: int
    """Counted from 0."""
    expected: str
    beside: int | None = None
    """The band that it does not go with."""


def complaint_about(rule: LimitRule, *, of_child: bool = False) -> Complaint | None:
    """What is wrong with a rule's bands; None where nothing is."""
    facts, depths = SIGN_FACTS[rule.sign], rule.depths
    highest = possible_high_of(rule.sign, of_child=of_child)
    for index, depth in enumerate(depths):
        if not facts.possible_low <= depth.limit <= highest:
            return Complaint("limit", index, f"a limit from {facts.possible_low:g} to {highest:g} {facts.ucum}")
        if not 0 <= depth.delay_s <= DELAY_S_MAX:
            return Complaint("delay_s", index, f"a delay from 0 to {DELAY_S_MAX:g} s")
        if index == 0:
            continue
        before = depths[index - 1]
        if not rule.is_beyond(depth.limit, before.limit):
            side = "below" if rule.side is Side.LOW else "above"
            expected = f"a limit {side} {before.limit:g}, since deeper bands lie further out"
            return Complaint("limit", index, expected, index - 1)
        if depth.delay_s > before.delay_s:
            expected = f"a delay of at most {before.delay_s:g} s, since deeper bands never wait longer"
            return Complaint("delay_s", index, expected, index - 1)
        if PRIORITY_RANK[depth.priority] < PRIORITY_RANK[before.priority]:
            expected = f"at least {before.priority.value}, since priorities never fall with depth"
            return Complaint("priority", index, expected, index - 1)
    return None


def _is_crooked(rule: LimitRule | None) -> bool:
    return rule is not None and complaint_about(rule, of_child=True) is not None


def crossed(limits: Iterable[LimitRule]) -> Sign | None:
    """A sign whose low limit does not lie below its high one; None where every one does."""
    lows: dict[Sign, float] = {}
    highs: dict[Sign, float] = {}
    for rule in limits:
        (lows if rule.side is Side.LOW else highs)[rule.sign] = rule.depths[0].limit
    return next((sign for sign, low in lows.items() if sign in highs and low >= highs[sign]), None)


def check_change(
    part: BookPart,
    ward_id: str | None,
    kind: AlertKind,
    change: Change,
    *,
    beside: Mapping[AlertKind, Change],
    band: AgeBand | None = None,
) -> bool:
    """Whether `change`, with others of the same subject `beside` it, makes anything of high priority later, further out or lower.

    Raises InvalidArgument where it says nothing, does not fit the kind, or is looser than the rulebook's bounds allow. The
    bounds are for adults: a child's limits (`band`) may only be made narrower.
    """
    rules, bound = part.of(ward_id, band), part.bounds.of(kind)
    if band is not None:
        bound = Bound(kind, priorities=bound.priorities)
    rule = rules.limit_rule(kind)
    if not (change.limits or change.delays_s or change.priorities):
        raise InvalidArgument("The change changes nothing: give limits, delays or priorities.")
    if rule is None:
        return _check_single(rules, bound, kind, change)
    for name, given in (("limits", change.limits), ("delays", change.delays_s), ("priorities", change.priorities)):
        if len(given) > len(rule.depths):
            raise InvalidArgument(f"{kind.value} has {len(rule.depths)} bands, and {len(given)} {name} were given.")
    wanted = _rule_with(rule, change)
    complaint = complaint_about(wanted, of_child=band is not None)
    if complaint is not None:
        where = f"{kind.value}, band {complaint.band + 1}"
        raise InvalidArgument(f"{where}: {complaint.field} must be {complaint.expected}.")
    for other, standing in beside.items():
        rules = rules.changed(other, standing)
    _check_sides(rules, kind, change)
    for index, (before, after) in enumerate(zip(rule.depths, wanted.depths, strict=True)):
        _check_band(rule, bound, index, before, after)
    return any(
        before.priority is Priority.HIGH and _is_looser(rule, before, after)
        for before, after in zip(rule.depths, wanted.depths, strict=True)
    )


def check_expiry(
    bounds: ChangeBounds, *, ordered_at_ms: int, expires_ms: int | None, of_patient: bool, loosens_high: bool
) -> None:
    """Raises InvalidArgument for a change of a patient without an end, and for any end that is past or too far away."""
    if expires_ms is None:
        if of_patient:
            raise InvalidArgument("A patient's change needs its end: say until when.")
        return
    if expires_ms <= ordered_at_ms:
        raise InvalidArgument("The change would have ended already: choose a time to come.")
    if not of_patient:
        return
    hours = bounds.high_h_max if loosens_high else bounds.patient_h_max
    if expires_ms - ordered_at_ms > hours * _H_MS:
        why = "one that loosens what is of high priority" if loosens_high else "a patient's change"
        raise InvalidArgument(f"By the rulebook {why} holds for at most {hours:g} h: choose an earlier end.")


def _rule_with(rule: LimitRule, change: Change) -> LimitRule:
    depths = tuple(
        LimitDepth(
            limit=_at(change.limits, index, depth.limit),
            delay_s=_at(change.delays_s, index, depth.delay_s),
            priority=change.priorities[index] if index < len(change.priorities) else depth.priority,
        )
        for index, depth in enumerate(rule.depths)
    )
    return msgspec.structs.replace(rule, depths=depths)


def _at(given: Sequence[float], index: int, otherwise: float) -> float:
    return given[index] if index < len(given) else otherwise


def _is_looser(rule: LimitRule, before: LimitDepth, after: LimitDepth) -> bool:
    return (
        rule.is_beyond(after.limit, before.limit)
        or after.delay_s > before.delay_s
        or PRIORITY_RANK[after.priority] < PRIORITY_RANK[before.priority]
    )


def _check_sides(rules: KindRules, kind: AlertKind, change: Change) -> None:
    sign = crossed(rules.changed(kind, change).limits)
    if sign is not None:
        raise InvalidArgument(f"{SIGN_FACTS[sign].label}: the low limit would not lie below the high one.")


def _check_band(rule: LimitRule, bound: Bound, index: int, before: LimitDepth, after: LimitDepth) -> None:
    """Looser than the book only as far as the bound goes; what the book itself allows is always allowed."""
    where = f"{rule.kind.value}, band {index + 1}"
    furthest = _at(bound.limits, index, before.limit)
    if rule.is_beyond(after.limit, before.limit) and rule.is_beyond(after.limit, furthest):
        raise InvalidArgument(f"{where}: {after.limit:g} is looser than the rulebook allows; it allows {furthest:g}.")
    longest_s = max(_at(bound.delays_s, index, before.delay_s), before.delay_s)
    if after.delay_s > longest_s:
        raise InvalidArgument(f"{where}: {after.delay_s:g} s is longer than the rulebook allows ({longest_s:g} s).")
    _check_priority(where, bound, index, before.priority, after.priority)


def _check_single(rules: KindRules, bound: Bound, kind: AlertKind, change: Change) -> bool:
    """As `check_change`, for a kind without bands."""
    if kind not in rules.kinds():
        raise InvalidArgument(
            f"No rule of {kind.value} can be changed: it can be of {', '.join(known.value for known in rules.kinds())}."
        )
    if change.limits:
        raise InvalidArgument(f"{kind.value} has no limits of its own: give a delay or a priority.")
    if len(change.delays_s) > 1 or len(change.priorities) > 1:
        raise InvalidArgument(f"{kind.value} has no bands: give one delay or one priority.")
    before, is_looser = rules.priorities.get(kind), False
    if change.delays_s:
        if kind not in rules.delays_s:
            raise InvalidArgument(f"{kind.value} has no delay that could be changed.")
        longest_s = max(_at(bound.delays_s, 0, rules.delays_s[kind]), rules.delays_s[kind])
        if not 0 <= change.delays_s[0] <= longest_s:
            raise InvalidArgument(f"{kind.value}: the rulebook allows delays from 0 to {longest_s:g} s.")
        is_looser = change.delays_s[0] > rules.delays_s[kind]
    if change.priorities:
        present = Priority.HIGH if before is None else before
        _check_priority(kind.value, bound, 0, present, change.priorities[0])
        is_looser |= PRIORITY_RANK[change.priorities[0]] < PRIORITY_RANK[present]
    return is_looser and before in (None, Priority.HIGH)


def _check_priority(where: str, bound: Bound, index: int, before: Priority, after: Priority) -> None:
    lowest = bound.priorities[index] if index < len(bound.priorities) else before
    if PRIORITY_RANK[after] < min(PRIORITY_RANK[lowest], PRIORITY_RANK[before]):
        raise InvalidArgument(f"{where}: {after.value} is lower than the rulebook allows ({lowest.value}).")
