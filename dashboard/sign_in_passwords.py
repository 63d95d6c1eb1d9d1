"""Passwords: argon2id through a door, a bounded number at once; and what a password has to be."""

import asyncio
import secrets
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from runtime.blocking import Door
from vitals.errors import InvalidArgument

PASSWORD_CHARACTERS_MAX: Final = 200
_ONE_TIME_WORDS: Final = 5
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without those that look alike."""


class Passwords:
    """Makes and checks hashes; checking against nobody takes as long as against somebody."""

    def __init__(self, *, door: Door, memory_kib: int, passes: int, at_once_max: int) -> None:
        self._door = door
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self._places = asyncio.Semaphore(at_once_max)
        self._nobody: str | None = None

    async def hashed(self, password: str) -> str:
        """The hash to keep."""
        async with self._places:
            return await self._door.run(self._hasher.hash, password)

    async def matches(self, password_hash: str | None, password: str) -> bool:
        """Whether this is the password of `password_hash`; where there is none, False after the same work."""
        if self._nobody is None:
            self._nobody = await self.hashed(secrets.token_urlsafe(16))
        async with self._places:
            right = await self._door.run(self._verify, password_hash or self._nobody, password)
        return right and password_hash is not None

    def is_outdated(self, password_hash: str) -> bool:
        """Whether the hash was made with other costs than those set now."""
        return self._hasher.check_needs_rehash(password_hash)

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False


def check_password(password: str, *, login: str, length_min: int) -> None:
    """Raises InvalidArgument, in one sentence, for a password that is too short, too long or too obvious."""
    if len(password) < length_min:
        raise InvalidArgument(f"A password has at least {length_min} characters; several words are good.")
    if len(password) > PASSWORD_CHARACTERS_MAX:
        raise InvalidArgument(f"A password has at most {PASSWORD_CHARACTERS_MAX} characters.")
    plain = password.strip().lower()
    if plain == login or (login and plain.replace(login, "").strip("0123456789!. ") == ""):
        raise InvalidArgument("The password must not be the login name.")
    if len(set(plain)) < 4:
        raise InvalidArgument("The password needs at least 4 different characters.")


def one_time_password() -> str:
    """A random password to read aloud: five groups of five, 123 bits."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(_ONE_TIME_WORDS))
