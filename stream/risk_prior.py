"""What the risk model knows before it has learned of a ward's own patients: heights of its curves, from one hospital's recordings.

Provenance: fitted once, in one pass in the order of a seed, by the steps of `risk_model` without fading, to the 790,215 hours of the
20,336 patients of hospital A of the PhysioNet/Computing in Cardiology Challenge 2019 (Reyna et al., Critical Care Medicine 48, 2020;
CC BY 4.0): intensive care, outcome sepsis within six hours. Rounded. An evaluation on that set begins without it (`--prior none`).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

INTERCEPT: Final = -4.40
STRENGTH: Final = 5.0
"""How much more precise it is than knowing nothing: some thousand lessons outweigh it. Of 1, 5 and 20, what did best or second best from one
kind of intensive care unit to another."""
HEIGHTS: Final[Mapping[str, tuple[float, ...]]] = MappingProxyType(
    {
        "age_years": (-0.22, -0.12, 0.14, 0.04, 0.03, 0.16, -0.20),
        "is_male": (-0.17, 0.00),
        "heart_rate_bpm.last": (-0.01, -0.13, 0.02, 0.10, 0.16, 0.33, 0.50, 0.39),
        "heart_rate_bpm.over_day": (-0.35, 0.26, 0.83, 0.85, 0.59, 0.00, -0.81),
        "heart_rate_bpm.over_three_days": (0.63, 0.02, -0.53, -0.48, -0.19, 0.45, 1.45),
        "heart_rate_bpm.slope_6h": (0.42, 0.18, 0.17, 0.27, 0.32),
        "heart_rate_bpm.pace_12h": (0.76, 0.25, 0.06, -0.08, -0.26, -0.38, -0.51),
        "respiratory_rate_bpm.last": (0.08, -0.32, -0.18, 0.03, 0.00, -0.03, 0.13),
        "respiratory_rate_bpm.level_day": (-0.77, -1.16, -1.89, -0.56, 0.23, 1.16, 2.69),
        "respiratory_rate_bpm.level_three_days": (-0.33, 0.60, 1.67, 0.56, 0.01, -0.74, -2.09),
        "respiratory_rate_bpm.over_three_days": (0.12, -0.08, -0.09, -0.08, -0.06, -0.11, -0.01),
        "respiratory_rate_bpm.slope_6h": (-0.12, -0.11, 0.07, -0.08, -0.06),
        "respiratory_rate_bpm.pace_48h": (-0.47, -0.59, -0.11, -0.18, 0.17, 0.53, 0.48),
        "temperature_celsius.last": (0.45, -0.28, -0.20, -0.31, 0.07, 0.43, 0.71),
        "temperature_celsius.most_48h": (0.09, 0.04, -0.32, -0.04, 0.21, 0.51, 0.38),
        "temperature_celsius.slope_24h": (0.04, -0.22, -0.24, -0.26, 0.03, 0.44, 0.62, 0.45),
        "temperature_celsius.slope_48h": (0.31, 0.01, 0.71, 0.70, 0.43, -0.43, -0.55, -0.33),
        "temperature_celsius.age_h": (-0.15, -0.15, -0.15, -0.23, -0.12, 0.65),
        "temperature_celsius.pace_12h": (-0.11, -0.43, -0.28, 0.02, 0.27, 0.38, -0.02),
        "temperature_celsius.pace_48h": (-0.33, 0.38, 0.52, 0.06, -0.10, -0.49, -0.21),
        "spo2_percent.last": (0.06, 0.19, 0.13, 0.13, 0.08, 0.15),
        "spo2_percent.least_6h": (0.17, 0.13, -0.26, -0.19, -0.22, -0.18),
        "spo2_percent.most_6h": (-0.41, -0.12, -0.18, -0.03, -0.03, 0.22),
        "spo2_percent.pace_12h": (0.11, -0.32, -0.15, 0.06, -0.03, -0.02, 0.18),
        "systolic_mmhg.last": (-0.20, -0.03, 0.01, -0.18, -0.26, -0.35, -0.45),
        "systolic_mmhg.least_6h": (0.31, 0.30, 0.15, 0.09, 0.10, 0.05, -0.11),
        "systolic_mmhg.least_24h": (-0.31, -0.29, -0.35, -0.26, -0.21, -0.02, -0.02),
        "systolic_mmhg.spread_24h": (-0.09, -0.27, -0.47, -0.43, -0.22, 0.01),
        "mean_pressure_mmhg.least_6h": (0.12, -0.16, -0.22, -0.36, -0.54, -0.52),
        "mean_pressure_mmhg.slope_24h": (0.17, 0.16, 0.20, 0.33, 0.39, 0.54, 0.62),
        "mean_pressure_mmhg.pace_12h": (-0.08, -0.09, -0.21, -0.25, -0.11, 0.21, 0.35),
        "shock_index.last": (0.08, -0.04, -0.16, -0.33, -0.26, -0.30),
        "breaths_per_saturation.last": (-0.22, 0.12, -0.11, -0.34, -0.29, -0.36),
        "news2_points.last": (0.16, 0.22, 0.30, 0.36, 0.34, 0.02),
        "signs_measured.spread_12h": (-0.11, -0.04, -0.06, -0.12, 0.16),
        "signs_measured.spread_24h": (-0.36, 0.05, 0.13, -0.01, 0.02),
    }
)
"""Log-odds at the points of `risk_shapes.SHAPES`."""
SHARES: Final[Mapping[str, tuple[float, ...]]] = MappingProxyType(
    {
        "age_years": (0.035, 0.085, 0.156, 0.220, 0.242, 0.211, 0.051),
        "is_male": (0.413, 0.587),
        "heart_rate_bpm.last": (0.026, 0.097, 0.179, 0.228, 0.212, 0.158, 0.078, 0.021),
        "heart_rate_bpm.over_day": (0.046, 0.140, 0.210, 0.254, 0.184, 0.117, 0.049),
        "heart_rate_bpm.over_three_days": (0.052, 0.142, 0.205, 0.248, 0.181, 0.119, 0.054),
        "heart_rate_bpm.slope_6h": (0.053, 0.227, 0.449, 0.222, 0.049),
        "heart_rate_bpm.pace_12h": (0.000, 0.000, 0.001, 0.006, 0.025, 0.100, 0.869),
        "respiratory_rate_bpm.last": (0.063, 0.149, 0.235, 0.220, 0.175, 0.103, 0.051),
        "respiratory_rate_bpm.level_day": (0.024, 0.136, 0.307, 0.270, 0.166, 0.073, 0.021),
        "respiratory_rate_bpm.level_three_days": (0.025, 0.135, 0.309, 0.272, 0.165, 0.070, 0.020),
        "respiratory_rate_bpm.over_three_days": (0.039, 0.126, 0.188, 0.229, 0.188, 0.150, 0.077),
        "respiratory_rate_bpm.slope_6h": (0.043, 0.198, 0.483, 0.217, 0.056),
        "respiratory_rate_bpm.pace_48h": (0.003, 0.001, 0.003, 0.008, 0.025, 0.156, 0.804),
        "temperature_celsius.last": (0.028, 0.153, 0.276, 0.281, 0.150, 0.041, 0.011),
        "temperature_celsius.most_48h": (0.010, 0.060, 0.174, 0.284, 0.243, 0.121, 0.049),
        "temperature_celsius.slope_24h": (0.025, 0.094, 0.142, 0.302, 0.151, 0.131, 0.068, 0.027),
        "temperature_celsius.slope_48h": (0.020, 0.059, 0.127, 0.336, 0.176, 0.128, 0.066, 0.027),
        "temperature_celsius.age_h": (0.359, 0.199, 0.241, 0.120, 0.019, 0.062),
        "temperature_celsius.pace_12h": (0.068, 0.079, 0.461, 0.142, 0.052, 0.024, 0.174),
        "temperature_celsius.pace_48h": (0.063, 0.079, 0.441, 0.153, 0.059, 0.038, 0.168),
        "spo2_percent.last": (0.011, 0.037, 0.123, 0.226, 0.283, 0.318),
        "spo2_percent.least_6h": (0.036, 0.099, 0.224, 0.253, 0.220, 0.162),
        "spo2_percent.most_6h": (0.002, 0.005, 0.034, 0.128, 0.280, 0.544),
        "spo2_percent.pace_12h": (0.004, 0.003, 0.007, 0.017, 0.042, 0.132, 0.796),
        "systolic_mmhg.last": (0.009, 0.040, 0.119, 0.216, 0.279, 0.202, 0.100),
        "systolic_mmhg.least_6h": (0.028, 0.106, 0.216, 0.244, 0.216, 0.109, 0.031),
        "systolic_mmhg.least_24h": (0.064, 0.185, 0.263, 0.228, 0.152, 0.059, 0.013),
        "systolic_mmhg.spread_24h": (0.038, 0.086, 0.275, 0.297, 0.199, 0.069),
        "mean_pressure_mmhg.least_6h": (0.035, 0.172, 0.328, 0.291, 0.136, 0.034),
        "mean_pressure_mmhg.slope_24h": (0.026, 0.101, 0.241, 0.309, 0.230, 0.074, 0.019),
        "mean_pressure_mmhg.pace_12h": (0.003, 0.001, 0.003, 0.013, 0.040, 0.140, 0.800),
        "shock_index.last": (0.089, 0.237, 0.287, 0.205, 0.101, 0.045),
        "breaths_per_saturation.last": (0.046, 0.182, 0.293, 0.265, 0.158, 0.051),
        "news2_points.last": (0.206, 0.289, 0.309, 0.146, 0.042, 0.008),
        "signs_measured.spread_12h": (0.155, 0.394, 0.218, 0.130, 0.103),
        "signs_measured.spread_24h": (0.146, 0.335, 0.238, 0.186, 0.096),
    }
)
"""The share of hours that lay at each point, between two of them in proportion; what is left was not known. Of every twelfth of those
patients, 62,330 hours. A score's parts are told against their average, until lessons of the ward take its place."""
