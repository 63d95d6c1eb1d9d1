"""What a scenario is known to do: the truth that alarms are later held against, as data (docs/scenarios.md has the schema)."""

from collections.abc import Iterable, Sequence
from enum import StrEnum

import msgspec

from vitals.alert import AlertKind
from vitals.reading import DeviceId

SCHEMA_VERSION = 1
"""Of a line of a truth file; grows when a field changes its meaning."""


class Severity(StrEnum):
    """How bad the course is for the patient."""

    NONE = "none"
    """Healthy, or a benign mimic: alarms about the patient are false."""
    TECHNICAL = "technical"
    """The patient is well, the sensor or device is not."""
    MODERATE = "moderate"
    """To be seen on this shift; no danger by itself."""
    SERIOUS = "serious"
    """Needs an urgent review within the hour."""
    CRITICAL = "critical"
    """Life is in danger within minutes."""


class Phase(msgspec.Struct, frozen=True, omit_defaults=True):
    """A part of a course that has a name; seconds since the start of the course."""

    name: str
    from_s: float
    until_s: float | None = None
    """None: to the end."""


class MustAlarm(msgspec.Struct, frozen=True, omit_defaults=True):
    """An episode of `kind`, or of one of `or_kinds`, must be raised no later than `within_s` after the onset, in true time."""

    kind: AlertKind
    within_s: float
    or_kinds: tuple[AlertKind, ...] = ()
    """A graver kind of the same score takes over from a lower one; either tells of the condition."""

    def is_met_by(self, raised_s: Iterable[tuple[AlertKind, float]], *, onset_s: float) -> bool:
        """Whether one of these episodes (kind, second of the course at which it was raised) came in time."""
        kinds = {self.kind, *self.or_kinds}
        return any(kind in kinds and onset_s <= at_s <= onset_s + self.within_s for kind, at_s in raised_s)


class ChartedTruth(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a nurse who looks at the patient at `at_s` would chart; absent fields were not looked at."""

    at_s: float
    """Seconds since the start of the course."""
    consciousness: str | None = None
    """A letter of ACVPU."""
    supplemental_oxygen: bool | None = None
    oxygen_l_per_min: float | None = None
    spo2_scale: int | None = None
    """NEWS2 SpO2 scale from then on; 2 only where a clinician prescribed it."""
    spo2_scale_by: str | None = None
    """That clinician."""
    note: str | None = None


class Truth(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is true of one course. Times are seconds since its start."""

    scenario: str
    severity: Severity
    onset_s: float | None = None
    """None where nothing begins."""
    ends_s: float | None = None
    """When the patient is as before; None where that does not come."""
    must_alarm: tuple[MustAlarm, ...] = ()
    """Holds where the course is observed for that long, with default limits and delays, and charted as `charted` says."""
    must_not_alarm: tuple[AlertKind, ...] = ()
    """An episode of these kinds at any time of the course is false. So is one of any kind before the onset."""
    phases: tuple[Phase, ...] = ()
    charted: tuple[ChartedTruth, ...] = ()
    """In order of time; what stands in none of them is as in health: alert, breathing air, scale 1."""
    severity_share: float = 0.5
    """From 0, the mildest within the scenario's stated bounds, to 1."""
    pace_share: float = 0.5
    """From 0, the slowest within the stated bounds, to 1."""

    def charted_at(self, second: float) -> ChartedTruth | None:
        """The last thing charted at or before this second of the course, or None."""
        found = None
        for entry in self.charted:
            if entry.at_s > second:
                break
            found = entry
        return found


class TruthRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a truth file: whose course it was, when it started, and what was true of it."""

    device_id: DeviceId
    started_at_ms: int
    """Epoch milliseconds of second 0 of the course."""
    truth: Truth
    spare_device_id: DeviceId | None = None
    """Of a device swap: what is worn from the onset on."""
    schema: int = SCHEMA_VERSION


def as_lines(records: Sequence[TruthRecord]) -> bytes:
    """Truth as JSON lines, in the order given."""
    return b"".join(msgspec.json.encode(record) + b"\n" for record in records)


def read_lines(lines: bytes) -> list[TruthRecord]:
    """What `as_lines` wrote; raises msgspec.DecodeError."""
    return [msgspec.json.decode(line, type=TruthRecord) for line in lines.splitlines() if line]
