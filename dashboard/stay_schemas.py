"""What the API takes and gives about stays: moves, exchanged devices, corrections."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from dashboard.schemas import Body, Level, ShortText, TimeMs, printable

BedLabel = Annotated[str, Field(max_length=20), AfterValidator(printable)]


class Transfer(Body):
    """Where a patient lies from now on; without `bed` in the corridor, or at home."""

    ward_id: Level
    bed: BedLabel | None = None


class SwapBeds(Body):
    """With whom a patient changes places."""

    with_patient_id: Level


class SwapDevices(Body):
    """The device that takes the other's place, and the other way round where both are worn; now where no time is given."""

    with_device_id: Level
    at_ms: TimeMs | None = None


class MoveEntry(BaseModel):
    """One place of a stay, from `at_ms` on; number 0 is the admission."""

    number: int
    at_ms: int
    ward_id: str
    bed: str | None
    by: str | None


class AssignmentEntry(BaseModel):
    """Whom a device measured, from `from_ms` up to `until_ms`; still does where that is absent."""

    device_id: str
    patient_id: str
    from_ms: int
    until_ms: int | None


class NewCorrection(Body):
    """A device was not on the patient that the register says since then, but on this one, or on nobody."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_name=True, validate_by_alias=True)

    device_id: Level
    from_ms: TimeMs = Field(alias="from")
    until_ms: TimeMs | None = Field(default=None, alias="until")
    """Without it, until the mistake ends in the register: now, where it still stands."""
    to_patient_id: Level | None
    """Who wore the device; null where nobody did."""
    reason: Annotated[str, Field(max_length=300), AfterValidator(printable)]


class OutlookEntry(BaseModel):
    """What a correction would do."""

    device_id: str
    wrong_patient_id: str
    from_ms: int
    until_ms: int | None
    """Absent: up to now, and from now on."""
    readings: int
    open_alerts: int
    ended_alerts: int


class CorrectionEntry(BaseModel):
    """One correction, and what came of it once it is `done`."""

    correction_id: str
    device_id: str
    wrong_patient_id: str
    right_patient_id: str | None
    from_ms: int
    until_ms: int
    is_open: bool
    """Up to the order and from then on; `until_ms` lies a little after the order, for fast clocks."""
    reason: str
    by: str
    requested_at_ms: int
    state: str
    done_at_ms: int | None
    readings: int
    retracted: int
    found: int


class RecordNumber(Body):
    """Whom to look for; in a body, since addresses of requests are kept in more places than bodies."""

    record_number: ShortText
