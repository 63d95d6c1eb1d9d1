"""People for tests of the dashboard: two wards, accounts with roles, sessions and tokens, and a client with sign-in."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

import httpx

from dashboard.app import create_app
from dashboard.context import Context
from dashboard.permissions import Permission, Role
from dashboard.sessions import COOKIE, CSRF_HEADER, csrf_of, hash_of, new_token
from runtime.blocking import InlineDoor
from storage import people, people_tokens, rejections, silences
from storage.people import Account, StoredGrant
from storage.people_tokens import Token
from tests.support.builders import EPOCH_MS
from tests.support.silence_contract import silence
from tests.support.ward_scene import WardScene, transition, ward_scene
from vitals.alert import AlertKind, Priority, Transition, TransitionKind
from vitals.reading import PatientId, Rejection, RejectionReason, WardId

OWN = WardId("ward-a")
OTHER = WardId("ward-b")
PASSWORD = "correct horse battery"
FAR_MS = 4_000_000_000_000
TRAIL_CLOSES_S = 0.1
"""A refusal may still be on its way to the trail when a test has seen enough."""


class HandClock:
    """Time moves when the test says so."""

    speed = 1.0
    stands = False
    """Whoever sleeps waits for ever; otherwise sleeping is what moves time."""

    def __init__(self, now_ms: int = EPOCH_MS) -> None:
        self.at_ms = now_ms

    def now_ms(self) -> int:
        return self.at_ms

    def monotonic_s(self) -> float:
        return self.at_ms / 1000

    async def sleep(self, seconds: float) -> None:
        if self.stands:
            await asyncio.Event().wait()
        self.at_ms += round(seconds * 1000)

    def pass_s(self, seconds: float) -> None:
        """So much later."""
        self.at_ms += round(seconds * 1000)


@dataclass
class PeopleScene:
    """The ward, its application and somebody to ask it."""

    ward: WardScene
    context: Context
    clock: HandClock
    client: httpx.AsyncClient

    async def add(
        self,
        login: str,
        *grants: tuple[Role, WardId | None],
        password: str | None = PASSWORD,
        must_change: bool = False,
    ) -> str:
        """An account's id."""
        made = None if password is None else await self.context.sign_in.passwords.hashed(password)
        account = Account(people.new_person_id(), login, login.title(), made, must_change, added_at_ms=EPOCH_MS)
        with self.ward.database.transaction() as conn:
            people.add(conn, account)
            for role, ward_id in grants:
                people.grant(conn, account.person_id, StoredGrant(role.value, ward_id), at_ms=EPOCH_MS, by="the test")
        return account.person_id

    async def session(self, person_id: str) -> dict[str, str]:
        """Headers of a browser in which this person signed in."""
        secret = await self.context.sessions.begin(person_id, replaces=None)
        return headers_of(secret)

    def token(
        self,
        person_id: str,
        scopes: Iterable[Permission] = tuple(Permission),
        *,
        wards: tuple[WardId, ...] | None = None,
        expires_at_ms: int = FAR_MS,
    ) -> dict[str, str]:
        """Headers of a program with a token in this person's name."""
        secret = new_token()
        kept = Token(
            secrets.token_hex(8), person_id, "program", tuple(scopes), wards, EPOCH_MS, "the test", expires_at_ms
        )
        with self.ward.database.transaction() as conn:
            people_tokens.add_token(conn, kept, hash_of(secret))
        return {"authorization": f"Bearer {secret}"}

    def furnish(self) -> None:
        """One patient with device, alert and refused message on either ward."""
        for bed, ward_id in (("a", OWN), ("b", OTHER)):
            self.ward.admit(bed, f"Patient {bed}", ward=ward_id)
            self.ward.store_steps(alert_of(f"p{bed}", ward_id))
            with self.ward.database.transaction() as conn:
                rejections.store(conn, [rejection_of(f"r{bed}", f"watch-{bed}")])
                silences.order(conn, silence(f"s{bed}", ward=ward_id, of=f"p{bed}"))
        with self.ward.database.transaction() as conn:
            rejections.store(conn, [rejection_of("rx", "nobodys")])
            silences.order(conn, silence("sx", ward=None))


def headers_of(secret: str) -> dict[str, str]:
    """What a browser of ours sends with this session."""
    return {"cookie": f"{COOKIE}={secret}", CSRF_HEADER: csrf_of(secret)}


def alert_of(patient: str, ward_id: WardId) -> Transition:
    """An open alert."""
    return transition(
        PatientId(patient), AlertKind.SPO2_LOW, TransitionKind.RAISED, priority=Priority.HIGH, text="SpO2 low",
        at_ms=EPOCH_MS, raised_at_ms=EPOCH_MS, ward=ward_id,
    )  # fmt: skip


def rejection_of(rejection_id: str, device: str) -> Rejection:
    """A refused message."""
    return Rejection(rejection_id, RejectionReason.UNASSIGNED, "No patient wears it.", device, EPOCH_MS, b"{}", 2)


@contextlib.asynccontextmanager
async def people_scene(**people_settings: object) -> AsyncIterator[PeopleScene]:
    """An empty ward that asks for sign-in, at a moment that stands still."""
    clock = HandClock()
    async with ward_scene(clock=clock) as scene:
        assert isinstance(scene.door, InlineDoor)
        scene.settings = scene.settings.model_copy(update={"sign_in": "required"})
        scene.people = scene.people.model_copy(update=people_settings)
        context = scene.context()
        transport = httpx.ASGITransport(create_app(context), client=("10.0.0.7", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080/api/v1/") as client:
            try:
                yield PeopleScene(scene, context, clock, client)
            finally:
                await context.trail.close(within_s=TRAIL_CLOSES_S)
