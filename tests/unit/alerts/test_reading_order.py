"""Readings and assessments stand in two topics: whichever is read ahead, the same is raised, and nothing is told twice."""

from collections.abc import Sequence

import msgspec

from alerts.engine import PatientAlerts, Record
from alerts.place import Place
from alerts.rules import AlertRules
from alerts.state import PatientState
from tests.support.alert_timetable import (
    PATIENT,
    WARD,
    assessment,
    charted,
    charted_assessment,
    ms,
    named,
    news2,
    reading,
)
from tests.support.timed_policy import TimedPolicy, silence
from vitals.alert import Action, AlertKind, Command, Reason, Transition, TransitionKind
from vitals.reading import Tick
from vitals.sign import Sign

ILL, WELL = {"spo2": 90, "heart_rate": 120, "respiratory_rate": 26}, {"spo2": 97, "heart_rate": 70}
RED = {"spo2": 86}
EMERGENCY, SINGLE_RED = AlertKind.NEWS2_EMERGENCY, AlertKind.NEWS2_SINGLE_RED


def measured(start: int, end: int, every: int = 10, **signs: float) -> list[Record]:
    """Readings, each with its assessment and a tick behind it."""
    return [
        record
        for second in range(start, end, every)
        for record in (
            reading(second, named(**signs), sequence=second),
            assessment(second, news2(**signs)),
            Tick(ms(second + 1)),
        )
    ]


def ahead(records: Sequence[Record], first: type[Record] | None) -> list[Record]:
    """The same, with all assessments, or all but them, first."""
    assessments = [record for record in records if type(record).__name__ == "Assessment"]
    others = [record for record in records if type(record).__name__ != "Assessment"]
    return [*others, *assessments] if first is None else [*assessments, *others]


def told(*parts: Sequence[Record], policy: TimedPolicy | None = None) -> list[Transition]:
    """What the engine says of these records, one after another."""
    engine = PatientAlerts(PatientState(PATIENT), policy or TimedPolicy(AlertRules()), lambda _: Place(WARD))
    return [transition for records in parts for record in records for transition in engine.step(record)]


def raised(transitions: Sequence[Transition], kind: AlertKind) -> list[tuple[str, int]]:
    return [
        (step.episode_id, step.onset_ms)
        for step in transitions
        if step.kind is kind and step.transition is TransitionKind.RAISED
    ]


def acknowledge(step: Transition, second: float, until: float) -> Command:
    """Somebody takes it in hand for a time."""
    order = (Action.ACKNOWLEDGE, "Ada Nurse", ms(second))
    return Command("c-1", PATIENT, step.episode_id, *order, person_id="ada", until_ms=ms(until))


def test_an_acknowledgement_that_runs_out_does_so_for_a_score_before_or_after_the_same_assessments() -> None:
    begins = measured(0, 120, **ILL)
    (episode,) = [step for step in told(begins) if step.kind is EMERGENCY]
    order = [acknowledge(episode, 120, until=500)]
    held, over, again = measured(130, 180, **ILL), measured(180, 520, **WELL), measured(900, 1100, **ILL)
    inorder = told(begins, order, held, over, again)
    for first in (None, Tick):
        other = told(begins, order, ahead([*held, *over], first), again)
        assert raised(other, EMERGENCY) == raised(inorder, EMERGENCY)
        assert len(raised(other, EMERGENCY)) == 2, "what was in hand when it ended has ended"


def test_a_score_is_told_anew_once_whichever_record_shows_that_nobody_has_it_in_hand() -> None:
    begins = measured(0, 120, **ILL)
    (episode,) = [step for step in told(begins) if step.kind is EMERGENCY]
    order, lasting = [acknowledge(episode, 120, until=200)], measured(130, 300, **ILL)
    anew = [
        {step.transition_id for step in told(begins, order, records) if step.transition is TransitionKind.REALARMED}
        for records in (lasting, ahead(lasting, None), ahead(lasting, Tick))
    ]
    assert len(anew[0]) == 1
    assert anew[0] == anew[1] == anew[2]


def test_what_ran_out_unseen_in_a_replay_gives_later_steps_no_other_names() -> None:
    begins = measured(0, 120, **ILL)
    (episode,) = [step for step in told(begins) if step.kind is EMERGENCY]
    late, first = measured(190, 200, **ILL), acknowledge(episode, 120, until=195)
    again = msgspec.structs.replace(acknowledge(episode, 205, until=400), command_id="c-2")
    lasting = measured(210, 500, **ILL)
    readings_first = [*late[:1], *late[2:], Tick(ms(201)), late[1]]
    inorder, replayed = (
        [step.transition_id for step in told(begins, [first], records, [again], lasting) if step.round]
        for records in ([*late, Tick(ms(201))], readings_first)
    )
    assert len(inorder) > len(replayed) > 0
    assert set(replayed) <= set(inorder)


def test_a_scorer_that_is_dead_keeps_no_acknowledgement_in_force_for_long() -> None:
    begins = measured(0, 120, **ILL)
    (episode,) = [step for step in told(begins) if step.kind is EMERGENCY]
    unscored = [record for record in measured(130, 900, **ILL) if type(record).__name__ != "Assessment"]
    anew = [
        step
        for step in told(begins, [acknowledge(episode, 120, until=200)], unscored)
        if step.kind is EMERGENCY and step.reason is Reason.ACKNOWLEDGEMENT_EXPIRED
    ]
    assert len(anew) == 1
    assert 500 <= (anew[0].at_ms - ms(0)) / 1000 <= 520


def test_the_end_of_a_silence_is_one_step_whichever_record_shows_it() -> None:
    policy = TimedPolicy(AlertRules(), [(None, silence(60, 205))])
    begins, lasting = measured(0, 200, **RED), measured(200, 230, **RED)
    (episode,) = [step for step in told(begins) if step.kind is AlertKind.SPO2_LOW]
    order = acknowledge(episode, 206, until=900)
    ends = [
        {
            step.transition_id
            for step in told(begins, *records, policy=policy)
            if step.reason is Reason.SILENCE_ENDED and step.kind is AlertKind.SPO2_LOW
        }
        for records in ((lasting,), ([order], lasting), (ahead(lasting, Tick),))
    ]
    assert len(ends[0]) == 1
    assert ends[0] == ends[1] == ends[2]


def test_a_silence_that_has_begun_by_one_topic_has_not_ended_by_the_other_that_is_behind() -> None:
    policy = TimedPolicy(AlertRules(), [(None, silence(405, 900))])
    begins, lasting = measured(0, 400, **RED), measured(400, 430, **RED)
    for records in (lasting, ahead(lasting, None), ahead(lasting, Tick)):
        assert not [step for step in told(begins, records, policy=policy) if step.reason is Reason.SILENCE_ENDED]


def test_a_score_waits_for_its_own_assessment_before_it_is_told_in_place_of_a_limit_that_ended() -> None:
    begins, over = measured(0, 400, **RED), measured(400, 470, **WELL)
    for records in (over, ahead(over, None), ahead(over, Tick)):
        steps = told(begins, records)[len(told(begins)) :]
        assert [step.reason for step in steps if step.kind is SINGLE_RED and step.suppression is None] in (
            [],
            [Reason.SCORE_FELL],
        )
        assert not [step for step in steps if step.reason is Reason.ABSORPTION_ENDED]


def test_the_end_of_an_absorption_is_one_step_whichever_record_shows_it() -> None:
    policy = TimedPolicy(AlertRules(), [(AlertKind.SPO2_LOW, silence(405))])
    begins, lasting = measured(0, 400, **RED), measured(400, 430, **RED)
    ends = [
        [step.transition_id for step in told(begins, records, policy=policy) if step.reason is Reason.ABSORPTION_ENDED]
        for records in (lasting, ahead(lasting, None), ahead(lasting, Tick))
    ]
    assert len(ends[0]) == 1
    assert ends[0] == ends[1] == ends[2]


def test_a_score_that_is_red_for_something_else_is_told_though_later_readings_are_known_already() -> None:
    begins: list[Record] = [
        charted(10, {Sign.CONSCIOUSNESS: 2}),
        charted_assessment(10, news2(consciousness=2), (Sign.CONSCIOUSNESS,)),
    ]
    other: list[Record] = [
        record
        for second, scored in ((20, {"systolic": 88.0}), (30, {"systolic": 88.0}), (40, {"systolic": 120.0}))
        for record in (
            reading(second, named(heart_rate=80), sequence=second),
            assessment(second, news2(consciousness=0, **scored)),
        )
    ]
    live, replayed = (
        [(step.transition, step.at_ms, step.transition_id) for step in told(begins, records) if step.kind is SINGLE_RED]
        for records in (other, ahead(other, None))
    )
    assert [transition for transition, _, _ in live] == [TransitionKind.RAISED, TransitionKind.UNSUPPRESSED]
    assert replayed == live
