"""What each request leaves in the audit trail, from the line of `dashboard.permissions.RULES` that it falls under. Pure.

A new route needs no line here: its permission says what was done, unless `ROUTES` says it better.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from dashboard.exports import is_export, moment_ms, said_in
from dashboard.permissions import Permission, Rule
from storage.audit import AuditAction, Scalar

API: Final = "/api/v1/"
LOGIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
_P = Permission

ACTIONS: Final[Mapping[Permission, AuditAction]] = {
    _P.SEE_WARD: AuditAction.SEE,
    _P.SEE_PATIENT: AuditAction.SEE,
    _P.SEE_REJECTED: AuditAction.SEE,
    _P.SEE_AUDIT: AuditAction.SEE,
    _P.SEE_LEDGER: AuditAction.SEE,
    _P.CHART: AuditAction.CHART,
    _P.SET_SCALE: AuditAction.SET_SCALE,
    _P.ACKNOWLEDGE: AuditAction.ACKNOWLEDGE,
    _P.RESOLVE: AuditAction.RESOLVE,
    _P.SILENCE: AuditAction.SILENCE,
    _P.MANAGE_NOTIFICATIONS: AuditAction.CHANGE,
    _P.SET_LIMITS: AuditAction.CHANGE,
    _P.SET_RULES: AuditAction.CHANGE,
    _P.ADMIT: AuditAction.ADMIT,
    _P.TRANSFER: AuditAction.TRANSFER,
    _P.DISCHARGE: AuditAction.DISCHARGE,
    _P.MANAGE_DEVICES: AuditAction.CHANGE_DEVICE,
    _P.CORRECT: AuditAction.CORRECT,
    _P.REPLAY_REJECTED: AuditAction.REPLAY,
    _P.EXPORT: AuditAction.EXPORT,
    _P.MANAGE_PEOPLE: AuditAction.CHANGE_PERSON,
    _P.BREAK_GLASS: AuditAction.BREAK_GLASS,
}
"""What a change under a permission is called, and which reads leave an entry at all."""

ROUTES: Final[Mapping[str, AuditAction]] = {
    "POST /api/v1/sign-out": AuditAction.SIGN_OUT,
    "POST /api/v1/patients/find": AuditAction.SEE,
    "POST /api/v1/alerts/{episode_id}/seen": AuditAction.SEE,
    "POST /api/v1/me/contacts": AuditAction.CHANGE,
    "DELETE /api/v1/me/contacts/{destination_id}": AuditAction.CHANGE,
    "POST /api/v1/destinations": AuditAction.CHANGE,
    "DELETE /api/v1/destinations/{destination_id}": AuditAction.CHANGE,
    "POST /api/v1/subscriptions": AuditAction.CHANGE,
    "DELETE /api/v1/subscriptions/{subscription_id}": AuditAction.CHANGE,
    "POST /api/v1/subscriptions/{subscription_id}/reactivate": AuditAction.CHANGE,
    "POST /api/v1/subscriptions/{subscription_id}/off": AuditAction.CHANGE,
    "POST /api/v1/deliveries/{delivery_id}/seen": AuditAction.SEE,
    "GET /api/v1/deliveries": AuditAction.SEE,
    "GET /api/v1/deliveries/{delivery_id}": AuditAction.SEE,
    "POST /api/v1/me/password": AuditAction.CHANGE_PASSWORD,
    "POST /api/v1/me/tokens": AuditAction.ISSUE_TOKEN,
    "POST /api/v1/me/tokens/{token_id}/revoke": AuditAction.REVOKE_TOKEN,
    "POST /api/v1/alerts/{episode_id}/feedback": AuditAction.LABEL,
    "POST /api/v1/people/{person_id}/password": AuditAction.CHANGE_PASSWORD,
    "POST /api/v1/people/{person_id}/grant": AuditAction.CHANGE_GRANT,
    "POST /api/v1/people/{person_id}/revoke": AuditAction.CHANGE_GRANT,
    "POST /api/v1/people/{person_id}/tokens": AuditAction.ISSUE_TOKEN,
    "POST /api/v1/people/{person_id}/tokens/{token_id}/revoke": AuditAction.REVOKE_TOKEN,
}
"""Routes whose permission does not say enough."""
HOSPITAL_ANSWERS: Final = "GET /sign-in/hospital/callback"
SIGNING_IN: Final = frozenset({"POST /api/v1/sign-in", HOSPITAL_ANSWERS})
"""Routes after which somebody may be known who was not before."""
PASSWORD_AGAIN: Final = frozenset({"POST /api/v1/session/unlock", "POST /api/v1/me/password", "POST /api/v1/me/tokens"})
"""Routes that ask somebody known for their password."""
NOT_TOLD: Final[frozenset[str]] = frozenset(
    {
        "GET /api/v1/openapi.json",
        "GET /api/v1/wards",
        "GET /api/v1/wards/known",
        "GET /api/v1/ladders",
        "GET /api/v1/ladders/outlook",
        "GET /api/v1/schedules",
        "GET /api/v1/schedules/{schedule_id}/shifts",
        "GET /api/v1/schedules/{schedule_id}/overrides",
        "GET /api/v1/on-call",
        "GET /api/v1/contacts",
        "GET /api/v1/alert-limits",
    }
)
"""Reads that show nobody's data."""
KEPT_FIELDS: Final = frozenset(
    {
        "ward_id", "to_ward_id", "bed", "patient_id", "to_patient_id", "from_patient_id", "device_id", "new_device_id",
        "from_ms", "until_ms", "to_ms", "at_ms", "reason", "spo2_scale", "reading_id", "command_id", "limit",
        "from", "to", "every", "sign", "format", "ward", "patient", "active", "role", "person", "action", "every_ward",
        "until", "minutes", "feedback", "kind", "priority", "state", "confirmed", "silence_id", "change_id", "with_patient_id", "with_device_id", "device", "before",
        "happened_at", "recipient", "after", "with_discharged", "open",
    }
)  # fmt: skip
"""Fields of body and query that an entry keeps: neither secrets, nor names, nor values of signs."""
_MOMENTS: Final = ("from", "to", "until", "before", "after")
_EXTENTS: Final = ("with_discharged", "active", "state", "open", "limit")
"""What makes a list show more, or others: who has left, alerts that are over, more rows."""
_DAY_MS: Final = 86_400_000


@dataclass(frozen=True, kw_only=True)
class Trace:
    """What one request leaves."""

    action: AuditAction
    subject: str
    patient_id: str | None
    detail: Mapping[str, Scalar]
    live: bool
    """It belongs to the live board: it is answered whether or not it can be put on record now."""
    changes: bool

    @property
    def view(self) -> tuple[Scalar, ...]:
        """What makes two reads of one person one view: the same thing, ward, extent and days. An export's pages are one."""
        about = (self.subject, self.patient_id, self.detail.get("ward"), self.detail.get("device"))
        if self.action is AuditAction.EXPORT:
            return (*about, *(self.detail.get(name) for name in ("from", "to", "format", "recipient")))
        extent = (self.detail.get(name) for name in _EXTENTS)
        return (*about, *extent, *(_day(self.detail.get(name)) for name in _MOMENTS))


def trace_of(
    key: str,
    rule: Rule,
    parameters: Mapping[str, str],
    query_string: bytes,
    body: bytes,
    *,
    now_ms: int,
    export_span_ms: int,
) -> Trace | None:
    """What a request under line `key` of the table leaves; None for nothing."""
    method, _, path = key.partition(" ")
    changes = method != "GET"
    permission = rule.permission
    if key in ROUTES:
        action = ROUTES[key]
    elif permission is None or permission not in ACTIONS or key in NOT_TOLD:
        return None
    else:
        action = ACTIONS[permission] if changes else AuditAction.SEE
    if not path.startswith(API):
        return None
    said = _kept(query_string, body if changes else b"")
    patient_id = parameters.get("patient_id") or said.get("patient_id") or said.get("patient")
    if not changes and permission is Permission.MANAGE_PEOPLE:
        return None
    if not changes and (
        permission is Permission.EXPORT or is_export(key, query_string, now_ms=now_ms, span_ms=export_span_ms)
    ):
        action = AuditAction.EXPORT
    names = [value for name, value in parameters.items() if name != "patient_id"]
    words = [word for word in path.removeprefix(API).split("/") if not word.startswith("{")]
    return Trace(
        action=action,
        subject=names[0] if names else words[-1],
        patient_id=None if patient_id is None else str(patient_id),
        detail={"request": f"{method} {path.removeprefix(API)}", **said} if changes else said,
        live=permission is Permission.SEE_WARD and action is not AuditAction.EXPORT,
        changes=changes,
    )


def _day(said: Scalar) -> int | None:
    """Which day (UTC) a moment or a page's cursor names; None where it names none."""
    at_ms = moment_ms(str(said).partition("~")[0]) if said is not None else None
    return None if at_ms is None else at_ms // _DAY_MS


def login_in(body: bytes) -> str | None:
    """The login name that somebody typed, where it can be one: a password typed in its place should not be kept."""
    try:
        found = json.loads(body) if body else {}
    except ValueError:
        return None
    login = found.get("login") if isinstance(found, dict) else None
    return login if isinstance(login, str) and LOGIN.fullmatch(login) else None


def _kept(query_string: bytes, body: bytes) -> dict[str, Scalar]:
    said: dict[str, Any] = dict(said_in(query_string))
    try:
        found = json.loads(body) if body else {}
    except ValueError:
        found = {}
    if isinstance(found, dict):
        said |= found
    return {
        name: value
        for name, value in said.items()
        if name in KEPT_FIELDS and (value is None or isinstance(value, str | int | float | bool))
    }
