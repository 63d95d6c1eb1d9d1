"""Sealing again with the current key what an older one sealed: a bounded step at a time, beside running services.

A step is one transaction; what is done carries the current key's id, so that going on after an interruption is starting again.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from runtime.keyring import Keyring
from storage import destinations, identities
from storage.sealing import keyring_of, keys_of
from storage.session import Connection, Database

ROWS_PER_STEP: Final = 500


class KeyUse(NamedTuple):
    """One key, and what it sealed."""

    key_id: str
    made_at_ms: int | None
    """None of a key that is missing."""
    is_current: bool
    rows: int
    """Names and destinations that only this key opens."""


def reencrypt(
    database: Database, *, rows_per_step: int = ROWS_PER_STEP, told: Callable[[int], None] | None = None
) -> int:
    """Seal everything with the current key; how many rows that were. `told` hears of each step's.

    Raises KeyMissing where a row's key is not there, MalformedRecord where a row was changed: what was done before stays so.
    """
    done = 0
    while True:
        with database.transaction() as conn:
            step = _step(conn, rows_per_step)
        if not step:
            return done
        done += step
        if told is not None:
            told(step)


def uses(conn: Connection) -> tuple[KeyUse, ...]:
    """Every key of the ring, oldest first, and behind them those that rows need and the ring has not."""
    ring, counted = keyring_of(conn), rows_by_key(conn)
    held = [
        KeyUse(key.key_id, key.made_at_ms, key.key_id == ring.current, counted.get(key.key_id, 0)) for key in ring.keys
    ]
    return (*held, *(KeyUse(key_id, None, False, rows) for key_id, rows in missing(ring, counted).items()))


def rows_by_key(conn: Connection) -> Mapping[str, int]:
    """How many rows each key sealed."""
    return Counter(identities.sealed_by(conn)) + Counter(destinations.sealed_by(conn))


def missing(ring: Keyring, counted: Mapping[str, int]) -> dict[str, int]:
    """Of the keys that sealed rows, those that the ring has not."""
    return {key_id: rows for key_id, rows in sorted(counted.items()) if not ring.has(key_id)}


def keys_fault(conn: Connection) -> str | None:
    """Why not every name and destination can be opened, or could not after a restart; None while all can, or none is sealed."""
    counted = rows_by_key(conn)
    if not counted:
        return None
    trouble = keys_of(conn).trouble()
    if trouble is not None:
        return trouble
    lacking = missing(keyring_of(conn), counted)
    if not lacking:
        return None
    return (
        f"{sum(lacking.values())} names or destinations are sealed with key {', '.join(lacking)}, which the keys file"
        " has not: bring back a copy that has it."
    )


def _step(conn: Connection, limit: int) -> int:
    return identities.reseal(conn, limit=limit) or destinations.reseal(conn, limit=limit)
