"""What the API takes and gives about rules: the rulebook, and what is different for a ward or a patient."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from dashboard.schemas import Body, Level, TimeMs, printable
from vitals.age import AgeBand
from vitals.alert import AlertKind, Priority
from vitals.kind_rules import DEPTHS_MAX

ChangeId = Annotated[str, Field(pattern=r"^l-[0-9a-f]{16}$")]
Why = Annotated[str, Field(max_length=300), AfterValidator(printable)]
State = Literal["to come", "in force", "over"]
YAML_MAX = 256 * 1024


class NewPatientLimits(Body):
    """What is to be different for one patient and one kind; each list from the shallowest band on."""

    kind: AlertKind
    limits: Annotated[tuple[float, ...], Field(max_length=DEPTHS_MAX)] = ()
    """In the sign's unit."""
    delays_s: Annotated[tuple[float, ...], Field(max_length=DEPTHS_MAX)] = ()
    priorities: Annotated[tuple[Priority, ...], Field(max_length=DEPTHS_MAX)] = ()
    until: TimeMs
    reason: Why


class NewWardLimits(Body):
    """What is to be different on one ward for one kind; without `until` it holds until somebody ends it."""

    ward_id: Level
    kind: AlertKind
    limits: Annotated[tuple[float, ...], Field(max_length=DEPTHS_MAX)] = ()
    delays_s: Annotated[tuple[float, ...], Field(max_length=DEPTHS_MAX)] = ()
    priorities: Annotated[tuple[Priority, ...], Field(max_length=DEPTHS_MAX)] = ()
    until: TimeMs | None = None
    reason: Why


class EndedWardLimits(Body):
    """Which change of a ward is to end."""

    ward_id: Level
    change_id: ChangeId


class LimitChangeEntry(BaseModel):
    """One change of one kind: what, by whom, why, and from when until when."""

    change_id: str
    ward_id: str | None
    """Set where it is the ward's,"""
    patient_id: str | None
    """and this where it is the patient's."""
    kind: AlertKind
    limits: list[float]
    delays_s: list[float]
    priorities: list[Priority]
    by: str
    reason: str
    ordered_at_ms: int
    effective_ms: int
    until_ms: int | None
    """When it ends by itself."""
    ended_at_ms: int | None
    """When somebody ended it early, or ordered another in its place,"""
    ended_by: str | None
    """and who."""
    state: State
    fits: bool
    """False where the rulebook in force has changed so that it no longer fits: then its kind is as the book says."""


class Depth(BaseModel):
    """One band: strictly beyond `limit`, for at least `delay_s`, is an alert of `priority`."""

    limit: float
    delay_s: float
    priority: Priority


class KindLimits(BaseModel):
    """One kind as it is in force, beside what the rulebook says."""

    kind: AlertKind
    sign: str | None
    """Of a kind with bands."""
    unit: str | None
    side: Literal["low", "high"] | None
    source: str | None
    """Of the rulebook's limits."""
    bands: list[Depth]
    """From shallow to deep; empty for a kind without bands."""
    book_bands: list[Depth]
    """The same as the rulebook says."""
    delay_s: float | None
    book_delay_s: float | None
    priority: Priority | None
    """Of a kind without bands."""
    book_priority: Priority | None
    changes: list[LimitChangeEntry]
    """In force or to come, of the ward and of the patient; the patient's go before the ward's."""


class LimitsInForce(BaseModel):
    """Limits, delays and priorities as they are now, with who changed them and until when."""

    patient_id: str | None
    ward_id: str
    age_band: AgeBand | None
    """Of a child; None for adults."""
    rulebook: str
    """The version of the book in force."""
    at_ms: int
    kinds: list[KindLimits]


class NewRulebook(Body):
    """A rulebook that is to be in force for the whole house, and why."""

    yaml: Annotated[str, Field(max_length=YAML_MAX)]
    reason: Why


class RulebookEntry(BaseModel):
    """One rulebook that is, was or is about to be in force."""

    number: int
    version: str
    source: Literal["program", "file", "person"]
    by: str
    reason: str
    ordered_at_ms: int
    effective_ms: int
    state: State


class RulebookText(RulebookEntry):
    """The same with its text."""

    yaml: str
