"""Signing in: passwords, lock-out, the hospital's word; each way ends in an account that may begin a session."""

import hashlib
import ipaddress
from collections.abc import Callable, Iterable
from typing import Concatenate, ParamSpec, TypeVar

import structlog

from dashboard.people_settings import PeopleSettings
from dashboard.sign_in_passwords import PASSWORD_CHARACTERS_MAX, Passwords, check_password
from runtime.blocking import Door
from runtime.clock import Clock
from runtime.telemetry import Telemetry
from storage import people, people_attempts, people_sessions
from storage.people import Account, login_of
from storage.session import Connection, Database, in_snapshot, in_transaction
from vitals.errors import Conflict, Forbidden, InvalidArgument, SignInNeeded, TooManyAttempts
from vitals.reading import WardId

log = structlog.get_logger()
Parameters = ParamSpec("Parameters")
ResultT = TypeVar("ResultT")

_HOUR_MS = 3_600_000
_DOUBLINGS_MAX = 30
WRONG = "Login name or password is wrong."
"""Whatever it is that is wrong: whether an account exists is not for strangers to learn."""
WRONG_AGAIN = "The password is wrong."


class SignIn:
    """Finds out whether somebody is who they say, and what failed attempts cost."""

    def __init__(
        self,
        *,
        database: Database,
        door: Door,
        clock: Clock,
        settings: PeopleSettings,
        passwords: Passwords,
        telemetry: Telemetry,
    ) -> None:
        self._database = database
        self._door = door
        self._clock = clock
        self._settings = settings
        self._telemetry = telemetry
        self.passwords = passwords

    async def by_password(self, login: str, password: str, *, address: str) -> Account:
        """The account; raises SignInNeeded where login name or password is wrong, TooManyAttempts while it is closed."""
        name = login_of(login)
        await self._begin_attempt(name, address)
        account = await in_snapshot(self._door, self._database, people.find_login, name)
        usable = account is not None and account.disabled_at_ms is None
        right = await self.passwords.matches(
            account.password_hash if usable and account else None, password[: PASSWORD_CHARACTERS_MAX + 1]
        )
        if account is None or not right:
            log.warning("sign_in_refused", address=address)
            self._telemetry.count("wardlight_dashboard_sign_ins_total", outcome="wrong")
            raise SignInNeeded(WRONG)
        await self._change(_forgiven, _account_subject(name), _address_subject(address))
        self._telemetry.count("wardlight_dashboard_sign_ins_total", outcome="accepted")
        if account.password_hash is not None and self.passwords.is_outdated(account.password_hash):
            made = await self.passwords.hashed(password)
            await self._change(people.renew_hash, account.person_id, made)
        return account

    async def by_password_again(self, person_id: str, password: str, *, session_id: str) -> Account:
        """The password again, within an open or locked session; raises SignInNeeded where it is wrong.

        Failures count against this session alone, which ends after `session_failures_max`: neither does anybody elsewhere
        keep its owner out by failing at the sign-in, nor does whoever sits at it close the account. Raises Conflict where
        there is no password.
        """
        account = await in_snapshot(self._door, self._database, people.get, person_id)
        if account.password_hash is None:
            raise Conflict("You have no password here: sign in through the hospital again.")
        subject = _session_subject(session_id)
        failures = await self._change(
            people_attempts.count_attempt,
            subject,
            now_ms=self._clock.now_ms(),
            forget_ms=round(self._settings.attempts_forgotten_h * _HOUR_MS),
            kept_max=self._settings.attempts_kept_max,
        )
        allowed = self._settings.session_failures_max
        if failures <= allowed and await self.passwords.matches(
            account.password_hash, password[: PASSWORD_CHARACTERS_MAX + 1]
        ):
            await self._change(people_attempts.forgive, subject)
            return account
        log.warning("password_again_refused", person_id=person_id)
        self._telemetry.count("wardlight_dashboard_sign_ins_total", outcome="wrong")
        if failures >= allowed:
            await self._change(people_sessions.end_session, session_id)
            raise SignInNeeded("Too many wrong passwords: this session has ended, sign in again.")
        raise SignInNeeded(WRONG_AGAIN)

    async def change_password(self, person_id: str, old: str, new: str, *, session_id: str) -> None:
        """The person's own new password; every session of theirs ends. Raises SignInNeeded, InvalidArgument."""
        account = await self.by_password_again(person_id, old, session_id=session_id)
        if new == old:
            raise InvalidArgument("The new password must differ from the old one.")
        check_password(new, login=account.login, length_min=self._settings.password_length_min)
        made = await self.passwords.hashed(new)
        await self._change(people.set_password, person_id, made, must_change=False, at_ms=self._clock.now_ms())

    async def by_hospital(self, subject: str, login: str, name: str, groups: Iterable[str]) -> Account:
        """Who the provider says it is, added at the first time, with the roles of their groups.

        Raises Forbidden where no group of theirs has a role here and none was granted, or the account is closed; Conflict
        where the login name is somebody else's. What the groups say holds even where it refuses: roles they no longer give are
        gone, and with none left every session ends.
        """
        grants = granted_by(groups, self._settings.oidc_grants)
        now_ms = self._clock.now_ms()

        def take(conn: Connection) -> Account | Forbidden:
            account = people.find_subject(conn, subject)
            if account is None:
                if not grants:
                    raise Forbidden("None of your groups has a role here: ask who looks after Wardlight.")
                account = Account(people.new_person_id(), login_of(login), name, subject=subject, added_at_ms=now_ms)
                people.add(conn, account)
            if account.disabled_at_ms is not None:
                people.replace_hospital_grants(conn, account.person_id, grants, at_ms=now_ms)
                return Forbidden("Your account here is closed: ask who looks after Wardlight.")
            if account.name != name:
                people.rename(conn, account.person_id, name)
            people.replace_hospital_grants(conn, account.person_id, grants, at_ms=now_ms)
            if not people.grants_of(conn, account.person_id):
                people_sessions.end_sessions_of(conn, account.person_id)
                return Forbidden("None of your groups has a role here: ask who looks after Wardlight.")
            return account

        taken = await self._change(take)
        if isinstance(taken, Forbidden):
            raise taken
        return taken

    async def _begin_attempt(self, login: str, address: str) -> None:
        """Put it down before the password is looked at; raises TooManyAttempts."""
        settings = self._settings
        closed_ms: int = await self._change(
            people_attempts.begin_attempt,
            (
                (_account_subject(login), closed_for(settings, settings.failures_free)),
                (_address_subject(address), closed_for(settings, settings.address_failures_free)),
            ),
            now_ms=self._clock.now_ms(),
            forget_ms=round(settings.attempts_forgotten_h * _HOUR_MS),
            kept_max=settings.attempts_kept_max,
        )
        if closed_ms:
            log.warning("sign_in_closed", address=address)
            self._telemetry.count("wardlight_dashboard_sign_ins_total", outcome="closed")
            raise TooManyAttempts(f"Too many wrong passwords: try again in {_span(closed_ms)}.")

    async def _change(
        self,
        call: Callable[Concatenate[Connection, Parameters], ResultT],
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> ResultT:
        return await in_transaction(self._door, self._database, call, *args, **kwargs)


def closed_for(settings: PeopleSettings, free: int) -> Callable[[int], int]:
    """For how many milliseconds so many failures in a row close: not at all up to `free`, then doubling up to the cap."""

    def milliseconds(failures: int) -> int:
        if failures < free:
            return 0
        doublings = min(failures - free, _DOUBLINGS_MAX)
        return round(min(settings.closed_first_s * 2.0**doublings, settings.closed_s_max) * 1000)

    return milliseconds


def granted_by(groups: Iterable[str], table: dict[str, tuple[str, ...]]) -> list[tuple[str, WardId | None]]:
    """Roles on wards that these groups of the hospital have by the setting `people.oidc_grants`.

    >>> granted_by(["ward-3-nurses", "choir"], {"ward-3-nurses": ("nurse:ward-3",), "it": ("administrator:*",)})
    [('nurse', 'ward-3')]
    """
    found: dict[tuple[str, WardId | None], None] = {}
    for group in groups:
        for text in table.get(group, ()):
            role, _, ward = text.partition(":")
            found[role, None if ward == "*" else WardId(ward)] = None
    return list(found)


def _forgiven(conn: Connection, account: str, address: str) -> None:
    people_attempts.forgive(conn, account)
    people_attempts.take_back(conn, address)


def _account_subject(login: str) -> str:
    return f"account:{hashlib.sha256(login.encode()).hexdigest()[:32]}"


def _session_subject(session_id: str) -> str:
    return f"session:{hashlib.sha256(session_id.encode()).hexdigest()[:32]}"


def _address_subject(address: str) -> str:
    return f"address:{hashlib.sha256(network_of(address).encode()).hexdigest()[:32]}"


def network_of(address: str) -> str:
    """What counts as one address: of IPv6 the /64, all of which one caller has to choose from.

    >>> network_of("2001:db8:1:2:3:4:5:6"), network_of("::ffff:10.0.0.7"), network_of("10.0.0.7")
    ('2001:db8:1:2::/64', '10.0.0.7', '10.0.0.7')
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((found, 64), strict=False))


def _span(milliseconds: int) -> str:
    seconds = -(-milliseconds // 1000)
    return f"{seconds} s" if seconds < 120 else f"{-(-seconds // 60)} min"
