"""The one account that is made in the database itself: the first administrator, or the one who lets the others in again."""

import asyncio

from dashboard.people_settings import PeopleSettings
from dashboard.permissions import Role
from dashboard.sign_in_passwords import Passwords, one_time_password
from runtime.blocking import InlineDoor
from runtime.clock import Clock
from runtime.settings import Configuration, DatabaseSettings
from storage import people
from storage.migrate import upgrade_database
from storage.people import Account, StoredGrant, login_of
from storage.session import Connection, open_database
from vitals.errors import Conflict

BY = "wardlight users add --administrator"
"""Who granted it, as the record shows."""


def make_administrator(configuration: Configuration, clock: Clock, *, login: str, name: str, recover: bool) -> str:
    """The one-time password of an administrator, made where there is none yet; with `recover` where there are, too.

    Recovering gives an existing account a new password and the role, and opens it where it was closed. Raises Conflict.
    """
    settings = configuration.section("people", PeopleSettings)
    password = one_time_password()
    passwords = Passwords(
        door=InlineDoor(), memory_kib=settings.argon2_memory_kib, passes=settings.argon2_passes, at_once_max=1
    )
    made = asyncio.run(passwords.hashed(password))
    database = open_database(configuration.section("database", DatabaseSettings))
    try:
        upgrade_database(database)
        with database.transaction() as conn:
            _make(conn, login_of(login), name, made, at_ms=clock.now_ms(), recover=recover)
    finally:
        database.close()
    return password


def _make(conn: Connection, login: str, name: str, password_hash: str, *, at_ms: int, recover: bool) -> None:
    if people.holders_of(conn, Role.ADMINISTRATOR) and not recover:
        raise Conflict(
            "There is an administrator already: they add people at /people, or with wardlight users add and a token. "
            "Where nobody can sign in any more, say --recover."
        )
    account = people.find_login(conn, login)
    if account is None:
        account = Account(people.new_person_id(), login, name, password_hash, must_change=True, added_at_ms=at_ms)
        people.add(conn, account)
    elif not recover:
        raise Conflict(f"Somebody signs in as {login} already: choose another name, or say --recover to make them one.")
    else:
        people.set_disabled(conn, account.person_id, None)
        people.set_password(conn, account.person_id, password_hash, must_change=True, at_ms=at_ms)
    people.grant(conn, account.person_id, StoredGrant(Role.ADMINISTRATOR.value, None), at_ms=at_ms, by=BY)
