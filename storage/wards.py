"""Which wards there are: nothing registers a ward, so those are known that anything was ever said to be on."""

from sqlalchemy import Connection, select, union

from storage import people_tables, stays_tables, tables
from storage.people import EVERY_WARD
from vitals.errors import NotFound
from vitals.fault import SYSTEM_WARD
from vitals.reading import WardId

NAMED_MAX = 30
"""Wards that a refusal names."""


def known_wards(conn: Connection) -> tuple[WardId, ...]:
    """Wards on which anyone lies or ever lay, a device belongs, or a role is granted; in order."""
    columns = (
        tables.patients.c.ward_id,
        stays_tables.moves.c.ward_id,
        tables.devices.c.ward_id,
        people_tables.grants.c.ward_id,
    )
    found = conn.execute(union(*(select(column) for column in columns))).scalars()
    return tuple(sorted(WardId(ward_id) for ward_id in found if ward_id != EVERY_WARD))


def require_known(conn: Connection, *ward_ids: WardId) -> None:
    """Raises NotFound, naming the wards there are, for a ward that nobody ever named: a slip of the keyboard pages nobody."""
    known = known_wards(conn)
    for ward_id in ward_ids:
        if ward_id not in known and ward_id != SYSTEM_WARD:
            more = ", …" if len(known) > NAMED_MAX else ""
            raise NotFound(f"There is no ward {ward_id}: known are {', '.join(known[:NAMED_MAX])}{more}.")
