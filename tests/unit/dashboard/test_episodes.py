"""Episodes on screen: active and acknowledged apart, idempotent, never moved back by a repeated record."""

import itertools

from alerts import life
from dashboard.episodes import TECHNICAL_KINDS, EpisodeBook
from tests.support.ward_scene import transition
from vitals.alert import AlertKind, Priority, Transition, TransitionKind
from vitals.reading import PatientId

P1 = PatientId("p1")


def step(
    kind: TransitionKind, *, at: int, priority: Priority = Priority.MEDIUM, by: str | None = None, seen: bool = False
) -> Transition:
    return transition(
        P1, AlertKind.SPO2_LOW, kind, priority=priority, text=f"{kind.value}", at_ms=at, raised_at_ms=1000, by=by,
        acknowledged=seen,
    )  # fmt: skip


RAISED = step(TransitionKind.RAISED, at=1000)
ACKNOWLEDGED = step(TransitionKind.ACKNOWLEDGED, at=2000, by="Kim")
ESCALATED = step(TransitionKind.ESCALATED, at=3000, priority=Priority.HIGH)
RESOLVED = step(TransitionKind.RESOLVED, at=4000, priority=Priority.HIGH)


def book_of(*steps: Transition) -> EpisodeBook:
    book = EpisodeBook(resolved_kept=20)
    for taken in steps:
        book.apply(taken)
    return book


def test_an_acknowledged_alert_is_still_active_and_says_who() -> None:
    (episode,) = book_of(RAISED, ACKNOWLEDGED).standing()
    assert (episode.active, episode.acknowledged, episode.acknowledged_by) == (True, True, "Kim")
    assert episode.acknowledged_at_ms == 2000


def test_escalation_takes_the_acknowledgement_away() -> None:
    (episode,) = book_of(RAISED, ACKNOWLEDGED, ESCALATED).standing()
    assert (episode.priority, episode.acknowledged, episode.acknowledged_by) == (Priority.HIGH, False, None)


def test_resolving_keeps_who_acknowledged() -> None:
    book = book_of(RAISED, ACKNOWLEDGED, step(TransitionKind.RESOLVED, at=4000, seen=True))
    (ended,) = book.ended_since(0)
    assert (ended.acknowledged_by, ended.resolved_at_ms, ended.active) == ("Kim", 4000, False)


def test_repeats_change_nothing_and_do_not_reopen() -> None:
    steps = [RAISED, ACKNOWLEDGED, ESCALATED, RESOLVED]
    book = book_of(*steps)
    assert [book.apply(again) for again in steps] == [False] * 4
    assert book.standing() == []


def test_any_order_ends_in_the_same_state() -> None:
    steps = [RAISED, ACKNOWLEDGED, ESCALATED]
    for order in itertools.permutations(steps):
        (episode,) = book_of(*order).standing()
        assert (episode.priority, episode.acknowledged) == (Priority.HIGH, False)
    for order in itertools.permutations([*steps, RESOLVED]):
        assert book_of(*order).standing() == []


def test_the_most_urgent_comes_first_and_unseen_before_seen() -> None:
    book = EpisodeBook(resolved_kept=20)
    for number, (kind, priority, seen) in enumerate(
        [
            (AlertKind.HEART_RATE_HIGH, Priority.MEDIUM, False),
            (AlertKind.SPO2_LOW, Priority.HIGH, True),
            (AlertKind.UNUSUAL_PATTERN, Priority.LOW, False),
            (AlertKind.NEWS2_EMERGENCY, Priority.HIGH, False),
        ]
    ):
        what = TransitionKind.ACKNOWLEDGED if seen else TransitionKind.RAISED
        book.apply(transition(P1, kind, what, priority=priority, text="", at_ms=number, raised_at_ms=number))
    assert [(episode.kind, episode.acknowledged) for episode in book.standing()] == [
        (AlertKind.NEWS2_EMERGENCY, False),
        (AlertKind.SPO2_LOW, True),
        (AlertKind.HEART_RATE_HIGH, False),
        (AlertKind.UNUSUAL_PATTERN, False),
    ]


def test_ended_episodes_are_bounded() -> None:
    book = EpisodeBook(resolved_kept=3)
    for number in range(10):
        book.apply(
            transition(
                P1,
                AlertKind.SPO2_LOW,
                TransitionKind.RESOLVED,
                priority=Priority.LOW,
                text="",
                at_ms=number,
                raised_at_ms=number,
            )
        )
    assert len(book.resolved) == 3


def test_what_the_screen_calls_technical_is_what_the_engine_lets_a_person_end() -> None:
    assert TECHNICAL_KINDS == life.TECHNICAL_KINDS


def test_equally_urgent_alerts_stand_in_one_order_however_they_came() -> None:
    pulse = transition(
        P1, AlertKind.HEART_RATE_LOW, TransitionKind.RAISED, priority=Priority.MEDIUM, text="low", at_ms=1000,
        raised_at_ms=1000,
    )  # fmt: skip
    one, other = book_of(RAISED, pulse).standing(), book_of(pulse, RAISED).standing()
    assert len(one) == 2
    assert one == other
