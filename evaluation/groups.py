"""Groups of patients whose figures stand apart: by arrival, by when they fell ill, and by who they are."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from evaluation.alert_sweep import from_first_row
from evaluation.labelled import UNKNOWN, Array, Bools, Ints, Recorded

PATIENTS_WITH_LABEL_MIN = 20
"""Of a group by person fewer patients with the label say nothing, and could be told apart: their figures are withheld."""
ARRIVAL_GROUPS = ("all", "second_half")
AGE_BANDS: tuple[tuple[str, float], ...] = (
    ("under 18", 18),
    ("18-44", 45),
    ("45-64", 65),
    ("65-79", 80),
    ("80+", 1000),
)
"""Each ends before so many years."""
GAP_FIGURES = ("auroc", "sensitivity_at_1", "ppv_at_1", "alerts_per_patient_day_at_1", "time_in_alarm_at_1", "ece")
"""Figures whose spread between groups is told."""


class Group(NamedTuple):
    """Patients of one site under one name."""

    name: str
    chosen: Bools
    """Per patient."""
    grouping: str | None = None
    """What the group is one of, such as `sex`; None for groups that are not by person."""
    own_threshold: bool = False
    """Whether its operating points are its own; others are held to those of all patients of the site, as on one ward."""
    foreseen: bool = True
    """Whether its outcomes lay in the future when the recording began."""


def groups_of(recorded: Recorded, arrival: Ints, at_site: Bools) -> Iterator[Group]:
    """Every group with at least one patient of the site."""
    yield Group("all", at_site, own_threshold=True)
    yield Group("second_half", at_site & (arrival >= len(arrival) // 2), own_threshold=True)
    if recorded.truth is not None:
        early = from_first_row(recorded.truth, recorded.first)
        if (early & at_site).any():
            yield Group("outcome_from_first_row", at_site & early, foreseen=False)
            yield Group("without_outcome_from_first_row", at_site & ~early)
    for grouping, values in groupings_of(recorded).items():
        names = np.array(values)
        found = sorted({*values} - {UNKNOWN})
        for name in found if len(found) > 1 else ():
            chosen = at_site & (names == name)
            if chosen.any():
                yield Group(f"{grouping}={name}", chosen, grouping)


def groupings_of(recorded: Recorded) -> Mapping[str, Sequence[str]]:
    """Per grouping the group of each patient."""
    return {
        "sex": recorded.sex,
        "age": age_bands(recorded.age_years),
        **recorded.groups,
    }


def age_bands(age_years: Array) -> tuple[str, ...]:
    """The band of each age; `unknown` where there is none.

    >>> age_bands(np.array([44.9, 45.0, 80.0, np.nan]))
    ('18-44', '45-64', '80+', 'unknown')
    """
    return tuple(
        UNKNOWN if np.isnan(age) else next(name for name, until in AGE_BANDS if age < until) for age in age_years
    )


def gaps(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Per set, scorer, site, seed and grouping how far the groups lie apart in each figure, lowest and highest by name, with n.

    Sites are a grouping of their own: all patients of one against all of another.
    """
    found: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        if row.get("grouping"):
            found.setdefault((row["dataset"], row["scorer"], row["site"], row["seed"], row["grouping"]), []).append(row)
        elif row["group"] == "all" and row["site"] != "all" and row["seed"] is not None:
            found.setdefault((row["dataset"], row["scorer"], "all", row["seed"], "site"), []).append(row)
    told: list[dict[str, Any]] = []
    for (dataset, scorer, site, seed, grouping), members in found.items():
        for figure in GAP_FIGURES:
            known = [row for row in members if row.get(figure) is not None]
            if len(known) < 2:
                continue
            ordered = sorted(known, key=lambda row: row[figure])
            told.append(
                {
                    "dataset": dataset,
                    "scorer": scorer,
                    "site": site,
                    "seed": seed,
                    "grouping": grouping,
                    "figure": figure,
                    "gap": ordered[-1][figure] - ordered[0][figure],
                    "lowest": _end(ordered[0], grouping, figure),
                    "highest": _end(ordered[-1], grouping, figure),
                    "groups": len(known),
                    "withheld": len(members) - len(known),
                }
            )
    return told


def _end(row: Mapping[str, Any], grouping: str, figure: str) -> dict[str, Any]:
    name = row["site"] if grouping == "site" else row["group"]
    return {
        "group": name,
        "value": row[figure],
        "patients": row["patients"],
        "with_outcome": row["patients_with_outcome"],
    }
