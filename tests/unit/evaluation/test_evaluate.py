"""The whole report on tiny sets: its rows, its groups, what it withholds, and what it says of what it cannot tell."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation import evaluate as evaluation
from evaluation import hypoxaemia, offline_reference
from evaluation.column_scorers import held_beyond_limits, rolling_z
from evaluation.datasets import Found
from evaluation.evaluate import evaluate
from evaluation.groups import PATIENTS_WITH_LABEL_MIN, gaps, groups_of
from evaluation.intervals import Bootstrap
from evaluation.labelled import Array, Recorded
from evaluation.model_card import model_card
from evaluation.model_card_reports import kept, read_all, read_reports
from evaluation.orders import Plan
from tests.support.recorded_sets import recorded, write_psv, write_sepsis_set
from tests.support.tree import ROOT
from vitals.errors import InvalidArgument
from vitals.sign import Sign


def unseen(title: str, done: int, total: int) -> None:
    """Progress that nobody looks at."""
    assert title
    assert 0 <= done <= total


def row_of(report: dict[str, Any], scorer: str, group: str, *, seed: int = 1, site: str = "B") -> dict[str, Any]:
    (row,) = (
        row
        for row in report["rows"]
        if (row["scorer"], row["group"], row["seed"], row["site"]) == (scorer, group, seed, site)
    )
    found: dict[str, Any] = row
    return found


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("sets") / "training_setB"
    write_sepsis_set(folder, patients=24, hours=20)
    return evaluate(Plan((folder,), seeds=(1, 2), reference=False), unseen)


def test_a_row_per_scorer_site_group_and_seed(report: dict[str, Any]) -> None:
    names = {row["scorer"] for row in report["rows"]}
    assert {"news2", "news2_partial", "qsofa_partial", "sirs_partial", "mews_partial", "thresholds_15s"} <= names
    everybody = row_of(report, "news2_partial", "all")
    assert (everybody["n"], everybody["patients"], everybody["patients_with_outcome"]) == (480, 24, 6)
    assert everybody["auroc"] > 0.95
    assert everybody["auroc_ci"][0] <= everybody["auroc"] <= everybody["auroc_ci"][1]
    assert row_of(report, "news2_partial", "second_half")["patients"] == 12
    assert everybody["lead_time_hours_at_1"]["median"] > 0


def test_the_order_of_arrival_changes_no_rule_and_several_seeds_have_a_spread(report: dict[str, Any]) -> None:
    first, second = (row_of(report, "mews_partial", "all", seed=seed) for seed in (1, 2))
    assert first["auroc"] == second["auroc"]
    (spread,) = (each for each in report["over_seeds"] if (each["scorer"], each["group"]) == ("mews_partial", "all"))
    assert spread["auroc"]["mean"] == pytest.approx(first["auroc"])
    assert spread["auroc"]["sd"] == 0


def test_news2_beside_itself_spares_nothing_and_what_is_never_complete_says_so(report: dict[str, Any]) -> None:
    assert row_of(report, "news2_partial", "all")["fewer_alerts_than_news2_percent"] == 0
    assert row_of(report, "news2_partial", "all")["auroc_above_news2"] == 0
    risk, news2 = (row_of(report, name, "all")["auroc"] for name in ("risk", "news2_partial"))
    assert row_of(report, "risk", "all")["auroc_above_news2"] == pytest.approx(risk - news2, abs=2e-6)
    assert row_of(report, "news2", "all")["auroc"] is None
    assert any("news2) never says anything" in note for note in report["notes"])


def test_groups_too_small_to_tell_are_withheld_and_said_so(report: dict[str, Any]) -> None:
    women = row_of(report, "news2_partial", "sex=female")
    assert women["auroc"] is None
    assert women["withheld"] == f"fewer than {PATIENTS_WITH_LABEL_MIN} patients with the outcome"
    assert "sensitivity_at_1" not in women


def test_a_set_learned_from_before_is_named_and_changes_no_rule(tmp_path: Path) -> None:
    for name in ("training_setA", "training_setB"):
        write_sepsis_set(tmp_path / name, patients=8, hours=14)
    plan = Plan((tmp_path / "training_setB",), after=(tmp_path / "training_setA",), reference=False)
    after, alone = evaluate(plan, unseen), evaluate(plan._replace(after=()), unseen)
    assert after["after"] == ["sepsis2019"]
    assert row_of(after, "news2_partial", "all")["auroc"] == row_of(alone, "news2_partial", "all")["auroc"]


def test_several_hospitals_in_one_set_have_rows_each_and_together(tmp_path: Path) -> None:
    for name in ("training_setA", "training_setB"):
        write_sepsis_set(tmp_path / name, patients=8, hours=14)
    report = evaluate(Plan((tmp_path,), reference=False), unseen)
    assert {row["site"] for row in report["rows"]} == {"all", "A", "B"}
    assert any(gap["grouping"] == "site" and gap["figure"] == "auroc" for gap in report["gaps"])


def test_a_note_of_several_hospitals_says_of_which_it_speaks(tmp_path: Path) -> None:
    write_sepsis_set(tmp_path / "training_setA", patients=8, hours=14)
    write_sepsis_set(tmp_path / "training_setB", patients=8, hours=14)
    for file in (tmp_path / "training_setB").iterdir():
        lines = file.read_text().splitlines()
        file.write_text("\n".join([lines[0], *(f"NaN|NaN|NaN|{line.split('|', 3)[3]}" for line in lines[1:])]) + "\n")
    write_psv(tmp_path / "training_setB" / "p9.psv", [])
    notes = evaluate(Plan((tmp_path,), reference=False), unseen)["notes"]
    assert len(notes) == len(set(notes))
    of_shock = [note.split(":")[0] for note in notes if "shock_index" in note]
    assert of_shock == [
        "shock_index speaks in 50 % of the hours of sepsis2019 at all sites together",
        "heart rate over systolic pressure (shock_index) never says anything on sepsis2019 at site B.",
    ]
    assert sum("(news2) never" in note for note in notes) == 1, "what holds of all is not said again of each"
    assert "1 files of sepsis2019 hold a header and no row: these patients are passed over." in notes


def test_who_has_nothing_to_judge_says_nothing(tmp_path: Path) -> None:
    write_psv(tmp_path / "training_setB" / "p1.psv", [{"SepsisLabel": int(hour > 6)} for hour in range(12)])
    write_psv(tmp_path / "training_setB" / "p2.psv", [{}] * 12)
    report = evaluate(Plan((tmp_path / "training_setB",), reference=False), unseen)
    for row in report["rows"]:
        assert not row["scored_share"], row["scorer"]
        assert not {"utility", "alerts_per_patient_day_at_usual", "alerts_per_patient_day_at_1"} & row.keys()
    assert "signs beyond their limit for 15 s (thresholds_15s) never says anything on sepsis2019." in report["notes"]


@pytest.mark.parametrize("scores_of", [held_beyond_limits, rolling_z])
def test_rules_over_columns_say_nothing_in_rows_without_a_value(scores_of: Callable[[Recorded], Array]) -> None:
    course = [*[80.0, 90.0] * 4, float("nan"), 180.0]
    said = scores_of(recorded([course, [float("nan")] * 3], onset_hours=[None, None]))
    assert np.isnan(said[8])
    assert np.isnan(said[10:]).all()
    assert said[9] >= 1


def test_a_sign_without_limits_gives_limits_nothing_to_judge() -> None:
    assert np.isnan(held_beyond_limits(recorded([[33.0]], onset_hours=[None], sign=Sign.SKIN_TEMPERATURE))).all()


def test_without_the_library_the_reference_is_left_out_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sepsis_set(tmp_path, patients=4, hours=14)
    monkeypatch.setattr(offline_reference, "is_available", lambda: False)
    report = evaluate(Plan((tmp_path,)), unseen)
    assert offline_reference.MISSING in report["notes"]
    assert offline_reference.NAME not in {row["scorer"] for row in report["rows"]}


def test_a_set_without_outcomes_tells_the_load_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made = recorded([[70.0] * 24, [140.0] * 24], onset_hours=[None, None])._replace(truth=None, has_utility=False)

    def here(path: Path) -> Found:
        return Found("made", path, lambda *_: made)

    monkeypatch.setattr(evaluation, "find_set", here)
    row = row_of(evaluate(Plan((tmp_path,)), unseen), "thresholds_15s", "all", site="A")
    assert row["alerts_per_patient_day_at_usual"] == 1.5
    assert row["auroc"] is None
    assert row["patients_with_outcome"] is None


def test_the_model_card_says_what_was_measured_and_by_which_command(report: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_text(json.dumps(report))
    card = model_card(read_reports(file))
    assert "`wardlight evaluate training_setB --prior none --seed 1 --seed 2 --no-reference --json`" in card
    assert "| sepsis2019 B | all | NEWS2 of what is known (low end of its interval) | 480 | 100 % |" in card
    assert (
        f"Fewer than {PATIENTS_WITH_LABEL_MIN} patients with the outcome, and so withheld: sepsis2019 B sex=female, "
        in card
    )
    for heading in ("Intended use", "Factors", "What it learns from", "Evaluation data", "Ethical", "Caveats"):
        assert f"## {heading}" in card
    assert "None" not in card
    assert "nan" not in card.split()


def test_a_card_of_what_was_kept_of_reports_is_the_same(report: dict[str, Any], tmp_path: Path) -> None:
    whole, small = tmp_path / "report.json", tmp_path / "kept.json"
    whole.write_text(json.dumps(report))
    small.write_bytes(kept(read_reports(whole) * 2))
    assert model_card(read_reports(small)) == model_card([report, report])
    assert kept(read_reports(small)) == small.read_bytes()
    assert small.stat().st_size < whole.stat().st_size
    newer = tmp_path / "newer.json"
    newer.write_text(json.dumps(report | {"model_version": "newer"}))
    other = tmp_path / "other.json"
    other.write_text(json.dumps(report | {"command": "another"}))
    told = read_all([newer, small, other])
    assert [each["model_version"] for each in told] == ["newer", report["model_version"]], (
        "the first of one command stands"
    )


def test_the_card_of_this_project_is_what_the_generator_makes_of_the_reports_that_were_kept() -> None:
    """`wardlight model-card docs/model-card.json > docs/model-card.md` makes it anew."""
    made = model_card(read_reports(ROOT / "docs" / "model-card.json"))
    assert (ROOT / "docs" / "model-card.md").read_text(encoding="utf-8") == made
    for promised in ("## Intended use", "## Caveats", "**Reset**", "what it learns from, and when it stops"):
        assert promised.lower() in made.lower()


@pytest.mark.parametrize("content", ["{}", "no json", '{"rows": []}'])
def test_a_card_of_something_else_is_refused_in_one_sentence(tmp_path: Path, content: str) -> None:
    file = tmp_path / "report.json"
    file.write_text(content)
    with pytest.raises(InvalidArgument, match=r"no report of wardlight evaluate"):
        read_reports(file)


def test_seeds_are_given_once_each(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="each once"):
        evaluate(Plan((tmp_path,), seeds=(1, 1)), unseen)


def test_a_prior_there_is_not_is_said_so_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="There is no prior"):
        evaluate(Plan((tmp_path / "nowhere",), prior="guessed"), unseen)


def test_patients_ill_from_their_first_row_on_stand_apart() -> None:
    made = recorded([[70.0] * 10, [70.0] * 30], onset_hours=[5, 20])
    groups = {group.name: group for group in groups_of(made, np.array([0, 1]), np.array([True, True]))}
    assert groups["outcome_from_first_row"].chosen.tolist() == [True, False]
    assert not groups["outcome_from_first_row"].foreseen
    assert groups["without_outcome_from_first_row"].chosen.tolist() == [False, True]
    assert groups["second_half"].chosen.tolist() == [False, True]


def test_gaps_name_both_ends_and_count_what_was_withheld() -> None:
    rows = [
        {
            "dataset": "s",
            "scorer": "risk",
            "site": "A",
            "seed": 1,
            "grouping": "sex",
            "group": f"sex={name}",
            "auroc": value,
        }
        | {"patients": 50, "patients_with_outcome": 25}
        for name, value in (("female", 0.7), ("male", 0.65), ("other", None))
    ]
    (gap,) = (each for each in gaps(rows) if each["figure"] == "auroc")
    assert gap["gap"] == pytest.approx(0.05)
    assert (gap["lowest"]["group"], gap["highest"]["group"], gap["withheld"]) == ("sex=male", "sex=female", 1)


def test_occult_hypoxaemia_counts_pairs_and_asks_who_slept_through_them() -> None:
    people = PATIENTS_WITH_LABEL_MIN
    made = recorded([[94.0] * 4] * people, onset_hours=[None] * people, sign=Sign.SPO2)
    sao2 = np.tile([85.0, 95.0, 60.0, np.nan], people)
    scores = np.tile([1.0, 0.0, 1.0, 1.0], people)
    (told,) = (
        each
        for each in hypoxaemia.audit(
            made._replace(sao2_percent=sao2), {"risk": (0.5, scores)}, bootstrap=Bootstrap(people, seed=1)
        )
        if each["group"] == "all"
    )
    assert (told["pairs"], told["occult"], told["left_out_as_venous"]) == (2 * people, people, people)
    assert (told["occult_share"], told["occult_share_ci"]) == (0.5, (0.5, 0.5)), "the same of everybody"
    alarm = told["in_alarm"]["risk"]
    assert (alarm["threshold"], alarm["occult"], alarm["other"]) == (0.5, 1.0, 0.0)
    assert (alarm["occult_ci"], alarm["other_ci"]) == ((1, 1), (0, 0))
    assert hypoxaemia.audit(made, {}, bootstrap=Bootstrap(people, seed=1)) == [], "nobody measured SaO2"
