"""What rulebooks and changes in SQL promise, whichever database: subclass and give the fixture `database`, upgraded and empty."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from alerts.bundled_rules import default_book, read_book
from storage import patients, rule_changes, rulebooks
from storage.decisions import SETTLE_MS, decisions_version
from storage.rule_changes import ChangeOrder
from storage.rulebooks import BookOrder, BookSource, ProposalState, StoredBook
from storage.session import Database
from tests.support.storage_contract import patient
from vitals.alert import AlertKind, Priority
from vitals.errors import InvalidArgument, NotFound
from vitals.kind_rules import Change
from vitals.reading import PatientId, WardId

NOW_MS = 1_000_000
H_MS = 3_600_000
WEST, P1 = WardId("west"), PatientId("p1")
PART = default_book().part()


def an_order(clear_s: int = 60) -> BookOrder:
    """A book like no other of these numbers."""
    book = read_book(f"format: 1\nclear_s: {clear_s}\nsources: {{clear_s: ours}}\n")
    return BookOrder(book.text, book.part(), BookSource.PERSON, "Kim", "our study", "kim")


def a_change(
    *, of: PatientId | None = P1, kind: AlertKind = AlertKind.SPO2_LOW, hours: float | None = 24, limit: float = 84
) -> ChangeOrder:
    """A lower limit of oxygen saturation, for a day."""
    expires_ms = None if hours is None else NOW_MS + round(hours * H_MS)
    return ChangeOrder(WEST, of, kind, Change(limits=(limit,)), expires_ms, "kim", "Kim", "chronic")


class RulesContract:
    """Numbers without gaps, times that never move, at most one change of a kind for a subject."""

    def put(self, database: Database, clear_s: int, at_ms: int = NOW_MS) -> StoredBook:
        with database.transaction() as conn:
            return rulebooks.put_in_force(conn, an_order(clear_s), at_ms=at_ms, settle_ms=SETTLE_MS)

    def admit(self, database: Database) -> None:
        with database.transaction() as conn:
            patients.add(conn, patient(P1))

    def test_books_are_numbered_and_read_back_whole(self, database: Database) -> None:
        first, second = self.put(database, 61), self.put(database, 62, NOW_MS + 60_000)
        with database.snapshot() as conn:
            assert rulebooks.list_books(conn, limit=10) == (second, first)
            assert rulebooks.get_book(conn, 1) == first
            assert rulebooks.last_book(conn) == second
            assert rulebooks.last_book(conn, source=BookSource.FILE) is None
            with pytest.raises(NotFound):
                rulebooks.get_book(conn, 3)
        assert (first.number, second.number, first.part, first.by) == (1, 2, an_order(61).part, "Kim")
        assert first.effective_ms == NOW_MS + SETTLE_MS

    def test_a_book_takes_effect_after_every_book_before_it_whatever_the_clocks_say(self, database: Database) -> None:
        first, second = self.put(database, 61, NOW_MS), self.put(database, 62, NOW_MS - 30_000)
        assert second.effective_ms == first.effective_ms + 1

    def test_the_book_that_is_in_force_already_is_not_put_down_again_and_one_that_returns_is(
        self, database: Database
    ) -> None:
        first = self.put(database, 61)
        assert self.put(database, 61, NOW_MS + 60_000) == first
        self.put(database, 62, NOW_MS + 60_000)
        again = self.put(database, 61, NOW_MS + 120_000)
        assert (again.number, again.version) == (3, first.version)

    def test_the_book_of_a_moment_is_the_last_that_took_effect_and_before_all_the_first(
        self, database: Database
    ) -> None:
        with database.snapshot() as conn:
            assert rulebooks.book_at(conn, NOW_MS) is None
        first, second = self.put(database, 61), self.put(database, 62, NOW_MS + 60_000)
        with database.snapshot() as conn:
            asked = (0, first.effective_ms, second.effective_ms - 1, second.effective_ms)
            found = [rulebooks.book_at(conn, at_ms) for at_ms in asked]
            assert found == [first, first, first, second]
            assert rulebooks.books_since(conn, second.effective_ms, limit=9) == (second,)
            assert rulebooks.books_since(conn, second.effective_ms - 1, limit=9) == (first, second)
            assert rulebooks.books_since(conn, 0, limit=1) == (second,)

    def test_several_that_put_down_books_at_once_number_them_without_gap_or_double(self, database: Database) -> None:
        with ThreadPoolExecutor(4) as pool:
            made = list(pool.map(lambda clear_s: self.put(database, clear_s), range(61, 69)))
        assert sorted(book.number for book in made) == list(range(1, 9))
        effective = [book.effective_ms for book in sorted(made, key=lambda book: book.number)]
        assert effective == sorted(set(effective))

    def test_every_decision_raises_the_version_that_caches_compare(self, database: Database) -> None:
        self.admit(database)
        versions = [self._version(database)]
        self.put(database, 61)
        versions.append(self._version(database))
        with database.transaction() as conn:
            made = rule_changes.order(conn, a_change(), PART, at_ms=NOW_MS, settle_ms=SETTLE_MS)
        versions.append(self._version(database))
        with database.transaction() as conn:
            rule_changes.end(conn, made.change_id, by="Kim", at_ms=NOW_MS, settle_ms=SETTLE_MS)
        versions.append(self._version(database))
        assert versions == sorted(set(versions))

    def _version(self, database: Database) -> int:
        with database.snapshot() as conn:
            return decisions_version(conn)

    def test_a_proposal_is_judged_once(self, database: Database) -> None:
        with database.transaction() as conn:
            made = rulebooks.propose(conn, yaml="format: 1\n", person_id="kim", by="Kim", reason="a try", at_ms=1)
        with database.snapshot() as conn:
            assert rulebooks.waiting(conn) == (made,)
        with database.transaction() as conn:
            assert rulebooks.answer(conn, made.proposal_id, ProposalState.REFUSED, sentence="no")
            assert not rulebooks.answer(conn, made.proposal_id, ProposalState.TAKEN, number=1)
        with database.snapshot() as conn:
            assert rulebooks.waiting(conn) == ()
            found = rulebooks.get_proposal(conn, made.proposal_id)
        assert (found.state, found.answer, found.number) == (ProposalState.REFUSED, "no", None)

    def test_a_change_is_read_back_whole_and_holds_between_its_moments(self, database: Database) -> None:
        self.admit(database)
        with database.transaction() as conn:
            made = rule_changes.order(conn, a_change(), PART, at_ms=NOW_MS, settle_ms=SETTLE_MS)
        with database.snapshot() as conn:
            assert rule_changes.get(conn, made.change_id) == made
            assert rule_changes.list_changes(conn, limit=9, patient_id=P1) == (made,)
            assert rule_changes.of_subject(conn, NOW_MS, ward_id=WEST, patient_id=P1) == (made,)
            assert rule_changes.of_subject(conn, NOW_MS, ward_id=WEST) == ()
            assert rule_changes.held_since(conn, NOW_MS + 24 * H_MS) == ()
        holds = [made.holds(at_ms) for at_ms in (NOW_MS, NOW_MS + SETTLE_MS, NOW_MS + 24 * H_MS)]
        assert holds == [False, True, False]

    def test_a_new_change_ends_the_one_of_the_same_kind_and_subject_and_no_other(self, database: Database) -> None:
        self.admit(database)
        wanted = [a_change(), a_change(of=None, limit=90), a_change(kind=AlertKind.HEART_RATE_LOW, limit=36)]
        with database.transaction() as conn:
            made = [rule_changes.order(conn, one, PART, at_ms=NOW_MS, settle_ms=SETTLE_MS) for one in wanted]
            later = rule_changes.order(conn, a_change(limit=86), PART, at_ms=NOW_MS + 60_000, settle_ms=SETTLE_MS)
        with database.snapshot() as conn:
            after = [rule_changes.get(conn, one.change_id) for one in made]
        assert [one.end_effective_ms for one in after] == [later.effective_ms, None, None]
        assert [one.ended_by for one in after] == ["Kim", None, None]

    def test_an_end_is_put_down_once(self, database: Database) -> None:
        self.admit(database)
        with database.transaction() as conn:
            made = rule_changes.order(conn, a_change(), PART, at_ms=NOW_MS, settle_ms=SETTLE_MS)
            first = rule_changes.end(conn, made.change_id, by="Kim", at_ms=NOW_MS + 60_000, settle_ms=SETTLE_MS)
            again = rule_changes.end(conn, made.change_id, by="Pat", at_ms=NOW_MS + 90_000, settle_ms=SETTLE_MS)
        assert first == again
        assert (first.ended_by, first.end_effective_ms) == ("Kim", NOW_MS + 60_000 + SETTLE_MS)

    def test_changes_that_would_let_the_two_sides_of_a_sign_meet_are_refused(self, database: Database) -> None:
        self.admit(database)
        narrow = a_change(kind=AlertKind.HEART_RATE_HIGH, limit=85)
        low = a_change(kind=AlertKind.HEART_RATE_LOW, limit=85)
        with database.transaction() as conn:
            rule_changes.order(conn, narrow, PART, at_ms=NOW_MS, settle_ms=SETTLE_MS)
            with pytest.raises(InvalidArgument, match="the low limit would not lie below the high one"):
                rule_changes.order(conn, low, PART, at_ms=NOW_MS, settle_ms=SETTLE_MS)

    def test_a_lower_priority_for_what_is_high_holds_for_three_days_at_most(self, database: Database) -> None:
        self.admit(database)
        delayed = a_change(kind=AlertKind.NEWS2_EMERGENCY)._replace(change=Change(delays_s=(100,)))
        with database.transaction() as conn:
            rule_changes.order(conn, delayed, PART, at_ms=NOW_MS, settle_ms=SETTLE_MS)
            longer = delayed._replace(expires_ms=NOW_MS + 73 * H_MS)
            with pytest.raises(InvalidArgument, match="at most 72 h"):
                rule_changes.order(conn, longer, PART, at_ms=NOW_MS, settle_ms=SETTLE_MS)
            lower = delayed._replace(change=Change(priorities=(Priority.LOW,)))
            with pytest.raises(InvalidArgument, match="low is lower than the rulebook allows"):
                rule_changes.order(conn, lower, PART, at_ms=NOW_MS, settle_ms=SETTLE_MS)
