"""What the risk model sees of one patient: levels, changes, variability and cadence of the vital signs, age and sex.

No laboratory value, and nothing that tells how long the patient has been there. What is not known is absent. An hour's value
is the mean of its readings, so that one artefact among many weighs little.
"""

import hashlib
from collections.abc import Mapping
from typing import Final

import msgspec

from stream.risk_hours import FAST_H, HELD_H, KEPT_H, SLOW_H, Hours
from vitals import news2
from vitals.sex import Sex
from vitals.sign import SIGN_FACTS, Sign

FEATURES_REVISION: Final = 2
"""Raise it whenever the same readings would give other features: models learn from features of their own kind only."""
HOUR_MS: Final = 3_600_000
RISK_SIGNS: Final = (
    Sign.HEART_RATE,
    Sign.RESPIRATORY_RATE,
    Sign.TEMPERATURE,
    Sign.SPO2,
    Sign.SYSTOLIC,
    Sign.MEAN_PRESSURE,
)
_RATE, _BREATHS, _, _SPO2, _SYSTOLIC, _ = RISK_SIGNS
_DIASTOLIC: Final = Sign.DIASTOLIC
"""Python 3.11 looks a member up in its enumeration by a call; these are asked for at every reading."""
_POSSIBLE: Final = {
    sign: (SIGN_FACTS[sign].possible_low, SIGN_FACTS[sign].possible_high) for sign in (*RISK_SIGNS, _DIASTOLIC)
}
"""All signs that are counted as measured, and what of them can be."""
_WITH_LEVELS: Final = frozenset({_RATE, _BREATHS})
_IS_MALE: Final = {Sex.MALE: 1.0, Sex.FEMALE: 0.0}
_POINTS: Final = "news2_points"
_MEASURED: Final = "signs_measured"
SUBJECTS: Final = (*(sign.value for sign in RISK_SIGNS), _POINTS, _MEASURED, "shock_index", "breaths_per_saturation")
"""What a feature is of: its name is `subject.statistic`; `age_years` and `is_male` are of the patient."""
PIPELINE_HASH: Final = hashlib.blake2b(
    repr((FEATURES_REVISION, SUBJECTS, KEPT_H, HELD_H, FAST_H, SLOW_H)).encode(), digest_size=8
).hexdigest()
"""Names this code: equal hash, equal features."""


class RiskHours(msgspec.Struct):
    """The whole state of one patient's windows, as plain records; about 5 kB at the most in a snapshot."""

    signs: dict[Sign, Hours] = {}
    measured: Hours = msgspec.field(default_factory=Hours)
    measured_now: list[Sign] = []
    """Signs measured in the newest hour."""


class RiskWindows:
    """One patient's windows: takes readings that came in order, and gives features at any moment not before the last."""

    def __init__(self, state: RiskHours | None = None) -> None:
        self.state = RiskHours() if state is None else state

    def step(
        self, signs: Mapping[Sign, float], at_ms: int, age_years: float | None, sex: Sex | None
    ) -> dict[str, float]:
        """Take in a reading and give the features of its moment, by name; values that cannot be are passed over."""
        self.take(signs, at_ms)
        return self.features(at_ms, age_years, sex)

    def take(self, signs: Mapping[Sign, float], at_ms: int) -> None:
        """Take in a reading; NaN, infinities and values that cannot be leave no trace."""
        state, hour = self.state, at_ms // HOUR_MS
        by_sign, now = state.signs, state.measured_now
        is_new = not state.measured.hours or hour > state.measured.hours[-1]
        for sign, value in signs.items():
            possible = _POSSIBLE.get(sign)
            if possible is None or not possible[0] <= value <= possible[1]:
                continue
            hours = by_sign.get(sign)
            if hours is not None and hours.hours[-1] == hour:
                hours.join(value)
                continue
            if is_new:
                now.clear()
                is_new = False
            if sign not in now:
                now.append(sign)
                state.measured.put(float(len(now)), hour)
            if sign is _DIASTOLIC:
                continue
            if hours is None:
                hours = by_sign[sign] = Hours(has_levels=sign in _WITH_LEVELS)
            hours.take(value, hour)

    def features(self, at_ms: int, age_years: float | None, sex: Sex | None) -> dict[str, float]:
        """What is known at a moment, by name; finite. Changes nothing."""
        hour = at_ms // HOUR_MS
        found: dict[str, float] = {}
        if age_years is not None:
            found["age_years"] = float(age_years)
        if sex in _IS_MALE:
            found["is_male"] = _IS_MALE[sex]
        held = self._signs(found, hour)
        self._combined(found, held, hour)
        return found

    def _signs(self, found: dict[str, float], hour: int) -> dict[Sign, float]:
        held: dict[Sign, float] = {}
        for sign in RISK_SIGNS:
            hours = self.state.signs.get(sign, _NEVER)
            value = hours.held(hour)
            if value is not None:
                held[sign] = value
            _FEATURES_OF[sign](found, hours, value, hour)
        return held

    def _combined(self, found: dict[str, float], held: dict[Sign, float], hour: int) -> None:
        state = self.state
        get = held.get
        rate, systolic = get(_RATE), get(_SYSTOLIC)
        if rate is not None and systolic is not None:
            found["shock_index.last"] = rate / systolic
        breaths, spo2 = get(_BREATHS), get(_SPO2)
        if breaths is not None and spo2 is not None:
            found["breaths_per_saturation.last"] = breaths / spo2
        if held:
            found["news2_points.last"] = float(news2.score(held).low)
        found["signs_measured.spread_12h"] = state.measured.spread_with_gaps(hour, 12)
        found["signs_measured.spread_24h"] = state.measured.spread_with_gaps(hour, 24)

    def dump(self) -> RiskHours:
        """The whole state; what loads it goes on bit-identically. Shared with the windows: encode it at once."""
        return self.state


_NEVER: Final = Hours()


def _heart_rate(found: dict[str, float], hours: Hours, value: float | None, hour: int) -> None:
    found["heart_rate_bpm.pace_12h"] = hours.pace(hours.since(hour, 12), hour)
    if value is None:
        return
    fast, slow = hours.levels()
    found["heart_rate_bpm.last"] = value
    found["heart_rate_bpm.over_day"] = value - fast
    found["heart_rate_bpm.over_three_days"] = value - slow
    found["heart_rate_bpm.slope_6h"] = hours.slope(hours.since(hour, 6))


def _respiratory_rate(found: dict[str, float], hours: Hours, value: float | None, hour: int) -> None:
    found["respiratory_rate_bpm.pace_48h"] = hours.pace(hours.since(hour, 48), hour)
    if value is None:
        return
    fast, slow = hours.levels()
    found["respiratory_rate_bpm.last"] = value
    found["respiratory_rate_bpm.level_day"] = fast
    found["respiratory_rate_bpm.level_three_days"] = slow
    found["respiratory_rate_bpm.over_three_days"] = value - slow
    found["respiratory_rate_bpm.slope_6h"] = hours.slope(hours.since(hour, 6))


def _temperature(found: dict[str, float], hours: Hours, value: float | None, hour: int) -> None:
    two_days = hours.since(hour, 48)
    found["temperature_celsius.age_h"] = hours.age_h(hour)
    found["temperature_celsius.pace_12h"] = hours.pace(hours.since(hour, 12), hour)
    found["temperature_celsius.pace_48h"] = hours.pace(two_days, hour)
    if value is None:
        return
    found["temperature_celsius.last"] = value
    found["temperature_celsius.most_48h"] = max(hours.means[two_days:])
    over = hours.over(two_days)
    found["temperature_celsius.slope_24h"] = hours.slope_of(over[hours.since(hour, 24) - two_days :])
    found["temperature_celsius.slope_48h"] = hours.slope_of(over)


def _spo2(found: dict[str, float], hours: Hours, value: float | None, hour: int) -> None:
    found["spo2_percent.pace_12h"] = hours.pace(hours.since(hour, 12), hour)
    if value is None:
        return
    found["spo2_percent.last"] = value
    recent = hours.means[hours.since(hour, 6) :]
    if recent:
        found["spo2_percent.least_6h"] = min(recent)
        found["spo2_percent.most_6h"] = max(recent)


def _systolic(found: dict[str, float], hours: Hours, value: float | None, hour: int) -> None:
    if value is None:
        return
    day = hours.since(hour, 24)
    found["systolic_mmhg.last"] = value
    found["systolic_mmhg.least_24h"] = min(hours.means[day:])
    found["systolic_mmhg.spread_24h"] = hours.spread(day)
    recent = hours.means[hours.since(hour, 6) :]
    if recent:
        found["systolic_mmhg.least_6h"] = min(recent)


def _mean_pressure(found: dict[str, float], hours: Hours, value: float | None, hour: int) -> None:
    found["mean_pressure_mmhg.pace_12h"] = hours.pace(hours.since(hour, 12), hour)
    if value is None:
        return
    found["mean_pressure_mmhg.slope_24h"] = hours.slope(hours.since(hour, 24))
    recent = hours.means[hours.since(hour, 6) :]
    if recent:
        found["mean_pressure_mmhg.least_6h"] = min(recent)


_FEATURES_OF: Final = {
    Sign.HEART_RATE: _heart_rate,
    Sign.RESPIRATORY_RATE: _respiratory_rate,
    Sign.TEMPERATURE: _temperature,
    Sign.SPO2: _spo2,
    Sign.SYSTOLIC: _systolic,
    Sign.MEAN_PRESSURE: _mean_pressure,
}
