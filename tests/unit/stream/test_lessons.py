"""What an example teaches, by all that became of its patient."""

from typing import NamedTuple

import pytest

from stream.lessons import Fate, Judgement, LessonRules, judge, settles_at_ms
from tests.support.builders import at_ms
from tests.support.learning import HOUR_S, example
from vitals.alert import AlertKind
from vitals.label import Feedback
from vitals.training import LessonSource

RULES = LessonRules()


class At(NamedTuple):
    happened_at_ms: int
    said_at_ms: int
    withdrawn_at_ms: int | None = None


class Alert(NamedTuple):
    kind: AlertKind = AlertKind.SPO2_LOW
    raised_at_ms: int = at_ms(HOUR_S)
    reviewed: bool = True
    feedback: tuple[Feedback, ...] = ()


def charted(happened_h: float, said_h: float | None = None, withdrawn_h: float | None = None) -> At:
    """An outcome by the hours at which it happened, was charted (at once, unless said) and was taken back."""
    said = happened_h if said_h is None else said_h
    return At(
        at_ms(happened_h * HOUR_S), at_ms(said * HOUR_S), None if withdrawn_h is None else at_ms(withdrawn_h * HOUR_S)
    )


def judged(
    *alerts: Alert,
    outcomes_h: tuple[float, ...] = (),
    outcomes: tuple[At, ...] = (),
    was_observed: bool = True,
    rules: LessonRules = RULES,
) -> Judgement:
    """What an example of hour 0 comes to."""
    return judge(
        example(),
        outcomes=[*map(charted, outcomes_h), *outcomes],
        alerts=alerts,
        was_observed=was_observed,
        rules=rules,
    )


def taught(judgement: Judgement) -> tuple[bool, float, LessonSource]:
    assert judgement.fate is Fate.TAUGHT
    assert judgement.lesson is not None
    return judgement.lesson.label, judgement.lesson.weight, judgement.lesson.source


@pytest.mark.parametrize("hour", [0.1, 6, 12])
def test_an_outcome_within_the_horizon_is_deterioration_whatever_the_alerts_were_called(hour: float) -> None:
    alerts = Alert(feedback=(Feedback.FALSE,)), Alert(reviewed=False)
    assert taught(judged(*alerts, outcomes_h=(hour,), was_observed=False)) == (True, 1.0, LessonSource.OUTCOME)


def test_an_outcome_beyond_the_horizon_leaves_the_example_negative() -> None:
    assert taught(judged(outcomes_h=(12.1,))) == (False, 1.0, LessonSource.NO_OUTCOME)


@pytest.mark.parametrize("hour", [-23.9, 0])
def test_after_an_outcome_nothing_is_learned_for_a_time(hour: float) -> None:
    assert judged(outcomes_h=(hour,)).fate is Fate.AFTERMATH


def test_a_second_outcome_is_deterioration_even_in_the_aftermath_of_the_first() -> None:
    assert taught(judged(outcomes_h=(-3, 3)))[0]


@pytest.mark.parametrize(
    ("outcome", "label"),
    [
        (charted(6, 7), True),
        (charted(6, 7, withdrawn_h=7.9), False),
        (charted(6, 7, withdrawn_h=23.9), False),
        (charted(6, 7, withdrawn_h=24), True),
        (charted(6, 7, withdrawn_h=30), True),
        (charted(6, 23.9), True),
        (charted(6, 24), False),
        (charted(6, 40), False),
        (charted(13, 14), False),
    ],
)
def test_every_example_is_settled_at_the_same_age_by_what_was_said_and_not_taken_back_before(
    outcome: At,
    label: bool,  # noqa: FBT001 - the label is the matter
) -> None:
    judgement = judged(outcomes=(outcome,))
    assert taught(judgement)[0] is label
    assert judgement.lesson is not None
    assert judgement.lesson.known_at_ms == settles_at_ms(example(), RULES) == at_ms(24 * HOUR_S)


def test_an_outcome_before_the_example_that_is_charted_too_late_or_taken_back_makes_no_aftermath() -> None:
    assert judged(outcomes=(charted(-3, 20),)).fate is Fate.AFTERMATH
    assert judged(outcomes=(charted(-3, 20, withdrawn_h=25),)).fate is Fate.AFTERMATH
    assert not taught(judged(outcomes=(charted(-3, 20, withdrawn_h=23),)))[0]
    assert not taught(judged(outcomes=(charted(-3, 25),)))[0]


def test_of_whom_nobody_saw_the_end_of_the_horizon_nothing_is_said() -> None:
    assert judged(was_observed=False).fate is Fate.CENSORED


def test_a_useful_alert_is_a_weak_sign_of_deterioration() -> None:
    assert taught(judged(Alert(feedback=(Feedback.USEFUL,)))) == (True, 0.3, LessonSource.FEEDBACK)


def test_a_true_alert_with_nothing_to_do_weighs_half_and_one_that_nobody_reviewed_a_quarter() -> None:
    nothing_to_do = Alert(feedback=(Feedback.NOT_ACTIONABLE,))
    assert taught(judged(nothing_to_do)) == (False, 0.5, LessonSource.NO_OUTCOME)
    assert taught(judged(nothing_to_do, Alert(reviewed=False)))[1] == 0.25


@pytest.mark.parametrize("feedback", [Feedback.FALSE, Feedback.TECHNICAL])
def test_values_that_were_not_the_patients_teach_nothing_and_later_ones_do(feedback: Feedback) -> None:
    assert judged(Alert(raised_at_ms=at_ms(0), feedback=(feedback,))).fate is Fate.ARTEFACT
    assert taught(judged(Alert(raised_at_ms=at_ms(60), feedback=(feedback,))))[:2] == (False, 1.0)


def test_who_calls_it_useful_outweighs_who_calls_it_false() -> None:
    both = Feedback.FALSE, Feedback.USEFUL
    assert taught(judged(Alert(raised_at_ms=at_ms(0), feedback=both)))[0]


def test_alerts_of_equipment_teach_nothing_either_way() -> None:
    lost = Alert(kind=AlertKind.LOST_CONTACT, reviewed=False, feedback=(Feedback.USEFUL,))
    assert taught(judged(lost)) == (False, 1.0, LessonSource.NO_OUTCOME)


def test_no_word_of_anybody_weighs_more_than_an_outcome() -> None:
    assert {RULES.useful_weight, RULES.not_actionable_weight, RULES.unreviewed_weight} < {0.25, 0.3, 0.5, 1.0}
    assert settles_at_ms(example(), RULES) == at_ms(24 * HOUR_S)
