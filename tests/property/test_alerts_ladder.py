"""Ladders under random receipts, sightings, orders, rounds, outages and crashes: no step twice, none skipped, none early, none late.

The oracle keeps its own books of what happened when, and judges each step by those alone.
"""

import asyncio
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from alerts.ladder import Step, advance
from alerts.ladder_paging import pager
from alerts.ladder_runner import Enqueue, Paging
from storage.session import Connection
from tests.support.alert_transitions import (
    RAISED_MS,
    acknowledged,
    an_alert,
    moved,
    realarmed,
    resolved,
    silenced,
    unsilenced,
)
from tests.support.examples import examples
from tests.support.ladder_scene import LadderScene
from vitals.alert import Priority, Transition
from vitals.escalation import Case, Evidence, Reached, Round, Taken, failed_at, round_of
from vitals.ladder import Ladder, LadderStep
from vitals.notification import ReceiptState
from vitals.phone_book import Addressee, Answer

REPEATS_MAX = 3
WHOM = ("role:nurse", "role:physician", "screen", "on-call:gap")
"""Nurses and physicians are reached, the schedule has a gap."""


@st.composite
def ladders(draw: st.DrawFn) -> Ladder:
    """Any ladder that may be set, of few steps and short times."""
    after_s, steps = 0.0, []
    for number in range(draw(st.integers(1, 3))):
        after_s += 0 if number == 0 else draw(st.integers(0, 6)) * 10
        to = draw(st.lists(st.sampled_from(WHOM), min_size=1, max_size=2, unique=True))
        unseen = draw(st.none() | st.integers(0, 60))
        steps.append(
            LadderStep(
                after_s=after_s,
                to=tuple(to),
                undelivered_after_s=float(draw(st.integers(0, 20))),
                unseen_after_s=None if unseen is None else float(unseen),
            )
        )
    return Ladder(
        ward_id="*",
        priority=Priority.HIGH,
        steps=tuple(steps),
        acknowledgements=draw(st.integers(1, 2)),
        repeat_every_s=draw(st.none() | st.integers(30, 60).map(float)),
        repeats_max=draw(st.integers(0, 2)),
    )


WORDS = (
    *("wait",) * 6, *("failed",) * 3, *("sent",) * 2, *("outage",) * 2, "seen", "ack", "realarm", "quiet", "back", "move", "crash", "end",
)  # fmt: skip
ACTIONS = st.tuples(st.sampled_from(WORDS), st.integers(1, 40))
"""What happens, and for how many seconds where it takes time; an outage ten times as many."""


@dataclass
class Books:
    """What truly happened, by the second, of one alert."""

    life: list[Transition] = field(default_factory=lambda: [an_alert()])
    now_s: int = 0
    steps: list[Step] = field(default_factory=list)
    fates: dict[str, tuple[bool, int | None]] = field(default_factory=dict)
    """By step: whether it was sent, and when it first failed."""
    seen_s: list[int] = field(default_factory=list)
    spoilt: bool = False
    """The next look dies before it is committed."""

    @property
    def state(self) -> Transition:
        return self.life[-1]

    def order(self, action: str) -> None:
        """What the engine writes, where the order makes sense now."""
        state, at_s = self.state, self.now_s
        quiet = state.suppression is not None
        if not state.is_open:
            return
        if action == "ack" and len(state.acknowledgements) < 3:
            self.life.append(acknowledged(state, at_s=at_s, by=f"n{len(state.acknowledgements)}"))
        elif action == "realarm" and not quiet:
            self.life.append(realarmed(state, at_s=at_s))
        elif action == "quiet" and not quiet:
            self.life.append(silenced(state, at_s=at_s))
        elif action == "back" and quiet:
            self.life.append(unsilenced(state, at_s=at_s))
        elif action == "move":
            self.life.append(moved(state, at_s=at_s, ward=f"w{at_s}"))
        elif action == "end":
            self.life.append(resolved(state, at_s=at_s))

    def receipt(self, action: str) -> None:
        """What channels say of the step taken last."""
        if not self.steps or not self.steps[-1].told:
            return
        step_id = self.steps[-1].step_id
        is_sent, failed_ms = self.fates.get(step_id, (False, None))
        now_ms = RAISED_MS + self.now_s * 1000
        if action == "sent":
            self.fates[step_id] = (True, failed_ms)
        elif failed_ms is None and not is_sent:
            self.fates[step_id] = (False, now_ms)

    def case(self) -> Case | None:
        """The facts as a store would give them."""
        found = round_of(self.life)
        if not isinstance(found, Round):
            return None
        taken = []
        for step in self.steps:
            if step.round_id == found.round_id:
                known = [self.fates.get(step.step_id, (False, None))] if step.told else []
                is_sent = any(sent for sent, _ in known)
                taken.append(Taken(step.number, step.at_ms, step.reached, is_sent, failed_at(known)))
        is_seen = any(RAISED_MS + at_s * 1000 >= found.began_ms for at_s in self.seen_s)
        return Case(found, tuple(taken), is_seen)


def whom(step: LadderStep) -> Answer:
    reached = [to for to in step.to if to.startswith("role:")]
    return Answer(told=tuple(Addressee(to, f"to-{to}") for to in reached))


def look(books: Books, ladder: Ladder) -> None:
    """As the runner: decide on what is known, take everything or, where it dies, nothing."""
    case = books.case()
    if case is None:
        return
    now_ms = RAISED_MS + books.now_s * 1000
    steps, _ = advance(ladder, case, now_ms=now_ms, whom=whom, repeats_max=REPEATS_MAX)
    for number, step in enumerate(steps):
        before = case.taken[-1] if number == 0 and case.taken else _as_taken(steps[number - 1]) if number else None
        judge_not_early(ladder, case, step, before)
    if books.spoilt:
        books.spoilt = False
        return
    books.steps += steps
    judge_in_time(books, ladder, case, now_ms)


def _as_taken(step: Step) -> Taken:
    return Taken(step.number, step.at_ms, step.reached)


def judge_not_early(ladder: Ladder, case: Case, step: Step, before: Taken | None) -> None:
    """Something that the ladder names must have come about by the time at which the step was taken."""
    assert case.round.state.is_open
    assert case.round.state.suppression is None
    assert len(case.round.state.acknowledgements) < ladder.acknowledgements
    assert step.due_ms <= step.at_ms
    began_ms = case.round.began_ms
    if before is None:
        assert (step.number, step.why) == (0, Evidence.FIRST)
        assert step.at_ms >= began_ms
        return
    assert step.number == before.step + 1
    if step.number >= len(ladder.steps):
        assert ladder.repeat_every_s is not None
        assert step.number - len(ladder.steps) < min(ladder.repeats_max, REPEATS_MAX)
        assert step.at_ms >= before.at_ms + ladder.repeat_every_s * 1000
        return
    rung = ladder.steps[step.number]
    reasons = [step.at_ms >= began_ms + rung.after_s * 1000, before.reached is Reached.NOBODY]
    if before.failed_at_ms is not None:
        reasons.append(step.at_ms >= before.failed_at_ms + rung.undelivered_after_s * 1000)
    if rung.unseen_after_s is not None and not case.is_seen:
        reasons.append(step.at_ms >= before.at_ms + rung.unseen_after_s * 1000)
    assert any(reasons), step


def judge_in_time(books: Books, ladder: Ladder, case: Case, now_ms: int) -> None:
    """Whatever the ladder plans by now has been taken, each once, without a gap, unless enough people have it in hand."""
    numbers = [step.number for step in books.steps if step.round_id == case.round.round_id]
    assert numbers == list(range(len(numbers)))
    if len(case.round.state.acknowledgements) >= ladder.acknowledgements:
        return
    planned = [
        number for number, step in enumerate(ladder.steps) if case.round.began_ms + step.after_s * 1000 <= now_ms
    ]
    assert set(planned) <= set(numbers)
    last = books.steps[-1]
    if last.round_id == case.round.round_id and last.number + 1 < len(ladder.steps):
        assert last.reached is not Reached.NOBODY, "it leads on at once"


def act(books: Books, action: str, seconds: int, ladder: Ladder) -> None:
    match action:
        case "wait":
            for _ in range(seconds):
                books.now_s += 1
                look(books, ladder)
        case "outage":
            books.now_s += 10 * seconds
            look(books, ladder)
        case "crash":
            books.spoilt = True
        case "seen":
            books.seen_s.append(books.now_s)
        case "sent" | "failed":
            books.receipt(action)
        case _:
            books.now_s += 1
            books.order(action)


@examples(150)
@given(ladders(), st.lists(ACTIONS, max_size=25))
def test_every_step_is_taken_once_in_its_time_and_for_a_reason(ladder: Ladder, actions: list[tuple[str, int]]) -> None:
    books = Books()
    look(books, ladder)
    for action, seconds in actions:
        act(books, action, seconds, ladder)
    taken = [(step.round_id, step.number) for step in books.steps]
    assert len(taken) == len(set(taken))


class Killed(BaseException):
    """The process is gone, wherever it was."""


@examples(5)
@given(
    st.lists(
        st.tuples(st.integers(1, 90), st.integers(0, 4), st.sampled_from(["", "sent", "failed"])),
        min_size=3,
        max_size=12,
    )
)
def test_a_process_that_dies_anywhere_repeats_no_step_and_loses_none(script: list[tuple[int, int, str]]) -> None:
    """Over SQL: each entry lets time pass, kills the process at so many deliveries (0: not at all), tells a receipt."""

    async def scene() -> None:
        ward = LadderScene()
        for login, role in (("kim", "nurse"), ("lee", "physician"), ("max", "ward_manager")):
            ward.somebody(login, role)
        for number in range(3):
            ward.alert(an_alert(episode=f"e{number}", patient=f"p{number}"))
        second = 0
        for seconds, dies_at, receipt in script:
            second += seconds
            await ward.start(_dying(dies_at))
            try:
                await ward.look_at(second)
            except Killed:
                await ward.start()
                await ward.look_at(second)
            if receipt:
                ward.receipt("to-kim", ReceiptState(receipt))
            for number in range(3):
                _judge(ward, f"e{number}", second)
        told = ward.told()
        steps = [step for number in range(3) for step in ward.steps(f"e{number}")]
        assert len(told) == sum(len(step.told) for step in steps)

    asyncio.run(scene())


def _dying(at: int) -> Enqueue:
    real, left = pager(expires_s=600), [at]

    def enqueue(conn: Connection, paging: Paging, now_ms: int) -> None:
        real(conn, paging, now_ms)
        left[0] -= 1
        if left[0] == 0:
            raise Killed

    return enqueue


def _judge(ward: LadderScene, episode_id: str, second: int) -> None:
    numbers = [step.step for step in ward.steps(episode_id)]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= sum(1 for after_s in (0, 60, 120) if after_s <= second)
