"""What PostgreSQL's refusals mean: a password it does not take, a server that is not the one it should be, a right that is missing.

libpq gives a connection that failed no code, only its sentence, in the server's or its own English.
"""

from typing import Final

import psycopg

from vitals.errors import AccessDenied, CredentialsRefused, Unavailable, UntrustedServer

_INSUFFICIENT_PRIVILEGE: Final = "42501"
_REFUSED: Final = frozenset({"28000", "28P01"})
_REFUSED_WORDS: Final = (
    "password authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "is not permitted to log in",
    "certificate authentication failed",
)
_UNTRUSTED_WORDS: Final = (
    "certificate verify failed",
    "does not match host name",
    "server does not support SSL",
    "root certificate file",
    "could not be verified",
)


def refusal_of(error: BaseException | None) -> Unavailable | None:
    """The error of ours that this one of psycopg's is; None where it is no refusal. No password is ever in its sentence."""
    if not isinstance(error, psycopg.Error):
        return None
    said = " ".join(str(error).split())[:300]
    if error.sqlstate == _INSUFFICIENT_PRIVILEGE:
        return AccessDenied(
            f"PostgreSQL does not let this service do that ({said}): run `wardlight db grant` as the owner of the database."
        )
    if error.sqlstate in _REFUSED or any(words in said for words in _REFUSED_WORDS):
        return CredentialsRefused(
            f"PostgreSQL refuses this service ({said}): set database.url to its role and present password."
        )
    if any(words in said for words in _UNTRUSTED_WORDS):
        return UntrustedServer(
            f"PostgreSQL has not shown to be the server it should be ({said}): check sslrootcert and the host in database.url."
        )
    return None
