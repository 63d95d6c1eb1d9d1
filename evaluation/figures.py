"""All figures of one scorer on one set: a row of the report per group, each figure with its confidence interval."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from evaluation import alert_sweep
from evaluation.alert_sweep import AtRecall, Course, PerPatient, Sweep, per_patient
from evaluation.discrimination import (
    auprc,
    auroc,
    bins_of,
    brier,
    curve_of_ordered,
    expected_calibration_error,
    reliability,
)
from evaluation.groups import PATIENTS_WITH_LABEL_MIN, Group
from evaluation.intervals import Bootstrap, Histogram, around
from evaluation.labelled import Array, Bools
from evaluation.scorers import facts_of
from evaluation.sepsis_utility import Utility, progressive_alarms

BUDGETS = (0.5, 1.0, 2.0)
"""Alerts per patient-day."""
RECALL = 0.5
_EVERYBODY_ELSE_SEES_THE_SAME = "all"


class Subject(NamedTuple):
    """What is scored: one set in one order of arrival."""

    course: Course
    positive: Bools
    labelled: bool
    with_outcome: Bools
    """Per patient: a positive row."""
    utility: Utility | None
    arrival: Array
    bootstrap: Bootstrap


class Measured(NamedTuple):
    """Areas of one scorer over one group, by the figure's name."""

    exact: Mapping[str, float]
    binned: Mapping[str, float]
    drawn: Mapping[str, Array]


class _Thresholds(NamedTuple):
    at_budget: dict[float, float | None]
    at_half: AtRecall | None


class ScorerFigures:
    """One scorer's figures over one subject; thresholds are found once and held for the groups that share them."""

    def __init__(self, name: str, scores: Array, subject: Subject) -> None:
        self._name = name
        self._facts = facts_of(name)
        self._given = scores
        self._scores = np.where(np.isnan(scores), -np.inf, scores)
        self._subject = subject
        course = subject.course
        said = np.flatnonzero(np.isfinite(scores))
        self._order = said[np.argsort(-scores[said], kind="stable")]
        self._histogram = Histogram(scores[said], subject.positive[said], course.patient_of[said], course.patients)
        self._at: dict[float, PerPatient] = {}
        self.areas: dict[str, Measured] = {}
        """Per group the areas that were measured of it, to be held against those of another scorer."""
        self._shared: _Thresholds | None = None
        self._progressive = None
        if subject.utility is not None:
            self._progressive = progressive_alarms(
                self._scores, subject.utility, course.patient_of, np.asarray(subject.arrival, dtype=np.int64)
            )

    def row(self, group: Group) -> dict[str, Any]:
        """Everything that can be told of the group; figures that cannot be are None."""
        subject = self._subject
        rows = group.chosen[subject.course.patient_of]
        with_outcome = int((group.chosen & subject.with_outcome).sum())
        told: dict[str, Any] = {
            "scorer": self._name,
            "group": group.name,
            "grouping": group.grouping,
            "n": int(rows.sum()),
            "n_scored": int(np.isfinite(self._given[rows]).sum()),
            "patients": int(group.chosen.sum()),
            "patients_with_outcome": with_outcome if subject.labelled else None,
            "prevalence": float(subject.positive[rows].mean()) if subject.labelled else None,
            "scored_share": float(np.isfinite(self._given[rows]).mean()),
            "auroc": None,
            "auprc": None,
        }
        if group.grouping is not None and subject.labelled and with_outcome < PATIENTS_WITH_LABEL_MIN:
            withheld = dict.fromkeys(("patients_with_outcome", "prevalence"))
            return told | withheld | {"withheld": f"fewer than {PATIENTS_WITH_LABEL_MIN} patients with the outcome"}
        if told["scored_share"] == 0:
            return told
        if subject.labelled:
            told |= self._discrimination(group, rows)
            told |= self._calibration(rows)
            told |= self._utility(group)
        return told | dict(self._alerts(group) if subject.labelled else self._at_usual(group))

    def _discrimination(self, group: Group, rows: Bools) -> dict[str, Any]:
        order = self._order[rows[self._order]]
        points = curve_of_ordered(self._subject.positive[order], self._scores[order])
        exact_roc, exact_prc = auroc(points), auprc(points)
        binned = self._histogram.whole(group.chosen)
        drawn = self._subject.bootstrap.areas(self._histogram, group.chosen)
        if exact_roc is not None and exact_prc is not None:
            self.areas[group.name] = Measured(
                {"auroc": exact_roc, "auprc": exact_prc},
                {"auroc": float(binned.auroc[0]), "auprc": float(binned.auprc[0])},
                {"auroc": drawn.auroc, "auprc": drawn.auprc},
            )
        return {
            "auroc": exact_roc,
            "auroc_ci": around(drawn.auroc, exact=exact_roc, binned=float(binned.auroc[0])),
            "auprc": exact_prc,
            "auprc_ci": around(drawn.auprc, exact=exact_prc, binned=float(binned.auprc[0])),
        }

    def _calibration(self, rows: Bools) -> dict[str, Any]:
        known = rows & np.isfinite(self._given)
        if not self._facts.is_probability or not known.any():
            return {}
        positive, probability = self._subject.positive[known], self._given[known]
        bins = reliability(positive, probability)
        ece = expected_calibration_error(bins)
        patients, patient_of = self._subject.course.patients, self._subject.course.patient_of[known]
        count = len(bins)
        slot = patient_of * count + np.unique(bins_of(probability), return_inverse=True)[1]
        off = per_patient(slot, patients * count, probability - positive).reshape(patients, count)
        n = per_patient(slot, patients * count).reshape(patients, count)
        came, told, off_squared = (
            per_patient(patient_of, patients, each)
            for each in (positive.astype(np.float64), probability, (probability - positive) ** 2)
        )
        bootstrap, everybody = self._subject.bootstrap, np.ones(patients, dtype=bool)
        return {
            "brier": brier(positive, probability),
            "brier_ci": bootstrap.ratio(off_squared, n.sum(axis=1), everybody),
            "ece": ece,
            "ece_ci": bootstrap.calibration_error(off, n, everybody, exact=ece),
            "mean_predicted": float(probability.mean()),
            "observed_over_predicted": float(came.sum() / told.sum()) if told.sum() else None,
            "observed_over_predicted_ci": bootstrap.ratio(came, told, everybody),
            "reliability": [each._asdict() for each in bins],
        }

    def _utility(self, group: Group) -> dict[str, Any]:
        utility, progressive = self._subject.utility, self._progressive
        if utility is None or progressive is None:
            return {}
        course = self._subject.course
        gained = per_patient(course.patient_of, course.patients, utility.gain * progressive.alarm)
        best = float(utility.best[group.chosen].sum())
        return {
            "utility": float(gained[group.chosen].sum()) / best if best > 0 else None,
            "utility_ci": self._subject.bootstrap.ratio(gained, utility.best, group.chosen),
            "utility_threshold_last": progressive.threshold,
        }

    def _alerts(self, group: Group) -> Iterator[tuple[str, Any]]:
        thresholds = self._thresholds(group)
        for budget in BUDGETS:
            threshold = thresholds.at_budget[budget]
            yield from self._at_threshold(group, threshold, f"_at_{budget:g}")
        yield from self._at_usual(group)
        half = thresholds.at_half
        if half is not None:
            yield from self._at_threshold(group, half.threshold, "_at_half")
            if group.own_threshold:
                yield "alerts_per_patient_day_at_exactly_half", half.interpolated_alerts_per_day

    def _at_usual(self, group: Group) -> Iterator[tuple[str, Any]]:
        """Where the score customarily calls somebody: all that can be told without an outcome."""
        if self._facts.usual_from is not None:
            yield from self._at_threshold(group, self._facts.usual_from, "_at_usual")

    def _at_threshold(self, group: Group, threshold: float | None, suffix: str) -> Iterator[tuple[str, Any]]:
        yield f"threshold{suffix}", threshold
        if threshold is None:
            return
        done = self._at.get(threshold)
        if done is None:
            done = self._at[threshold] = alert_sweep.at_threshold(self._subject.course, self._scores, threshold)
        chosen, bootstrap = group.chosen, self._subject.bootstrap
        days = done.hours / alert_sweep.HOURS_A_DAY
        shares = [
            ("alerts_per_patient_day", done.alerts, days),
            ("time_in_alarm", done.hours_in_alarm, done.hours),
            ("patients_in_alarm", np.minimum(done.alerts, 1.0), np.ones(len(done.alerts))),
        ]
        if self._subject.labelled:
            shares.append(("ppv", done.right_alerts, done.alerts))
            if group.foreseen:
                shares.append(("sensitivity", done.caught, done.catchable))
        for name, over, under in shares:
            below = float(under[chosen].sum())
            yield f"{name}{suffix}", float(over[chosen].sum()) / below if below else None
            yield f"{name}{suffix}_ci", bootstrap.ratio(over, under, chosen)
        lead = done.lead_hours[chosen]
        lead = lead[np.isfinite(lead)]
        if len(lead):
            quartiles = np.quantile(lead, (0.5, 0.25, 0.75)).tolist()
            median_ci = bootstrap.median(done.lead_hours, chosen)
            yield (
                f"lead_time_hours{suffix}",
                dict(zip(("median", "q25", "q75"), quartiles, strict=True)) | {"median_ci": median_ci, "n": len(lead)},
            )

    def _thresholds(self, group: Group) -> _Thresholds:
        if group.own_threshold or self._shared is None:
            found = self._found(group)
            if group.name == _EVERYBODY_ELSE_SEES_THE_SAME:
                self._shared = found
            return found
        return self._shared

    def _found(self, group: Group) -> _Thresholds:
        swept = Sweep(self._subject.course, self._scores, group.chosen)
        return _Thresholds({budget: swept.threshold_at_rate(budget) for budget in BUDGETS}, swept.at_recall(RECALL))
