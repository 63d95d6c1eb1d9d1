"""The request in hand: who asks for what, as the audit trail will say it."""

from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from typing import Any, Final

from starlette.types import Scope

from dashboard.audit_rules import HOSPITAL_ANSWERS, PASSWORD_AGAIN, SIGNING_IN, Trace, login_in, trace_of
from dashboard.audit_trail import Trail
from dashboard.gate import Ruled
from dashboard.person import Person
from dashboard.row_sight import seen_by
from dashboard.sign_in import network_of
from runtime.clock import Clock
from runtime.telemetry import Telemetry
from storage.audit import AuditAction, AuditEntry, Detail
from storage.people_tokens import Token
from storage.row_security import Seen
from vitals.errors import Unavailable

NO_DETAIL: Detail = {}
FAILING_S: Final = 600.0
"""One address that is locked out, or fails at the hospital's sign-in, is one entry in so long: nobody signed in makes the
trail grow without end."""
WardOf = Callable[[str], str | None]
"""The ward of a patient, where the live board knows it."""
PatientOf = Callable[[str], str | None]
"""The patient of an alert, where the live board knows it."""


class InHand:
    """One request on its way; makes its entry, once."""

    def __init__(
        self,
        scope: Scope,
        *,
        trail: Trail,
        clock: Clock,
        telemetry: Telemetry,
        ward_of: WardOf,
        patient_of: PatientOf,
        export_span_ms: int,
        reads_go_on: bool,
    ) -> None:
        self._scope = scope
        self._trail = trail
        self._clock = clock
        self._telemetry = telemetry
        self._ward_of = ward_of
        self._patient_of = patient_of
        self._export_span_ms = export_span_ms
        self._reads_go_on = reads_go_on
        self._is_written = False

    def of_change(self, arguments: Iterable[Any]) -> Sequence[AuditEntry]:
        """The entry to append in the transaction of the change; none where it stands already, or there is none to make.

        A patient that the request does not name yet (an admission) is found in the `arguments` of the change.
        """
        trace = self._trace()
        if trace is None or not trace.changes or self._is_written:
            return ()
        arguments = tuple(arguments)
        issued = self._issued_in(arguments) if trace.action is AuditAction.ISSUE_TOKEN else NO_DETAIL
        return (self._entry(trace, self._patient_in(arguments), issued),)

    def written(self, entries: Sequence[AuditEntry]) -> None:
        """The transaction that held them was committed."""
        if entries:
            self._is_written = True
            self._trail.count(entries)

    async def settle(self, status: int) -> Unavailable | None:
        """Before the answer: put on record what is not yet; an error where the answer must not be given."""
        if await self._signs(status):
            return None
        person = self._person
        trace = self._trace()
        if person is None or trace is None or self._is_written:
            return None
        if status in (403, 423) or self._scope.get("body_fault"):
            await self._keep_refusal(trace, status)
        elif status < 400 and trace.changes:
            await self._trail.keep([self._entry(trace, None)])
        elif status < 400:
            return await self._seen(trace, person)
        return None

    async def _signs(self, status: int) -> bool:
        """Whether this was somebody signing in, or asked for their password again, which is put on record by its outcome."""
        ruled: Ruled | None = self._scope.get("ruled")
        key = "" if ruled is None else ruled.key
        if key not in SIGNING_IN and not (key in PASSWORD_AGAIN and status >= 400 and self._person is not None):
            return False
        signed_in: Person | None = self._scope.get("signed_in")
        action = AuditAction.SIGN_IN if signed_in is not None else self._failure(key, status)
        if action is None:
            return True
        if action is AuditAction.LOCKED_OUT or (signed_in is None and key == HOSPITAL_ANSWERS):
            view = (action, key, network_of(self._address or ""))
            if not self._trail.is_new(view, within_s=FAILING_S):
                return True
            self._trail.remember(view)
        subject = login_in(self._scope.get("body", b""))
        await self._trail.keep([self._said(signed_in or self._person, action, subject=subject)])
        return True

    def _failure(self, key: str, status: int) -> AuditAction | None:
        """What it was, where nobody signed in by it; None where it was no attempt."""
        if key == HOSPITAL_ANSWERS:
            return AuditAction.SIGN_IN_FAILED if self._scope.get("failed_at_hospital") else None
        if status in (401, 403):
            return AuditAction.SIGN_IN_FAILED
        return AuditAction.LOCKED_OUT if status == 429 else None

    async def _seen(self, trace: Trace, person: Person) -> Unavailable | None:
        view = (person.person_id, person.token_id, trace.action, *trace.view)
        if not self._trail.is_new(view):
            return None
        entry = self._entry(trace, None)
        if trace.live or self._reads_go_on:
            await self._trail.keep([entry], patience_s=0)
        else:
            try:
                await self._trail.write([entry])
            except Unavailable as error:
                self._telemetry.count("wardlight_dashboard_audit_reads_refused_total")
                return Unavailable(str(error))
        self._trail.remember(view)
        return None

    async def _keep_refusal(self, trace: Trace, status: int) -> None:
        person = self._person
        who = None if person is None else person.person_id
        view = (who, AuditAction.REFUSED, trace.action, status, *trace.view)
        if not self._trail.is_new(view):
            return
        asked = {"asked": trace.action.value, "status": status, **trace.detail}
        refused = self._said(
            person, AuditAction.REFUSED, subject=trace.subject, patient_id=trace.patient_id, detail=asked
        )
        await self._trail.keep([refused])
        self._trail.remember(view)

    def _entry(self, trace: Trace, patient_id: str | None, more: Detail = NO_DETAIL) -> AuditEntry:
        patient_id = trace.patient_id or patient_id or self._patient_of(trace.subject)
        detail = {**trace.detail, **more}
        return self._said(self._person, trace.action, subject=trace.subject, patient_id=patient_id, detail=detail)

    def _said(
        self,
        person: Person | None,
        action: AuditAction,
        *,
        subject: str | None,
        patient_id: str | None = None,
        detail: Detail = NO_DETAIL,
    ) -> AuditEntry:
        return AuditEntry(
            at_ms=self._clock.now_ms(),
            person_id="nobody" if person is None else person.person_id,
            name="Nobody" if person is None else person.name,
            action=action,
            ward_id=None if patient_id is None else self._ward_of(patient_id),
            patient_id=patient_id,
            subject=subject,
            detail=detail,
            address=self._address,
            token_id=None if person is None else person.token_id,
        )

    @property
    def seen(self) -> Seen:
        """What it may read of patients."""
        ruled: Ruled | None = self._scope.get("ruled")
        return seen_by(None if ruled is None else ruled.key, self._person)

    @property
    def _address(self) -> str | None:
        client = self._scope.get("client")
        return client[0] if client else None

    @property
    def _person(self) -> Person | None:
        person: Person | None = self._scope.get("person")
        return person

    def _trace(self) -> Trace | None:
        ruled: Ruled | None = self._scope.get("ruled")
        if ruled is None:
            return None
        return trace_of(
            ruled.key,
            ruled.rule,
            ruled.parameters,
            self._scope["query_string"],
            self._scope.get("body", b""),
            now_ms=self._clock.now_ms(),
            export_span_ms=self._export_span_ms,
        )

    def _issued_in(self, arguments: Iterable[Any]) -> Detail:
        """Which token was made, for whom, with what scopes, and by whom."""
        maker = self._person
        for argument in arguments:
            if isinstance(argument, Token):
                return {
                    "token_id": argument.token_id,
                    "owner": argument.person_id,
                    "scopes": " ".join(argument.scopes),
                    "maker": "nobody" if maker is None else maker.person_id,
                }
        return NO_DETAIL

    @staticmethod
    def _patient_in(arguments: Iterable[Any]) -> str | None:
        for argument in arguments:
            patient_id = getattr(argument, "patient_id", None)
            if isinstance(patient_id, str):
                return patient_id
        return None


in_hand: ContextVar[InHand | None] = ContextVar("in_hand", default=None)
"""The request that this task answers; None outside of one."""
