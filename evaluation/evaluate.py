"""The evaluation of one or more sets: replays each, asks every scorer, and makes the report that is printed and kept as JSON."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evaluation import hypoxaemia, night_rows
from evaluation.alert_sweep import REPEAT_HOURS, course_of, from_first_row
from evaluation.datasets import find_set
from evaluation.differences import differences
from evaluation.durations import Durations
from evaluation.figures import BUDGETS, Measured, ScorerFigures, Subject
from evaluation.groups import ARRIVAL_GROUPS, gaps, groups_of
from evaluation.intervals import CONFIDENCE, RESAMPLES, Bootstrap
from evaluation.labelled import Recorded
from evaluation.live_scorer import LiveScorer, population_model, population_model_name, settings_of
from evaluation.orders import Plan, Tell, in_orders, unmoved_by_order
from evaluation.provenance import code_of
from evaluation.replay import Replayed
from evaluation.scorers import facts_of
from evaluation.sepsis_utility import utility_of
from runtime.clock import Clock
from vitals.errors import InvalidArgument

SEEDS_MAX = 50
_SPREAD_FIGURES = (
    "auroc",
    "auprc",
    "brier",
    "ece",
    "utility",
    "sensitivity_at_0.5",
    "sensitivity_at_1",
    "sensitivity_at_2",
    "ppv_at_1",
    "alerts_per_patient_day_at_exactly_half",
    "fewer_alerts_than_news2_percent",
    "auroc_above_news2",
)
_DIGITS = 6
_SPEAKS_SHARE = 0.9
"""A score that says less often something than this is told of in a note."""
_ALL_SITES = "all"
_COMPARED_WITH = "news2_partial"
_AUDITED_AT = "threshold_at_1"


def command_of(plan: Plan) -> str:
    """The command line that makes this report, with sets by the names of their folders."""
    words = ["wardlight evaluate", *(path.name for path in plan.datasets)]
    words += [f"--after {path.name}" for path in plan.after]
    words += [f"--prior {plan.prior}", *(f"--seed {seed}" for seed in plan.seeds)]
    words += [] if plan.reference else ["--no-reference"]
    return " ".join([*words, "--json"])


def evaluate(plan: Plan, tell: Tell, clock: Clock | None = None) -> dict[str, Any]:
    """The whole report, ready for JSON, with durations where there is a clock; raises InvalidArgument in one sentence."""
    if clock is None:
        return _evaluated(plan, tell)
    durations = Durations(tell, clock)
    return _evaluated(plan, durations.tell) | {"durations_s": durations.seconds()}


def _evaluated(plan: Plan, tell: Tell) -> dict[str, Any]:
    if not 1 <= len(plan.seeds) <= SEEDS_MAX or len(set(plan.seeds)) < len(plan.seeds):
        raise InvalidArgument(f"Give 1 to {SEEDS_MAX} seeds, each once.")
    model = population_model(plan.prior)
    found = [find_set(path) for path in plan.datasets]
    before = [find_set(path).read(_named(tell, f"reading {path.name}")) for path in plan.after]
    report: dict[str, Any] = {
        "command": command_of(plan),
        "prior": plan.prior,
        "after": [recorded.name for recorded in before],
        "seeds": list(plan.seeds),
        "code": code_of(),
        "settings": settings_of(model)
        | {
            "resamples": RESAMPLES,
            "confidence": CONFIDENCE,
            "alerts_per_patient_day": BUDGETS,
            "repeat_hours": REPEAT_HOURS,
        },
        "model_version": LiveScorer().model_version,
        "population_model": population_model_name(),
        "datasets": [],
        "rows": [],
        "differences": [],
        "occult_hypoxaemia": [],
        "notes": [],
    }
    for each in found:
        if each.kind == night_rows.DATASET:
            _nights(each.path, report, tell)
            continue
        recorded = each.read(_named(tell, f"reading {each.path.name}"))
        report["datasets"].append(_described(recorded, each.path))
        _one_set(recorded, before, plan, report, tell)
    report["gaps"] = gaps(report["rows"])
    report["over_seeds"] = _over_seeds(report["rows"])
    finite: dict[str, Any] = _for_json(report)
    return finite


def _nights(path: Path, report: dict[str, Any], tell: Tell) -> None:
    rows = list(night_rows.rows(path, _named(tell, f"counting nights of {path.name}")))
    report["rows"] += [row | {"seed": None} for row in rows]
    report["datasets"].append(
        {
            "dataset": night_rows.DATASET,
            "folder": path.name,
            "rows": rows[0]["n"],
            "patients": rows[0]["people"],
            "sites": [night_rows.SITE],
            "outcome": night_rows.OUTCOME,
            "patients_with_outcome": rows[0]["infections"],
            "refused_values": None,
        }
    )


def _one_set(recorded: Recorded, before: Sequence[Recorded], plan: Plan, report: dict[str, Any], tell: Tell) -> None:
    report["notes"] += _known_before(recorded, before)
    if recorded.without_rows:
        report["notes"].append(
            f"{recorded.without_rows:,} files of {recorded.name} hold a header and no row: these patients are passed over."
        )
    unmoved = unmoved_by_order(recorded, plan, report["notes"], tell)
    for replayed in in_orders(recorded, before, plan, tell):
        whole = replayed._replace(scores=replayed.scores | unmoved)
        is_first = replayed.seed == plan.seeds[0]
        rows = _rows(recorded, whole, tell, report["differences"], every_group=is_first)
        report["rows"] += rows
        if is_first:
            _tell_silent(rows, recorded, report["notes"])
            report["occult_hypoxaemia"] += _audited(recorded, whole, rows)


def _known_before(recorded: Recorded, before: Sequence[Recorded]) -> Iterator[str]:
    """A sentence for each set learned from before that holds patients of this one."""
    mine = recorded.courses() if before else ()
    for other in before:
        theirs = {*other.courses()}
        again = sum(course in theirs for course in mine)
        if again:
            yield (
                f"{again:,} of {len(mine):,} patients of {recorded.name} are also in {other.name}, which was learned from"
                " before: figures of a model that learned from whom it is judged by say nothing of anybody else."
            )


def _rows(
    recorded: Recorded, replayed: Replayed, tell: Tell, differing: list[dict[str, Any]], *, every_group: bool
) -> list[dict[str, Any]]:
    subject = _subject(recorded, replayed)
    sites = np.array(recorded.site)
    names = sorted(set(recorded.site))
    places = [(name, sites == name) for name in names]
    if len(names) > 1:
        places.insert(0, (_ALL_SITES, np.ones(len(sites), dtype=bool)))
    rows: list[dict[str, Any]] = []
    areas: dict[str, dict[str, Mapping[str, Measured]]] = {site: {} for site, _ in places}
    for number, (name, scores) in enumerate(replayed.scores.items()):
        tell(f"seed {replayed.seed}: measuring", number, len(replayed.scores))
        for site, at_site in places:
            figures = ScorerFigures(name, scores, subject)
            areas[site][name] = figures.areas
            rows += [
                {"dataset": recorded.name, "site": site, "seed": replayed.seed} | figures.row(group)
                for group in groups_of(recorded, replayed.arrival, at_site)
                if every_group or group.own_threshold
            ]
    differing += [
        {"dataset": recorded.name, "site": site, "seed": replayed.seed} | each
        for site, by_name in areas.items()
        for each in differences(by_name, ARRIVAL_GROUPS)
    ]
    _compare(rows)
    return rows


def _subject(recorded: Recorded, replayed: Replayed) -> Subject:
    course = course_of(recorded)
    truth = recorded.truth
    nothing = np.zeros(recorded.rows, dtype=bool)
    positive = nothing if truth is None else truth.positive
    utility = None
    if truth is not None and recorded.has_utility:
        utility = utility_of(recorded.at_ms, recorded.first, truth.onset_ms)
    return Subject(
        course=course,
        positive=positive,
        labelled=truth is not None,
        with_outcome=np.bincount(course.patient_of[positive], minlength=course.patients) > 0,
        utility=utility,
        arrival=replayed.arrival.astype(np.float64),
        bootstrap=Bootstrap(course.patients, seed=replayed.seed),
    )


def _compare(rows: list[dict[str, Any]]) -> None:
    """Beside NEWS2 of the same run: by how much each scorer's AUROC lies above, and how many alerts it spares where both catch half."""
    beside = {(row["site"], row["group"]): row for row in rows if row["scorer"] == _COMPARED_WITH}
    for row in rows:
        news2 = beside.get((row["site"], row["group"]), {})
        ours, theirs = (each.get("alerts_per_patient_day_at_exactly_half") for each in (row, news2))
        if ours is not None and theirs:
            row["fewer_alerts_than_news2_percent"] = 100 * (1 - ours / theirs)
        if row["auroc"] is not None and news2.get("auroc") is not None:
            row["auroc_above_news2"] = row["auroc"] - news2["auroc"]


def _tell_silent(rows: Sequence[Mapping[str, Any]], recorded: Recorded, notes: list[str]) -> None:
    """Notes of who says nothing, or late, in the set as a whole; and at a site, where that is not so of all."""
    everybody = [row for row in rows if row["group"] == "all"]
    silent = {(row["scorer"], row["site"]) for row in everybody if not row["scored_share"]}
    whole = everybody[0]["site"]
    has_sites = whole == _ALL_SITES
    for row in everybody:
        name, site = row["scorer"], row["site"]
        at_site = "" if site == whole else f" at site {site}"
        if (name, site) in silent:
            if site == whole or (name, whole) not in silent:
                notes.append(f"{facts_of(name).label} ({name}) never says anything on {recorded.name}{at_site}.")
        elif row["scored_share"] < _SPEAKS_SHARE:
            where = " at all sites together" if has_sites and site == whole else at_site
            notes.append(
                f"{name} speaks in {100 * row['scored_share']:.0f} % of the hours of {recorded.name}{where}: AUROC and AUPRC are"
                " over those, alerts over all; where long stays differ from short ones, to begin late is itself a hint of the"
                " outcome."
            )


def _audited(recorded: Recorded, replayed: Replayed, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    thresholds = {
        row["scorer"]: row.get(_AUDITED_AT) for row in rows if row["group"] == "all" and row["site"] == rows[0]["site"]
    }
    alarms = {name: (level, replayed.scores[name]) for name, level in thresholds.items() if level is not None}
    bootstrap = Bootstrap(len(recorded.patients), seed=replayed.seed)
    return [{"dataset": recorded.name} | each for each in hypoxaemia.audit(recorded, alarms, bootstrap=bootstrap)]


def _described(recorded: Recorded, path: Path) -> dict[str, Any]:
    truth = recorded.truth
    return {
        "dataset": recorded.name,
        "folder": path.name,
        "rows": recorded.rows,
        "patients": len(recorded.patients),
        "sites": sorted(set(recorded.site)),
        "outcome": None if truth is None else truth.outcome,
        "horizon_hours": None if truth is None else truth.horizon_ms / 3_600_000,
        "positive_rows": None if truth is None else int(truth.positive.sum()),
        "patients_with_outcome": None if truth is None else len(np.unique(recorded.patient_of[truth.positive])),
        "outcome_from_first_row": None if truth is None else int(from_first_row(truth, recorded.first).sum()),
        "refused_values": recorded.refused,
        "signs_absent": sorted(sign.value for sign, values in recorded.signs.items() if not np.isfinite(values).any()),
    }


def _over_seeds(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Mean, standard deviation and range over seeds, where there is more than one."""
    found: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault((row["dataset"], row["scorer"], row["site"], row["group"]), []).append(row)
    told = []
    for (dataset, scorer, site, group), members in found.items():
        if len(members) < 2:
            continue
        figures = {}
        for figure in _SPREAD_FIGURES:
            values = [row[figure] for row in members if row.get(figure) is not None]
            if values:
                figures[figure] = {
                    "mean": float(np.mean(values)),
                    "sd": float(np.std(values, ddof=1)) if len(values) > 1 else None,
                    "min": min(values),
                    "max": max(values),
                }
        told.append(
            {"dataset": dataset, "scorer": scorer, "site": site, "group": group, "seeds": len(members)} | figures
        )
    return told


def _for_json(value: Any) -> Any:  # noqa: ANN401 - whatever the report holds
    """Figures to six digits; what is not finite is null."""
    if isinstance(value, Mapping):
        return {key: _for_json(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_for_json(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return round(value, _DIGITS) if math.isfinite(value) else None
    return value


def _named(tell: Tell, title: str) -> Callable[[int, int], None]:
    def progress(done: int, total: int) -> None:
        tell(title, done, total)

    return progress
