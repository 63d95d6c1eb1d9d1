"""Which wards people may see alerts of, asked at each event anew: who lost a ward is told nothing more of it."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from sqlalchemy import Connection, select

from storage.people import EVERY_WARD
from storage.people_tables import grants, people
from vitals.fault import SYSTEM_WARD
from vitals.reading import WardId

ROLES_THAT_SEE: Final = ("nurse", "physician", "ward_manager", "data_analyst")
"""Roles whose holders may see patients; a test holds it to `dashboard.permissions`, which this room cannot ask."""

ROLES_OF_THE_SYSTEM: Final = ("device_technician", "administrator")
"""Roles whose holders look after Wardlight itself: they are told of its own faults, wherever they hold them, and of no patient."""


class Sight(NamedTuple):
    """The wards that somebody sees."""

    every: bool = False
    named: frozenset[WardId] = frozenset()

    def sees(self, ward_id: WardId) -> bool:
        """Whether this ward is one; Wardlight's own is for whoever sees any."""
        if ward_id == SYSTEM_WARD:
            return self.every or bool(self.named)
        return self.every or ward_id in self.named


NOTHING: Final = Sight()
EVERYTHING: Final = Sight(every=True)
"""What the house's own subscriptions see."""


def sights_of(conn: Connection, person_ids: Iterable[str]) -> dict[str, Sight]:
    """What each of these people sees now; closed accounts and unknown people see nothing."""
    wanted = sorted(set(person_ids))
    found = dict.fromkeys(wanted, NOTHING)
    if not wanted:
        return found
    told = (*ROLES_THAT_SEE, *ROLES_OF_THE_SYSTEM)
    query = (
        select(grants.c.person_id, grants.c.ward_id, grants.c.role)
        .join(people, people.c.person_id == grants.c.person_id)
        .where(grants.c.person_id.in_(wanted), grants.c.role.in_(told), people.c.disabled_at_ms.is_(None))
    )
    for row in conn.execute(query):
        held = found[row.person_id]
        if row.role in ROLES_OF_THE_SYSTEM:
            found[row.person_id] = held._replace(named=held.named | {SYSTEM_WARD})
        elif row.ward_id == EVERY_WARD:
            found[row.person_id] = held._replace(every=True)
        else:
            found[row.person_id] = held._replace(named=held.named | {WardId(row.ward_id)})
    return found
