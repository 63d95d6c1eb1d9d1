"""How far what Wardlight says can be trusted: calibration of the risk, drift, and alerts by group."""

import math
from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter
from fastapi.responses import FileResponse
from pydantic import BaseModel

from dashboard.alert_rates import DAYS_MIN, LABELS_MIN, PATIENTS_MIN, KindRate, Rate, Rates, rates_of
from dashboard.context import Here
from dashboard.pages import REVALIDATE, STATIC
from dashboard.permissions import Permission
from dashboard.person import Signed
from storage import models, reliability
from storage.reliability import DAY_MS, ShiftDay
from storage.session import Connection
from vitals.alert import AlertKind
from vitals.label import Feedback
from vitals.model_version import (
    CALIBRATION_LESSONS_MIN,
    CALIBRATION_POSITIVES_MIN,
    SHIPPED,
    CalibrationBin,
    ModelVersion,
)
from vitals.reading import WardId

router = APIRouter(tags=["reliability"])
pages_router = APIRouter(include_in_schema=False)

ALERT_DAYS: Final = 7
SHIFT_DAYS: Final = 14
_Z: Final = 1.959964
"""Of a 95 % interval."""


class BinEntry(BaseModel):
    """Moments of like risk: what was told of them, and what turned out, with the 95 % interval of so many independent ones.

    Moments of one patient resemble each other, so what is known is less sure than the interval says.
    """

    lessons: float
    """Worth so many whole lessons: surer outcomes weigh more, older ones fade."""
    predicted: float
    observed: float
    observed_low: float
    observed_high: float


class ModelInForce(BaseModel):
    """The version that scores, and what was known of its candidate when it was made."""

    number: int
    """0 is what Wardlight came with: nothing is known of it here."""
    candidate: str | None = None
    made_at_ms: int | None = None
    horizon_s: float | None = None
    lessons: int = 0
    positives: int = 0
    lessons_min: int = CALIBRATION_LESSONS_MIN
    positives_min: int = CALIBRATION_POSITIVES_MIN
    bins: list[BinEntry] = []
    """Lowest risk first; empty before so many lessons and positives."""


class ShiftDayEntry(BaseModel):
    """Alerts that a sign had left what is usual for its patient, raised in [from_ms, to_ms)."""

    from_ms: int
    to_ms: int
    shifts: int
    patients: int


class RateEntry(BaseModel):
    """One group; figures are null where it has fewer than `patients_min` patients."""

    group: str
    patients: int | None
    patient_days: float | None
    """Hours in which a device of theirs delivered, as days. An hour of the clock counts whole, but for what of it lies before
    admission or the device was put on, after it was taken off, or after now."""
    told: int | None
    quiet: int | None
    """Recorded and shown, told to nobody: silenced, inhibited or absorbed throughout."""
    per_patient_day: float | None
    """Null, too, while fewer than `patient_days_min` were observed: too early to tell a rate."""


class KindEntry(BaseModel):
    """One kind of alert, over all patients observed, and what people said of it."""

    kind: AlertKind
    told: int
    quiet: int
    patients: int | None
    """Who had at least one; null where fewer than `patients_min` did."""
    per_patient_day: float | None
    """Null while fewer than `patient_days_min` were observed."""
    judged: int
    shares: dict[Feedback, float]
    """Of what people said; empty where they said less than `judgements_min` times."""


class AlertRates(BaseModel):
    """Alerts raised in [from_ms, to_ms) per patient and day under observation."""

    from_ms: int
    to_ms: int
    wards: list[WardId] | None
    """Null is every ward; otherwise those on which the reader may see the status."""
    patients_min: int = PATIENTS_MIN
    patient_days_min: float = DAYS_MIN
    judgements_min: int = LABELS_MIN
    total: RateEntry
    by_age: list[RateEntry]
    by_sex: list[RateEntry]
    by_ward: list[RateEntry]
    by_kind: list[KindEntry]
    simulated: int
    unplaced: int
    """Told of patients whom no device observed there in that time: in no figure."""
    whole: bool
    """False where more was kept quiet than is looked through: the oldest of those are missing."""


class Reliability(BaseModel):
    """What the page tells, but for the versions (GET /api/v1/models)."""

    now_ms: int
    model: ModelInForce
    shifts: list[ShiftDayEntry]
    """Oldest day first."""
    alerts: AlertRates


@pages_router.get("/reliability")
async def reliability_page() -> FileResponse:
    """How far what Wardlight says can be trusted."""
    return FileResponse(STATIC / "reliability.html", headers=REVALIDATE)


@router.get("/reliability")
async def get_reliability(here: Here, who: Signed) -> Reliability:
    """Calibration of the version that scores, signs that left their usual by day, and alerts by group and kind.

    Alerts and signs are those of the wards on which the reader may see the status; the model is the house's.
    """
    now_ms = here.clock.now_ms()
    wards = who.wards(Permission.SEE_STATUS)
    from_ms = now_ms - ALERT_DAYS * DAY_MS

    def ask(conn: Connection) -> Reliability:
        observed = reliability.observed(conn, from_ms=from_ms, to_ms=now_ms, wards=wards)
        alerts = reliability.raised(conn, from_ms=from_ms, to_ms=now_ms, wards=wards)
        said = reliability.said(conn, from_ms=from_ms, to_ms=now_ms, wards=wards)
        days = reliability.shifts(conn, to_ms=now_ms, days=SHIFT_DAYS, wards=wards)
        rates = rates_of(observed, alerts.raised, said, at_ms=now_ms)
        return Reliability(
            now_ms=now_ms,
            model=_in_force(conn),
            shifts=[_shift(day, now_ms) for day in days],
            alerts=_alerts(rates, from_ms, now_ms, wards=None if wards is None else sorted(wards), whole=alerts.whole),
        )

    return await here.ask(ask)


def interval(share: float, number: float) -> tuple[float, float]:
    """The 95 % interval of a share of so many independent ones (Wilson 1927).

    >>> tuple(round(end, 3) for end in interval(0.1, 100))
    (0.055, 0.174)
    """
    squared = _Z * _Z / number
    middle = (share + squared / 2) / (1 + squared)
    reach = _Z * math.sqrt(share * (1 - share) / number + squared / (4 * number)) / (1 + squared)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def _in_force(conn: Connection) -> ModelInForce:
    switch = models.last_switch(conn)
    if switch is None or switch.number == SHIPPED:
        return ModelInForce(number=SHIPPED)
    version: ModelVersion = models.get(conn, switch.number).version
    return ModelInForce(
        number=version.number,
        candidate=version.candidate,
        made_at_ms=version.made_at_ms,
        horizon_s=version.horizon_s,
        lessons=version.scores.lessons,
        positives=version.scores.positives,
        bins=[_bin(each) for each in version.scores.calibration],
    )


def _bin(found: CalibrationBin) -> BinEntry:
    low, high = interval(found.observed, max(found.lessons, 1.0))
    return BinEntry(
        lessons=found.lessons,
        predicted=found.predicted,
        observed=found.observed,
        observed_low=round(low, 5),
        observed_high=round(high, 5),
    )


def _shift(day: ShiftDay, now_ms: int) -> ShiftDayEntry:
    from_ms = now_ms - (SHIFT_DAYS - day.day) * DAY_MS
    return ShiftDayEntry(from_ms=from_ms, to_ms=from_ms + DAY_MS, shifts=day.shifts, patients=day.patients)


def _alerts(rates: Rates, from_ms: int, to_ms: int, *, wards: list[WardId] | None, whole: bool) -> AlertRates:
    return AlertRates(
        from_ms=from_ms,
        to_ms=to_ms,
        wards=wards,
        total=_rates([rates.total])[0],
        by_age=_rates(rates.by_age),
        by_sex=_rates(rates.by_sex),
        by_ward=_rates(rates.by_ward),
        by_kind=[_kind(each) for each in rates.by_kind],
        simulated=rates.simulated,
        unplaced=rates.unplaced,
        whole=whole,
    )


def _rates(found: Sequence[Rate]) -> list[RateEntry]:
    return [RateEntry(**each._asdict()) for each in found]


def _kind(found: KindRate) -> KindEntry:
    return KindEntry(**found._asdict())
