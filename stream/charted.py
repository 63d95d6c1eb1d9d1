"""What people do to a patient's early-warning score: charted readings join what is known, withdrawn ones leave it. Pure.

The models take no part: they neither score nor learn from what people observe. A withdrawal of what a device measured
restarts them, since nobody can take a reading out of what they learned.
"""

from typing import NamedTuple

from stream.early_warning import SCORED_SIGNS, EarlyWarning, early_warning
from stream.freshness import ChartedValue
from stream.nights import Nights
from stream.scales import ScaleSetting
from stream.scoring import PatientState, drivers_of
from vitals.assessment import Assessment, Driver
from vitals.lateness import event_ms
from vitals.news2 import SPO2_SCALES
from vitals.reading import Reading, Withdrawn
from vitals.sign import Sign
from vitals.validity import charted_for_ms


def assess_charted(state: PatientState, reading: Reading) -> Assessment | None:
    """Assess what a person charted and step the state; None where it was already taken.

    It joins what the score knows however much older it is than the newest measurement, for as long as its own validity says.
    What no longer holds by now is late: scored by its own values alone.
    """
    charted = reading.charted
    if charted is None or not state.seen.add_person(reading.reading_id):
        return None
    fresh = state.fresh
    observed_ms = event_ms(reading) - fresh.behind_ms
    values = [
        ChartedValue(
            sign, value, observed_ms, observed_ms + charted_for_ms(sign, charted.valid_for_s), reading.reading_id
        )
        for sign, value in reading.signs.items()
    ]
    fresh.take_charted(values, observed_ms)
    if fresh.newest_ms is None or observed_ms >= fresh.newest_ms:
        fresh.age_band = reading.age_band
    scale = charted.spo2_scale
    if scale is not None and scale in SPO2_SCALES:
        state.scales.take(ScaleSetting(observed_ms, scale, reading.reading_id))
    as_of_ms = observed_ms if fresh.now_ms is None else fresh.now_ms
    inputs = [value for value in values if value.sign in SCORED_SIGNS]
    late = bool(inputs) and all(value.until_ms < as_of_ms for value in inputs)
    warning, drivers, standing = _of_itself(state, reading, observed_ms) if late else _now(state, as_of_ms)
    return Assessment(
        reading_id=reading.reading_id,
        patient_id=reading.patient_id,
        measured_at_ms=reading.measured_at_ms,
        received_at_ms=reading.received_at_ms,
        news2=warning.news2,
        pews=warning.pews,
        drivers=drivers,
        warming_up=state.pipeline.warming_up,
        model_version=state.pipeline.parameters.model_version,
        origin=reading.origin,
        late=late,
        as_of_ms=observed_ms if late else as_of_ms,
        charted=standing,
    )


def withdraw(state: PatientState, withdrawn: Withdrawn) -> Assessment | None:
    """Forget what was withdrawn and assess the patient without it; None where that was already done.

    Ranges are judged by measurement time, as everywhere. The id of the assessment is made of the withdrawal's own.
    """
    name = f"{withdrawn.correction_id}/{withdrawn.device_id}/{withdrawn.from_ms}"
    if not state.seen.add_person(name):
        return None
    fresh = state.fresh
    if withdrawn.reading_id is not None:
        forgotten = fresh.forget_charted(withdrawn.reading_id)
        state.scales.forget(withdrawn.reading_id)
    else:
        fresh.forget_measured(withdrawn.device_id, withdrawn.from_ms, withdrawn.until_ms)
        forgotten = ()
        state.restart_models()
        state.nights = Nights()
    at_ms = withdrawn.at_ms - fresh.behind_ms if fresh.now_ms is None else fresh.now_ms
    warning, drivers, standing = _now(state, at_ms)
    return Assessment(
        reading_id=f"withdrawn/{withdrawn.patient_id}/{name}",
        patient_id=withdrawn.patient_id,
        measured_at_ms=at_ms,
        received_at_ms=withdrawn.at_ms,
        news2=warning.news2,
        pews=warning.pews,
        drivers=drivers,
        warming_up=state.pipeline.warming_up,
        model_version=state.pipeline.parameters.model_version,
        as_of_ms=at_ms,
        charted=standing,
        forgotten=forgotten,
    )


class _Scored(NamedTuple):
    warning: EarlyWarning
    drivers: tuple[Driver, ...]
    charted: tuple[Sign, ...]


def _of_itself(state: PatientState, reading: Reading, at_ms: int) -> _Scored:
    """The score of one entry alone."""
    warning = early_warning(reading.signs, reading.age_band, spo2_scale=state.scales.at(at_ms))
    return _Scored(warning, drivers_of(state, {}, reading.signs, warning), ())


def _now(state: PatientState, at_ms: int) -> _Scored:
    """The score of all that stands, what brought its points, and which inputs people charted."""
    inputs = state.fresh.current()
    warning = early_warning(inputs, state.fresh.age_band, spo2_scale=state.scales.at(at_ms))
    return _Scored(warning, drivers_of(state, {}, inputs, warning), state.fresh.standing_charted())
