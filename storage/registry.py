"""The version of the registry (patients, devices, assignments): what caches compare, and the lock of whoever changes it."""

from sqlalchemy import Connection, select, update

from storage import tables


def registry_version(conn: Connection) -> int:
    """Grows with every change of patients, devices or assignments; equal versions mean an unchanged registry."""
    version: int = conn.execute(select(tables.registry.c.version)).scalar_one()
    return version


def begin_change(conn: Connection) -> None:
    """Raise the version and hold the registry until the transaction ends: changes happen one after another."""
    conn.execute(update(tables.registry).values(version=tables.registry.c.version + 1))
