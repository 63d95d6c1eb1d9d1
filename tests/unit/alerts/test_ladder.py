"""Which step is due when, and why: tables of facts against decisions."""

import msgspec
import pytest

from alerts.ladder import Step, advance, words
from tests.support.alert_transitions import (
    RAISED_MS,
    acknowledged,
    an_alert,
    escalated,
    latched,
    moved,
    realarmed,
    resolved,
    silenced,
    unsilenced,
)
from vitals.alert import Priority, Transition
from vitals.errors import InvalidArgument
from vitals.escalation import Case, Due, Evidence, Over, Reached, Round, Taken, failed_at, next_step, round_of
from vitals.ladder import DEFAULT_LADDERS, Ladder, LadderStep, check_ladder, ladder_for, target_of
from vitals.phone_book import Addressee, Answer, Missing, Unreached

NOBODY = Answer(missing=(Unreached("role:nurse", Missing.NOBODY_WITH_ROLE),))


def house(priority: Priority = Priority.HIGH) -> Ladder:
    return ladder_for((), "west", priority)


def case(*taken: Taken, seen: bool = False, of: tuple[Transition, ...] = ()) -> Case:
    found = round_of(of or (an_alert(),))
    assert isinstance(found, Round)
    return Case(found, taken, seen)


def taken(
    step: int, at_s: float, *, failed_s: float | None = None, sent: bool = True, to: Reached = Reached.TOLD
) -> Taken:
    failed_ms = None if failed_s is None else RAISED_MS + round(failed_s * 1000)
    return Taken(step, RAISED_MS + round(at_s * 1000), to, sent and failed_s is None, failed_ms)


def due(ladder: Ladder, facts: Case, *, repeats_max: int = 10) -> tuple[int, float, Evidence] | Over:
    found = next_step(ladder, facts, repeats_max=repeats_max)
    return found if isinstance(found, Over) else (found.step, (found.at_ms - RAISED_MS) / 1000, found.why)


def test_shipped_ladders_tell_high_at_0_60_120_medium_at_0_60_180_and_low_on_the_screen_only() -> None:
    for ladder in DEFAULT_LADDERS:
        check_ladder(ladder)
    assert [step.after_s for step in house().steps] == [0, 60, 120]
    assert [step.after_s for step in house(Priority.MEDIUM).steps] == [0, 60, 180]
    assert [step.to for step in house(Priority.LOW).steps] == [("screen",)]
    assert (
        due(house(Priority.LOW), case(taken(0, 0, to=Reached.SCREEN), of=(an_alert(priority=Priority.LOW),)))
        is Over.CLIMBED
    )


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (case(), (0, 0, Evidence.FIRST)),
        (case(taken(0, 0)), (1, 60, Evidence.NOT_SEEN)),
        (case(taken(0, 0), seen=True), (1, 60, Evidence.NOT_ACKNOWLEDGED)),
        (case(taken(0, 0, sent=False)), (1, 60, Evidence.NOT_DELIVERED)),
        (case(taken(0, 0, failed_s=7)), (1, 7, Evidence.NOT_DELIVERED)),
        (case(taken(0, 0, to=Reached.NOBODY)), (1, 0, Evidence.NOT_DELIVERED)),
        (case(taken(0, 0, to=Reached.SCREEN)), (1, 60, Evidence.NOT_SEEN)),
        (case(taken(0, 0), taken(1, 60)), (2, 120, Evidence.NOT_SEEN)),
        (case(taken(0, 0), taken(1, 7)), (2, 120, Evidence.NOT_SEEN)),
        (case(taken(0, 300), taken(1, 300)), (2, 120, Evidence.NOT_SEEN)),
        (case(taken(0, 0), taken(1, 60), taken(2, 120)), (3, 420, Evidence.NOT_SEEN)),
        (case(taken(0, 0), taken(1, 60), taken(2, 120, to=Reached.NOBODY)), (3, 420, Evidence.NOT_DELIVERED)),
    ],
)
def test_the_evidence_says_when_the_next_step_is_due_and_why(
    facts: Case, expected: tuple[int, float, Evidence]
) -> None:
    assert due(house(), facts) == expected


def test_a_step_may_come_sooner_where_nobody_has_seen_it_or_wait_a_little_after_a_failure() -> None:
    steps = (
        LadderStep(after_s=0, to=("role:nurse",)),
        LadderStep(after_s=60, to=("role:physician",), unseen_after_s=20, undelivered_after_s=10),
    )
    ladder = Ladder(ward_id="west", priority=Priority.HIGH, steps=steps)
    assert due(ladder, case(taken(0, 0))) == (1, 20, Evidence.NOT_SEEN)
    assert due(ladder, case(taken(0, 0), seen=True)) == (1, 60, Evidence.NOT_ACKNOWLEDGED)
    assert due(ladder, case(taken(0, 0, failed_s=3))) == (1, 13, Evidence.NOT_DELIVERED)
    assert due(ladder, case(taken(0, 0, failed_s=58))) == (1, 60, Evidence.NOT_DELIVERED)


def test_the_last_step_repeats_as_often_as_ladder_and_setting_allow() -> None:
    ladder = msgspec.structs.replace(house(), repeats_max=3)
    climbed = [taken(step, 60 * step) for step in range(3)]
    assert due(ladder, case(*climbed)) == (3, 420, Evidence.NOT_SEEN)
    assert due(ladder, case(*climbed, *(taken(step, 60 * step) for step in (3, 4, 5)))) is Over.CLIMBED
    assert due(ladder, case(*climbed), repeats_max=0) is Over.CLIMBED
    assert due(house(Priority.MEDIUM), case(*climbed, of=(an_alert(priority=Priority.MEDIUM),))) is Over.CLIMBED


def test_a_ladder_ends_with_as_many_people_as_it_asks_for() -> None:
    one = acknowledged(an_alert(), at_s=5)
    two = acknowledged(one, at_s=9, by="lee")
    pair = msgspec.structs.replace(house(), acknowledgements=2)
    assert due(house(), case(of=(an_alert(), one))) is Over.ACKNOWLEDGED
    assert due(pair, case(taken(0, 0), seen=True, of=(an_alert(), one))) == (1, 60, Evidence.NOT_ACKNOWLEDGED)
    assert due(pair, case(of=(an_alert(), one, two))) is Over.ACKNOWLEDGED


def test_rounds_begin_anew_with_what_is_to_be_told_anew_and_end_with_what_is_not() -> None:
    first = an_alert(priority=Priority.MEDIUM)
    seen, deeper = acknowledged(first, at_s=10), escalated(acknowledged(first, at_s=10), at_s=30)
    again = realarmed(acknowledged(deeper, at_s=40), at_s=900)
    quiet = silenced(again, at_s=950)
    back = unsilenced(quiet, at_s=1000)
    elsewhere = moved(back, at_s=1100, ward="east")
    life: list[Transition] = []
    rounds = []
    for step in (first, seen, deeper, again, quiet, back, elsewhere, resolved(elsewhere, at_s=1200)):
        life.append(step)
        found = round_of(reversed(life))
        rounds.append(found if isinstance(found, Over) else (found.began_ms - RAISED_MS) // 1000)
    assert rounds == [0, 0, 30, 900, Over.SUPPRESSED, 1000, 1100, Over.ENDED]


def test_what_was_quiet_from_its_beginning_or_found_afterwards_is_never_told() -> None:
    quiet = silenced(an_alert(), at_s=0)
    born_quiet = an_alert(suppression=quiet.suppression)
    assert round_of([born_quiet]) is Over.SUPPRESSED
    found = msgspec.structs.replace(an_alert(), retrospective=True)
    assert round_of([found]) is Over.NEVER_TOLD
    assert isinstance(round_of([born_quiet, unsilenced(born_quiet, at_s=60)]), Round)


def test_a_latched_alert_goes_on_where_it_is_high_and_stands_still_otherwise() -> None:
    high, medium = an_alert(), an_alert(priority=Priority.MEDIUM)
    assert due(house(), case(taken(0, 0), of=(high, latched(high, at_s=20)))) == (1, 60, Evidence.NOT_SEEN)
    assert due(house(Priority.MEDIUM), case(taken(0, 0), of=(medium, latched(medium, at_s=20)))) is Over.LATCHED


def test_steps_are_counted_from_when_it_was_heard() -> None:
    late = msgspec.structs.replace(an_alert(), heard_ms=RAISED_MS + 45_000)
    assert due(house(), case(of=(late,))) == (0, 45, Evidence.FIRST)
    assert due(house(), case(of=(an_alert(heard=False),))) == (0, 0, Evidence.FIRST)


def test_after_an_outage_everything_that_is_due_is_taken_at_once_and_says_how_late() -> None:
    nurse = Answer(told=(Addressee("role:nurse", "to-kim"),))
    steps, after = advance(house(), case(), now_ms=RAISED_MS + 600_000, whom=lambda _: nurse, repeats_max=10)
    assert [(step.number, step.late_ms // 1000, step.why) for step in steps] == [
        (0, 600, Evidence.FIRST),
        (1, 540, Evidence.NOT_DELIVERED),
        (2, 480, Evidence.NOT_DELIVERED),
    ]
    assert after == Due(3, RAISED_MS + 900_000, Evidence.NOT_DELIVERED)


def test_steps_that_reach_nobody_lead_to_the_last_at_once_and_no_further() -> None:
    ladder = Ladder(
        ward_id="*",
        priority=Priority.HIGH,
        steps=tuple(LadderStep(after_s=60.0 * n, to=("role:nurse",)) for n in range(4)),
        repeat_every_s=300,
    )
    steps, after = advance(ladder, case(), now_ms=RAISED_MS, whom=lambda _: NOBODY, repeats_max=10)
    assert [(step.number, step.reached) for step in steps] == [(n, Reached.NOBODY) for n in range(4)]
    assert after == Due(4, RAISED_MS + 300_000, Evidence.NOT_DELIVERED)
    assert steps[0].missing == NOBODY.missing


def test_a_step_has_failed_only_once_all_of_its_deliveries_have() -> None:
    assert failed_at([]) is None
    assert failed_at([(False, 5), (False, None)]) is None
    assert failed_at([(False, 5), (True, 3)]) is None
    assert failed_at([(False, 5), (False, 9)]) == 9


def test_a_notification_says_which_step_it_is_why_and_how_late() -> None:
    def said(number: int, why: Evidence, late_s: float = 0) -> str:
        step = Step("e1", "r1", number, RAISED_MS + round(late_s * 1000), RAISED_MS, why, Reached.TOLD, (), ())
        return words(house(), step)

    assert said(0, Evidence.FIRST) == "Step 1 of 3"
    assert said(0, Evidence.FIRST, 600) == "Step 1 of 3: told 10 min late"
    assert said(1, Evidence.NOT_SEEN) == "Step 2 of 3: nobody has seen it yet"
    assert said(4, Evidence.NOT_ACKNOWLEDGED, 30) == (
        "Step 3 again (2): seen, and nobody has taken it in hand; told 30 s late"
    )


@pytest.mark.parametrize("text", ["nurse", "role:", "role:Nurse!", "person:A B", "on-call:a/b", "screen:x", ":x"])
def test_what_names_nobody_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        target_of(text)


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        ([(5, "screen")], "steps\\[0\\].after_s must be 0"),
        ([(0, "screen"), (60, "role:nurse"), (30, "role:nurse")], "steps\\[2\\].after_s \\(30\\) is less"),
        ([(0, "screen"), (60, "nurse")], "steps\\[1\\].to: 'nurse' is nobody"),
    ],
)
def test_a_ladder_that_makes_no_sense_says_which_step_is_wrong(steps: list[tuple[float, str]], sentence: str) -> None:
    made = tuple(LadderStep(after_s=after_s, to=(to,)) for after_s, to in steps)
    with pytest.raises(InvalidArgument, match=sentence):
        check_ladder(Ladder(ward_id="west", priority=Priority.HIGH, steps=made))
