"""What the routes stand on: ready-made ports, handed over once by the service."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Concatenate, ParamSpec, TypeVar

from fastapi import Depends, Request

from dashboard.audit_trail import Trail
from dashboard.fanout import Fanout
from dashboard.feed import Feed
from dashboard.flow import FlowWatch
from dashboard.in_hand import in_hand
from dashboard.oidc import Hospital
from dashboard.people_settings import PeopleSettings
from dashboard.sessions import Sessions
from dashboard.settings import DashboardSettings
from dashboard.sign_in import SignIn
from runtime.blocking import Door
from runtime.bus import Bus
from runtime.clock import Clock
from runtime.telemetry import Telemetry
from storage import audit
from storage.audit import AuditEntry
from storage.ledger_settings import LedgerSettings
from storage.row_security import NO_ROW
from storage.session import Database, in_snapshot, in_transaction
from storage.whereabouts import Kind, Named, Place, places_of
from vitals.reading import WardId

Parameters = ParamSpec("Parameters")
ResultT = TypeVar("ResultT")

Republish = Callable[[str, bytes], Awaitable[None]]
"""Publishes a payload on an MQTT topic and returns once the broker has it; raises Unavailable."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """Everything a request may use."""

    database: Database
    """As the service itself sees it: every ward."""
    door: Door
    bus: Bus
    clock: Clock
    feed: Feed
    flow: FlowWatch
    fanout: Fanout
    settings: DashboardSettings
    people: PeopleSettings
    sessions: Sessions
    sign_in: SignIn
    hospital: Hospital | None
    """None where there is no single sign-on."""
    telemetry: Telemetry
    trail: Trail
    version: str
    ledger: LedgerSettings = field(default_factory=LedgerSettings)
    republish: Republish | None = None
    """None where this process has no MQTT session."""

    @property
    def confined(self) -> Database:
        """As the request in hand may read it (`dashboard.row_sight`); nothing of any patient where there is none in hand."""
        present = in_hand.get()
        return self.database.seeing(NO_ROW if present is None else present.seen)

    async def ask(
        self,
        call: Callable[Concatenate[Any, Parameters], ResultT],
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> ResultT:
        """`call(conn, …)` in one read-only snapshot of what the request in hand may read."""
        return await in_snapshot(self.door, self.confined, call, *args, **kwargs)

    async def change(
        self,
        call: Callable[Concatenate[Any, Parameters], ResultT],
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> ResultT:
        """`call(conn, …)` in one write transaction, which also puts on record what the request in hand changes."""
        present = in_hand.get()
        entries = () if present is None else present.of_change((*args, *kwargs.values()))

        def audited(conn: Any) -> ResultT:  # noqa: ANN401 - SQLAlchemy stays in storage
            result = call(conn, *args, **kwargs)
            if entries:
                audit.append(conn, entries)
            return result

        result = await in_transaction(self.door, self.database, audited)
        if present is not None:
            present.written(entries)
        return result

    async def audit(self, *entries: AuditEntry) -> None:
        """Put on record what no change through `change` holds; returns once it stands there, or is sure to."""
        await self.trail.keep(entries)

    async def locate(self, named: Sequence[Named]) -> Sequence[Place]:
        """Where these things are; an alert may be known here before the database knows it."""
        if all(thing.kind is Kind.WARD for thing in named):
            return [Place(WardId(thing.id)) for thing in named]
        followed = [self._followed(thing) for thing in named]
        return await in_snapshot(self.door, self.database, places_of, followed)

    def _followed(self, thing: Named) -> Named:
        if thing.kind is Kind.EPISODE:
            for patient in self.feed.ward.patients.values():
                if patient.episodes.get(thing.id) is not None:
                    return Named(Kind.PATIENT, patient.patient_id)
        return thing


def context_of(request: Request) -> Context:
    """The context the factory put into the application."""
    context: Context = request.app.state.context
    return context


Here = Annotated[Context, Depends(context_of)]
"""A route's parameter for its context."""
