"""Records for tests, with everything unsaid left ordinary: `reading(spo2_percent=84, at_s=30)`."""

from vitals.assessment import Assessment, Driver, News2Summary
from vitals.identity import hashed_reading_id, sequenced_reading_id
from vitals.news2 import score
from vitals.reading import CHARTING, Charted, DeviceId, Origin, PatientId, Reading, Withdrawn
from vitals.sign import Sign

EPOCH_MS = 1_767_225_600_000
"""2026-01-01T00:00:00Z: second 0 of every timetable."""
ORDINARY_SIGNS = {
    Sign.HEART_RATE: 75.0,
    Sign.RESPIRATORY_RATE: 15.0,
    Sign.SPO2: 97.0,
    Sign.TEMPERATURE: 36.8,
    Sign.SYSTOLIC: 120.0,
}


def at_ms(at_s: float) -> int:
    """Epoch milliseconds of a second of the timetable."""
    return EPOCH_MS + round(at_s * 1000)


def signs(**values: float) -> dict[Sign, float]:
    """`signs(spo2_percent=84)`: names as on the wire."""
    return {Sign(name): float(value) for name, value in values.items()}


def reading(
    *,
    at_s: float = 0.0,
    patient: str = "p1",
    device: str = "d1",
    boot: str | None = "b1",
    sequence: int | None = None,
    delay_s: float = 0.05,
    origin: Origin = Origin.REAL,
    **values: float,
) -> Reading:
    """A reading measured at `at_s`, received `delay_s` later; without values it has `ORDINARY_SIGNS`.

    The sequence is the millisecond of `at_s` where not given, so that readings of one device at different times differ;
    `boot=None` makes it a device that does not count.
    """
    given = signs(**values) if values else dict(ORDINARY_SIGNS)
    measured_at_ms = at_ms(at_s)
    if boot is None:
        reading_id = hashed_reading_id(DeviceId(device), measured_at_ms, given)
    else:
        sequence = round(at_s * 1000) if sequence is None else sequence
        reading_id = sequenced_reading_id(DeviceId(device), boot, sequence)
    return Reading(
        reading_id=reading_id,
        patient_id=PatientId(patient),
        device_id=DeviceId(device),
        measured_at_ms=measured_at_ms,
        received_at_ms=measured_at_ms + round(delay_s * 1000),
        signs=given,
        boot=boot,
        sequence=None if boot is None else sequence,
        origin=origin,
    )


def charted(
    *,
    at_s: float = 0.0,
    patient: str = "p1",
    delay_s: float = 1.0,
    by: str = "Ada Nurse",
    valid_for_s: int | None = None,
    note: str | None = None,
    spo2_scale: int | None = None,
    spo2_scale_by: str | None = None,
    entry: str | None = None,
    **values: float,
) -> Reading:
    """What a person observed at `at_s` and charted `delay_s` later; `entry` names it where time and values do not."""
    said = Charted("ada", by, valid_for_s, note, spo2_scale, spo2_scale_by)
    name = f"{patient}-{at_s:g}-{note}-{spo2_scale}-{sorted(values.items())}" if entry is None else entry
    return Reading(
        reading_id=f"charting/{name}",
        patient_id=PatientId(patient),
        device_id=CHARTING,
        measured_at_ms=at_ms(at_s),
        received_at_ms=at_ms(at_s + delay_s),
        signs=signs(**values),
        charted=said,
    )


def withdrawn(of: Reading, *, at_s: float, reason: str = "entered in error") -> Withdrawn:
    """The order that takes `of` back."""
    return Withdrawn(
        correction_id=f"withdrawn/{of.reading_id}",
        patient_id=of.patient_id,
        device_id=of.device_id,
        from_ms=of.measured_at_ms,
        until_ms=of.measured_at_ms + 1,
        at_ms=at_ms(at_s),
        by="Ben Nurse",
        reason=reason,
        reading_id=of.reading_id,
    )


def assessment(
    *,
    at_s: float = 0.0,
    patient: str = "p1",
    of: str | None = None,
    news2: News2Summary | None = None,
    drivers: tuple[Driver, ...] = (),
    warming_up: bool = False,
    anomaly: float | None = 0.1,
    threshold: float | None = 0.5,
    flagged: bool = False,
    learned: bool = True,
    late: bool = False,
    origin: Origin = Origin.REAL,
    **values: float,
) -> Assessment:
    """An assessment of the reading `of` (by default patient p1's of device d1 at `at_s`); NEWS2 is scored from `values`."""
    of = sequenced_reading_id(DeviceId("d1"), "b1", round(at_s * 1000)) if of is None else of
    return Assessment(
        reading_id=of,
        patient_id=PatientId(patient),
        measured_at_ms=at_ms(at_s),
        received_at_ms=at_ms(at_s) + 50,
        news2=score(signs(**values) if values else ORDINARY_SIGNS) if news2 is None else news2,
        drivers=drivers,
        warming_up=warming_up,
        model_version="test",
        origin=origin,
        anomaly=None if warming_up else anomaly,
        anomaly_threshold=None if warming_up else threshold,
        flagged=flagged,
        learned=learned,
        late=late,
    )
