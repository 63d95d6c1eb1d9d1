"""A healthy ward patient as a pure function of time: correlated vital signs, the same course at whatever rate it is sampled.

Every source of variation is a sum of sinusoids whose frequencies are drawn from a Cauchy distribution: its
autocorrelation is exp(-lag / time constant), that of an Ornstein-Uhlenbeck (AR(1)) process, yet any moment can be asked
for by itself. Signs share sources, so they move together: activity lifts heart rate, breathing and pressure; breathing
pulls heart rate along; the baroreflex lowers heart rate when pressure rises. Temperature, heart rate, pressure and
breathing follow the time of day, with the temperature trough in the early morning and a nocturnal dip in pressure.
Means and spreads are our choice for an adult whom NEWS2 mostly gives 0 to 2.
"""

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
_PERIOD_S_MIN = 2.0
"""No faster variation than this."""

_TIME_CONSTANTS_S = {
    "activity": 900.0,
    "heart_slow": 300.0,
    "heart_fast": 8.0,
    "breath_slow": 120.0,
    "breath_fast": 6.0,
    "oxygen_slow": 600.0,
    "oxygen_fast": 10.0,
    "pressure_slow": 600.0,
    "pressure_fast": 20.0,
    "diastolic": 300.0,
    "temperature": 3600.0,
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
        self._radians_per_s = np.minimum(cauchy, 2 * np.pi / _PERIOD_S_MIN)
        self._phases = generator.uniform(0, 2 * np.pi, shape)

    def signs(self, elapsed_s: Array, day_s: Array) -> Signs:
        """The course at moments `elapsed_s` since its start, which fall at `day_s` seconds after local midnight; unrounded."""
        angles = self._radians_per_s[:, :, None] * elapsed_s + self._phases[:, :, None]
        noise = dict(zip(_SOURCES, np.sqrt(2 / _SINUSOIDS) * np.cos(angles).sum(axis=1), strict=True))
        means = self.means
        afternoon, evening = _circadian(day_s, peak_h=15.0), _circadian(day_s, peak_h=17.5)
        breath_deviation = (
            0.5 * noise["activity"] + 0.9 * noise["breath_slow"] + 0.4 * noise["breath_fast"] + 0.3 * afternoon
        )
        pressure_deviation = 2.5 * noise["activity"] + 3.0 * noise["pressure_slow"] + 1.5 * noise["pressure_fast"]
        heart_deviation = (
            2.5 * noise["activity"]
            + 1.8 * noise["heart_slow"]
            + 1.2 * noise["heart_fast"]
            + 0.8 * breath_deviation
            - 0.2 * (3.0 * noise["pressure_slow"])
        )
        systolic = means.systolic_mmhg + pressure_deviation + 5.0 * afternoon
        diastolic = means.diastolic_mmhg + 0.45 * pressure_deviation + 1.5 * noise["diastolic"] + 3.0 * afternoon
        spo2 = means.spo2_percent + 0.35 * noise["oxygen_slow"] + 0.3 * noise["oxygen_fast"]
        return {
            Sign.HEART_RATE: means.heart_rate_bpm + heart_deviation + 4.0 * afternoon,
            Sign.RESPIRATORY_RATE: means.respiratory_rate_bpm + breath_deviation,
            Sign.SPO2: np.minimum(spo2, 100.0),
            Sign.TEMPERATURE: means.temperature_celsius + 0.3 * evening + 0.06 * noise["temperature"],
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

    systolic = within(126, 7, 118, 146)
    return PersonalMeans(
        heart_rate_bpm=within(72, 6, 60, 82),
        respiratory_rate_bpm=within(15.6, 1.0, 14, 18),
        spo2_percent=within(97.6, 0.5, 96.9, 98.8),
        temperature_celsius=within(36.9, 0.15, 36.6, 37.3),
        systolic_mmhg=systolic,
        diastolic_mmhg=0.5 * systolic + within(13, 4, 4, 22),
        skin_temperature_celsius=within(33.2, 0.6, 31.5, 34.8),
    )


def _circadian(day_s: Array, *, peak_h: float) -> Array:
    return np.cos(2 * np.pi * (day_s / DAY_S - peak_h / 24))
