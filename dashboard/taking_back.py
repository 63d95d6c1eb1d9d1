"""What the screen forgets when a correction takes a device's readings back: pure, at once, rather too much than too little.

What other devices measured in that time goes with it; the feed reads the ward anew from SQL as soon as the recorder has
seen the same record, and that brings it back.
"""

from typing import TYPE_CHECKING

from vitals.reading import Withdrawn

if TYPE_CHECKING:
    from dashboard.ward import PatientNow


def take_back(patient: "PatientNow", withdrawn: Withdrawn) -> None:
    """Show nothing more of the patient that was measured in that time."""

    def is_meant(measured_at_ms: int) -> bool:
        return withdrawn.from_ms <= measured_at_ms < withdrawn.until_ms

    for sign, shown in list(patient.signs.items()):
        if shown.charted is None and is_meant(shown.measured_at_ms):
            del patient.signs[sign]
    for buckets in patient.trend.values():
        for start_ms, sample in list(buckets.items()):
            if is_meant(sample.measured_at_ms):
                del buckets[start_ms]
    if patient.newest is not None and is_meant(patient.newest.measured_at_ms):
        patient.newest, patient.seen_at_ms = None, None
        patient.intervals_ms.clear()
    if patient.assessment is not None and is_meant(patient.assessment.measured_at_ms):
        patient.assessment = None
