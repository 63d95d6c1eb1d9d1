"""The pure step: a patient's state and one reading give an assessment; score first, then maybe learn."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from stream.deduplication import SeenReadings
from stream.departures import NOWHERE, departures
from stream.early_warning import EarlyWarning, early_warning
from stream.freshness import FreshSigns
from stream.nights import Nights, nights_in
from stream.pipeline import PatientPipeline, Scored
from stream.population import NO_MODEL, ScoredRisk
from stream.quality import Judged, QualityGate, passed, sift, stale
from stream.risk import PatientRisk
from stream.scales import Scales
from vitals.age import AgeBand
from vitals.assessment import Assessment, Driver, NightSummary
from vitals.child_limits import any_beyond_child_limits
from vitals.lateness import LIVE_AGE_MS_MAX, event_ms, is_out_of_order, is_outdated
from vitals.limits import any_beyond_limits
from vitals.reading import Origin, PatientId, Reading
from vitals.sign import Sign

SPREADS_PER_POINT = 3.0
"""For the order of drivers so many spreads from usual weigh like one NEWS2 point; our choice."""
SPREADS_MIN = 2.0
"""Signs nearer to usual than this and without points drive nothing and are left out."""
MODEL_FAULTS = (ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What a broken model may raise, or a stored one that is nested beyond any of ours. It costs the patient the models, which warm up anew, and never NEWS2."""
_HEART_RATE: Final = Sign.HEART_RATE
_STEPS: Final = Sign.STEPS
_REPLAY: Final = Origin.REPLAY
"""Python 3.11 looks a member up in its enumeration by a call; these are asked for at every reading."""


class PatientState:
    """All that stream knows of one patient; its steps depend on the readings and on nothing else."""

    __slots__ = (
        "example_at_ms",
        "fresh",
        "in_force",
        "models_failed",
        "nights",
        "patient_id",
        "pipeline",
        "quality",
        "risk",
        "scales",
        "scored_risk",
        "seen",
    )

    def __init__(
        self,
        patient_id: PatientId,
        pipeline: PatientPipeline,
        *,
        scales: Scales | None = None,
        seen: SeenReadings | None = None,
        fresh: FreshSigns | None = None,
        quality: QualityGate | None = None,
        nights: Nights | None = None,
        risk: PatientRisk | None = None,
    ) -> None:
        self.patient_id = patient_id
        self.pipeline = pipeline
        self.scales = Scales() if scales is None else scales
        self.seen = SeenReadings() if seen is None else seen
        self.fresh = FreshSigns() if fresh is None else fresh
        self.quality = QualityGate() if quality is None else quality
        self.nights = Nights() if nights is None else nights
        self.risk = PatientRisk() if risk is None else risk
        self.example_at_ms: int | None = None
        """When the last example was measured."""
        self.in_force = NO_MODEL
        """The version of the population model that scores the next reading; whoever steps the patient sets it."""
        self.scored_risk: ScoredRisk | None = None
        """What the risk model made of the last reading; None where it made nothing of it."""
        self.models_failed = 0
        """How often the models broke and were put aside; whoever counts it sets it back."""

    def put_models_aside(self) -> None:
        """The models broke: go on with new ones, which say that they are warming up."""
        self.models_failed += 1
        self.restart_models()

    def put_risk_aside(self) -> None:
        """The population model, or this patient's windows, broke: only the risk begins anew."""
        self.models_failed += 1
        self.risk = PatientRisk()

    def restart_models(self) -> None:
        """Go on with new models, and a gate before them that remembers nothing."""
        self.quality = QualityGate()
        self.risk = PatientRisk()
        self.pipeline = PatientPipeline(self.pipeline.parameters)


def assess(state: PatientState, reading: Reading, *, live_age_ms_max: int = LIVE_AGE_MS_MAX) -> Assessment | None:
    """Assess one reading of a device and step the state; None where the reading was already assessed.

    NEWS2 combines the reading with what is still fresh of the patient. A reading out of order is scored by its own values
    alone, since what is fresh now was not known then, and changes nothing; one that is in order but outdated, or given
    to this patient by a correction, joins what NEWS2 knows. All three are late: the models say nothing and take no note of
    them.
    The models hear only what passes the quality gate, NEWS2 all that is possible. Models that break are put aside; NEWS2
    goes on.
    """
    at_ms = event_ms(reading)
    device_newest_ms = state.seen.device_newest_ms(reading.device_id)
    if not state.seen.add(reading):
        return None
    out_of_order = is_out_of_order(at_ms, device_newest_ms=device_newest_ms, patient_newest_ms=state.fresh.newest_ms)
    late = out_of_order or reading.correction_id is not None or is_outdated(reading, live_age_ms_max=live_age_ms_max)
    band = reading.age_band
    sifted = sift(reading.signs, of_child=band is not None)
    signs = sifted.signs
    inputs = signs if out_of_order else _joined(state, reading, signs, at_ms)
    warning = early_warning(inputs, band, spo2_scale=state.scales.at(at_ms))
    if late:
        judged, scored = stale(signs), state.pipeline.silent(at_ms)
    else:
        judged, scored = _scored(state, signs, at_ms, band)
    drivers = drivers_of(state, judged.scored, inputs, warning) if warning.low or scored.flagged else ()
    away = NOWHERE if late else departures(state.pipeline.baselines, judged.scored)
    is_telling = judged.is_telling
    learned = not late and is_telling and _learned(state, scored, warning)
    relearned = state.pipeline.baselines.take_relearned()
    of_live_adult = not late and band is None
    state.scored_risk = _risk(state, reading, judged, at_ms, is_telling=is_telling) if of_live_adult else None
    return Assessment(
        reading_id=reading.reading_id,
        patient_id=reading.patient_id,
        measured_at_ms=reading.measured_at_ms,
        received_at_ms=reading.received_at_ms,
        news2=warning.news2,
        drivers=drivers,
        warming_up=scored.warming_up,
        model_version=state.pipeline.parameters.model_version,
        origin=reading.origin,
        anomaly=scored.anomaly,
        anomaly_threshold=scored.threshold,
        flagged=scored.flagged,
        learned=learned,
        departed=away.departed,
        as_usual=away.as_usual,
        relearned=relearned,
        night=_night(state, reading, scored) if of_live_adult else None,
        trends=scored.trends if of_live_adult else (),
        exerted=not late and state.fresh.steps.is_exerted(at_ms),
        late=late,
        pews=warning.pews,
        withheld=sifted.withheld + judged.withheld,
        risk=None if state.scored_risk is None else state.scored_risk.probability,
        risk_threshold=None if state.scored_risk is None else state.in_force.threshold,
        risk_horizon_s=None if state.scored_risk is None else state.in_force.horizon_s,
        risk_parts=None if state.scored_risk is None else state.scored_risk.parts,
    )


def _joined(state: PatientState, reading: Reading, signs: Mapping[Sign, float], at_ms: int) -> Mapping[Sign, float]:
    fresh = state.fresh
    fresh.age_band = reading.age_band
    fresh.behind_ms = reading.received_at_ms - at_ms if reading.origin is _REPLAY else 0
    fresh.take(signs, at_ms, reading.device_id)
    steps = signs.get(_STEPS)
    if steps is not None:
        fresh.steps.take(steps, at_ms, reading.device_id)
    return fresh.current()


def _risk(state: PatientState, reading: Reading, judged: Judged, at_ms: int, *, is_telling: bool) -> ScoredRisk | None:
    """What the population model in force makes of an adult's moment."""
    if not is_telling:
        return state.risk.standing(at_ms, state.in_force)
    try:
        return state.risk.step(judged.scored, at_ms, reading.age_years, reading.sex, state.in_force)
    except MODEL_FAULTS:
        state.put_risk_aside()
        return None


def _scored(
    state: PatientState, signs: Mapping[Sign, float], at_ms: int, band: AgeBand | None
) -> tuple[Judged, Scored]:
    """What of a live moment the models may hear, and what they make of it."""
    steps = state.fresh.steps
    try:
        state.pipeline.enter(at_ms, active=steps.is_exerted(at_ms), band=band)
        judged = state.quality.judge(signs, at_ms, walking=steps.is_walking(at_ms))
        return judged, state.pipeline.score(judged.scored, at_ms, judged.barred)
    except MODEL_FAULTS:
        state.put_models_aside()
        return passed(signs), Scored(at_ms, signs, None, None)


def _night(state: PatientState, reading: Reading, scored: Scored) -> NightSummary | None:
    """What is to be said of a night that this reading shows to be over."""
    heart_rate = scored.taught.get(_HEART_RATE)
    # Of two wearables' counters each would look like steps to the other.
    followed = reading.device_id == state.fresh.steps.device_id
    steps = reading.signs.get(_STEPS) if followed else None
    if heart_rate is None and steps is None:
        return None
    zone = state.pipeline.parameters.context.time_zone
    night = state.nights.step(scored.at_ms, nights_in(zone), heart_rate_bpm=heart_rate, steps_count=steps)
    if night is None:
        return None
    deviation = None if night.deviation is None else round(night.deviation, 2)
    return NightSummary(night.day, night.resting_bpm, night.usual_bpm, deviation, night.stands_out)


def _learned(state: PatientState, scored: Scored, warning: EarlyWarning) -> bool:
    """Let the models learn, or take note; whether they learned."""
    pipeline = state.pipeline
    try:
        if pipeline.is_due(scored.at_ms):
            return pipeline.learn(scored, held_back=_is_alarming(pipeline, scored, warning))
        pipeline.observe(scored)
    except MODEL_FAULTS:
        state.put_models_aside()
    return False


def _is_alarming(pipeline: PatientPipeline, scored: Scored, warning: EarlyWarning) -> bool:
    if scored.flagged or warning.is_alarming:
        return True
    lesson = pipeline.lesson(scored)
    return any_beyond_limits(lesson) if warning.pews is None else any_beyond_child_limits(lesson, warning.pews.band)


def _driver(
    warning: EarlyWarning,
    sign: Sign,
    value: float,
    points: int | None,
    usual: float | None = None,
    deviation: float | None = None,
) -> Driver:
    if warning.pews is None:
        return Driver(sign, value, usual, deviation, points)
    return Driver(sign, value, usual, deviation, pews_points=points)


class _Ranked(NamedTuple):
    weakness: float
    sign: Sign
    driver: Driver


def drivers_of(
    state: PatientState, signs: Mapping[Sign, float], inputs: Mapping[Sign, float], warning: EarlyWarning
) -> tuple[Driver, ...]:
    """Signs with points or away from usual, strongest first: this reading's, and what is fresh and scores."""
    ranked: list[_Ranked] = []
    points_by_sign = warning.points
    points_of, warm = points_by_sign.get, state.pipeline.baselines.warm.get
    for sign, value in signs.items():
        points = points_of(sign)
        baseline = warm(sign)
        if baseline is not None:
            deviation = (value - baseline.usual) / baseline.spread
            if points or not -SPREADS_MIN < deviation < SPREADS_MIN:
                driver = _driver(warning, sign, value, points, round(baseline.usual, 2), round(deviation, 2))
                ranked.append(_Ranked(-(points or 0) - abs(deviation) / SPREADS_PER_POINT, sign, driver))
        elif points:
            ranked.append(_Ranked(-points, sign, _driver(warning, sign, value, points)))
    if warning.low:
        for sign, points in points_by_sign.items():
            if points and sign not in signs:
                ranked.append(_Ranked(-points, sign, _driver(warning, sign, inputs[sign], points)))
    if not ranked:
        return ()
    ranked.sort()
    return tuple([each.driver for each in ranked])
