"""Which wards there are: nothing registers a ward, so those are known that anything was ever said to be on."""

from sqlalchemy import Connection, select, union

from storage import people_tables, stays_tables, tables
from storage.people import EVERY_WARD
from vitals.errors import NotFound
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


def require_known(conn: Connection, ward_id: WardId) -> None:
    """Raises NotFound, naming the wards there are, for a ward that nobody ever named: whoever it pages is nobody."""
    known = known_wards(conn)
    if ward_id not in known:
        more = ", …" if len(known) > NAMED_MAX else ""
        raise NotFound(
            f"There is no ward {ward_id}, and an alert there would reach nobody: known are"
            f" {', '.join(known[:NAMED_MAX])}{more}. Who has the permission on every ward can begin a new one."
        )
