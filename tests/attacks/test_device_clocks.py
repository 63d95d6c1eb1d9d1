"""One device's clock is its own affair: whatever time it tells, the patient's other devices are heard as of now."""

import msgspec
import pytest

from stream.pipeline import PatientPipeline
from stream.scoring import PatientState, assess
from tests.support.alert_timetable import PATIENT, Timetable, ms, named, reading
from tests.support.stream_log import QUICK
from vitals.alert import AlertKind
from vitals.assessment import Assessment
from vitals.reading import Origin, Reading, Tick

AHEAD_S = 119
"""Within what ingest lets a clock run ahead."""
EVERY_S = 50
"""Less than devices of one patient may disagree, so that what is held back once is held back for good."""


def from_the_future(second: int, origin: Origin) -> Reading:
    """What a device says that wants the others to look late."""
    told = reading(second + AHEAD_S, named(heart_rate=72), received=second, device="hostile", sequence=second)
    return msgspec.structs.replace(told, origin=origin)


@pytest.mark.parametrize("origin", Origin)
def test_no_origin_lets_a_clock_that_runs_ahead_hide_a_desaturation_on_another_device(origin: Origin) -> None:
    ward = Timetable()
    for second in range(600):
        if second % EVERY_S == 0:
            ward.step(from_the_future(second, origin))
        ward.step(reading(second, named(spo2=97 if second < 300 else 70), sequence=second))
        ward.step(Tick(ms(second)))
    assert AlertKind.SPO2_LOW in {step.kind for step in ward.transitions}


@pytest.mark.parametrize("origin", Origin)
def test_no_origin_lets_a_clock_that_runs_ahead_make_the_score_of_another_device_late(origin: Origin) -> None:
    patient = PatientState(PATIENT, PatientPipeline(QUICK))
    scored: list[Assessment | None] = []
    for second in range(0, 300, 5):
        if second % EVERY_S == 0:
            assess(patient, from_the_future(second, origin))
        scored.append(assess(patient, reading(second, named(spo2=70), sequence=second)))
    assert [each for each in scored if each is None or each.late] == []
