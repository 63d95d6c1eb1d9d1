"""Occult hypoxaemia: hours in which the oximeter reads 92 to 96 % while arterial saturation is below 88 %.

Oximeters overestimate in dark skin (Sjoding et al., NEJM 2020;383:2477: 11.7 % of pairs of Black, 3.6 % of White patients).
No SpO2 is corrected here; what is asked is whether scores that take SpO2 at its word sleep through those hours.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from evaluation.alert_sweep import per_patient
from evaluation.groups import PATIENTS_WITH_LABEL_MIN, groupings_of
from evaluation.intervals import Bootstrap, Interval
from evaluation.labelled import Array, Bools, Recorded
from vitals.sign import Sign

SPO2_FROM = 92.0
SPO2_THROUGH = 96.0
SAO2_BELOW = 88.0
SAO2_LEAST = 70.0
"""Below it the sample was probably venous: sets mix both under one name. Our choice; how many that leaves out is said."""


def audit(
    recorded: Recorded, alarms: Mapping[str, tuple[float, Array]], *, bootstrap: Bootstrap
) -> list[dict[str, Any]]:
    """Per group how often hypoxaemia was occult, and per scorer how often it alarmed then and in other hours of that SpO2.

    `alarms` holds a threshold and the scores; empty where nobody measured SaO2. Intervals are by patient.
    """
    spo2 = recorded.signs.get(Sign.SPO2)
    sao2 = recorded.sao2_percent
    if spo2 is None or sao2 is None:
        return []
    shown = (spo2 >= SPO2_FROM) & (spo2 <= SPO2_THROUGH) & np.isfinite(sao2)
    venous = shown & (sao2 < SAO2_LEAST)
    pairs = shown & ~venous
    occult = pairs & (sao2 < SAO2_BELOW)
    patient_of, patients = recorded.patient_of, len(recorded.patients)
    everybody = np.ones(patients, dtype=bool)

    def share_ci(hit: Bools, of: Bools) -> Interval | None:
        over, under = (per_patient(patient_of[rows], patients) for rows in (hit & of, of))
        return bootstrap.ratio(over, under, everybody)

    told: list[dict[str, Any]] = []
    groups: list[tuple[str, Any]] = [("all", everybody)]
    for grouping, values in groupings_of(recorded).items():
        groups += [(f"{grouping}={name}", np.array(values) == name) for name in sorted(set(values))]
    for name, chosen in groups:
        mine = chosen[patient_of]
        hit, all_pairs = occult & mine, pairs & mine
        if len(np.unique(patient_of[hit])) < PATIENTS_WITH_LABEL_MIN:
            continue
        told.append(
            {
                "group": name,
                "pairs": int(all_pairs.sum()),
                "patients": len(np.unique(patient_of[all_pairs])),
                "occult": int(hit.sum()),
                "occult_share": float(hit.sum() / all_pairs.sum()),
                "occult_share_ci": share_ci(hit, all_pairs),
                "left_out_as_venous": int((venous & mine).sum()),
                "in_alarm": {
                    scorer: {
                        "threshold": threshold,
                        "occult": float((scores[hit] >= threshold).mean()),
                        "occult_ci": share_ci(scores >= threshold, hit),
                        "other": float((scores[all_pairs & ~hit] >= threshold).mean()),
                        "other_ci": share_ci(scores >= threshold, all_pairs & ~hit),
                    }
                    for scorer, (threshold, scores) in alarms.items()
                },
            }
        )
    return told
