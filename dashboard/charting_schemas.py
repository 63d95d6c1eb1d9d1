"""What the charting routes take and give; every field bounded."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, StrictBool, StrictFloat, StrictInt, StrictStr

from dashboard.schemas import Body, TimeMs
from vitals.charting import (
    CHARTABLE,
    KEY_CHARACTERS_MAX,
    NAME_CHARACTERS_MAX,
    NOTE_CHARACTERS_MAX,
    REASON_CHARACTERS_MAX,
)
from vitals.sign import Sign

IDEMPOTENCY_KEY = Annotated[str, Field(min_length=8, max_length=KEY_CHARACTERS_MAX, pattern=r"^[A-Za-z0-9._:-]+$")]
"""Chosen by the client for one entry: sent again with it, the entry is still one."""
EntryId = Annotated[str, Field(pattern=r"^[0-9a-f]{8,64}$")]
"""What follows `charting/` in the entry's reading id."""


def _lines(text: str) -> str:
    """Text of people over several lines: no control characters but line ends and tabs."""
    stripped = text.strip()
    if any(not letter.isprintable() and letter not in "\n\r\t" for letter in stripped):
        raise ValueError("must not hold control characters")
    return stripped


def some_lines(text: str) -> str:
    """Text of people over several lines, and some of it; raises ValueError."""
    lines = _lines(text)
    if not lines:
        raise ValueError("must not be empty")
    return lines


Note = Annotated[str, Field(max_length=NOTE_CHARACTERS_MAX), AfterValidator(_lines)]
Value = StrictBool | StrictInt | StrictFloat | Annotated[StrictStr, Field(max_length=8)]


class NewEntry(Body):
    """What a person observed; at least a sign or a note."""

    signs: Annotated[
        dict[Annotated[str, Field(max_length=64)], Value], Field(max_length=len(CHARTABLE), default_factory=dict)
    ]
    """Numbers in the sign's unit; consciousness also as a letter of ACVPU, supplemental oxygen also as true or false."""
    observed_at: TimeMs | None = None
    """Just now, unless said."""
    valid_for_s: int | None = None
    """For how long it stands; each sign's usual time, unless said."""
    note: Note | None = None
    idempotency_key: IDEMPOTENCY_KEY | None = None


class NewScale(Body):
    """Which NEWS2 SpO2 scale holds from a moment on."""

    spo2_scale: Annotated[int, Field(ge=1, le=2)]
    prescribed_by: Annotated[str, Field(max_length=NAME_CHARACTERS_MAX), AfterValidator(_lines)] | None = None
    """The clinician; needed for scale 2."""
    observed_at: TimeMs | None = None
    note: Note | None = None
    idempotency_key: IDEMPOTENCY_KEY | None = None


class Withdrawal(Body):
    """Why an entry is taken back."""

    reason: Annotated[str, Field(max_length=REASON_CHARACTERS_MAX), AfterValidator(some_lines)]


class WithdrawnEntry(BaseModel):
    """That an entry was taken back: it stays on record and counts for nothing."""

    at_ms: int
    by: str
    reason: str


class ChartingEntry(BaseModel):
    """One charted entry."""

    entry_id: str
    reading_id: str
    patient_id: str
    observed_at_ms: int
    charted_at_ms: int
    by: str
    person_id: str
    signs: dict[Sign, float]
    valid_until_ms: dict[Sign, int]
    """Until when each sign stands, unless a later one replaces it."""
    note: str | None
    spo2_scale: int | None
    spo2_scale_by: str | None
    withdrawn: WithdrawnEntry | None


class Charting(BaseModel):
    """What was charted of one patient, newest observation first, a page of it."""

    patient_id: str
    spo2_scale: int
    entries: list[ChartingEntry]
    next: str | None
    """Where there is more: what to pass as `before` for the next page."""
