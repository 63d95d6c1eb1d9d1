"""The table of docs/alerts.md and the program, each held against the other."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from storage.session import Database
from tests.support.fresh_database import lay_schema
from tests.support.rare_lives import ended_and_retracted, rare_lives
from tests.support.sequence_checks import checked
from vitals.alert import Reason, Transition, TransitionKind

DOCUMENT = (Path(__file__).parents[3] / "docs" / "alerts.md").read_text(encoding="utf-8")
STATES = frozenset({"none", "active", "in hand", "latched"})
SEQUENCES = 150


class Move(NamedTuple):
    """One step: from where, by what, why, to where."""

    before: str
    step: TransitionKind
    reason: Reason
    after: str


def documented() -> list[tuple[str, set[Move]]]:
    """Each row of the table, as every single move that it allows."""
    section = DOCUMENT[DOCUMENT.index("| state | event | becomes | step | reason |") :].split("\n\n")[0]
    return [(line, set(_moves(*_cells(line)))) for line in section.splitlines()[2:]]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def _moves(before: str, event: str, after: str, step: str, reasons: str) -> Iterator[Move]:
    assert event
    (kind,) = re.findall(r"`(\w+)`", step)
    for state in before.split(", "):
        for becomes in [state] if after == "the same" else after.split(", "):
            assert {state, becomes} <= STATES
            for reason in re.findall(r"`(\w+)`", reasons):
                yield Move(state, TransitionKind(kind), Reason(reason), becomes)


def state_of(step: Transition | None) -> str:
    if step is None or not step.is_open:
        return "none"
    if step.latched:
        return "latched"
    return "in hand" if step.acknowledged else "active"


def moves_of(steps: Iterable[Transition]) -> Iterator[Move]:
    last: dict[str, Transition] = {}
    for step in steps:
        yield Move(state_of(last.get(step.episode_id)), step.transition, step.reason, state_of(step))
        last[step.episode_id] = step


@pytest.fixture(scope="module")
def seen() -> set[Move]:
    """What the program does, in random sequences and in scenes of what is rare."""
    told: list[Sequence[Transition]] = [checked(f"life-{number}")[1] for number in range(SEQUENCES)]
    moves = {move for steps in (*told, *rare_lives()) for move in moves_of(steps)}
    database = Database("sqlite://")
    lay_schema(database)
    with database.transaction() as conn:
        moves |= set(moves_of([ended_and_retracted(conn)]))
    database.close()
    return moves


def test_the_program_does_nothing_that_the_table_does_not_say(seen: set[Move]) -> None:
    allowed = set().union(*(moves for _, moves in documented()))
    assert seen - allowed == set()


def test_every_row_and_every_reason_in_it_is_reached(seen: set[Move]) -> None:
    reached = {(move.step, move.reason) for move in seen}
    for line, moves in documented():
        assert moves & seen, f"no witness of: {line}"
        missing = {(move.step.value, move.reason.value) for move in moves if (move.step, move.reason) not in reached}
        assert missing == set(), line


def test_every_reason_and_every_transition_stands_in_the_table_or_beside_it() -> None:
    rows = set().union(*(moves for _, moves in documented()))
    assert {move.step for move in rows} == set(TransitionKind)
    assert set(Reason) - {move.reason for move in rows} == {Reason.ABSORBED}, "absorbed stands in a step's suppression"
