"""A clock of Wardlight's own that ran ahead, once or for a while: nobody goes unwatched until its time; times in seconds."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from alerts.partition import PartitionAlerts
from alerts.place import Place
from alerts.policy import FixedPolicy
from alerts.rules import AlertRules
from alerts.watchdog import ContactRule, Watch
from tests.support.alert_timetable import PATIENT, START_MS, WARD, Timetable, ms, named, reading
from tests.support.examples import examples
from tests.support.timed_policy import TimedPolicy, silence
from vitals.alert import Action, AlertKind, Transition, TransitionKind
from vitals.reading import DeviceId, Reading, RefusedSigns, Tick
from vitals.sign import Sign

DAY_S, RULE = 86_400, ContactRule()
RAISED, SUPPRESSED, UNSUPPRESSED = TransitionKind.RAISED, TransitionKind.SUPPRESSED, TransitionKind.UNSUPPRESSED


def judged(watch: Watch, seconds: Sequence[float]) -> list[float]:
    """The ticks by which the watch judges, of these."""
    return [second for second in seconds if watch.step(ms(second), RULE)]


def test_one_tick_of_tomorrow_blinds_nobody() -> None:
    partition = PartitionAlerts(FixedPolicy(AlertRules()), lambda _: Place(WARD), patients_max=10)
    told: list[Transition] = []
    for second in range(1, 100):
        partition.step(reading(second, named(spo2=97)))
        told += partition.tick(Tick(ms(second)))
    told += partition.tick(Tick(ms(DAY_S)))
    for second in range(101, 400):
        told += partition.tick(Tick(ms(second)))
    assert [(step.kind, step.transition, step.at_ms) for step in told] == [(AlertKind.LOST_CONTACT, RAISED, ms(220))]


@examples(100)
@given(
    before=st.lists(st.one_of(st.integers(-2 * DAY_S, 2 * DAY_S), st.integers(-90, 90)), max_size=30),
    every_s=st.sampled_from([1, 5, 10, 40]),
)
def test_whatever_ticks_came_before_ordinary_ones_soon_judge_again(before: list[int], every_s: int) -> None:
    watch = Watch()
    judged(watch, before)
    seconds = range(0, 600, every_s)
    assert judged(watch, seconds)[0] <= RULE.away_s + RULE.grace_s + 3 * every_s


@examples(100)
@given(
    late=st.lists(
        st.tuples(st.integers(40, 400), st.integers(1, 1500), st.integers(1, 20)),
        max_size=10,
        unique_by=lambda run: run[0],
    )
)
def test_ticks_that_come_late_cost_none_that_is_in_time_its_judgement(late: list[tuple[int, int, int]]) -> None:
    watch, runs = Watch(), {at: (behind, count) for at, behind, count in late}
    judged(watch, range(-60, 40))
    for second in range(40, 401):
        behind_s, count = runs.get(second, (0, 0))
        judged(watch, [second - behind_s + number for number in range(min(count, behind_s))])
        assert watch.step(ms(second), RULE)


def test_while_a_clock_ahead_and_a_right_one_tick_in_turn_neither_makes_the_other_judge_tomorrow() -> None:
    watch = Watch()
    judged(watch, range(-60, 0))
    in_turn = [second for pair in zip(range(20), range(DAY_S, DAY_S + 20), strict=True) for second in pair]
    assert max(judged(watch, in_turn), default=0) < DAY_S
    assert judged(watch, [20, 21, DAY_S + 22, 22, 23, 24]) == []
    assert judged(watch, range(25, 100))[0] <= 60


def of_tomorrow(second: float, **signs: float) -> Reading:
    """A reading that ingest received by a clock that was a day ahead."""
    return reading(second, named(**signs), received=second + DAY_S)


def test_who_was_last_heard_by_a_clock_a_day_ahead_is_missed_today() -> None:
    ward = Timetable()
    ward.hold(0, 60, spo2=97)
    ward.step(of_tomorrow(61, spo2=97))
    ward.tick(62, 400)
    assert ward.said(AlertKind.LOST_CONTACT) == [(183, RAISED)]


def test_who_is_heard_by_a_clock_a_day_ahead_all_the_time_is_missed_as_ever() -> None:
    ward = Timetable()
    for second in range(300):
        ward.step(of_tomorrow(second, spo2=97))
        ward.tick(second)
    assert ward.said(AlertKind.LOST_CONTACT) == []
    ward.tick(300, 600)
    assert ward.said(AlertKind.LOST_CONTACT) == [(420, RAISED)]


def test_a_sign_that_goes_unjudged_after_a_clock_was_ahead_is_told_of_today() -> None:
    ward = Timetable()
    ward.hold(0, 20, spo2=97)
    ward.step(of_tomorrow(21, spo2=97))
    for second in range(22, 60):
        at_ms = ms(second)
        ward.step(RefusedSigns(f"r-{second}", PATIENT, DeviceId("device-1"), at_ms, at_ms, {Sign.SPO2: 0.0}))
    assert ward.said(AlertKind.SPO2_LOST) == [(52, RAISED)]


def test_a_silence_ordered_after_an_engines_clock_was_ahead_holds_today() -> None:
    policy = TimedPolicy(silences=[(AlertKind.SPO2_LOW, silence(200, 300))])
    ward = Timetable(policy=policy)
    ward.hold(0, 60, spo2=84)
    ward.tick(DAY_S)
    ward.command(61, Action.ACKNOWLEDGE)
    for second in range(62, 320):
        ward.at(second, spo2=84)
        ward.tick(second)
    steps = [
        (step.transition, (step.heard_ms or 0) - START_MS)
        for step in ward.transitions
        if step.kind is AlertKind.SPO2_LOW
    ]
    assert (SUPPRESSED, 200_000) in steps
    assert steps[-1] == (UNSUPPRESSED, 300_000)
