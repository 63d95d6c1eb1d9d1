"""Tiny recording sets, as files in the publishers' formats and as columns."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from evaluation.labelled import HOUR_MS, Array, Recorded, truth_before
from vitals.sign import Sign

PSV_HEADER = (
    "HR|O2Sat|Temp|SBP|MAP|DBP|Resp|EtCO2|BaseExcess|HCO3|FiO2|pH|PaCO2|SaO2|AST|BUN|Alkalinephos|Calcium|Chloride|Creatinine"
    "|Bilirubin_direct|Glucose|Lactate|Magnesium|Phosphate|Potassium|Bilirubin_total|TroponinI|Hct|Hgb|PTT|WBC|Fibrinogen"
    "|Platelets|Age|Gender|Unit1|Unit2|HospAdmTime|ICULOS|SepsisLabel"
)


def write_psv(file: Path, hours: Sequence[Mapping[str, float]]) -> None:
    """One patient of PhysioNet 2019; what an hour does not name is NaN, its number counts from 1."""
    lines = [PSV_HEADER]
    for number, hour in enumerate(hours, start=1):
        values = {"Age": 60.5, "Gender": 1, "HospAdmTime": -1, "ICULOS": number, "SepsisLabel": 0, **hour}
        lines.append("|".join(str(values.get(name, "NaN")) for name in PSV_HEADER.split("|")))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n")


def write_sepsis_set(folder: Path, *, patients: int = 20, hours: int = 20, septic_every: int = 4) -> None:
    """Patients of whom every `septic_every`th worsens from hour 8 on and is labelled from hour 12 on."""
    noise = np.random.default_rng(3)
    for patient in range(patients):
        septic = patient % septic_every == 0
        course = []
        for hour in range(hours):
            worse = max(0, hour - 8) if septic else 0
            course.append(
                {
                    "HR": round(80 + 3 * worse + float(noise.normal(0, 4))),
                    "O2Sat": 97 - worse // 3,
                    "Resp": 16 + worse,
                    "SBP": 120 - 3 * worse,
                    "Gender": patient % 2,
                    "Age": 30 + 3 * patient,
                    "SepsisLabel": int(septic and hour >= 12),
                }
            )
        write_psv(folder / f"p{patient:06d}.psv", course)


def recorded(
    courses: Sequence[Sequence[float]], *, onset_hours: Sequence[float | None], sign: Sign = Sign.HEART_RATE
) -> Recorded:
    """Hourly courses of one sign (NaN: not measured) as a set whose label turns six hours before the outcome."""
    first = np.cumsum([0, *map(len, courses)])
    at_ms = np.concatenate([np.arange(len(course)) for course in courses]) * HOUR_MS
    onset: Array = np.array([np.nan if hour is None else hour * HOUR_MS for hour in onset_hours])
    truth = truth_before(at_ms, first, onset, outcome="made up", horizon_ms=6 * HOUR_MS, early_ms=12 * HOUR_MS)
    people = len(courses)
    return Recorded(
        name="made",
        patients=tuple(f"p{number}" for number in range(people)),
        first=first,
        at_ms=at_ms,
        signs={sign: np.concatenate([np.asarray(course, dtype=np.float64) for course in courses])},
        truth=truth,
        site=("A",) * people,
        age_years=np.full(people, 60.0),
        sex=("female",) * people,
        groups={},
        sao2_percent=None,
        has_utility=True,
        refused=0,
    )
