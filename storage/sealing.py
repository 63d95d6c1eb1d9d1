"""Sealing columns: the keyring of a connection's database, and what is sealed with it. See `runtime.keyring`."""

from typing import Final, cast

from sqlalchemy import Connection

from runtime.keyring import Keyring, Sealed
from runtime.keys_file import Keys
from vitals.errors import ConfigurationError, MalformedRecord

KEYS_OPTION: Final = "wardlight_keys"
"""The execution option under which `storage.session.Database` hands its keys to every connection."""
UNREADABLE: Final = (ConfigurationError, MalformedRecord)
"""What opening raises where a key is missing, or what is sealed was changed: readers show that, and go on."""


def keyring_of(conn: Connection) -> Keyring:
    """The keyring of this connection's database; raises KeyMissing, ConfigurationError."""
    return keys_of(conn).ring()


def keys_of(conn: Connection) -> Keys:
    """Where this connection's database finds its keyring."""
    return cast("Keys", conn.get_execution_options()[KEYS_OPTION])


def seal(conn: Connection, plain: bytes, *, table: str, column: str, row: str) -> Sealed:
    """`plain` for exactly this place, under the current key; raises KeyMissing, ConfigurationError."""
    return keyring_of(conn).seal(plain, (table, column, row))


def open_sealed(conn: Connection, sealed: Sealed, *, table: str, column: str, row: str) -> bytes:
    """What was sealed for this place; raises one of `UNREADABLE`."""
    return keyring_of(conn).open(sealed, (table, column, row))
