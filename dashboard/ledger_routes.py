"""The ledger: what became of every reading, per device and window."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse
from pydantic import BaseModel

from dashboard.context import Here
from dashboard.pages import REVALIDATE, STATIC
from dashboard.permissions import Permission
from dashboard.person import Person, Signed
from dashboard.schemas import Level, TimeMs
from storage import devices, ledger
from storage.ledger import FoundGap, Line
from storage.ledger_findings import wearers
from storage.session import Connection
from vitals.errors import InvalidArgument
from vitals.ledger import HOUR_MS

router = APIRouter(tags=["ledger"])
pages_router = APIRouter(include_in_schema=False)

_DAY_MS = 24 * HOUR_MS
_SPAN_MS_MAX = 366 * _DAY_MS
_LINES_MAX = 10_000
_GAPS_MAX = 1000
_COUNTS = (
    "published", "unknowable", "accepted", "duplicates", "rejected", "rejected_in_part", "stored", "copied", "assessed",
    "missing", "unstorable", "forgotten",
)  # fmt: skip


class Every(StrEnum):
    """How wide one line's window is."""

    HOUR = "hour"
    DAY = "day"
    ALL = "all"


class LedgerLine(BaseModel):
    """What became of one device's readings that were measured in [from_ms, to_ms).

    Balanced where published = accepted - duplicates + rejected + missing (+ forgotten), accepted = stored + duplicates
    (+ unstorable), and stored + copied = assessed. Refused messages count in the hour in which they arrived.
    """

    device_id: str
    ward_id: str | None
    patient_id: str | None
    """Whom the device measures now."""
    from_ms: int
    to_ms: int
    published: int | None
    """From sequences; None where the device does not count, so that it cannot be known."""
    unknowable: int
    """Readings and refused messages without a number."""
    accepted: int
    duplicates: int
    rejected: int
    rejected_by_reason: dict[str, int]
    rejected_in_part: int
    stored: int
    copied: int
    assessed: int
    unassessed: int
    missing: int
    missing_by_cause: dict[str, int]
    unstorable: int
    forgotten: int
    balanced: bool


class GapEntry(BaseModel):
    """Numbers of one boot that are missing."""

    device_id: str
    boot: str
    first: int
    last: int
    count: int
    noticed_ms: int
    cause: str


class LedgerAnswer(BaseModel):
    """The account of a window."""

    from_ms: int
    to_ms: int
    settle_s: float
    waiting: int
    """Commits of the recorder that are not entered yet."""
    balanced: bool
    lines: list[LedgerLine]
    total: LedgerLine
    gaps: list[GapEntry]
    """Oldest numbers first, at most a thousand."""


@pages_router.get("/ledger")
async def ledger_page() -> FileResponse:
    """What became of every reading."""
    return FileResponse(STATIC / "ledger.html", headers=REVALIDATE)


@router.get("/ledger")
async def get_ledger(
    here: Here,
    who: Signed,
    from_: Annotated[TimeMs | None, Query(alias="from")] = None,
    to: Annotated[TimeMs | None, Query()] = None,
    device: Annotated[Level | None, Query()] = None,
    every: Every = Every.ALL,
) -> LedgerAnswer:
    """Per device (and hour or day) of the hours that begin in [from, to); the last 24 hours unless asked otherwise.

    A device is shown to whoever may see the ledger on its ward; what nobody knows, to roles on every ward.
    """
    now_ms = here.clock.now_ms()
    to_ms = now_ms + 1 if to is None else to
    from_ms = max(0, to_ms - _DAY_MS) if from_ is None else from_
    if from_ms >= to_ms:
        raise InvalidArgument("The window must end after it begins: 'from' lies at or after 'to'.")
    if to_ms - from_ms > _SPAN_MS_MAX:
        raise InvalidArgument("Ask for at most 366 days at once.")
    settings = here.ledger

    def ask(conn: Connection) -> LedgerAnswer:
        lines = ledger.lines(
            conn,
            from_ms=from_ms,
            to_ms=to_ms,
            now_ms=now_ms,
            settle_ms=settings.settle_ms,
            device_id=device,
            every_ms={Every.HOUR: HOUR_MS, Every.DAY: _DAY_MS, Every.ALL: None}[every],
        )
        gaps = ledger.gaps(conn, now_ms=now_ms, settle_ms=settings.settle_ms, device_id=device)
        wards: dict[str, str] = {one.device_id: one.ward_id for one in devices.list_devices(conn)}
        seen = _seen(who, wards)
        shown = [line for line in lines if seen(line.device_id)]
        if len(shown) > _LINES_MAX:
            raise InvalidArgument(f"That is {len(shown)} lines: ask for fewer days, one device, or every day.")
        wearing = wearers(conn, sorted({line.device_id for line in shown}))
        total = _total(shown, from_ms, to_ms)
        return LedgerAnswer(
            from_ms=from_ms,
            to_ms=to_ms,
            settle_s=settings.settle_s,
            waiting=ledger.waiting(conn),
            balanced=total.is_balanced,
            lines=[_line(line, wards.get(line.device_id), wearing.get(line.device_id)) for line in shown],
            total=_line(total, None, None),
            gaps=[_gap(gap) for gap in gaps if seen(gap.device_id)][:_GAPS_MAX],
        )

    return await here.ask(ask)


def _seen(who: Person, wards: Mapping[str, str]) -> Callable[[str], bool]:
    allowed = who.wards(Permission.SEE_LEDGER)
    return lambda device_id: allowed is None or wards.get(device_id) in allowed


def _total(lines: list[Line], from_ms: int, to_ms: int) -> Line:
    total = Line(device_id="", from_ms=from_ms, to_ms=to_ms)
    for line in lines:
        for name in _COUNTS:
            setattr(total, name, getattr(total, name) + getattr(line, name))
        for counts, more in ((total.rejected_by_reason, line.rejected_by_reason), (total.gaps, line.gaps)):
            for key, count in more.items():
                counts[key] = counts.get(key, 0) + count
    return total


def _line(line: Line, ward_id: str | None, patient_id: str | None) -> LedgerLine:
    return LedgerLine(
        device_id=line.device_id,
        ward_id=ward_id,
        patient_id=patient_id,
        from_ms=line.from_ms,
        to_ms=line.to_ms,
        published=line.published if line.published or not line.unknowable else None,
        unknowable=line.unknowable,
        accepted=line.accepted,
        duplicates=line.duplicates,
        rejected=line.rejected,
        rejected_by_reason=line.rejected_by_reason,
        rejected_in_part=line.rejected_in_part,
        stored=line.stored,
        copied=line.copied,
        assessed=line.assessed,
        unassessed=line.unassessed,
        missing=line.missing,
        missing_by_cause=line.gaps,
        unstorable=line.unstorable,
        forgotten=line.forgotten,
        balanced=line.is_balanced,
    )


def _gap(found: FoundGap) -> GapEntry:
    gap = found.gap
    return GapEntry(
        device_id=found.device_id,
        boot=found.boot,
        first=gap.first,
        last=gap.last,
        count=gap.count,
        noticed_ms=gap.noticed_ms,
        cause=found.cause.value,
    )
