"""The model card, made from the JSON of one or more evaluations: no figure in it was typed by hand.

Its parts follow Mitchell et al., Model Cards for Model Reporting (FAT* 2019), and what online learners need beside: what it
learns from, when it stops, how it is reset. What is said in words is here; what was measured is in the reports.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evaluation.groups import PATIENTS_WITH_LABEL_MIN
from evaluation.model_card_tables import count, figures, table

_BEFORE = """# Model card

Made from the reports of `wardlight evaluate` by `wardlight model-card`; figures are theirs, to be made again by the command
beside them. What the card says of the reports is kept in [model-card.json](model-card.json), and a test holds the card to it.
What each figure means stands in [evaluation](evaluation.md), how the models work in [learning](learning.md).

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
        lines += figures(report)
    lines.append(_AFTER)
    return "\n".join(lines)


def _data(report: Mapping[str, Any]) -> Iterator[str]:
    yield f"\n`{report['command']}`\n"
    yield from table(
        ("set", "sites", "rows", "patients", "outcome", "with it", "from their first row on"),
        (
            (
                each["dataset"],
                ", ".join(each["sites"]),
                count(each["rows"]),
                count(each["patients"]),
                each["outcome"] or "none recorded",
                count(each.get("patients_with_outcome")),
                count(each.get("outcome_from_first_row")),
            )
            for each in report["datasets"]
        ),
    )
    learned = f"after learning from {', '.join(report['after'])}" if report["after"] else "nothing learned before"
    yield f"\nPrior: {report['prior']}; {learned}; seeds {', '.join(map(str, report['seeds']))}. {_made_by(report)}"


def _made_by(report: Mapping[str, Any]) -> str:
    code, seconds = report["code"], report.get("durations_s", {}).get("total")
    at = "" if code["commit"] is None else f", commit {code['commit'][:12]}"
    libraries = ", ".join(f"{name} {code[name]}" for name in ("python", "river", "numpy") if code.get(name))
    took = "" if seconds is None else f"; took {seconds / 60:.0f} min"
    return f"Code {code['code']} (version {code['version']}{at}), {libraries}{took}."
