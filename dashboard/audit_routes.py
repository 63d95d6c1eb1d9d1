"""The audit trail: who saw, charted, acknowledged, changed and exported what; and whether it is what was written."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query
from fastapi.responses import FileResponse
from pydantic import BaseModel

from dashboard.context import Here
from dashboard.pages import REVALIDATE, STATIC
from dashboard.schemas import Level, TimeMs
from storage import audit
from storage.audit import AuditAction, Link, Verdict
from storage.session import Connection

router = APIRouter(tags=["audit"])
pages_router = APIRouter(include_in_schema=False)
_ENTRIES_MAX = 1000
AnchorLine = Annotated[str, Query(max_length=200)]


class AuditLine(BaseModel):
    """One entry of the trail; `number`, the texts and the time are what `hash` covers, behind the hash before it."""

    number: int
    at_ms: int
    person_id: str
    name: str
    action: str
    ward_id: str | None
    patient_id: str | None
    subject: str | None
    detail: dict[str, str | int | float | bool | None]
    detail_text: str
    """`detail` exactly as it is hashed."""
    address: str | None
    token_id: str | None
    hash: str


class AuditPage(BaseModel):
    """Entries, newest first; `next` is the `before` of the next page, None where there is none."""

    entries: list[AuditLine]
    next: int | None


class BreakEntry(BaseModel):
    """The first entry that is not what was written."""

    number: int
    why: str


class Verification(BaseModel):
    """What a walk over the whole trail found."""

    sound: bool
    entries: int
    """Sound ones, from the first on."""
    last_hash: str
    broken: BreakEntry | None
    anchored: bool
    """Whether an anchor was held against it."""


class AnchorEntry(BaseModel):
    """How far the trail has come, signed; keep it elsewhere."""

    anchor: str


@pages_router.get("/audit")
async def audit_page() -> FileResponse:
    """The trail, for auditors."""
    return FileResponse(STATIC / "audit.html", headers=REVALIDATE)


@router.get("/audit")
async def list_audit(
    here: Here,
    person: Annotated[str | None, Query(max_length=120)] = None,
    patient: Annotated[Level | None, Query()] = None,
    action: Annotated[AuditAction | None, Query()] = None,
    from_: Annotated[TimeMs | None, Query(alias="from")] = None,
    to: Annotated[TimeMs | None, Query()] = None,
    before: Annotated[int | None, Query(ge=1)] = None,
    limit: Annotated[int, Query(ge=1, le=_ENTRIES_MAX)] = 100,
) -> AuditPage:
    """Entries, newest first; `person` is an id or a whole name."""
    found = await here.ask(
        audit.list_entries,
        limit=limit,
        person=person,
        patient_id=patient,
        action=action,
        from_ms=from_,
        to_ms=to,
        before=before,
    )
    following = found[-1].number if len(found) == limit and found[-1].number > 1 else None
    return AuditPage(entries=[_line(link) for link in found], next=following)


@router.get("/audit/verify")
async def verify_audit(here: Here, anchor: AnchorLine | None = None) -> Verification:
    """Walk the whole trail, and hold it against an anchor kept elsewhere where one is given."""

    def walk(conn: Connection) -> Verdict:
        return audit.verify(conn, against=None if anchor is None else audit.read_anchor(conn, anchor))

    verdict = await here.ask(walk)
    broken = verdict.broken
    return Verification(
        sound=broken is None,
        entries=verdict.entries,
        last_hash=verdict.last_hash.hex(),
        broken=None if broken is None else BreakEntry(number=broken.number, why=broken.why),
        anchored=anchor is not None,
    )


@router.get("/audit/anchor")
async def anchor_audit(here: Here) -> AnchorEntry:
    """The trail's number and hash now, signed by this installation."""
    return AnchorEntry(anchor=await here.ask(audit.anchor))


def _line(link: Link) -> AuditLine:
    return AuditLine(
        number=link.number,
        at_ms=link.at_ms,
        person_id=link.person_id,
        name=link.name,
        action=link.action,
        ward_id=link.ward_id,
        patient_id=link.patient_id,
        subject=link.subject,
        detail=msgspec.json.decode(link.detail),
        detail_text=link.detail,
        address=link.address,
        token_id=link.token_id,
        hash=link.hash.hex(),
    )
