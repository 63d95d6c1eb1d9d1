"""The tables of the model card: what was measured, row by row of the reports."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from evaluation.scorers import facts_of

_HEAD = ("all", "second_half")
_FAIR_SCORERS = ("risk", "news2_partial")


def figures(report: Mapping[str, Any]) -> Iterator[str]:
    """Every table of one report, under the command that makes it."""
    yield f"\n### `{report['command']}`\n"
    first = report["seeds"][0]
    rows = [row for row in report["rows"] if row["seed"] == first]
    head = [row for row in rows if row["group"] in _HEAD and row["scored_share"] and row["prevalence"] is not None]
    if head:
        yield f"Of the patients in the order of seed {first}, with 95 % intervals by patient:\n"
        yield from _worth(head)
        yield "\nWithin so many alerts per patient-day, and where half of the patients are caught before the outcome:\n"
        foreseen = {each["dataset"] for each in report["datasets"] if each.get("horizon_hours")}
        yield from _cost([row for row in head if row["dataset"] in foreseen])
    yield from _ahead([each for each in report["differences"] if each["seed"] == first])
    yield from _loads([row for row in rows if row.get("threshold_at_usual") is not None and row["prevalence"] is None])
    yield from _spread(report)
    yield from _calibration(rows)
    yield from _fairness(rows, report["gaps"], first)
    yield from _hypoxaemia(report.get("occult_hypoxaemia", ()))
    yield from _nights([row for row in report["rows"] if "infections" in row])
    for note in report["notes"]:
        yield f"\n- {note}"


def _worth(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield from table(
        ("site", "group", "score", "hours", "speaks in", "AUROC", "AUPRC", "utility"),
        (
            (
                _place(row),
                row["group"],
                facts_of(row["scorer"]).label,
                count(row["n"]),
                f"{100 * row['scored_share']:.0f} %",
                _between(row, "auroc"),
                _between(row, "auprc"),
                _between(row, "utility"),
            )
            for row in rows
        ),
    )


def _cost(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield from table(
        (
            "site",
            "group",
            "score",
            "caught at 0.5",
            "caught at 1",
            "caught at 2",
            "PPV at 1",
            "lead at 1, hours (interval; quartiles)",
            "time in alarm at 1",
            "alerts a day at half",
            "fewer than NEWS2",
        ),
        (
            (
                _place(row),
                row["group"],
                facts_of(row["scorer"]).label,
                *(_between(row, f"sensitivity_at_{budget}") for budget in ("0.5", "1", "2")),
                _between(row, "ppv_at_1"),
                _lead(row.get("lead_time_hours_at_1")),
                _between(row, "time_in_alarm_at_1"),
                _figure(row.get("alerts_per_patient_day_at_exactly_half")),
                _percent(row.get("fewer_alerts_than_news2_percent")),
            )
            for row in rows
        ),
    )


def _loads(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    everybody = [row for row in rows if row["group"] == "all"]
    if everybody:
        yield "\nWithout an outcome, where each score customarily calls somebody (over minutes, alerts a day say little):\n"
        yield from table(
            ("set", "score", "from", "patients ever in alarm", "time in alarm", "alerts a day"),
            (
                (
                    row["dataset"],
                    facts_of(row["scorer"]).label,
                    f"{row['threshold_at_usual']:g}",
                    _figure(row.get("patients_in_alarm_at_usual")),
                    _figure(row.get("time_in_alarm_at_usual")),
                    _figure(row.get("alerts_per_patient_day_at_usual")),
                )
                for row in everybody
            ),
        )


def _spread(report: Mapping[str, Any]) -> Iterator[str]:
    rows = [row for row in report["over_seeds"] if row["group"] in _HEAD and row["scorer"] in _FAIR_SCORERS]
    if rows:
        yield f"\nOver {len(report['seeds'])} orders of arrival, mean ± standard deviation:\n"
        names = ("auroc", "auroc_above_news2", "auprc", "ece", "utility", "fewer_alerts_than_news2_percent")
        yield from table(
            (
                "site",
                "group",
                "score",
                "AUROC",
                "above NEWS2",
                "AUPRC",
                "ECE",
                "utility",
                "alerts fewer than NEWS2, %",
            ),
            (
                (
                    _place(row),
                    row["group"],
                    facts_of(row["scorer"]).label,
                    *(_over_seeds(row.get(name)) for name in names),
                )
                for row in rows
            ),
        )


def _ahead(differences: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if differences:
        yield "\nThe risk model beside others on the same patients, its difference with 95 % intervals over the same resamples:\n"
        yield from table(
            ("site", "group", "beside", "AUROC, and beside", "ahead by", "AUPRC, and beside", "ahead by"),
            (
                (
                    _place(each),
                    each["group"],
                    facts_of(each["beside"]).label,
                    f"{each['auroc']:.3f}, {each['auroc_beside']:.3f}",
                    _between(each, "auroc_ahead"),
                    f"{each['auprc']:.3f}, {each['auprc_beside']:.3f}",
                    _between(each, "auprc_ahead"),
                )
                for each in differences
            ),
        )


def _calibration(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    told = [row for row in rows if row["group"] in _HEAD and row.get("ece") is not None]
    if told:
        yield "\nCalibration of probabilities; observed over predicted is 1 where as many outcomes came as were told:\n"
        yield from table(
            ("site", "group", "score", "ECE", "Brier", "observed over predicted"),
            (
                (
                    _place(row),
                    row["group"],
                    facts_of(row["scorer"]).label,
                    *(_between(row, name) for name in ("ece", "brier", "observed_over_predicted")),
                )
                for row in told
            ),
        )
    for row in rows:
        if row["scorer"] == "risk" and row["group"] == "second_half" and row.get("reliability"):
            yield f"\nReliability of the risk, {_place(row)}, {row['group']}:\n"
            yield from table(
                ("told, mean", "observed", "hours"),
                (
                    (_figure(each["predicted"]), _figure(each["observed"]), count(each["n"]))
                    for each in row["reliability"]
                ),
            )


def _fairness(rows: Sequence[Mapping[str, Any]], gaps: Sequence[Mapping[str, Any]], seed: int) -> Iterator[str]:
    groups = [row for row in rows if row["grouping"] and row["scorer"] in _FAIR_SCORERS and row["scored_share"]]
    if not groups:
        return
    yield "\nBy group, at the threshold that gives the whole site one alert per patient-day:\n"
    yield from table(
        ("site", "group", "score", "patients", "with outcome", "AUROC", "caught", "PPV", "alerts a day", "ECE"),
        (
            (
                _place(row),
                row["group"],
                facts_of(row["scorer"]).label,
                count(row["patients"]),
                count(row["patients_with_outcome"]),
                _between(row, "auroc"),
                _between(row, "sensitivity_at_1"),
                _figure(row.get("ppv_at_1")),
                _figure(row.get("alerts_per_patient_day_at_1")),
                _figure(row.get("ece")),
            )
            for row in groups
            if "withheld" not in row
        ),
    )
    yield from _withheld([row for row in groups if "withheld" in row and row["scorer"] == _FAIR_SCORERS[-1]])
    told = [gap for gap in gaps if gap["scorer"] in _FAIR_SCORERS and gap["seed"] == seed]
    if told:
        yield "\nThe widest gaps between groups of one kind:\n"
        yield from table(
            ("site", "score", "groups by", "figure", "lowest", "highest", "gap"),
            (
                (
                    _place(gap),
                    facts_of(gap["scorer"]).label,
                    gap["grouping"],
                    gap["figure"],
                    _end(gap["lowest"]),
                    _end(gap["highest"]),
                    _figure(gap["gap"]),
                )
                for gap in told
            ),
        )


def _withheld(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """By name only: how few they are could tell who they are."""
    reasons = {row["withheld"]: f"{row['withheld'][0].upper()}{row['withheld'][1:]}" for row in rows}
    for reason, said in reasons.items():
        names = ", ".join(f"{_place(row)} {row['group']}" for row in rows if row["withheld"] == reason)
        yield f"\n{said}, and so withheld: {names}."


def _hypoxaemia(audited: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if audited:
        yield "\nOccult hypoxaemia (SpO2 92 to 96 % with SaO2 below 88 %), and alarms in those hours and in others of that SpO2:\n"
        yield from table(
            (
                "group",
                "pairs",
                "patients",
                "occult",
                "left out as venous",
                "risk alarms: occult, other",
                "NEWS2: occult, other",
            ),
            (
                (
                    each["group"],
                    count(each["pairs"]),
                    count(each["patients"]),
                    _share(each["occult_share"], each["occult_share_ci"]),
                    count(each["left_out_as_venous"]),
                    *(_asleep(each["in_alarm"].get(scorer)) for scorer in _FAIR_SCORERS),
                )
                for each in audited
            ),
        )


def _nights(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if rows:
        yield "\nNights of smartwatches; counts, since the set is small:\n"
        yield from table(
            ("rule", "infections noticed", "false nights before"),
            (
                (
                    row["rule"],
                    f"{row['infections_noticed']} of {row['infections']}",
                    f"{row['false_nights_before']} of {row['nights_before']}",
                )
                for row in rows
            ),
        )


def table(columns: Sequence[str], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Lines of a Markdown table."""
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _between(row: Mapping[str, Any], name: str) -> str:
    value, interval = row.get(name), row.get(f"{name}_ci")
    if value is None:
        return ""
    return _figure(value) if not interval else f"{value:.3f} ({interval[0]:.3f} to {interval[1]:.3f})"


def _over_seeds(spread: Mapping[str, Any] | None) -> str:
    return "" if spread is None else f"{spread['mean']:.3f} ± {spread['sd'] or 0:.3f}"


def _place(row: Mapping[str, Any]) -> str:
    return f"{row['dataset']} {row['site']}" if row["site"] != row["dataset"] else str(row["site"])


def _lead(lead: Mapping[str, Any] | None) -> str:
    if lead is None:
        return ""
    low, high = lead["median_ci"]
    return f"{lead['median']:.0f} ({low:.0f} to {high:.0f}; {lead['q25']:.0f} to {lead['q75']:.0f})"


def _asleep(alarms: Mapping[str, Any] | None) -> str:
    if alarms is None:
        return ""
    return f"{_share(alarms['occult'], alarms['occult_ci'])}, {_share(alarms['other'], alarms['other_ci'])}"


def _share(share: float, interval: Sequence[float] | None) -> str:
    said = f"{100 * share:.1f} %"
    return said if interval is None else f"{said} ({100 * interval[0]:.1f} to {100 * interval[1]:.1f})"


def _end(end: Mapping[str, Any]) -> str:
    return f"{end['group']}: {end['value']:.3f} (n {end['patients']:,})"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.0f} %"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def count(value: int | None) -> str:
    """With thousands apart; nothing where there is none."""
    return "" if value is None else f"{value:,}"
