"""The version of what people decided about alerts: what caches compare, the lock of whoever decides, and when it takes effect."""

from typing import Final

from sqlalchemy import Connection, select, update

from storage.decisions_tables import decisions

SETTLE_MS: Final = 5_000
"""From an order to its taking effect: every worker reads decisions more often than this, so that all hold to the same moment."""


def decisions_version(conn: Connection) -> int:
    """Grows with every rulebook, change and silence, and with the end of any; equal versions mean that nothing changed."""
    version: int = conn.execute(select(decisions.c.version)).scalar_one()
    return version


def begin_decision(conn: Connection) -> None:
    """Raise the version and hold it until the transaction ends: decisions are made one after another."""
    conn.execute(update(decisions).values(version=decisions.c.version + 1))
