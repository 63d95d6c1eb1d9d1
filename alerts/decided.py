"""What people decided about alerts, looked up by the time at which a record was received. Pure.

Every decision has a moment from which it holds, and that never moves; so the answer for a moment is the same whenever it
is asked, in a replay too.
"""

import hashlib
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from alerts.rulebook import Rulebook, with_changes
from alerts.rules import AlertRules
from vitals.alert import AlertKind, Priority, Suppression
from vitals.kind_rules import Change
from vitals.reading import PatientId, WardId
from vitals.rule_change import RuleChange
from vitals.silence import Silence, silence_of

MEMO_MAX: Final = 10_000
"""Sets of rules made and kept; more are made anew."""
_NAMED_CHANGES_MAX: Final = 3
_ID_DIGITS: Final = 8


class DatedBook(NamedTuple):
    """A book, and from when it holds."""

    effective_ms: int
    book: Rulebook


class Memo:
    """Rules that were made of a book and changes, for the next time; what they are made of never changes."""

    def __init__(self) -> None:
        self.made: dict[tuple[str, WardId, tuple[str, ...]], tuple[AlertRules, frozenset[str]]] = {}

    def misfits(self) -> frozenset[str]:
        """Changes that were left out, since they do not fit the book they were asked with."""
        return frozenset(change_id for _, misfits in self.made.values() for change_id in misfits)


class Decided:
    """Books, changes and silences as they were read at one time; a `Policy`."""

    def __init__(
        self,
        books: Sequence[DatedBook],
        changes: Iterable[RuleChange] = (),
        silences: Iterable[Silence] = (),
        *,
        memo: Memo | None = None,
    ) -> None:
        """`books` in the order in which they take effect, at least one; the first also holds before its time."""
        self._books = [dated.book for dated in books]
        self._effective_ms = [dated.effective_ms for dated in books]
        self._memo = Memo() if memo is None else memo
        self._of_patients: defaultdict[PatientId, list[RuleChange]] = defaultdict(list)
        self._of_wards: defaultdict[WardId, list[RuleChange]] = defaultdict(list)
        for change in changes:
            if change.patient_id is not None:
                self._of_patients[change.patient_id].append(change)
            elif change.ward_id is not None:
                self._of_wards[change.ward_id].append(change)
        self._silenced: defaultdict[tuple[PatientId | None, WardId | None], list[Silence]] = defaultdict(list)
        for silence in silences:
            self._silenced[silence.patient_id, silence.ward_id].append(silence)

    def book(self, at_ms: int) -> Rulebook:
        """The book in force at this moment."""
        return self._books[max(0, bisect_right(self._effective_ms, at_ms) - 1)]

    def rules(self, patient_id: PatientId, ward_id: WardId, at_ms: int) -> AlertRules:
        """See `Policy`; the same object for the same rules, as long as it is remembered."""
        of_ward = _holding(self._of_wards.get(ward_id, ()), at_ms)
        of_patient = _holding(self._of_patients.get(patient_id, ()), at_ms)
        book = self.book(at_ms)
        if not of_ward and not of_patient:
            return book.rules(ward_id)
        key = book.version, ward_id, tuple(change.change_id for change in (*of_ward, *of_patient))
        made = self._memo.made.get(key)
        if made is None:
            if len(self._memo.made) >= MEMO_MAX:
                self._memo.made.clear()
            made = self._memo.made[key] = _made(book.rules(ward_id), of_ward, of_patient)
        return made[0]

    def silence(
        self, patient_id: PatientId, ward_id: WardId, kind: AlertKind, priority: Priority, at_ms: int
    ) -> Suppression | None:
        """See `Policy`."""
        if not self._silenced:
            return None
        subjects = ((patient_id, None), (patient_id, ward_id), (None, ward_id), (None, None))
        meant = [silence for subject in subjects for silence in self._silenced.get(subject, ())]
        found = silence_of(meant, patient_id, ward_id, kind, priority, at_ms)
        return None if found is None else found.suppression


def _holding(changes: Sequence[RuleChange], at_ms: int) -> list[RuleChange]:
    return [change for change in changes if change.holds(at_ms)]


def _made(
    rules: AlertRules, of_ward: Sequence[RuleChange], of_patient: Sequence[RuleChange]
) -> tuple[AlertRules, frozenset[str]]:
    """The ward's changes over the book, the patient's over both; and what did not fit."""
    misfits: set[str] = set()
    for changes in (of_ward, of_patient):
        rules, left_out = with_changes(rules, _by_kind(changes), of_patient=changes is of_patient)
        misfits |= {change.change_id for change in changes if change.kind in left_out}
    ids = [change.change_id for change in (*of_ward, *of_patient)]
    return msgspec.structs.replace(rules, version=_version(rules.version, ids)), frozenset(misfits)


def _by_kind(changes: Iterable[RuleChange]) -> Mapping[AlertKind, Change]:
    return {change.kind: change.change for change in changes}


def _version(book: str | None, change_ids: Sequence[str]) -> str:
    """The book's version, and the beginnings of the changes' ids; of many changes a hash."""
    if len(change_ids) <= _NAMED_CHANGES_MAX:
        named = [change_id[: _ID_DIGITS + 2] for change_id in change_ids]
    else:
        named = [f"{len(change_ids)}-{hashlib.sha256(' '.join(change_ids).encode()).hexdigest()[:_ID_DIGITS]}"]
    return "+".join([book or "", *named])
