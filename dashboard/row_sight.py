"""Which rows of patients a request may read in PostgreSQL, where the dashboard's role is confined to wards. Pure.

The second lock behind the gate and the routes' own filters: the readings of patients and alerts, each within the wards on
which its person sees, and the patients whom they opened with a reason. What these routes do not read with is not confined:
orders look at the bed they move somebody to, status and ledger count the whole house, devices may be worn elsewhere.
"""

from typing import Final

from dashboard.permissions import NO_WARD, Permission
from dashboard.person import Person
from storage.row_security import EVERY_ROW, NO_ROW, Seen

CONFINED: Final = frozenset(
    {
        "GET /api/v1/patients",
        "POST /api/v1/patients/find",
        "GET /api/v1/patients/{patient_id}",
        "GET /api/v1/patients/{patient_id}/history",
        "GET /api/v1/patients/{patient_id}/assessments",
        "GET /api/v1/patients/{patient_id}/outcomes",
        "GET /api/v1/patients/{patient_id}/moves",
        "GET /api/v1/patients/{patient_id}/charting",
        "GET /api/v1/alerts",
        "GET /api/v1/alerts/{episode_id}",
        "GET /api/v1/alerts/{episode_id}/timeline",
        "GET /api/v1/alerts/{episode_id}/escalation",
        "GET /api/v1/alerts/export",
        "GET /api/v1/fhir/Flag/{episode_id}",
    }
)
"""Routes whose reads see their person's wards only."""
SIGHT: Final = (Permission.SEE_WARD, Permission.SEE_PATIENT, Permission.EXPORT)
"""The permissions that these routes ask for: together the widest that any of them may show."""


def seen_by(key: str | None, person: Person | None) -> Seen:
    """What the request on route `key` may read of patients; nothing before anybody knows whose request it is."""
    if key is None:
        return NO_ROW
    if key not in CONFINED:
        return EVERY_ROW
    if person is None:
        return NO_ROW
    wards = NO_WARD
    for permission in SIGHT:
        wards |= person.access.get(permission, NO_WARD)
    return Seen(every=wards.every, wards=frozenset(wards.named), patients=frozenset(person.glass))
