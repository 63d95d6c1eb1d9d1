"""Between guard and gate: nothing is answered before it is on record, or sure to be (docs/audit.md)."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.context import Context
from dashboard.in_hand import InHand, in_hand
from dashboard.refusals import refusal
from vitals.errors import Unavailable
from vitals.reading import PatientId


class Witness:
    """ASGI middleware: holds each answer until its entry is written, and answers 503 in its place where it cannot be."""

    def __init__(self, app: ASGIApp, *, context: Context) -> None:
        self._app = app
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        present = self._in_hand(scope)
        withheld: Unavailable | None = None

        async def sender(message: Message) -> None:
            nonlocal withheld
            if message["type"] == "http.response.start":
                withheld = await present.settle(message["status"])
                if withheld is not None:
                    await refusal(503, withheld.code, str(withheld))(scope, receive, send)
            if withheld is None:
                await send(message)

        token = in_hand.set(present)
        try:
            await self._app(scope, receive, sender)
        finally:
            in_hand.reset(token)

    def _in_hand(self, scope: Scope) -> InHand:
        context = self._context
        settings = context.settings
        return InHand(
            scope,
            trail=context.trail,
            clock=context.clock,
            telemetry=context.telemetry,
            ward_of=self._ward_of,
            patient_of=self._patient_of,
            export_span_ms=settings.audit_export_span_ms,
            reads_go_on=settings.audit_unwritable == "go_on",
        )

    def _ward_of(self, patient_id: str) -> str | None:
        patient = self._context.feed.ward.patients.get(PatientId(patient_id))
        return None if patient is None or patient.bed is None else patient.bed.ward_id

    def _patient_of(self, subject: str) -> str | None:
        for patient in self._context.feed.ward.patients.values():
            if patient.episodes.get(subject) is not None:
                return patient.patient_id
        return None
