"""What browsers are sent of the read model: plain dictionaries in the API's field names. Pure."""

from collections.abc import Mapping
from typing import Any

from dashboard.episodes import TECHNICAL_KINDS, EpisodeBook, EpisodeNow
from dashboard.ward import TREND_SIGNS, Change, PatientNow, SignNow, seen_at_ms
from dashboard.ward_limits import WardLimits
from vitals.alert import Suppression
from vitals.assessment import Assessment, News2Summary, NightSummary, PewsSummary
from vitals.episode_state import state_of
from vitals.reading import Origin, Reading
from vitals.sign import PHYSIOLOGICAL_SIGNS, Sign
from vitals.validity import charted_for_ms, measured_for_ms

TILE_SIGNS: tuple[Sign, ...] = (
    *PHYSIOLOGICAL_SIGNS,
    Sign.CONSCIOUSNESS,
    Sign.SUPPLEMENTAL_OXYGEN,
    Sign.OXYGEN_FLOW,
    Sign.PAIN,
    Sign.BATTERY,
)

Json = dict[str, Any]


def tile(patient: PatientNow, limits: WardLimits, *, now_ms: int, trend_from_ms: int | None = 0) -> Json:
    """One patient's tile; `trend_from_ms` cuts the trend to what changed, None leaves it out."""
    bed, newest = patient.bed, patient.newest
    return {
        "patient_id": patient.patient_id,
        "ward_id": bed.ward_id if bed else "",
        "bed": bed.bed if bed else "",
        "name": bed.name if bed else "",
        "spo2_scale": bed.spo2_scale if bed else 1,
        "origin": patient.origin,
        "device_id": patient.device_id,
        "device_ids": list(bed.device_ids) if bed else [],
        "measured_at_ms": newest.measured_at_ms if newest else None,
        "seen_at_ms": patient.seen_at_ms,
        "stale_after_ms": patient.stale_after_ms(limits),
        "time_shift_ms": _time_shift_ms(newest),
        "signs": _signs(patient, limits),
        "assessment": _assessment(patient, limits),
        "alerts": [episode(standing) for standing in patient.episodes.standing()],
        "recent": [episode(ended) for ended in patient.episodes.ended_since(now_ms - limits.recent_alert_ms)],
        "trend_from_ms": trend_from_ms,
        "trend": {} if trend_from_ms is None else _trend(patient, trend_from_ms),
    }


def patient_event(patient: PatientNow, change: Change, limits: WardLimits, *, now_ms: int) -> Json:
    """What a patient's own page is sent: the tile, and every reading since the last event."""
    return {
        "tile": tile(patient, limits, now_ms=now_ms, trend_from_ms=None),
        "samples": [sample(reading) for reading in change.samples],
        "samples_dropped": change.samples_dropped,
        "alerts_changed": change.alerts_changed,
        "charting_changed": change.charting_changed,
    }


def system_event(book: EpisodeBook, limits: WardLimits, *, now_ms: int) -> Json:
    """Alerts about Wardlight itself."""
    return {
        "alerts": [episode(standing) for standing in book.standing()],
        "recent": [episode(ended) for ended in book.ended_since(now_ms - limits.recent_alert_ms)],
    }


def sample(reading: Reading) -> Json:
    """One reading as a point of every chart."""
    return {
        "reading_id": reading.reading_id,
        "measured_at_ms": reading.measured_at_ms,
        "received_at_ms": reading.received_at_ms,
        "signs": dict(reading.signs),
    }


def assessment(shown: Assessment) -> Json:
    """An assessment with the moment it was true on our clock."""
    return {
        "reading_id": shown.reading_id,
        "measured_at_ms": shown.measured_at_ms,
        "seen_at_ms": seen_at_ms(shown),
        "as_of_ms": shown.as_of_ms,
        "news2": None if shown.news2 is None else _news2(shown.news2),
        "pews": None if shown.pews is None else _pews(shown.pews),
        "drivers": [
            {
                "sign": driver.sign,
                "value": driver.value,
                "usual": driver.usual,
                "distance": None if driver.distance is None else round(driver.distance, 2),
                "deviation": driver.deviation,
                "news2_points": driver.news2_points,
                "pews_points": driver.pews_points,
            }
            for driver in shown.drivers
        ],
        "withheld": [
            {"sign": value.sign, "value": value.value, "cause": value.cause, "scored": value.scored}
            for value in shown.withheld
        ],
        "trends": [
            {
                "sign": trend.sign,
                "per_hour": trend.per_hour,
                "limit": trend.limit,
                "minutes": trend.minutes,
                "minutes_low": trend.minutes_low,
                "minutes_high": trend.minutes_high,
            }
            for trend in shown.trends
        ],
        "relearned": list(shown.relearned),
        "night": None if shown.night is None else _night(shown.night),
        "risk": None if shown.risk is None else _risk(shown.risk, shown),
        "warming_up": shown.warming_up,
        "anomaly": shown.anomaly,
        "anomaly_threshold": shown.anomaly_threshold,
        "flagged": shown.flagged,
        "model_version": shown.model_version,
    }


def _night(shown: NightSummary) -> Json:
    return {
        "day": shown.day,
        "resting_bpm": shown.resting_bpm,
        "usual_bpm": shown.usual_bpm,
        "deviation": shown.deviation,
        "stands_out": shown.stands_out,
    }


def _risk(probability: float, shown: Assessment) -> Json:
    parts = shown.risk_parts
    return {
        "probability": probability,
        "threshold": shown.risk_threshold,
        "horizon_s": shown.risk_horizon_s,
        "log_odds": None if parts is None else parts.log_odds,
        "usual": None if parts is None else parts.usual,
        "parts": None if parts is None else dict(parts.parts),
        "others": None if parts is None else parts.others,
        "unmeasured": [] if parts is None else list(parts.unmeasured),
    }


def episode(shown: EpisodeNow) -> Json:
    """An episode in the API's field names."""
    return {
        "episode_id": shown.episode_id,
        "patient_id": shown.patient_id,
        "ward_id": shown.ward_id,
        "kind": shown.kind,
        "priority": shown.priority,
        "reason": shown.reason,
        "text": shown.text,
        "onset_ms": shown.onset_ms,
        "raised_at_ms": shown.raised_at_ms,
        "active": shown.active,
        "acknowledged": shown.acknowledged,
        "acknowledged_by": shown.acknowledged_by,
        "acknowledged_at_ms": shown.acknowledged_at_ms,
        "resolved_at_ms": shown.resolved_at_ms,
        "resolved_by": shown.resolved_by,
        "sign": shown.sign,
        "value": shown.value,
        "limit": shown.limit,
        "origin": shown.origin,
        "retracted": shown.retracted,
        "retrospective": shown.retrospective,
        "correction_id": shown.correction_id,
        "latched": shown.latched,
        "suppression": None if shown.suppression is None else suppression(shown.suppression),
        "acknowledgements": [
            {"person_id": one.person_id, "by": one.by, "at_ms": one.at_ms, "until_ms": one.until_ms, "note": one.note}
            for one in shown.acknowledgements
        ],
        "round": shown.round,
        "last_transition": shown.last_transition,
        "last_at_ms": shown.last_at_ms,
        "rules_version": shown.rules_version,
        "state": state_of(shown),
        "technical": shown.kind in TECHNICAL_KINDS,
    }


def suppression(found: Suppression) -> Json:
    """Why an alert is told to nobody, in the API's field names."""
    return {
        "reason": found.reason,
        "since_ms": found.since_ms,
        "by": found.by,
        "silence_id": found.silence_id,
        "until_ms": found.until_ms,
        "kind": found.kind,
    }


def _score(summary: News2Summary | PewsSummary) -> Json:
    """What both early-warning scores say alike."""
    return {
        "total": summary.total,
        "low": summary.low,
        "high": summary.high,
        "points": dict(summary.points),
        "missing": list(summary.missing),
    }


def _news2(summary: News2Summary) -> Json:
    return {**_score(summary), "single_red": summary.single_red, "response": summary.response}


def _pews(summary: PewsSummary) -> Json:
    return {**_score(summary), "band": summary.band}


def _assessment(patient: PatientNow, limits: WardLimits) -> Json | None:
    """The assessment that stands, and for how long: a measured one until the next is due, a charted one while its inputs hold."""
    shown = patient.assessment
    if shown is None:
        return None
    stale_after_ms = patient.stale_after_ms(limits)
    if shown.as_of_ms is not None:
        inputs = [now for sign in shown.points if (now := patient.signs.get(sign)) is not None]
        until_ms = min((now.seen_at_ms + _stands_ms(now) for now in inputs), default=0)
        stale_after_ms = max(stale_after_ms, until_ms - seen_at_ms(shown))
    return {**assessment(shown), "stale_after_ms": stale_after_ms}


def _stands_ms(shown: SignNow) -> int:
    if shown.charted is None:
        return measured_for_ms(shown.sign)
    return charted_for_ms(shown.sign, shown.charted.valid_for_s)


def _signs(patient: PatientNow, limits: WardLimits) -> Mapping[str, Json]:
    return {
        sign: {
            "value": shown.value,
            "measured_at_ms": shown.measured_at_ms,
            "seen_at_ms": shown.seen_at_ms,
            "stale_after_ms": shown.stale_after_ms(limits),
            "charted_by": None if shown.charted is None else shown.charted.by,
        }
        for sign in TILE_SIGNS
        if (shown := patient.signs.get(sign)) is not None
    }


def _trend(patient: PatientNow, from_ms: int) -> Mapping[str, list[tuple[int, float]]]:
    return {
        sign: [(start_ms, buckets[start_ms].value) for start_ms in sorted(buckets) if start_ms >= from_ms]
        for sign in TREND_SIGNS
        if (buckets := patient.trend.get(sign)) is not None
    }


def _time_shift_ms(newest: Reading | None) -> int:
    """How far the data's own time lies behind ours: 0 unless it is a recording."""
    if newest is None or newest.origin is not Origin.REPLAY:
        return 0
    return newest.received_at_ms - newest.measured_at_ms
