"""What a scenario is known to do: the truth that alarms are later held against, as data."""

from enum import StrEnum

import msgspec

from vitals.alert import AlertKind
from vitals.reading import DeviceId


class Severity(StrEnum):
    """How bad the course is for the patient."""

    NONE = "none"
    """Healthy, or a benign mimic: alarms about the patient are false."""
    TECHNICAL = "technical"
    """The patient is well, the sensor is not."""
    SERIOUS = "serious"
    """Needs an urgent review within the hour."""
    CRITICAL = "critical"
    """Life is in danger within minutes."""


class MustAlarm(msgspec.Struct, frozen=True):
    """An episode of `kind` must be raised no later than `within_s` after the onset, in the device's own time."""

    kind: AlertKind
    within_s: float


class Truth(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is true of one course. Times are seconds since its start."""

    scenario: str
    severity: Severity
    onset_s: float | None = None
    """None where nothing begins."""
    ends_s: float | None = None
    """When the patient is as before; None where that does not come."""
    must_alarm: tuple[MustAlarm, ...] = ()
    """Holds where the course is observed for that long, with default limits and delays."""
    must_not_alarm: tuple[AlertKind, ...] = ()
    """An episode of these kinds at any time of the course is false."""


class TruthRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a truth file: whose course it was, when it started, and what was true of it."""

    device_id: DeviceId
    started_at_ms: int
    """Epoch milliseconds of second 0 of the course."""
    truth: Truth


def as_lines(records: list[TruthRecord]) -> bytes:
    """Truth as JSON lines, in the order given."""
    return b"".join(msgspec.json.encode(record) + b"\n" for record in records)
