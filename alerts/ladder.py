"""The steps of escalation that are to be taken now. Pure: the runner drives it over SQL, a simulation over memory.

    round_of(transitions) → Case(round, taken, is_seen) → advance(ladder, case, …) → steps

Whoever takes them notes each as `Taken` (and its deliveries' fate) before it asks again.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from vitals.escalation import Case, Due, Evidence, Over, Reached, Taken, next_step, rung
from vitals.ladder import Ladder, LadderStep, TargetKind
from vitals.phone_book import Addressee, Answer, Unreached

Whom = Callable[[LadderStep], Answer]
"""Whom a step reaches at this moment, for the alert in question."""


class Step(msgspec.Struct, frozen=True):
    """A step to take now; whoever takes it does so once by (episode, round, number)."""

    episode_id: str
    round_id: str
    number: int
    """0 is the first; beyond the ladder's last it is that one again."""
    at_ms: int
    due_ms: int
    why: Evidence
    reached: Reached
    told: tuple[Addressee, ...]
    missing: tuple[Unreached, ...]

    @property
    def step_id(self) -> str:
        """What its deliveries are known by."""
        return step_id(self.round_id, self.number)

    @property
    def late_ms(self) -> int:
        """How long after its time it is taken: an outage's share in the delay."""
        return self.at_ms - self.due_ms


def step_id(round_id: str, number: int) -> str:
    """The id of one step of one round."""
    return f"{round_id}~{number}"


def advance(
    ladder: Ladder, case: Case, *, now_ms: int, whom: Whom, repeats_max: int
) -> tuple[tuple[Step, ...], Due | Over]:
    """Every step that is due at `now_ms`, in order, and what follows them.

    After an outage that is several at once: the alert has waited for all of them. A step that reaches nobody is a step
    too, with why, and the one above it follows at once.
    """
    steps: list[Step] = []
    while True:
        due = next_step(ladder, case, repeats_max=repeats_max)
        if isinstance(due, Over) or due.at_ms > now_ms or len(steps) > len(ladder.steps):
            return tuple(steps), due
        step = _step(ladder, case, due, now_ms, whom)
        steps.append(step)
        case = msgspec.structs.replace(case, taken=(*case.taken, Taken(step.number, now_ms, step.reached)))


def _step(ladder: Ladder, case: Case, due: Due, now_ms: int, whom: Whom) -> Step:
    wanted = ladder.steps[rung(ladder, due.step)]
    answer = whom(wanted)
    return Step(
        episode_id=case.round.state.episode_id,
        round_id=case.round.round_id,
        number=due.step,
        at_ms=now_ms,
        due_ms=due.at_ms,
        why=due.why,
        reached=_reached(wanted, answer),
        told=answer.told,
        missing=answer.missing,
    )


def _reached(step: LadderStep, answer: Answer) -> Reached:
    if answer.told:
        return Reached.TOLD
    if any(target.kind is TargetKind.SCREEN for target in step.targets):
        return Reached.SCREEN
    return Reached.NOBODY


_WHY: Final = {
    Evidence.FIRST: "",
    Evidence.NOT_DELIVERED: "nobody told before could be reached",
    Evidence.NOT_SEEN: "nobody has seen it yet",
    Evidence.NOT_ACKNOWLEDGED: "seen, and nobody has taken it in hand",
}
_LATE_TOLD_MS: Final = 5_000
"""A step so much after its time says so."""


def words(ladder: Ladder, step: Step) -> str:
    """What a notification says of the step: which it is, why it is taken, and how late, where it is.

    >>> words(ladder, step)  # doctest: +SKIP
    'Step 2 of 3: nobody has seen it yet'
    """
    last = len(ladder.steps)
    which = (
        f"Step {step.number + 1} of {last}" if step.number < last else f"Step {last} again ({step.number - last + 1})"
    )
    said = [part for part in (_WHY[step.why], _late(step.late_ms)) if part]
    return f"{which}: {'; '.join(said)}" if said else which


def _late(late_ms: int) -> str:
    if late_ms < _LATE_TOLD_MS:
        return ""
    seconds = late_ms // 1000
    return f"told {seconds} s late" if seconds < 120 else f"told {seconds // 60} min late"
