"""A healthy ward patient as a pure function of time: correlated vital signs, the same course at whatever rate it is sampled.

Every source of variation is a sum of sinusoids whose frequencies are drawn from a Cauchy distribution: its
autocorrelation is exp(-lag / time constant), that of an Ornstein-Uhlenbeck (AR(1)) process, yet any moment can be asked
for by itself. Each sign has a fast, a middling and a slow source, as recordings have. Signs share sources, so they move
together: activity lifts heart rate, breathing and pressure and lowers saturation; breathing pulls heart rate along; the
baroreflex lowers heart rate when pressure rises. Temperature, heart rate, pressure and breathing follow the time of day.

Means, spreads, time constants and couplings were set by hand against recorded people who were well (`wardlight realism`,
docs/realism.md). Tails are bent inwards at `BOUNDS`, which recorded people cross now and then: a simulated healthy patient
must not look ill.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vitals.sign import Sign

Array = NDArray[np.float64]
Signs = dict[Sign, Array]
"""One column per sign, all of one length; NaN is a moment without a value, and never leaves the simulators."""

DAY_S = 86_400.0
_SINUSOIDS = 16
"""Per source of variation."""
_PERIOD_S_MIN = 4.0
"""No faster variation than this: devices report means over some seconds."""
_SLOWER_PERIODS_S_MIN = {"breath_fast": 16.0, "oxygen_fast": 10.0}
"""Nor than these: breaths are counted over several of them, and an oximeter averages."""
_PULSE_PRESSURE_MIN_MMHG = 22.0

_TIME_CONSTANTS_S = {
    "activity": 900.0,
    "heart_fast": 15.0,
    "heart_middling": 200.0,
    "heart_slow": 6000.0,
    "breath_fast": 20.0,
    "breath_middling": 300.0,
    "breath_slow": 4500.0,
    "oxygen_fast": 25.0,
    "oxygen_middling": 600.0,
    "oxygen_slow": 7200.0,
    "pressure_fast": 20.0,
    "pressure_middling": 600.0,
    "pressure_slow": 7200.0,
    "diastolic": 7200.0,
    "temperature": 3600.0,
    "temperature_slow": 43_200.0,
    "skin": 900.0,
}
_SOURCES = tuple(_TIME_CONSTANTS_S)

INTEGER_SIGNS = frozenset(
    {
        Sign.HEART_RATE,
        Sign.RESPIRATORY_RATE,
        Sign.SPO2,
        Sign.SYSTOLIC,
        Sign.DIASTOLIC,
        Sign.MEAN_PRESSURE,
        Sign.STEPS,
        Sign.BATTERY,
        Sign.SIGNAL_QUALITY,
    }
)
"""What devices report as whole numbers; the rest comes with one decimal."""


BOUNDS: Mapping[Sign, tuple[float, float, float]] = MappingProxyType(
    {
        Sign.HEART_RATE: (48.0, 104.0, 6.0),
        Sign.RESPIRATORY_RATE: (10.5, 22.4, 2.0),
        Sign.SPO2: (94.4, 110.0, 1.2),
        Sign.TEMPERATURE: (36.0, 37.95, 0.3),
        Sign.SYSTOLIC: (104.0, 186.0, 8.0),
        Sign.DIASTOLIC: (42.0, 104.0, 6.0),
    }
)
"""Lowest and highest value of a healthy patient, and over which distance before them the tail is bent."""


class PersonalMeans(NamedTuple):
    """One person's usual values at rest, over the day."""

    heart_rate_bpm: float
    respiratory_rate_bpm: float
    spo2_percent: float
    temperature_celsius: float
    systolic_mmhg: float
    diastolic_mmhg: float
    skin_temperature_celsius: float


class Physiology:
    """One person; everything about them is drawn from `generator` at construction."""

    def __init__(self, generator: np.random.Generator) -> None:
        self.means = _draw_means(generator)
        time_constants_s = np.array([_TIME_CONSTANTS_S[name] for name in _SOURCES])[:, None]
        shape = (len(_SOURCES), _SINUSOIDS)
        quantiles = (np.arange(_SINUSOIDS) + generator.uniform(0, 1, shape)) / _SINUSOIDS
        cauchy = np.abs(np.tan(np.pi * (quantiles - 0.5))) / time_constants_s
        shortest_s = np.array([_SLOWER_PERIODS_S_MIN.get(name, _PERIOD_S_MIN) for name in _SOURCES])[:, None]
        self._radians_per_s = np.minimum(cauchy, 2 * np.pi / shortest_s)
        self._phases = generator.uniform(0, 2 * np.pi, shape)

    def signs(self, elapsed_s: Array, day_s: Array) -> Signs:
        """The course at moments `elapsed_s` since its start, which fall at `day_s` seconds after local midnight; unrounded."""
        angles = self._radians_per_s[:, :, None] * elapsed_s + self._phases[:, :, None]
        noise = dict(zip(_SOURCES, np.sqrt(2 / _SINUSOIDS) * np.cos(angles).sum(axis=1), strict=True))
        means = self.means
        afternoon, evening = _circadian(day_s, peak_h=15.0), _circadian(day_s, peak_h=17.5)
        activity = noise["activity"]
        breath = (
            0.5 * activity
            + 0.95 * noise["breath_fast"]
            + 0.8 * noise["breath_middling"]
            + 1.8 * noise["breath_slow"]
            + 0.3 * afternoon
        )
        pressure = (
            2.5 * activity
            + 2.0 * noise["pressure_fast"]
            + 5.0 * noise["pressure_middling"]
            + 8.0 * noise["pressure_slow"]
            + 5.0 * afternoon
        )
        heart = (
            2.0 * activity
            + 1.3 * noise["heart_fast"]
            + 1.2 * noise["heart_middling"]
            + 5.2 * noise["heart_slow"]
            + 0.25 * breath
            - 0.08 * pressure
            + 3.5 * afternoon
        )
        oxygen = (
            -0.2 * activity
            - 0.05 * breath
            + 0.25 * noise["oxygen_fast"]
            + 0.45 * noise["oxygen_middling"]
            + 1.15 * noise["oxygen_slow"]
        )
        temperature = 0.08 * noise["temperature"] + 0.26 * noise["temperature_slow"] + 0.25 * evening
        systolic = _bent(Sign.SYSTOLIC, means.systolic_mmhg + pressure)
        diastolic = _bent(Sign.DIASTOLIC, means.diastolic_mmhg + 0.42 * pressure + 4.2 * noise["diastolic"])
        diastolic = np.minimum(diastolic, systolic - _PULSE_PRESSURE_MIN_MMHG)
        return {
            Sign.HEART_RATE: _bent(Sign.HEART_RATE, means.heart_rate_bpm + heart),
            Sign.RESPIRATORY_RATE: _bent(Sign.RESPIRATORY_RATE, means.respiratory_rate_bpm + breath),
            Sign.SPO2: np.minimum(_bent(Sign.SPO2, means.spo2_percent + oxygen), 100.0),
            Sign.TEMPERATURE: _bent(Sign.TEMPERATURE, means.temperature_celsius + temperature),
            Sign.SYSTOLIC: systolic,
            Sign.DIASTOLIC: diastolic,
            Sign.MEAN_PRESSURE: diastolic + (systolic - diastolic) / 3,
            Sign.SKIN_TEMPERATURE: means.skin_temperature_celsius - 0.4 * evening + 0.3 * noise["skin"],
        }


def healthy(*, seed: int, bed: int) -> Physiology:
    """The person in this bed of the ward that `seed` names; always the same one."""
    return Physiology(np.random.default_rng([seed, bed]))


def as_reported(signs: Signs) -> Signs:
    """Rounded as devices report: whole numbers, temperatures to 0.1 degrees; SpO2 never above 100."""
    rounded = {sign: np.round(values, 0 if sign in INTEGER_SIGNS else 1) for sign, values in signs.items()}
    if Sign.SPO2 in rounded:
        rounded[Sign.SPO2] = np.minimum(rounded[Sign.SPO2], 100.0)
    return rounded


def _draw_means(generator: np.random.Generator) -> PersonalMeans:
    def within(mean: float, spread: float, low: float, high: float) -> float:
        return float(np.clip(generator.normal(mean, spread), low, high))

    systolic = within(131, 12, 116, 160)
    return PersonalMeans(
        heart_rate_bpm=within(73.5, 8, 58, 88),
        respiratory_rate_bpm=within(16, 1.6, 13.2, 18.8),
        spo2_percent=within(98.0, 1.1, 96.5, 99.6),
        temperature_celsius=within(36.95, 0.3, 36.5, 37.4),
        systolic_mmhg=systolic,
        diastolic_mmhg=0.42 * systolic + within(11, 8, -4, 28),
        skin_temperature_celsius=within(33.2, 0.6, 31.5, 34.8),
    )


def _bent(sign: Sign, values: Array) -> Array:
    """`values` with what comes near the sign's bounds, or would pass them, bent so that it stays within; else unchanged."""
    low, high, width = BOUNDS[sign]
    if values.min() < low + width:
        values = np.where(
            values < low + width, low + width * np.exp(np.minimum(values - low - width, 0) / width), values
        )
    if values.max() > high - width:
        values = np.where(
            values > high - width, high - width * np.exp(-np.maximum(values - high + width, 0) / width), values
        )
    return values


def _circadian(day_s: Array, *, peak_h: float) -> Array:
    return np.cos(2 * np.pi * (day_s / DAY_S - peak_h / 24))
