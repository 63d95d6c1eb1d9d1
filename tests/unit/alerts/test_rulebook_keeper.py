"""What comes into force, from where, and what never does; over a database in memory."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from alerts.bundled_rules import default_book
from alerts.decision_cache import DecisionCache
from alerts.rulebook_keeper import RulebookKeeper
from runtime.blocking import InlineDoor
from runtime.clock import LoopClock
from runtime.telemetry import Telemetry
from storage import rule_changes, rulebooks
from storage.decisions import SETTLE_MS
from storage.patients import Patient, add
from storage.rule_changes import ChangeOrder
from storage.rulebooks import BookSource, ProposalState, StoredBook
from storage.session import Database
from tests.support.fresh_database import lay_schema
from vitals.alert import AlertKind, Priority
from vitals.errors import InvalidArgument
from vitals.kind_rules import Change
from vitals.reading import PatientId, WardId

NOW_MS = 1_700_000_000_000
H_MS = 3_600_000
NORTH, ADA = WardId("north"), PatientId("ada")


class StandingClock(LoopClock):
    """Time that passes when told to."""

    def __init__(self) -> None:
        super().__init__(epoch_ms=NOW_MS)
        self.at_ms = NOW_MS

    def now_ms(self) -> int:
        return self.at_ms

    def monotonic_s(self) -> float:
        return self.at_ms / 1000


class Desk:
    """A keeper over a database, and what it reads."""

    def __init__(self, file: Path | None = None) -> None:
        self.clock = StandingClock()
        self.telemetry = Telemetry()
        self.database = Database("sqlite://")
        lay_schema(self.database)
        self.restart(file)

    def restart(self, file: Path | None) -> None:
        self.cache = DecisionCache(
            database=self.database, clock=self.clock, telemetry=self.telemetry, reach_ms=200 * H_MS
        )
        self.keeper = RulebookKeeper(
            database=self.database,
            door=InlineDoor(),
            clock=self.clock,
            telemetry=self.telemetry,
            cache=self.cache,
            file=file,
            renew_s=1,
            file_every_s=5,
        )

    def look(self, after_s: float = 6) -> None:
        self.clock.at_ms += round(after_s * 1000)
        self.keeper.look()

    def books(self) -> list[StoredBook]:
        with self.database.snapshot() as conn:
            return list(reversed(rulebooks.list_books(conn, limit=100)))

    def clear_s(self, after_s: float = 0) -> float:
        return self.cache.rules(ADA, NORTH, self.clock.now_ms() + round(after_s * 1000)).clear_s

    def propose(self, text: str) -> str:
        with self.database.transaction() as conn:
            made = rulebooks.propose(
                conn, yaml=text, person_id="u1", by="Kim", reason="our study", at_ms=self.clock.now_ms()
            )
        return made.proposal_id

    def answer(self, proposal_id: str) -> tuple[ProposalState, str | None]:
        with self.database.snapshot() as conn:
            found = rulebooks.get_proposal(conn, proposal_id)
        return found.state, found.answer


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.database.close()


def says(clear_s: float) -> str:
    return f"format: 1\nclear_s: {clear_s}\nsources: {{clear_s: ours}}\n"


def test_without_anybodys_word_the_programs_own_book_is_in_force_and_put_down_once(desk: Desk) -> None:
    desk.look()
    desk.look()
    desk.restart(None)
    desk.look()
    assert [(book.number, book.version, book.source) for book in desk.books()] == [
        (1, default_book().version, BookSource.PROGRAM)
    ]
    assert desk.clear_s() == 60


def test_a_file_wins_over_the_program_and_is_followed_without_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(says(90))
    desk = Desk(file)
    desk.look()
    assert desk.clear_s() == 90
    file.write_text(says(30))
    desk.look()
    assert (desk.clear_s(), desk.clear_s(SETTLE_MS / 1000)) == (90, 30)
    assert [book.source for book in desk.books()] == [BookSource.FILE, BookSource.FILE]
    desk.database.close()


def test_a_file_that_cannot_be_taken_replaces_nothing_and_is_told_until_it_can(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(says(90))
    desk = Desk(file)
    desk.look()
    for broken in (b"format: 1\nclear_s: soon\n", b"\xff", b"#" * 300_000):
        file.write_bytes(broken)
        desk.look()
        assert desk.keeper.fault is not None
        assert str(file) in desk.keeper.fault
        assert desk.telemetry.value("wardlight_alerts_rules_file_refused") == 1
    file.unlink()
    desk.look()
    assert "cannot be read" in str(desk.keeper.fault)
    assert desk.clear_s(60) == 90
    assert desk.telemetry.value("wardlight_alerts_rulebooks_refused_total", source="file") == 4
    file.write_text(says(20))
    desk.look()
    assert desk.keeper.fault is None
    assert desk.telemetry.value("wardlight_alerts_rules_file_refused") == 0
    assert desk.clear_s(60) == 20
    desk.database.close()


def test_a_first_file_that_cannot_be_taken_leaves_the_programs_book_in_force(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "missing.yaml")
    desk.look()
    assert [book.source for book in desk.books()] == [BookSource.PROGRAM]
    assert desk.keeper.fault is not None
    desk.database.close()


def test_what_a_person_ordered_after_the_file_outlives_a_restart_until_the_file_changes(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(says(90))
    desk = Desk(file)
    desk.look()
    desk.propose(says(45))
    desk.look()
    desk.restart(file)
    desk.look()
    assert desk.clear_s(60) == 45
    file.write_text(says(50))
    desk.look()
    assert desk.clear_s(60) == 50
    desk.restart(None)
    desk.look()
    assert desk.clear_s(60) == 60, "no file is named any more"
    desk.database.close()


def test_a_proposal_is_taken_with_its_author_or_refused_with_the_line(desk: Desk) -> None:
    desk.look()
    taken, refused = desk.propose(says(45)), desk.propose("format: 1\nclear_s: soon\n")
    desk.look()
    assert desk.answer(taken) == (ProposalState.TAKEN, None)
    state, sentence = desk.answer(refused)
    assert state is ProposalState.REFUSED
    assert sentence == "Line 2, column 10: found 'soon', expected a number."
    last = desk.books()[-1]
    assert (last.by, last.reason, last.person_id, last.source) == ("Kim", "our study", "u1", BookSource.PERSON)
    assert last.effective_ms == desk.clock.now_ms() + SETTLE_MS


def test_a_proposal_that_was_withdrawn_is_never_taken(desk: Desk) -> None:
    proposal = desk.propose(says(45))
    with desk.database.transaction() as conn:
        assert rulebooks.answer(conn, proposal, ProposalState.WITHDRAWN)
    desk.look()
    assert desk.clear_s(60) == 60


def test_a_book_in_sql_that_this_program_cannot_read_leaves_the_one_before_it_in_force(desk: Desk) -> None:
    desk.look()
    good = desk.books()[0]
    order = rulebooks.BookOrder("format: 9\n", good.part, BookSource.FILE, "a later program", "")
    odd = order._replace(part=good.part.__class__("feedfeedfeed", good.part.house, {}, good.part.bounds))
    with desk.database.transaction() as conn:
        rulebooks.put_in_force(conn, odd, at_ms=desk.clock.now_ms(), settle_ms=SETTLE_MS)
    desk.cache.renew()
    assert desk.cache.book(desk.clock.now_ms() + 60_000).version == good.version
    assert desk.telemetry.value("wardlight_alerts_rulebooks_refused_total", source="stored") == 1


def test_two_keepers_over_one_database_put_a_book_down_once(desk: Desk) -> None:
    threads = [threading.Thread(target=desk.keeper.look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(desk.books()) == 1


class TestChanges:
    @pytest.fixture(autouse=True)
    def patient(self, desk: Desk) -> None:
        with desk.database.transaction() as conn:
            add(conn, Patient(ADA, NORTH, "1", "Ada", 1, NOW_MS))
        desk.look()

    def order(self, desk: Desk, change: Change, *, hours: float | None = 48, patient: bool = True) -> str:
        wanted = ChangeOrder(
            ward_id=NORTH,
            patient_id=ADA if patient else None,
            kind=AlertKind.SPO2_LOW,
            change=change,
            expires_ms=None if hours is None else desk.clock.now_ms() + round(hours * H_MS),
            person_id="u1",
            by="Kim",
            reason="chronic",
        )
        with desk.database.transaction() as conn:
            now_ms = desk.clock.now_ms()
            part = desk.cache.book(now_ms).part()
            return rule_changes.order(conn, wanted, part, at_ms=now_ms, settle_ms=SETTLE_MS).change_id

    def limit(self, desk: Desk, after_s: float) -> float:
        desk.cache.renew()
        return desk.cache.rules(ADA, NORTH, desk.clock.now_ms() + round(after_s * 1000)).limits[0].depths[0].limit

    def test_it_takes_effect_after_a_few_seconds_and_ends_by_itself(self, desk: Desk) -> None:
        self.order(desk, Change(limits=(84,)))
        assert [self.limit(desk, after_s) for after_s in (0, 4.9, 5, 48 * 3600 - 1, 48 * 3600)] == [88, 88, 84, 84, 88]

    def test_another_of_the_same_kind_takes_its_place(self, desk: Desk) -> None:
        self.order(desk, Change(limits=(84,)), hours=100)
        desk.clock.at_ms += 60_000
        self.order(desk, Change(limits=(86,)), hours=1)
        assert [self.limit(desk, after_s) for after_s in (0, 5, 3599, 3600)] == [84, 86, 86, 88]

    def test_ending_it_early_takes_effect_after_a_few_seconds(self, desk: Desk) -> None:
        change_id = self.order(desk, Change(limits=(84,)))
        desk.clock.at_ms += 60_000
        with desk.database.transaction() as conn:
            ended = rule_changes.end(conn, change_id, by="Pat", at_ms=desk.clock.now_ms(), settle_ms=SETTLE_MS)
        assert (ended.ended_by, ended.end_effective_ms) == ("Pat", desk.clock.now_ms() + SETTLE_MS)
        assert [self.limit(desk, after_s) for after_s in (0, 4.9, 5)] == [84, 84, 88]

    @pytest.mark.parametrize(
        ("change", "hours", "said"),
        [
            (Change(), 1, "changes nothing"),
            (Change(limits=(84,)), None, "needs its end"),
            (Change(limits=(84,)), 200, "at most 168 h"),
            (Change(limits=(84, 79)), 100, "at most 72 h"),
            (Change(limits=(84,)), -1, "ended already"),
            (Change(limits=(79.9,)), 1, "must be a limit below 79.9"),
            (Change(limits=(79.9, 76)), 1, "79.9 is looser than the rulebook allows; it allows 80"),
            (Change(limits=(84, 85)), 1, "band 2: limit must be a limit below 84"),
            (Change(limits=(float("nan"),)), 1, "limit must be a limit from 50 to 100 %"),
            (Change(delays_s=(121,)), 1, "121 s is longer than the rulebook allows (120 s)"),
            (Change(delays_s=(40, 15, 15)), 1, "15 s is longer than the rulebook allows (10 s)"),
            (Change(priorities=(Priority.LOW, Priority.MEDIUM)), 1, "medium is lower than the rulebook allows (high)"),
            (Change(limits=(84, 79, 69, 59, 55)), 1, "has 4 bands, and 5 limits were given"),
        ],
    )
    def test_it_is_refused_beyond_the_books_bounds(
        self, desk: Desk, change: Change, hours: float | None, said: str
    ) -> None:
        with pytest.raises(InvalidArgument) as raised:
            self.order(desk, change, hours=hours)
        assert said in str(raised.value)

    def test_a_wards_change_needs_no_end(self, desk: Desk) -> None:
        self.order(desk, Change(limits=(90,)), hours=None, patient=False)
        assert self.limit(desk, 1e6) == 90
