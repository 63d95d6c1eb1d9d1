"""Who may do what: roles, permissions, and one table of every route. Pure: no request, no database.

**How to add a route.** Write the route, then give it one line in `RULES`, keyed "METHOD /path template" exactly as
FastAPI has it (with the prefix /api/v1):

    "POST /api/v1/patients/{patient_id}/notes": Rule(Permission.CHART, Where.PATH_PATIENT),

`Where` says how the ward of the request's subject is found; name several where a request has several subjects (a
swap of beds has two patients): the person needs the permission on the ward of each. A list takes
`Where.FILTERED` (or `Where.QUERY`, where `ward=` or `patient=` narrow it) and gives only rows the person may see:

    async def list_notes(here: Here, who: Signed) -> list[Note]:
        return [note for note in found if who.may(Permission.SEE_PATIENT, note.ward_id)]

or hands `who.wards(Permission.SEE_PATIENT)` to SQL (None means every ward). What belongs to no ward (the audit record of
the house, a message of an unknown device) takes `Where.HOUSE`: only a role granted on every ward reaches it. A route that
is not in the table is refused with 403, and a test fails. `dashboard/gate.py` enforces the table before a route runs.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from vitals.reading import WardId


class Permission(StrEnum):
    """What one may do; granted through a role, on a ward or on every ward."""

    SEE_WARD = "see_ward"
    SEE_PATIENT = "see_patient"
    CHART = "chart"
    SET_SCALE = "set_scale"
    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"
    SILENCE = "silence"
    """Keep alerts quiet for a time."""
    SET_LIMITS = "set_limits"
    """A patient's alert limits, delays and priorities, for a time and within the rulebook's bounds."""
    SET_RULES = "set_rules"
    """A ward's, and the rulebook where it is held on every ward."""
    MANAGE_NOTIFICATIONS = "manage_notifications"
    """Who is told of alerts: subscriptions and addresses of the house, ladders, on-call schedules."""
    ADMIT = "admit"
    TRANSFER = "transfer"
    DISCHARGE = "discharge"
    MANAGE_DEVICES = "manage_devices"
    CORRECT = "correct"
    SEE_REJECTED = "see_rejected"
    REPLAY_REJECTED = "replay_rejected"
    SEE_LEDGER = "see_ledger"
    SEE_STATUS = "see_status"
    EXPORT = "export"
    SEE_AUDIT = "see_audit"
    MANAGE_PEOPLE = "manage_people"
    BREAK_GLASS = "break_glass"


class Role(StrEnum):
    """What a person is on a ward, or on every ward."""

    NURSE = "nurse"
    PHYSICIAN = "physician"
    WARD_MANAGER = "ward_manager"
    DEVICE_TECHNICIAN = "device_technician"
    DATA_ANALYST = "data_analyst"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


_P = Permission
_BEDSIDE: Final = frozenset(
    {
        _P.SEE_WARD, _P.SEE_PATIENT, _P.CHART, _P.ACKNOWLEDGE, _P.RESOLVE, _P.SILENCE, _P.ADMIT, _P.TRANSFER, _P.DISCHARGE,
        _P.MANAGE_DEVICES, _P.SEE_STATUS, _P.BREAK_GLASS,
    }
)  # fmt: skip

ROLE_PERMISSIONS: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.NURSE: _BEDSIDE,
    Role.PHYSICIAN: _BEDSIDE | {_P.SET_SCALE, _P.CORRECT, _P.SET_LIMITS},
    Role.WARD_MANAGER: _BEDSIDE
    | {
        _P.CORRECT,
        _P.SEE_REJECTED,
        _P.REPLAY_REJECTED,
        _P.SEE_LEDGER,
        _P.EXPORT,
        _P.MANAGE_NOTIFICATIONS,
        _P.SET_LIMITS,
        _P.SET_RULES,
    },
    Role.DEVICE_TECHNICIAN: frozenset(
        {_P.MANAGE_DEVICES, _P.SEE_REJECTED, _P.REPLAY_REJECTED, _P.SEE_LEDGER, _P.SEE_STATUS}
    ),
    Role.DATA_ANALYST: frozenset({_P.SEE_WARD, _P.SEE_PATIENT, _P.EXPORT, _P.SEE_LEDGER, _P.SEE_STATUS}),
    Role.AUDITOR: frozenset({_P.SEE_AUDIT, _P.SEE_LEDGER, _P.SEE_STATUS}),
    Role.ADMINISTRATOR: frozenset({_P.MANAGE_PEOPLE, _P.MANAGE_NOTIFICATIONS, _P.SEE_STATUS}),
}
"""An administrator gives access and has none to patients; who needs both has both roles, and the record shows it."""

SYSTEM_PERMISSIONS: Final = frozenset({_P.SEE_WARD, _P.ACKNOWLEDGE, _P.RESOLVE})
"""What holds on ward `system`, alerts about Wardlight itself, for whoever has it on any ward: they are about no patient."""

HOUSE_ROLES: Final = frozenset({Role.AUDITOR, Role.ADMINISTRATOR})
"""Roles that mean nothing on a single ward and are granted on every ward only."""

GLASS_PERMISSIONS: Final = frozenset({_P.SEE_WARD, _P.SEE_PATIENT, _P.CHART, _P.ACKNOWLEDGE})
"""What a broken glass opens for one patient, of what the person may do somewhere: SEE_WARD is that patient's tile and alerts."""


@dataclass(frozen=True)
class Wards:
    """A set of wards, or every ward, those to come included (`every`)."""

    every: bool = False
    named: frozenset[WardId] = frozenset()

    def __contains__(self, ward_id: object) -> bool:
        return self.every or ward_id in self.named

    def __bool__(self) -> bool:
        return self.every or bool(self.named)

    def __or__(self, other: "Wards") -> "Wards":
        if self.every or other.every:
            return EVERY_WARD
        return Wards(named=self.named | other.named)

    def __and__(self, other: "Wards") -> "Wards":
        if self.every:
            return other
        if other.every:
            return self
        return Wards(named=self.named & other.named)


NO_WARD: Final = Wards()
EVERY_WARD: Final = Wards(every=True)


@dataclass(frozen=True)
class Grant:
    """One role on one ward; on every ward where `ward_id` is None."""

    role: Role
    ward_id: WardId | None


Access = Mapping[Permission, Wards]
"""On which wards each permission holds; a permission that holds nowhere is absent."""


def access_of(grants: Iterable[Grant]) -> Access:
    """What these grants come to: they only ever add, in whatever order; every ward absorbs single wards."""
    found: dict[Permission, Wards] = {}
    for grant in grants:
        wards = EVERY_WARD if grant.ward_id is None else Wards(named=frozenset({grant.ward_id}))
        for permission in ROLE_PERMISSIONS[grant.role]:
            found[permission] = found.get(permission, NO_WARD) | wards
    return found


def narrowed(access: Access, permissions: Iterable[Permission], wards: Wards) -> Access:
    """What is left of `access` within these permissions and wards: a token never gives more than its owner has."""
    kept = {permission: access.get(permission, NO_WARD) & wards for permission in permissions}
    return {permission: where for permission, where in kept.items() if where}


LENDABLE: Final = frozenset({Permission.SEE_WARD, Permission.SEE_STATUS, Permission.SEE_LEDGER})
"""What a token that somebody else makes in a person's name may at most: it shows, and neither changes nor opens a patient."""


class Where(StrEnum):
    """How the ward of a request's subject is found."""

    PATH_PATIENT = "the patient in the path ({patient_id})"
    PATH_DEVICE = "the device in the path ({device_id}): its ward, and that of the patient it measures now"
    PATH_EPISODE = "the alert in the path ({episode_id}): its patient's ward"
    PATH_SILENCE = "the silence in the path ({silence_id}): its ward and its patient's; as HOUSE where it has none"
    PATH_REJECTION = "the refused message in the path ({rejection_id}): its device's ward; none where nobody knows it"
    QUERY = "ward= and patient= of the query; without them, the route filters to the person's wards"
    BODY = "every field of the body that is or ends in ward_id, patient_id or device_id; without any, as HOUSE"
    FILTERED = "the permission on some ward is enough; the route filters to the person's wards"
    HOUSE = "no ward: only a role on every ward reaches it"
    PUBLIC = "nobody needs to be signed in"
    SIGNED = "whoever is signed in, about themselves"


@dataclass(frozen=True)
class Rule:
    """What one route asks of who calls it."""

    permission: Permission | None
    where: tuple[Where, ...]
    when_locked: bool
    """Whether a session that is locked for lack of input still may."""

    def __init__(self, permission: Permission | None, *where: Where, when_locked: bool | None = None) -> None:
        by_itself = permission is Permission.SEE_WARD or Where.PUBLIC in where
        object.__setattr__(self, "permission", permission)
        object.__setattr__(self, "where", where)
        object.__setattr__(self, "when_locked", by_itself if when_locked is None else when_locked)


PUBLIC: Final = Rule(None, Where.PUBLIC)
SIGNED: Final = Rule(None, Where.SIGNED)
SIGNED_ALWAYS: Final = Rule(None, Where.SIGNED, when_locked=True)
"""Also while the session is locked, or somebody else's password waits to be changed."""

RULES: Final[Mapping[str, Rule]] = {
    # Pages: whoever may not see one is led to one they may, or to sign-in.
    "GET /": Rule(_P.SEE_WARD, Where.FILTERED),
    "GET /patients/{patient_id}": Rule(_P.SEE_PATIENT, Where.FILTERED),
    "GET /static": PUBLIC,
    # Health, description
    "GET /healthz": PUBLIC,
    "GET /readyz": PUBLIC,
    "GET /api/v1/openapi.json": SIGNED,
    # Signing in, oneself
    "GET /sign-in": PUBLIC,
    "GET /sign-in/hospital": PUBLIC,
    "GET /sign-in/hospital/callback": PUBLIC,
    "GET /api/v1/sign-in": PUBLIC,
    "POST /api/v1/sign-in": PUBLIC,
    "POST /api/v1/sign-out": SIGNED_ALWAYS,
    "GET /api/v1/me": SIGNED_ALWAYS,
    "POST /api/v1/me/password": SIGNED_ALWAYS,
    "POST /api/v1/session/lock": SIGNED_ALWAYS,
    "POST /api/v1/session/unlock": SIGNED_ALWAYS,
    "POST /api/v1/session/active": SIGNED_ALWAYS,
    "GET /api/v1/me/tokens": SIGNED,
    "POST /api/v1/me/tokens": SIGNED,
    "POST /api/v1/me/tokens/{token_id}/revoke": SIGNED,
    # People
    "GET /people": Rule(_P.MANAGE_PEOPLE, Where.HOUSE),
    "GET /api/v1/people": Rule(_P.MANAGE_PEOPLE, Where.HOUSE),
    "POST /api/v1/people": Rule(_P.MANAGE_PEOPLE, Where.HOUSE),
    "POST /api/v1/people/{person_id}/password": Rule(_P.MANAGE_PEOPLE, Where.HOUSE),
    "POST /api/v1/people/{person_id}/grant": Rule(_P.MANAGE_PEOPLE, Where.HOUSE),
    "POST /api/v1/people/{person_id}/revoke": Rule(_P.MANAGE_PEOPLE, Where.HOUSE),
    "POST /api/v1/people/{person_id}/disable": Rule(_P.MANAGE_PEOPLE, Where.HOUSE),
    "POST /api/v1/people/{person_id}/enable": Rule(_P.MANAGE_PEOPLE, Where.HOUSE),
    "GET /api/v1/people/{person_id}/tokens": Rule(_P.MANAGE_PEOPLE, Where.HOUSE),
    "POST /api/v1/people/{person_id}/tokens": Rule(_P.MANAGE_PEOPLE, Where.HOUSE),
    "POST /api/v1/people/{person_id}/tokens/{token_id}/revoke": Rule(_P.MANAGE_PEOPLE, Where.HOUSE),
    "POST /api/v1/patients/{patient_id}/break-glass": Rule(_P.BREAK_GLASS, Where.FILTERED),
    "GET /api/v1/break-glass": Rule(_P.SEE_AUDIT, Where.HOUSE),
    # Wards and patients
    "GET /api/v1/wards": Rule(_P.SEE_WARD, Where.FILTERED),
    "GET /api/v1/events": Rule(_P.SEE_WARD, Where.QUERY),
    "GET /api/v1/patients": Rule(_P.SEE_WARD, Where.QUERY),
    "POST /api/v1/patients/find": Rule(_P.SEE_PATIENT, Where.FILTERED),
    "POST /api/v1/patients": Rule(_P.ADMIT, Where.BODY),
    "GET /api/v1/patients/{patient_id}": Rule(_P.SEE_PATIENT, Where.PATH_PATIENT),
    "POST /api/v1/patients/{patient_id}/birth-date": Rule(_P.ADMIT, Where.PATH_PATIENT),
    "POST /api/v1/patients/{patient_id}/sex": Rule(_P.ADMIT, Where.PATH_PATIENT),
    "POST /api/v1/patients/{patient_id}/discharge": Rule(_P.DISCHARGE, Where.PATH_PATIENT),
    "GET /api/v1/patients/{patient_id}/history": Rule(_P.SEE_PATIENT, Where.PATH_PATIENT),
    "GET /api/v1/patients/{patient_id}/assessments": Rule(_P.SEE_PATIENT, Where.PATH_PATIENT),
    "GET /api/v1/patients/{patient_id}/outcomes": Rule(_P.SEE_PATIENT, Where.PATH_PATIENT),
    "POST /api/v1/patients/{patient_id}/outcomes": Rule(_P.CHART, Where.PATH_PATIENT),
    "POST /api/v1/patients/{patient_id}/outcomes/{outcome_id}/withdraw": Rule(_P.CHART, Where.PATH_PATIENT),
    "GET /registry": Rule(_P.MANAGE_DEVICES, Where.FILTERED),
    # The ward a patient leaves decides; the one to go to must be known (the route asks).
    "POST /api/v1/patients/{patient_id}/transfer": Rule(_P.TRANSFER, Where.PATH_PATIENT),
    "GET /api/v1/wards/known": Rule(_P.TRANSFER, Where.FILTERED),
    "POST /api/v1/patients/{patient_id}/swap-beds": Rule(_P.TRANSFER, Where.PATH_PATIENT, Where.BODY),
    "GET /api/v1/patients/{patient_id}/moves": Rule(_P.SEE_PATIENT, Where.PATH_PATIENT),
    # Corrections: the route also asks for the ward of the patient whose readings are taken away.
    "GET /api/v1/corrections/outlook": Rule(_P.CORRECT, Where.FILTERED),
    "POST /api/v1/corrections": Rule(_P.CORRECT, Where.BODY),
    "GET /api/v1/corrections": Rule(_P.SEE_PATIENT, Where.QUERY),
    "GET /api/v1/corrections/{correction_id}": Rule(_P.SEE_PATIENT, Where.FILTERED),
    # Charting
    "GET /api/v1/patients/{patient_id}/charting": Rule(_P.SEE_PATIENT, Where.PATH_PATIENT),
    "POST /api/v1/patients/{patient_id}/charting": Rule(_P.CHART, Where.PATH_PATIENT),
    "POST /api/v1/patients/{patient_id}/charting/{entry_id}/withdraw": Rule(_P.CHART, Where.PATH_PATIENT),
    "POST /api/v1/patients/{patient_id}/spo2-scale": Rule(_P.SET_SCALE, Where.PATH_PATIENT),
    # Alerts
    "GET /api/v1/alerts": Rule(_P.SEE_WARD, Where.QUERY),
    "GET /api/v1/alerts/{episode_id}": Rule(_P.SEE_WARD, Where.PATH_EPISODE),
    "GET /api/v1/alerts/export": Rule(_P.EXPORT, Where.QUERY),
    "GET /api/v1/alerts/{episode_id}/timeline": Rule(_P.SEE_WARD, Where.PATH_EPISODE, when_locked=False),
    "POST /api/v1/alerts/{episode_id}/feedback": Rule(_P.ACKNOWLEDGE, Where.PATH_EPISODE),
    "GET /alerts": Rule(_P.SEE_WARD, Where.FILTERED, when_locked=False),
    "POST /api/v1/alerts/{episode_id}/acknowledge": Rule(_P.ACKNOWLEDGE, Where.PATH_EPISODE),
    "POST /api/v1/alerts/{episode_id}/resolve": Rule(_P.RESOLVE, Where.PATH_EPISODE),
    "GET /api/v1/silences": Rule(_P.SEE_WARD, Where.QUERY, when_locked=False),
    "POST /api/v1/silences": Rule(_P.SILENCE, Where.BODY),
    "DELETE /api/v1/silences/{silence_id}": Rule(_P.SILENCE, Where.PATH_SILENCE),
    # Rules: of a patient, of a ward, of the house
    "GET /api/v1/patients/{patient_id}/alert-limits": Rule(_P.SEE_PATIENT, Where.PATH_PATIENT),
    "POST /api/v1/patients/{patient_id}/alert-limits": Rule(_P.SET_LIMITS, Where.PATH_PATIENT),
    "POST /api/v1/patients/{patient_id}/alert-limits/{change_id}/end": Rule(_P.SET_LIMITS, Where.PATH_PATIENT),
    "GET /api/v1/alert-limits": Rule(_P.SEE_WARD, Where.QUERY, when_locked=False),
    "POST /api/v1/alert-limits": Rule(_P.SET_RULES, Where.BODY),
    "POST /api/v1/alert-limits/end": Rule(_P.SET_RULES, Where.BODY),
    "GET /api/v1/alert-rules": Rule(_P.SEE_STATUS, Where.FILTERED),
    "GET /api/v1/alert-rules/history": Rule(_P.SEE_STATUS, Where.FILTERED),
    "PUT /api/v1/alert-rules": Rule(_P.SET_RULES, Where.HOUSE),
    # Escalation: the routes with FILTERED also ask for the ward of what is changed.
    "GET /api/v1/alerts/{episode_id}/escalation": Rule(_P.SEE_WARD, Where.PATH_EPISODE, when_locked=False),
    "POST /api/v1/alerts/{episode_id}/seen": Rule(_P.ACKNOWLEDGE, Where.PATH_EPISODE),
    "GET /api/v1/ladders": Rule(_P.SEE_WARD, Where.FILTERED, when_locked=False),
    "POST /api/v1/ladders": Rule(_P.MANAGE_NOTIFICATIONS, Where.BODY),
    "DELETE /api/v1/ladders/{ward_id}/{priority}": Rule(_P.MANAGE_NOTIFICATIONS, Where.FILTERED),
    "GET /api/v1/ladders/outlook": Rule(_P.SEE_WARD, Where.QUERY, when_locked=False),
    "GET /api/v1/schedules": Rule(_P.SEE_WARD, Where.FILTERED, when_locked=False),
    "POST /api/v1/schedules": Rule(_P.MANAGE_NOTIFICATIONS, Where.BODY),
    "DELETE /api/v1/schedules/{schedule_id}": Rule(_P.MANAGE_NOTIFICATIONS, Where.FILTERED),
    "GET /api/v1/schedules/{schedule_id}/shifts": Rule(_P.SEE_WARD, Where.FILTERED, when_locked=False),
    "GET /api/v1/schedules/{schedule_id}/overrides": Rule(_P.SEE_WARD, Where.FILTERED, when_locked=False),
    "POST /api/v1/schedules/{schedule_id}/overrides": Rule(_P.MANAGE_NOTIFICATIONS, Where.FILTERED),
    "DELETE /api/v1/schedules/{schedule_id}/overrides/{override_id}": Rule(_P.MANAGE_NOTIFICATIONS, Where.FILTERED),
    "GET /api/v1/on-call": Rule(_P.SEE_WARD, Where.FILTERED, when_locked=False),
    "GET /api/v1/me/contacts": SIGNED,
    "POST /api/v1/me/contacts": SIGNED,
    "DELETE /api/v1/me/contacts/{destination_id}": SIGNED,
    "GET /api/v1/contacts": Rule(_P.MANAGE_NOTIFICATIONS, Where.HOUSE),
    "POST /api/v1/contacts/{login}": Rule(_P.MANAGE_NOTIFICATIONS, Where.HOUSE),
    "DELETE /api/v1/contacts/{login}/{destination_id}": Rule(_P.MANAGE_NOTIFICATIONS, Where.HOUSE),
    # FHIR: a subscription is whoever's who made it; the routes show nobody else's.
    "GET /api/v1/fhir/metadata": SIGNED,
    "GET /api/v1/fhir/Basic/alert": SIGNED,
    "GET /api/v1/fhir/Flag/{episode_id}": Rule(_P.SEE_WARD, Where.PATH_EPISODE, when_locked=False),
    "GET /api/v1/fhir/Subscription": Rule(_P.MANAGE_NOTIFICATIONS, Where.FILTERED),
    "POST /api/v1/fhir/Subscription": Rule(_P.MANAGE_NOTIFICATIONS, Where.FILTERED),
    "GET /api/v1/fhir/Subscription/$status": Rule(_P.MANAGE_NOTIFICATIONS, Where.FILTERED),
    "GET /api/v1/fhir/Subscription/{subscription_id}": Rule(_P.MANAGE_NOTIFICATIONS, Where.FILTERED),
    "PUT /api/v1/fhir/Subscription/{subscription_id}": Rule(_P.MANAGE_NOTIFICATIONS, Where.FILTERED),
    "DELETE /api/v1/fhir/Subscription/{subscription_id}": Rule(_P.MANAGE_NOTIFICATIONS, Where.FILTERED),
    "GET /api/v1/fhir/Subscription/{subscription_id}/$status": Rule(_P.MANAGE_NOTIFICATIONS, Where.FILTERED),
    "GET /api/v1/fhir/Subscription/{subscription_id}/$events": Rule(_P.MANAGE_NOTIFICATIONS, Where.FILTERED),
    # Notifications: one's own, and with MANAGE_NOTIFICATIONS the house's; the routes ask whose, and of which ward.
    "GET /api/v1/destinations": SIGNED,
    "POST /api/v1/destinations": SIGNED,
    "GET /api/v1/destinations/{destination_id}": SIGNED,
    "DELETE /api/v1/destinations/{destination_id}": SIGNED,
    "POST /api/v1/destinations/{destination_id}/test": SIGNED,
    "GET /api/v1/subscriptions": SIGNED,
    "POST /api/v1/subscriptions": SIGNED,
    "GET /api/v1/subscriptions/{subscription_id}": SIGNED,
    "DELETE /api/v1/subscriptions/{subscription_id}": SIGNED,
    "POST /api/v1/subscriptions/{subscription_id}/reactivate": SIGNED,
    "POST /api/v1/subscriptions/{subscription_id}/off": SIGNED,
    "GET /api/v1/subscriptions/{subscription_id}/events": Rule(_P.SEE_WARD, Where.FILTERED, when_locked=False),
    "GET /api/v1/deliveries": SIGNED,
    "GET /api/v1/deliveries/{delivery_id}": SIGNED,
    "POST /api/v1/deliveries/{delivery_id}/seen": SIGNED,
    "POST /api/v1/seen": PUBLIC,
    "GET /seen": PUBLIC,
    # Devices
    "GET /api/v1/devices": Rule(_P.MANAGE_DEVICES, Where.QUERY),
    "POST /api/v1/devices": Rule(_P.MANAGE_DEVICES, Where.BODY),
    "POST /api/v1/devices/{device_id}/assign": Rule(_P.MANAGE_DEVICES, Where.PATH_DEVICE, Where.BODY),
    "POST /api/v1/devices/{device_id}/release": Rule(_P.MANAGE_DEVICES, Where.PATH_DEVICE),
    "POST /api/v1/devices/{device_id}/swap": Rule(_P.MANAGE_DEVICES, Where.PATH_DEVICE, Where.BODY),
    "GET /api/v1/devices/{device_id}/assignments": Rule(_P.MANAGE_DEVICES, Where.PATH_DEVICE),
    # Refused messages
    "GET /api/v1/rejected": Rule(_P.SEE_REJECTED, Where.FILTERED),
    "POST /api/v1/rejected/replay": Rule(_P.REPLAY_REJECTED, Where.FILTERED),
    "POST /api/v1/rejected/{rejection_id:path}/replay": Rule(_P.REPLAY_REJECTED, Where.PATH_REJECTION),
    "GET /api/v1/research-export": Rule(_P.EXPORT, Where.QUERY),
    # The house
    "GET /audit": Rule(_P.SEE_AUDIT, Where.HOUSE),
    "GET /api/v1/audit": Rule(_P.SEE_AUDIT, Where.HOUSE),
    "GET /api/v1/audit/verify": Rule(_P.SEE_AUDIT, Where.HOUSE),
    "GET /api/v1/audit/anchor": Rule(_P.SEE_AUDIT, Where.HOUSE),
    "GET /ledger": Rule(_P.SEE_LEDGER, Where.FILTERED),
    "GET /api/v1/ledger": Rule(_P.SEE_LEDGER, Where.FILTERED),
    "GET /api/v1/status": Rule(_P.SEE_STATUS, Where.FILTERED),
    "GET /reliability": Rule(_P.SEE_STATUS, Where.FILTERED),
    "GET /api/v1/reliability": Rule(_P.SEE_STATUS, Where.FILTERED),
    "GET /api/v1/models": Rule(_P.SEE_STATUS, Where.FILTERED),
    # Which version scores every ward's patients is a rule of the house.
    "POST /api/v1/models/{number}/promote": Rule(_P.SET_RULES, Where.HOUSE),
    "POST /api/v1/models/{number}/retire": Rule(_P.SET_RULES, Where.HOUSE),
    "POST /api/v1/models/{number}/restore": Rule(_P.SET_RULES, Where.HOUSE),
    "GET /status": Rule(_P.SEE_STATUS, Where.FILTERED),
}
