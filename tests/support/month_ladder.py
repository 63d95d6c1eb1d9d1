"""Escalation over a simulated month: the ladders decide purely, a table as SQL would hold it says what was taken.

Processes die before they have committed a step, and after it; whoever comes next knows the table and the alerts, no more.
"""

import random
from collections import Counter

import msgspec

from alerts.ladder import Step, advance
from tests.support.month_checkers import Book, Complaints
from tests.support.month_world import MINUTE_MS, TICK_MS
from vitals.alert import Priority, Transition
from vitals.escalation import Case, Over, Reached, Round, Taken, acknowledgements_of, round_of
from vitals.ladder import DEFAULT_LADDERS, Ladder, LadderStep, ladder_for
from vitals.phone_book import Addressee, Answer, Missing, Unreached

REPEATS_MAX = 10
LATE_MS_MAX = 2 * TICK_MS
"""A look each tick, and one that died."""


class SimulatedLadders:
    """All ladders of one partition; look at them each tick."""

    def __init__(self, book: Book, complaints: Complaints, *, seed: str) -> None:
        self._book = book
        self._complaints = complaints
        self._random = random.Random(seed)
        self._table: dict[str, list[Taken]] = {}
        """Steps taken of each round; what SQL holds."""
        self._rounds: dict[str, Round] = {}
        """Of each round in the table."""
        self._seen: set[str] = set()
        self.counts: Counter[str] = Counter()

    def look(self, now_ms: int) -> None:
        """Take what is due; now and then the process dies on the way, before or after its commit."""
        dies = self._random.random() < 0.01
        commits = self._random.random() < 0.5
        self.counts["died"] += dies
        for episode_id in list(self._book.steps):
            climbing = round_of(self._book.steps[episode_id])
            if isinstance(climbing, Over):
                continue
            ladder = ladder_for(DEFAULT_LADDERS, climbing.state.ward_id, climbing.state.priority)
            case = self._case(climbing)
            steps, following = advance(ladder, case, now_ms=now_ms, whom=self._whom, repeats_max=REPEATS_MAX)
            if steps and dies and not commits:
                self.counts["steps lost before their commit"] += len(steps)
                return
            for step in steps:
                self._commit(climbing, step, ladder, now_ms)
            if not steps and isinstance(following, Over):
                self.counts[f"over: {following.value}"] += 0
            self._must_have_climbed(climbing, ladder, now_ms)
            if steps and dies:
                return

    def _case(self, climbing: Round) -> Case:
        """What SQL says now; mails arrive, pages are looked at, some fail."""
        draw, taken = self._random, self._table.get(climbing.round_id, [])
        for index, step in enumerate(taken):
            if step.reached is Reached.TOLD and not step.is_sent and draw.random() < 0.6:
                taken[index] = msgspec.structs.replace(step, is_sent=True, failed_at_ms=None)
            elif step.reached is Reached.TOLD and not step.is_sent and step.failed_at_ms is None:
                taken[index] = msgspec.structs.replace(step, failed_at_ms=step.at_ms + MINUTE_MS // 2)
        if taken and draw.random() < 0.2:
            self._seen.add(climbing.round_id)
        return Case(climbing, tuple(taken), climbing.round_id in self._seen)

    def _whom(self, step: LadderStep) -> Answer:
        if self._random.random() < 0.1:
            return Answer((), tuple(Unreached(each, Missing.NOBODY_WITH_ROLE) for each in step.to))
        return Answer(tuple(Addressee(each, f"pager-{each}") for each in step.to if each != "screen"))

    def _commit(self, climbing: Round, step: Step, ladder: Ladder, now_ms: int) -> None:
        taken = self._table.setdefault(climbing.round_id, [])
        numbers = [each.step for each in taken]
        if step.number in numbers:
            self._complaints.add("a step twice", f"{step} of {numbers}")
        elif step.number != len(numbers):
            self._complaints.add("a step left out", f"{step} after {numbers}")
        if step.at_ms < step.due_ms:
            self._complaints.add("a step before its time", f"{step}")
        state = climbing.state
        if state.suppression is not None or not state.is_open or acknowledgements_of(state) >= ladder.acknowledgements:
            self._complaints.add("a step that nobody needs", f"{step} {state}")
        taken.append(Taken(step.number, now_ms, step.reached))
        self._rounds[climbing.round_id] = climbing
        self.counts[f"step {min(step.number, len(ladder.steps))}: {step.why.value}"] += 1

    def _must_have_climbed(self, climbing: Round, ladder: Ladder, now_ms: int) -> None:
        """Nobody has it in hand: every step whose time is past was taken."""
        state: Transition = climbing.state
        if acknowledgements_of(state) or not (state.active or state.priority is Priority.HIGH):
            return
        since_ms = max(climbing.began_ms, state.heard_ms or state.at_ms)
        waited_ms = now_ms - since_ms - LATE_MS_MAX
        due = sum(step.after_s * 1000 < waited_ms for step in ladder.steps)
        if len(self._table.get(climbing.round_id, ())) < due:
            self._complaints.add("a step not taken", f"{due} due at {now_ms} of {state}")
