"""What people say of alerts, for tests."""

from tests.support.builders import at_ms
from vitals.alert import AlertKind, Priority
from vitals.label import Feedback, Label
from vitals.reading import PatientId, WardId


def label(
    name: str = "l1",
    *,
    episode: str = "e1",
    feedback: Feedback = Feedback.NOT_ACTIONABLE,
    by: str = "Kim Nurse",
    at_s: float = 30,
    note: str | None = None,
) -> Label:
    """What somebody said of patient p1's alert."""
    return Label(
        label_id=name,
        episode_id=episode,
        patient_id=PatientId("p1"),
        ward_id=WardId("west"),
        kind=AlertKind.SPO2_LOW,
        priority=Priority.MEDIUM,
        feedback=feedback,
        person_id=by.split(maxsplit=1)[0].lower(),
        by=by,
        at_ms=at_ms(at_s),
        note=note,
    )
