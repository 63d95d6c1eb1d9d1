"""Series for research: pseudonymised for one recipient, one ward and window at a time, on record as an export."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from dashboard.context import Here
from dashboard.schemas import Level, TimeMs
from storage import research
from storage.window import ROWS_MAX
from vitals.reading import WardId
from vitals.sign import Sign

router = APIRouter(tags=["research"])
Recipient = Annotated[str, Query(max_length=63, pattern=r"^[a-z0-9][a-z0-9-]*$")]
After = Annotated[str, Field(max_length=1000, pattern=r"^[0-9a-f]{8,32}\.[A-Za-z0-9_-]+$")]


class ResearchEntry(BaseModel):
    """One reading; `subject` and the days of `at_ms` mean something to this recipient only."""

    subject: str
    at_ms: int
    signs: dict[Sign, float]


class ResearchAnswer(BaseModel):
    """A page; `next` is the `after` of the next one, for the same recipient; None where there is none. It is opaque."""

    rows: list[ResearchEntry]
    next: str | None


@router.get("/research-export")
async def export_for_research(
    here: Here,
    recipient: Recipient,
    ward: Annotated[Level, Query()],
    from_: Annotated[TimeMs, Query(alias="from")],
    to: Annotated[TimeMs, Query()],
    after: Annotated[After | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=ROWS_MAX)] = 2000,
) -> ResearchAnswer:
    """Signs of a ward in [from, to) under this recipient's pseudonyms: no name, id, bed, author, note or true date.

    409 where fewer than five patients were measured; 404 where the recipient has no key (`wardlight keys recipient`).
    """
    found = await here.ask(
        research.page,
        recipient=recipient,
        ward_id=WardId(ward),
        from_ms=from_,
        to_ms=to,
        limit=limit,
        following=after,
    )
    return ResearchAnswer(
        rows=[ResearchEntry(subject=row.subject, at_ms=row.at_ms, signs=row.signs) for row in found.rows],
        next=found.following,
    )
