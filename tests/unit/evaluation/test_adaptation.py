"""What a model brings to a second hospital, and what it learns there: the same order, the same bits, and nothing told too early."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation import orders as orders_of_arrival
from evaluation.differences import differences
from evaluation.durations import Durations
from evaluation.evaluate import evaluate
from evaluation.figures import Measured
from evaluation.intervals import Bootstrap
from evaluation.labelled import Recorded
from evaluation.orders import Plan, in_orders
from evaluation.provenance import ROOMS, code_of, commit_of
from evaluation.replay import Replayed
from evaluation.scorers import ANEW, FROZEN
from tests.support.recorded_sets import recorded, write_sepsis_set
from tests.support.recorder_contract import HandClock


def unseen(*_: object) -> None:
    """Progress that nobody looks at."""


def hospital(seed: int, *, patients: int = 13, fast_when_ill: bool = True) -> Recorded:
    """Patients of whom every third is ill, with a pulse that says so one way or the other."""
    generator = np.random.default_rng(seed)
    ill = [patient % 3 == 0 for patient in range(patients)]
    rates = [110 if one == fast_when_ill else 70 for one in ill]
    courses = [generator.normal(rate, 6, 20).tolist() for rate in rates]
    return recorded(courses, onset_hours=[14 if one else None for one in ill])


@pytest.fixture(autouse=True, scope="module")
def _no_challengers() -> Iterator[None]:
    """They cost time and are not asked of here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(orders_of_arrival, "challengers", dict)
        yield


@pytest.fixture(scope="module")
def two() -> tuple[Recorded, Recorded]:
    return hospital(1), hospital(2, patients=27, fast_when_ill=False)


@pytest.fixture(scope="module")
def orders(two: tuple[Recorded, Recorded]) -> list[Replayed]:
    before, second = two
    return list(in_orders(second, [before], Plan((), seeds=(1, 2)), unseen))


def test_a_further_order_after_another_set_gives_the_bits_of_a_replay(
    two: tuple[Recorded, Recorded], orders: list[Replayed]
) -> None:
    before, second = two
    (live,) = in_orders(second, [before], Plan((), seeds=(2,)), unseen)
    for name in ("risk", FROZEN, ANEW):
        assert np.isfinite(live.scores[name]).sum() > 300
        assert np.array_equal(live.scores[name], orders[1].scores[name], equal_nan=True)


def test_the_frozen_model_hears_no_label_of_the_second_set_and_the_new_one_none_of_the_first(
    two: tuple[Recorded, Recorded], orders: list[Replayed]
) -> None:
    before, second = two

    def other_labels(of: Recorded) -> Recorded:
        assert of.truth is not None
        return of._replace(truth=of.truth._replace(positive=~of.truth.positive))

    (here,) = in_orders(other_labels(second), [before], Plan(()), unseen)
    (there,) = in_orders(second, [other_labels(before)], Plan(()), unseen)
    told = orders[0].scores
    assert np.array_equal(told[FROZEN], here.scores[FROZEN], equal_nan=True)
    assert not np.array_equal(told["risk"], here.scores["risk"], equal_nan=True)
    assert np.array_equal(told[ANEW], there.scores[ANEW], equal_nan=True)
    assert not np.array_equal(told[FROZEN], there.scores[FROZEN], equal_nan=True)


def test_the_model_that_goes_on_learning_gives_up_what_is_no_longer_so(
    two: tuple[Recorded, Recorded], orders: list[Replayed]
) -> None:
    truth = two[1].truth
    assert truth is not None
    late = orders[0].arrival[two[1].patient_of] >= 18
    ahead = {
        name: orders[0].scores[name][late & truth.positive].mean()
        - orders[0].scores[name][late & ~truth.positive].mean()
        for name in ("risk", FROZEN)
    }
    assert ahead[FROZEN] < ahead["risk"], "fast was ill at the first hospital, and slow is here"


def test_a_model_that_begins_with_a_prior_stands_beside_itself_too(two: tuple[Recorded, Recorded]) -> None:
    few = two[0].of(np.arange(13) < 4)
    (shipped,) = in_orders(few, [], Plan((), prior="shipped"), unseen)
    (untaught,) = in_orders(few, [], Plan(()), unseen)
    assert {FROZEN, ANEW} <= shipped.scores.keys()
    assert not {FROZEN, ANEW} & untaught.scores.keys()
    assert np.array_equal(shipped.scores[ANEW], untaught.scores["risk"], equal_nan=True)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    place = tmp_path_factory.mktemp("hospitals")
    for name in ("training_setA", "training_setB"):
        write_sepsis_set(place / name, patients=12, hours=20)
    plan = Plan((place / "training_setB",), after=(place / "training_setA",), reference=False)
    return evaluate(plan, unseen, HandClock())


def test_the_report_says_by_how_much_the_model_is_ahead_of_what_and_what_made_it(report: dict[str, Any]) -> None:
    beside = {(each["beside"], each["group"]): each for each in report["differences"]}
    for name in ("news2_partial", FROZEN, ANEW):
        each = beside[name, "all"]
        assert each["auroc_ahead"] == pytest.approx(each["auroc"] - each["auroc_beside"], abs=2e-6)
        assert each["auroc_ahead_ci"][0] <= each["auroc_ahead"] <= each["auroc_ahead_ci"][1]
    (note,) = (note for note in report["notes"] if "learned from before" in note)
    assert note.startswith("12 of 12 patients of sepsis2019 are also in sepsis2019,"), (
        "both folders hold the same people"
    )
    assert report["code"].keys() >= {"version", "commit", "code", "python", "river"}
    assert report["settings"]["population"]["memory_lessons"] > 0
    assert report["settings"]["patients"]["learn_every_s"] > 0
    assert report["settings"]["begins_with"]
    assert {"total", "seed 1: replaying sepsis2019", "seed 1: learning from sepsis2019"} <= report["durations_s"].keys()
    row = next(row for row in report["rows"] if (row["scorer"], row["group"]) == ("risk", "all"))
    for figure in (
        "ece",
        "brier",
        "observed_over_predicted",
        "auroc",
        "auprc",
        "utility",
        "ppv_at_1",
        "time_in_alarm_at_2",
    ):
        low, high = row[f"{figure}_ci"]
        assert low <= row[figure] <= high, figure
    low, high = row["lead_time_hours_at_1"]["median_ci"]
    assert low <= row["lead_time_hours_at_1"]["median"] <= high


def test_a_score_beside_itself_is_ahead_by_nothing() -> None:
    drawn = np.random.default_rng(1).random(50)
    figures = {"auroc": 0.7, "auprc": 0.1}
    same = Measured(figures, figures, {"auroc": drawn, "auprc": drawn})
    (told,) = differences({"risk": {"all": same}, "news2_partial": {"all": same}}, ("all", "second_half"))
    assert (told["auroc_ahead"], told["auroc_ahead_ci"]) == (0, (0, 0))
    assert not list(differences({"news2_partial": {"all": same}}, ("all",)))


def test_medians_and_calibration_errors_have_intervals_by_patient() -> None:
    bootstrap, everybody = Bootstrap(200, seed=1), np.ones(200, dtype=bool)
    leads = np.where(np.arange(200) % 2, np.arange(200) / 20, np.nan)
    low, high = bootstrap.median(leads, everybody) or (0.0, 0.0)
    assert 3.5 < low < np.nanmedian(leads) < high < 6.5
    assert bootstrap.median(np.full(200, np.nan), everybody) is None
    off, n = np.zeros((200, 3)), np.ones((200, 3))
    assert bootstrap.calibration_error(off, n, everybody, exact=0.0) == (0, 0)
    off[:, 0] = 0.3
    assert bootstrap.calibration_error(off, n, everybody, exact=0.1) == pytest.approx((0.1, 0.1))


def test_each_part_has_its_seconds() -> None:
    clock = HandClock()
    durations = Durations(unseen, clock)
    for title, seconds in (("reading", 2), ("replaying", 30), ("replaying", 30)):
        durations.tell(title, 0, 1)
        clock.now_s += seconds
    assert durations.seconds() == {"beginning": 0, "reading": 2, "replaying": 60, "total": 62}


def test_the_code_names_itself_with_a_checkout_and_without(tmp_path: Path) -> None:
    assert code_of()["code"]
    assert ROOMS == ("vitals", "stream", "evaluation")
    assert commit_of(tmp_path) is None
    git = tmp_path / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    assert commit_of(tmp_path) is None
    (git / "packed-refs").write_text("# pack-refs\nabc123 refs/heads/main\n")
    assert commit_of(tmp_path) == "abc123"
    (git / "refs" / "heads" / "main").write_text("def456\n")
    assert commit_of(tmp_path) == "def456"
    (git / "HEAD").write_text("0123\n")
    assert commit_of(tmp_path) == "0123"
