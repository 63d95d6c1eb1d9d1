"""When a reading is late: it re-scores the past, and neither teaches a model nor pages anyone."""

from vitals.assessment import Assessment
from vitals.reading import Origin, Reading, RefusedSigns

LIVE_AGE_MS_MAX = 5 * 60 * 1000
"""Default age at which a real device's reading no longer speaks of now; our choice."""
CLOCK_SKEW_MS_MAX = 60 * 1000
"""How far the clocks of one patient's devices may disagree before the slower one counts as late; our choice."""


def event_ms(record: Reading | Assessment) -> int:
    """When it happened, as far as it can be known: as measured, and never after it was received.

    A device's clock may run ahead a little (ingest lets 2 min pass). Taken at its word, one such reading would make all
    that follow look late, those of the patient's other devices too, and no live alarm would come of them. So it is of
    every origin, which the device writes itself; a recording lies in the past, and its time stays its own.
    """
    measured_ms, received_ms = record.measured_at_ms, record.received_at_ms
    return min(measured_ms, received_ms)


def is_out_of_order(at_ms: int, *, device_newest_ms: int | None, patient_newest_ms: int | None) -> bool:
    """Whether something that happened later than `at_ms` was already processed; all times are `event_ms`.

    Judged strictly within one device; between devices of a patient only beyond `CLOCK_SKEW_MS_MAX`, since two clocks
    never agree and an oximeter two seconds behind the ECG must still alarm. None: nothing processed yet.
    """
    if device_newest_ms is not None and at_ms < device_newest_ms:
        return True
    return patient_newest_ms is not None and at_ms < patient_newest_ms - CLOCK_SKEW_MS_MAX


def is_outdated(reading: Reading | RefusedSigns, *, live_age_ms_max: int = LIVE_AGE_MS_MAX) -> bool:
    """Whether a reading came too long after it was measured to speak of now.

    Not judged for a replayed recording: its own time is its live time. What a correction copied is history, always.
    """
    if isinstance(reading, Reading) and reading.correction_id is not None:
        return True
    return reading.received_at_ms - reading.measured_at_ms > live_age_ms_max and reading.origin is not Origin.REPLAY
