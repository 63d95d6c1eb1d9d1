"""The shapes of the risk model: per feature the points between which its part of the log-odds is a straight line.

Rounded values of adult bedside practice, about the outer and inner bands of NEWS2, set before anything is learned: a scale
learned from data would be stretched for ever by one artefact. Beyond the outermost points a part is level.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_PACE = (0.0, 0.15, 0.25, 0.4, 0.6, 0.8, 1.0)
_MEAN_PRESSURE = (45.0, 55.0, 65.0, 75.0, 90.0, 105.0)
_SYSTOLIC = (75.0, 85.0, 95.0, 105.0, 120.0, 140.0, 160.0)
_BREATHS = (10.0, 13.0, 16.0, 19.0, 22.0, 26.0, 31.0)
_TEMPERATURE = (35.0, 36.0, 36.6, 37.2, 37.8, 38.4, 39.0)
_SPO2 = (88.0, 91.0, 94.0, 96.0, 98.0, 100.0)
_COUNT_SPREAD = (0.0, 0.4, 0.8, 1.5, 2.5)

SHAPES: Final[Mapping[str, tuple[float, ...]]] = MappingProxyType(
    {
        "age_years": (20.0, 35.0, 50.0, 60.0, 70.0, 80.0, 90.0),
        "is_male": (0.0, 1.0),
        "heart_rate_bpm.last": (50.0, 60.0, 70.0, 80.0, 90.0, 100.0, 115.0, 130.0),
        "heart_rate_bpm.over_day": (-20.0, -10.0, -4.0, 0.0, 4.0, 10.0, 20.0),
        "heart_rate_bpm.over_three_days": (-20.0, -10.0, -4.0, 0.0, 4.0, 10.0, 20.0),
        "heart_rate_bpm.slope_6h": (-6.0, -2.0, 0.0, 2.0, 6.0),
        "heart_rate_bpm.pace_12h": _PACE,
        "respiratory_rate_bpm.last": _BREATHS,
        "respiratory_rate_bpm.level_day": _BREATHS,
        "respiratory_rate_bpm.level_three_days": _BREATHS,
        "respiratory_rate_bpm.over_three_days": (-8.0, -4.0, -1.5, 0.0, 1.5, 4.0, 8.0),
        "respiratory_rate_bpm.slope_6h": (-2.5, -1.0, 0.0, 1.0, 2.5),
        "respiratory_rate_bpm.pace_48h": _PACE,
        "temperature_celsius.last": _TEMPERATURE,
        "temperature_celsius.most_48h": _TEMPERATURE,
        "temperature_celsius.slope_24h": (-0.14, -0.06, -0.02, 0.0, 0.02, 0.06, 0.14, 0.35),
        "temperature_celsius.slope_48h": (-0.14, -0.06, -0.02, 0.0, 0.02, 0.06, 0.14, 0.35),
        "temperature_celsius.age_h": (0.0, 1.0, 2.0, 4.0, 8.0, 24.0),
        "temperature_celsius.pace_12h": _PACE,
        "temperature_celsius.pace_48h": _PACE,
        "spo2_percent.last": _SPO2,
        "spo2_percent.least_6h": _SPO2,
        "spo2_percent.most_6h": _SPO2,
        "spo2_percent.pace_12h": _PACE,
        "systolic_mmhg.last": _SYSTOLIC,
        "systolic_mmhg.least_6h": _SYSTOLIC,
        "systolic_mmhg.least_24h": _SYSTOLIC,
        "systolic_mmhg.spread_24h": (0.0, 4.0, 8.0, 12.0, 16.0, 24.0),
        "mean_pressure_mmhg.least_6h": _MEAN_PRESSURE,
        "mean_pressure_mmhg.slope_24h": (-6.0, -2.0, -0.5, 0.0, 0.5, 2.0, 5.0),
        "mean_pressure_mmhg.pace_12h": _PACE,
        "shock_index.last": (0.4, 0.55, 0.7, 0.85, 1.0, 1.2),
        "breaths_per_saturation.last": (0.09, 0.13, 0.17, 0.21, 0.26, 0.34),
        "news2_points.last": (0.0, 1.0, 3.0, 5.0, 7.0, 9.0),
        "signs_measured.spread_12h": _COUNT_SPREAD,
        "signs_measured.spread_24h": _COUNT_SPREAD,
    }
)
