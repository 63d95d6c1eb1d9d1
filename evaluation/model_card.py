"""The model card, made from the JSON of one or more evaluations: no figure in it was typed by hand.

Its parts follow Mitchell et al., Model Cards for Model Reporting (FAT* 2019), and what online learners need beside: what it
learns from, when it stops, how it is reset. What is said in words is here; what was measured is in the reports.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from evaluation.groups import PATIENTS_WITH_LABEL_MIN
from evaluation.scorers import facts_of
from vitals.errors import InvalidArgument

REPORT_BYTES_MAX = 64 * 1024 * 1024
_HEAD = ("all", "second_half")
_FAIR_SCORERS = ("risk", "news2_partial")
_BEFORE = """# Model card

Made from the reports of `wardlight evaluate` by `wardlight model-card`; figures are theirs, to be made again by the command
beside them. What each figure means stands in [evaluation](evaluation.md), how the models work in [learning](learning.md).

## Details

- **What**: online models over vital signs: what is usual for a patient, what is unusual, and the risk of deterioration.
  Written in Python with River; Apache-2.0. Models of these reports: {versions}.
- **Beside, never above, the rules**: NEWS2, hard limits and lost contact go on whatever a model says or if none works;
  a model adds alarms and takes none away ([decision 2](adr/0002-alarms-independent-of-models.md)).

## Intended use

- For adult inpatients under intermittent or continuous monitoring, by staff who also see the signs themselves: to rank
  whom to look at, and to say why. For research and decision support, **not for sole reliance**; not a medical device.
- Not for children (they get Bedside PEWS and no risk), not in labour, not as a ground to leave a patient alone, not to
  decide a treatment, not to compare staff or wards.

## Factors

Age band, sex, hospital and unit are told apart below wherever a set records them; no set here records skin tone, device
model or, but for a small demonstration set, ethnicity. Groups with fewer than {least} patients with the outcome are withheld.

## What it learns from, and when it stops

- **Of the patient**: accepted readings, after the quality gate; nothing that people chart, nothing late, nothing while an
  alarm is near. What stays away is not learned as usual. Withdrawing a device's readings starts its patient's models anew.
- **Of all patients**: outcomes that people chart, and what they say with acknowledgements, as lessons told only after the
  horizon has passed; learning is damped while an alert is unreviewed. The trainer publishes numbered versions; every
  scorer uses the same one, and a promotion is somebody's recorded act.
- **Reset**: an older version can be put in force again; a pipeline whose code changed warms up anew, visibly, and never
  loads what another code learned.
- **Watched by**: progressive scores before learning, calibration, drift and alert rates by group on the reliability page.

## Evaluation data
"""
_AFTER = """
## Ethical considerations

- Recordings come from intensive care of two United States hospitals at most, years ago; what is rare there, the model has
  not seen. Labels say when clinicians acted (cultures, antibiotics, organ scores), so they carry what was done, to whom.
- An oximeter overestimates in dark skin (Sjoding et al., NEJM 2020;383:2477). No SpO2 is corrected by anybody's looks; the
  audit above asks whether scores sleep through such hours. Without recorded skin tone it cannot say for whom.
- Alarms cost attention: budgets are per patient and day, and what a budget buys is told with it.

## Caveats

- A figure from one hospital is no promise for another: look at the rows by site, and measure at your own.
- Hourly charted values are not a wearable's signal. On a ward, prevalence is lower, and precision with it.
- **The model was shaped on these very patients.** Features and settings of the risk model were chosen, over many trials, on four
  fifths of hospital A of the sepsis set ([learning](learning.md#risk)), and the shipped prior was fitted to all of it. `--prior none` keeps
  what was learned out of the figures, not what was chosen. Figures of hospital A are therefore optimistic, and no test; only another hospital is.
- **How long somebody has been there tells much in that set**: nearly all of its stays beyond 60 hours are septic, so that the hour alone, with no sign
  at all, reaches about the average precision of the risk model. No feature counts hours, but trends and the pace of measuring can follow the course of a stay.
  So do not read AUPRC, PPV or alerts spared as what the signs alone are worth; the gain over NEWS2 is smaller where only hours equally long after the beginning are compared.
- Seeds shuffle the same patients: their spread is that of the order, not of patients. The intervals are.
- How many alerts are spared depends on what an alert is; told once a shift was our choice, made before the risk model was first measured. Other definitions were not tried on it.
- The challenger `river_logistic` was not tuned; what the champion gains over it is not what it would gain over the best that River can do.
- Nights: six people. The rule was chosen after some thirty variants had been looked at on them ([learning](learning.md#nights)).
"""


def model_card(reports: Sequence[Mapping[str, Any]]) -> str:
    """The card as Markdown."""
    named = [report.get(key) for report in reports for key in ("model_version", "population_model")]
    versions = ", ".join(f"`{name}`" for name in dict.fromkeys(named) if name is not None)
    lines = [_BEFORE.format(versions=versions, least=PATIENTS_WITH_LABEL_MIN)]
    for report in reports:
        lines += _data(report)
    lines.append("\n## Metrics and quantitative analyses")
    for report in reports:
        lines += _figures(report)
    lines.append(_AFTER)
    return "\n".join(lines)


def read_report(file: Path) -> Mapping[str, Any]:
    """One report; raises InvalidArgument where the file is none."""
    try:
        if file.stat().st_size > REPORT_BYTES_MAX:
            raise InvalidArgument(f"{file} is larger than any report of wardlight evaluate.")
        report = msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError) as error:
        raise InvalidArgument(f"{file} is no report of wardlight evaluate --json: {error}.") from error
    missing = {
        "command",
        "rows",
        "datasets",
        "gaps",
        "over_seeds",
        "notes",
        "model_version",
    } - report.keys()
    if missing:
        raise InvalidArgument(
            f"{file} is no report of wardlight evaluate --json: it lacks {', '.join(sorted(missing))}."
        )
    return report


def _data(report: Mapping[str, Any]) -> Iterator[str]:
    yield f"\n`{report['command']}`\n"
    yield from _table(
        ("set", "sites", "rows", "patients", "outcome", "with it", "from their first row on"),
        (
            (
                each["dataset"],
                ", ".join(each["sites"]),
                _count(each["rows"]),
                _count(each["patients"]),
                each["outcome"] or "none recorded",
                _count(each.get("patients_with_outcome")),
                _count(each.get("outcome_from_first_row")),
            )
            for each in report["datasets"]
        ),
    )
    learned = f"after learning from {', '.join(report['after'])}" if report["after"] else "nothing learned before"
    yield f"\nPrior: {report['prior']}; {learned}; seeds {', '.join(map(str, report['seeds']))}."


def _figures(report: Mapping[str, Any]) -> Iterator[str]:
    yield f"\n### `{report['command']}`\n"
    first = report["seeds"][0]
    rows = [row for row in report["rows"] if row["seed"] == first]
    head = [row for row in rows if row["group"] in _HEAD and row["scored_share"] and row["prevalence"] is not None]
    if head:
        yield f"Of the patients in the order of seed {first}, with 95 % intervals by patient:\n"
        yield from _worth(head)
        yield "\nAt one alert per patient-day, and where half of the patients are caught before the outcome:\n"
        yield from _cost(head)
    yield from _loads([row for row in rows if row.get("threshold_at_usual") is not None and row["prevalence"] is None])
    yield from _spread(report)
    yield from _calibration(rows)
    yield from _fairness(rows, report["gaps"], first)
    yield from _hypoxaemia(report.get("occult_hypoxaemia", ()))
    yield from _nights([row for row in report["rows"] if "infections" in row])
    for note in report["notes"]:
        yield f"\n- {note}"


def _worth(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield from _table(
        ("site", "group", "score", "hours", "speaks in", "AUROC", "AUPRC", "utility"),
        (
            (
                row["site"],
                row["group"],
                facts_of(row["scorer"]).label,
                _count(row["n"]),
                f"{100 * row['scored_share']:.0f} %",
                _between(row, "auroc"),
                _between(row, "auprc"),
                _between(row, "utility"),
            )
            for row in rows
        ),
    )


def _cost(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield from _table(
        (
            "site",
            "group",
            "score",
            "caught",
            "PPV",
            "lead, hours",
            "time in alarm",
            "alerts a day at half",
            "fewer than NEWS2",
        ),
        (
            (
                row["site"],
                row["group"],
                facts_of(row["scorer"]).label,
                _between(row, "sensitivity_at_1"),
                _between(row, "ppv_at_1"),
                _lead(row.get("lead_time_hours_at_1")),
                _figure(row.get("time_in_alarm_at_1")),
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
        yield from _table(
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
        names = ("auroc", "auprc", "ece", "utility", "fewer_alerts_than_news2_percent")
        yield from _table(
            ("site", "group", "score", "AUROC", "AUPRC", "ECE", "utility", "alerts fewer than NEWS2, %"),
            (
                (
                    row["site"],
                    row["group"],
                    facts_of(row["scorer"]).label,
                    *(_over_seeds(row.get(name)) for name in names),
                )
                for row in rows
            ),
        )


def _calibration(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for row in rows:
        if row["scorer"] == "risk" and row["group"] == "second_half" and row.get("reliability"):
            yield f"\nCalibration of the risk, {row['site']}, {row['group']}: ECE {_figure(row['ece'])}, Brier {_figure(row['brier'])}.\n"
            yield from _table(
                ("told, mean", "observed", "hours"),
                (
                    (_figure(each["predicted"]), _figure(each["observed"]), _count(each["n"]))
                    for each in row["reliability"]
                ),
            )


def _fairness(rows: Sequence[Mapping[str, Any]], gaps: Sequence[Mapping[str, Any]], seed: int) -> Iterator[str]:
    groups = [row for row in rows if row["grouping"] and row["scorer"] in _FAIR_SCORERS and row["scored_share"]]
    if not groups:
        return
    yield "\nBy group, at the threshold that gives the whole site one alert per patient-day:\n"
    yield from _table(
        ("site", "group", "score", "patients", "with outcome", "AUROC", "caught", "PPV", "alerts a day", "ECE"),
        (
            (
                row["site"],
                row["group"],
                facts_of(row["scorer"]).label,
                _count(row["patients"]),
                row["withheld"] if "withheld" in row else _count(row["patients_with_outcome"]),
                _between(row, "auroc"),
                _between(row, "sensitivity_at_1"),
                _figure(row.get("ppv_at_1")),
                _figure(row.get("alerts_per_patient_day_at_1")),
                _figure(row.get("ece")),
            )
            for row in groups
        ),
    )
    told = [gap for gap in gaps if gap["scorer"] in _FAIR_SCORERS and gap["seed"] == seed]
    if told:
        yield "\nThe widest gaps between groups of one kind:\n"
        yield from _table(
            ("site", "score", "groups by", "figure", "lowest", "highest", "gap"),
            (
                (
                    gap["site"],
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


def _hypoxaemia(audited: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if audited:
        yield "\nOccult hypoxaemia (SpO2 92 to 96 % with SaO2 below 88 %), and alarms in those hours and in others of that SpO2:\n"
        yield from _table(
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
                    _count(each["pairs"]),
                    _count(each["patients"]),
                    f"{100 * each['occult_share']:.1f} %",
                    _count(each["left_out_as_venous"]),
                    *(_asleep(each["in_alarm"].get(scorer)) for scorer in _FAIR_SCORERS),
                )
                for each in audited
            ),
        )


def _nights(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if rows:
        yield "\nNights of smartwatches; counts, since the set is small:\n"
        yield from _table(
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


def _table(columns: Sequence[str], rows: Iterator[tuple[str, ...]] | Any) -> Iterator[str]:  # noqa: ANN401 - rows of texts
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


def _lead(lead: Mapping[str, Any] | None) -> str:
    return "" if lead is None else f"{lead['median']:.0f} ({lead['q25']:.0f} to {lead['q75']:.0f})"


def _asleep(alarms: Mapping[str, Any] | None) -> str:
    return "" if alarms is None else f"{100 * alarms['occult']:.0f} %, {100 * alarms['other']:.0f} %"


def _end(end: Mapping[str, Any]) -> str:
    return f"{end['group']}: {end['value']:.3f} (n {end['patients']:,})"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.0f} %"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"
