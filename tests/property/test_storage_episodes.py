"""Episodes in SQL: any order of a valid episode's transitions, with any repeats and any clocks, ends in the same row."""

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage import episodes
from storage.episodes import Episode
from storage.session import Database
from tests.support.fresh_database import lay_schema
from vitals.alert import AlertKind, Priority, Reason, Transition, TransitionKind
from vitals.identity import transition_id
from vitals.reading import PatientId, WardId

RISING = (Priority.LOW, Priority.MEDIUM, Priority.HIGH)


@st.composite
def valid_episodes(draw: st.DrawFn) -> list[Transition]:
    """Raised, then per priority perhaps acknowledged and escalated, perhaps resolved and taken back, moved at any time.

    The clocks say anything.
    """
    priorities = draw(
        st.lists(st.sampled_from(RISING), min_size=1, unique=True).map(lambda some: sorted(some, key=RISING.index))
    )
    steps: list[Transition] = []

    moves = 0

    def add(kind: TransitionKind, priority: Priority, *, acknowledged: bool) -> None:
        at_ms = draw(st.integers(0, 5))
        steps.append(
            Transition(
                transition_id=transition_id("e", kind, str(len(steps))),
                episode_id="e",
                patient_id=PatientId("p"),
                ward_id=WardId(f"w{moves}"),
                move=moves,
                kind=AlertKind.SPO2_LOW,
                transition=kind,
                reason=Reason.LIMIT_BREACHED,
                priority=priority,
                at_ms=at_ms,
                onset_ms=0,
                raised_at_ms=1,
                active=kind not in (TransitionKind.RESOLVED, TransitionKind.RETRACTED),
                acknowledged=acknowledged,
                text=f"step {len(steps)}",
            )
        )

    def perhaps_move(priority: Priority, *, acknowledged: bool) -> None:
        nonlocal moves
        for _ in range(draw(st.integers(0, 2))):
            moves += draw(st.integers(1, 3))
            add(TransitionKind.MOVED, priority, acknowledged=acknowledged)

    acknowledged = False
    for index, priority in enumerate(priorities):
        add(TransitionKind.ESCALATED if index else TransitionKind.RAISED, priority, acknowledged=False)
        perhaps_move(priority, acknowledged=False)
        acknowledged = draw(st.booleans())
        if acknowledged:
            add(TransitionKind.ACKNOWLEDGED, priority, acknowledged=True)
            perhaps_move(priority, acknowledged=True)
    if draw(st.booleans()):
        add(TransitionKind.RESOLVED, priorities[-1], acknowledged=acknowledged)
    if draw(st.booleans()):
        add(TransitionKind.RETRACTED, priorities[-1], acknowledged=acknowledged)
    return steps


def stored(database: Database, batches: Sequence[Sequence[Transition]]) -> tuple[Episode, frozenset[str]]:
    """The episode and its transitions after these batches."""
    for batch in batches:
        with database.transaction() as conn:
            episodes.store(conn, batch)
    with database.snapshot() as conn:
        found = episodes.get(conn, "e"), frozenset(t.transition_id for t in episodes.transitions_of(conn, "e"))
    with database.transaction() as conn:
        conn.exec_driver_sql("DELETE FROM transitions")
        conn.exec_driver_sql("DELETE FROM episodes")
    return found


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    database = Database("sqlite://")
    lay_schema(database)
    yield database
    database.close()


@given(steps=valid_episodes(), data=st.data())
def test_any_order_with_repeats_is_the_same_as_in_order_once(
    database: Database, steps: list[Transition], data: st.DataObject
) -> None:
    in_order = stored(database, [steps])
    assert in_order[0].last_transition_id == steps[-1].transition_id
    repeated = steps + data.draw(st.lists(st.sampled_from(steps), max_size=5))
    shuffled = data.draw(st.permutations(repeated))
    cut = data.draw(st.integers(0, len(shuffled)))
    assert stored(database, [shuffled[:cut], shuffled[cut:]]) == in_order
    assert stored(database, [[step] for step in shuffled]) == in_order
