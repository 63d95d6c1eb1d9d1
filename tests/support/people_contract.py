"""What the storage of people promises, whichever database: subclass and give the fixture `database`."""

import pytest
from sqlalchemy import insert, select

from storage import people, people_attempts, people_glass, people_sessions, people_tokens
from storage.people import Account, StoredGrant
from storage.people_glass import Glass
from storage.people_sessions import SESSIONS_OF_ONE_MAX, Session
from storage.people_tables import attempts
from storage.people_tokens import Token
from storage.session import Database
from vitals.errors import Conflict, InvalidArgument, NotFound
from vitals.reading import PatientId, WardId

HOUR_MS = 3_600_000
WARD = WardId("ward-a")
KEPT_MAX = 4


def account(number: int = 1, *, subject: str | None = None) -> Account:
    return Account(f"p{number}", f"login{number}", f"Name {number}", "hash", False, subject, 1)


def closed_for(failures: int) -> int:
    return 0 if failures < 3 else 1000 * failures


def begin(database: Database, *subjects: str, now_ms: int) -> int:
    """One attempt for all of these, of which `KEPT_MAX` rows are kept."""
    with database.transaction() as conn:
        return people_attempts.begin_attempt(
            conn,
            [(subject, closed_for) for subject in subjects],
            now_ms=now_ms,
            forget_ms=HOUR_MS,
            kept_max=KEPT_MAX,
        )


def attempts_kept(database: Database) -> dict[str, int]:
    """Failures by subject, of every row there is."""
    with database.snapshot() as conn:
        return {row.subject: row.failures for row in conn.execute(select(attempts))}


class PeopleContract:
    """Accounts, roles, sessions, tokens, attempts and glass."""

    @pytest.fixture(autouse=True)
    def _somebody(self, database: Database) -> None:
        with database.transaction() as conn:
            people.add(conn, account())

    def test_a_login_name_and_a_subject_are_one_persons(self, database: Database) -> None:
        with database.transaction() as conn:
            people.add(conn, account(2, subject="issuer|s"))
            assert (
                people.find_login(conn, "login2")
                == people.find_subject(conn, "issuer|s")
                == account(2, subject="issuer|s")
            )
        with pytest.raises(Conflict), database.transaction() as conn:
            people.add(conn, Account("p3", "login1", "Another"))
        with database.snapshot() as conn:
            assert [one.login for one in people.list_people(conn)] == ["login1", "login2"]
            assert people.find_login(conn, "nobody") is None
            with pytest.raises(NotFound):
                people.get(conn, "nobody")

    def test_grants_are_given_once_and_taken_exactly(self, database: Database) -> None:
        nurse, house = StoredGrant("nurse", WARD), StoredGrant("nurse", None)
        with database.transaction() as conn:
            for given in (nurse, nurse, house):
                people.grant(conn, "p1", given, at_ms=1, by="root")
            assert people.grants_of(conn, "p1") == (house, nurse)
            people.revoke(conn, "p1", house)
            people.revoke(conn, "p1", house)
            assert people.all_grants(conn) == {"p1": (nurse,)}
            with pytest.raises(InvalidArgument):
                people.grant(conn, "p1", StoredGrant("nurse", WardId("*")), at_ms=1, by="root")

    def test_the_hospital_replaces_its_own_grants_only(self, database: Database) -> None:
        with database.transaction() as conn:
            people.grant(conn, "p1", StoredGrant("nurse", WARD), at_ms=1, by="root")
            people.replace_hospital_grants(conn, "p1", [("nurse", WARD), ("auditor", None)], at_ms=2)
            people.replace_hospital_grants(conn, "p1", [("physician", WARD)], at_ms=3)
            assert {(one.role, one.source) for one in people.grants_of(conn, "p1")} == {
                ("nurse", "house"),
                ("physician", "hospital"),
            }

    def test_a_new_password_or_a_closed_account_ends_every_session(self, database: Database) -> None:
        for is_closed in (False, True):
            with database.transaction() as conn:
                people_sessions.open_session(conn, session("s1"), replaces=None)
                if is_closed:
                    people.set_disabled(conn, "p1", 5)
                else:
                    people.set_password(conn, "p1", "new", must_change=True, at_ms=5)
                assert people_sessions.find_session(conn, "s1", now_ms=2, idle_expiry_ms=HOUR_MS) is None

    def test_a_new_password_revokes_every_token_of_that_person_only(self, database: Database) -> None:
        with database.transaction() as conn:
            people.add(conn, account(2))
            for number in (1, 2):
                token = Token(f"t{number}", f"p{number}", "screen", ("see_ward",), None, 1, "root", 100)
                people_tokens.add_token(conn, token, f"hash{number}")
            people.set_password(conn, "p1", "new", must_change=False, at_ms=5)
            assert people_tokens.find_token(conn, "hash1", now_ms=9) is None
            assert people_tokens.get_token(conn, "t1").revoked_at_ms == 5
            assert people_tokens.find_token(conn, "hash2", now_ms=9) is not None

    def test_a_session_ends_by_age_and_for_lack_of_input(self, database: Database) -> None:
        with database.transaction() as conn:
            people_sessions.open_session(conn, session("s1"), replaces=None)

            def is_there(now_ms: int) -> bool:
                return people_sessions.find_session(conn, "s1", now_ms=now_ms, idle_expiry_ms=HOUR_MS) is not None

            assert is_there(HOUR_MS)
            assert not is_there(HOUR_MS + 1)
            people_sessions.note_input(conn, "s1", HOUR_MS)
            assert is_there(2 * HOUR_MS - 1)
            people_sessions.note_input(conn, "s1", 3 * HOUR_MS)
            assert not is_there(3 * HOUR_MS)
            people_sessions.note_input(conn, "s1", 1)
            found = people_sessions.find_session(conn, "s1", now_ms=2 * HOUR_MS, idle_expiry_ms=HOUR_MS)
            assert found is not None
            assert found[0].input_at_ms == 3 * HOUR_MS

    def test_sessions_are_bounded_and_the_longest_unused_ends(self, database: Database) -> None:
        with database.transaction() as conn:
            for number in range(SESSIONS_OF_ONE_MAX + 3):
                people_sessions.open_session(conn, session(f"s{number}", at_ms=number + 1), replaces=None)
            there = [
                number
                for number in range(SESSIONS_OF_ONE_MAX + 3)
                if people_sessions.find_session(conn, f"s{number}", now_ms=50, idle_expiry_ms=HOUR_MS)
            ]
            assert there == list(range(3, SESSIONS_OF_ONE_MAX + 3))

    def test_a_token_lives_until_it_ends_is_revoked_or_its_owner_goes(self, database: Database) -> None:
        token = Token("t1", "p1", "screen", ("see_ward",), (WARD,), 1, "root", 100)
        with database.transaction() as conn:
            people_tokens.add_token(conn, token, "hash")
            found = people_tokens.find_token(conn, "hash", now_ms=99)
            assert found is not None
            assert found[0] == token
            assert people_tokens.find_token(conn, "hash", now_ms=100) is None
            people.set_disabled(conn, "p1", 5)
            assert people_tokens.find_token(conn, "hash", now_ms=99) is None
            people.set_disabled(conn, "p1", None)
            people_tokens.revoke_token(conn, "t1", 7)
            people_tokens.revoke_token(conn, "t1", 8)
            assert people_tokens.get_token(conn, "t1").revoked_at_ms == 7
            assert people_tokens.find_token(conn, "hash", now_ms=9) is None

    def test_attempts_close_and_are_forgotten_and_bounded(self, database: Database) -> None:
        def attempt(subject: str, now_ms: int) -> int:
            with database.transaction() as conn:
                return people_attempts.begin_attempt(
                    conn, [(subject, closed_for)], now_ms=now_ms, forget_ms=HOUR_MS, kept_max=3
                )

        assert [attempt("a", now_ms) for now_ms in (1, 2, 3, 4)] == [0, 0, 0, 2999]
        assert attempt("a", 3003) == 0
        assert attempt("a", 3004) == 3999
        assert attempt("a", 3003 + HOUR_MS + 4000) == 0
        for number in range(5):
            attempt(f"b{number}", 10 * HOUR_MS + number)
        assert [attempt(f"b{number}", 10 * HOUR_MS + 10) for number in (2, 3, 4)] == [0, 0, 0]
        with database.transaction() as conn:
            people_attempts.take_back(conn, "b4")
            people_attempts.forgive(conn, "b3")
            people_attempts.take_back(conn, "nobody")

    def test_who_asks_while_an_address_is_closed_leaves_no_row(self, database: Database) -> None:
        for number in range(3):
            assert begin(database, f"account:before{number}", "address", now_ms=1) == 0
        before = attempts_kept(database)
        assert [begin(database, f"account:{number}", "address", now_ms=3) > 0 for number in range(20)] == [True] * 20
        assert begin(database, "account:before2", "address", now_ms=3) > 0
        assert attempts_kept(database) == before

    def test_however_many_attempts_are_too_many_the_next_one_is_counted(self, database: Database) -> None:
        many = [
            {"subject": f"old{number}", "failures": 0, "last_at_ms": 1, "closed_until_ms": 0}
            for number in range(70_000)
        ]
        with database.transaction() as conn:
            conn.execute(insert(attempts), many)
        assert begin(database, "account", "address", now_ms=2) == 0
        assert {"account": 1, "address": 1}.items() <= attempts_kept(database).items()
        assert len(attempts_kept(database)) == KEPT_MAX

    def test_what_is_closed_stays_closed_while_others_can_be_forgotten(self, database: Database) -> None:
        while not begin(database, "victim", now_ms=1):
            pass
        for number in range(2 * KEPT_MAX):
            begin(database, f"filler{number}", now_ms=2 + number)
        assert "victim" in attempts_kept(database)
        assert len(attempts_kept(database)) == KEPT_MAX
        assert begin(database, "victim", now_ms=50) > 0

    def test_where_all_are_closed_the_first_to_open_again_is_forgotten(self, database: Database) -> None:
        assert [begin(database, "longest", now_ms=now_ms) for now_ms in (1, 1, 1, 3002)] == [0] * 4
        for number in range(KEPT_MAX - 1):
            assert [begin(database, f"closed{number}", now_ms=3010 - number) for _ in range(3)] == [0] * 3
        assert begin(database, "account", now_ms=3020) == 0
        assert set(attempts_kept(database)) == {"account", "longest", "closed0", "closed1"}
        assert begin(database, "account", now_ms=3021) == 0
        assert attempts_kept(database)["account"] == 2

    def test_glass_opens_for_a_while_and_stays_on_record(self, database: Database) -> None:
        glass = Glass("g1", "p1", PatientId("pa"), WARD, "Collapsed in the corridor", 10, 20)
        with database.transaction() as conn:
            people_glass.break_glass(conn, glass)
            for now_ms, open_ in ((19, frozenset({"pa"})), (20, frozenset[str]())):
                caller = people_sessions.caller_of(conn, "p1", now_ms=now_ms)
                assert caller is not None
                assert caller.glass == open_
            assert people_glass.list_glass(conn, limit=10) == ((glass, "Name 1"),)
            assert people_glass.list_glass(conn, limit=10, open_at_ms=20) == ()


def session(session_id: str, *, at_ms: int = 1) -> Session:
    return Session(session_id, "p1", at_ms, at_ms, 3 * HOUR_MS)
