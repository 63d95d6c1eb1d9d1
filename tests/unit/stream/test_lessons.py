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


class Alert(NamedTuple):
    kind: AlertKind = AlertKind.SPO2_LOW
    raised_at_ms: int = at_ms(HOUR_S)
    reviewed: bool = True
    feedback: tuple[Feedback, ...] = ()


def judged(
    *alerts: Alert, outcomes_h: tuple[float, ...] = (), seen_until_h: float = 12, rules: LessonRules = RULES
) -> Judgement:
    """What an example of hour 0 comes to."""
    return judge(
        example(),
        outcomes=[At(at_ms(hour * HOUR_S)) for hour in outcomes_h],
        alerts=alerts,
        seen_until_ms=at_ms(seen_until_h * HOUR_S),
        now_ms=at_ms(24 * HOUR_S),
        rules=rules,
    )


def taught(judgement: Judgement) -> tuple[bool, float, LessonSource]:
    assert judgement.fate is Fate.TAUGHT
    assert judgement.lesson is not None
    return judgement.lesson.label, judgement.lesson.weight, judgement.lesson.source


@pytest.mark.parametrize("hour", [0.1, 6, 12])
def test_an_outcome_within_the_horizon_is_deterioration_whatever_the_alerts_were_called(hour: float) -> None:
    alerts = Alert(feedback=(Feedback.FALSE,)), Alert(reviewed=False)
    assert taught(judged(*alerts, outcomes_h=(hour,), seen_until_h=0)) == (True, 1.0, LessonSource.OUTCOME)


def test_an_outcome_beyond_the_horizon_leaves_the_example_negative() -> None:
    assert taught(judged(outcomes_h=(12.1,))) == (False, 1.0, LessonSource.NO_OUTCOME)


@pytest.mark.parametrize("hour", [-23.9, 0])
def test_after_an_outcome_nothing_is_learned_for_a_time(hour: float) -> None:
    assert judged(outcomes_h=(hour,)).fate is Fate.AFTERMATH


def test_a_second_outcome_is_deterioration_even_in_the_aftermath_of_the_first() -> None:
    assert taught(judged(outcomes_h=(-3, 3)))[0]


def test_of_whom_nobody_saw_the_end_of_the_horizon_nothing_is_said() -> None:
    assert judged(seen_until_h=11.9).fate is Fate.CENSORED


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
