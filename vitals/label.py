"""What people say of alerts afterwards or while they acknowledge them: the only truth the models and the rules can be held to."""

from enum import StrEnum

import msgspec

from vitals.alert import AlertKind, Priority
from vitals.reading import Origin, PatientId, WardId
from vitals.whole_numbers import EpochMs


class Feedback(StrEnum):
    """Whether an alert was worth the way to the bed; words after Bonafide's group (valid, actionable, technical)."""

    USEFUL = "useful"
    """It was true, and there was something to do."""
    NOT_ACTIONABLE = "not_actionable"
    """It was true, and there was nothing to do."""
    TECHNICAL = "technical"
    """The sensor or the connection was at fault, not the patient."""
    FALSE = "false"
    """What it said was not so."""


class Label(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one person said of one alert, on log topic `labels`, keyed by patient; idempotent by `label_id`.

    Nobody's word replaces another's, and a later one of the same person counts over their earlier one.
    """

    label_id: str
    """With an acknowledgement: its `command_id`."""
    episode_id: str
    patient_id: PatientId
    ward_id: WardId
    """Where the alert stood when this was said."""
    kind: AlertKind
    priority: Priority
    feedback: Feedback
    person_id: str
    by: str
    """Their name, as it is shown."""
    at_ms: EpochMs
    note: str | None = None
    origin: Origin = Origin.REAL
    """Of the alert: what was said of a demonstration teaches nothing about patients."""
