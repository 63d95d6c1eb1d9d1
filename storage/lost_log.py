"""What SQL must forget when the log itself is lost and a new, empty one takes its place."""

from typing import Final, NamedTuple

from sqlalchemy import Connection, delete, func, select, update

from storage import tables
from storage.models import tell_again
from storage.scorers import forget_switches

LOST: Final = "log-lost"
"""A state's hash once it no longer belongs to a log: its signature no longer fits, so no service takes it for its own."""


class Forgotten(NamedTuple):
    """What was forgotten."""

    positions: int
    states: int


def forget_log(conn: Connection) -> Forgotten:
    """Forget every position, and part every stored state from the log it was true for; claims are raised, which fences.

    History stays. Models warm up anew, visibly; the trainer tells the new log which version of the population model scores. Alerts take their open episodes over from SQL, since a patient whose state
    cannot be trusted is one of whom the alerts' rows still name.
    """
    positions = conn.execute(delete(tables.positions)).rowcount
    states = conn.execute(select(func.count()).select_from(tables.states)).scalar_one()
    conn.execute(update(tables.states).values(pipeline_hash=LOST, offset=0))
    forget_switches(conn)
    tell_again(conn)
    conn.execute(update(tables.claims).values(epoch=tables.claims.c.epoch + 1))
    return Forgotten(positions, states)
