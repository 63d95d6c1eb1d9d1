"""The read model under any order and any repetition of the log's records."""

import random
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from dashboard.tiles import tile
from dashboard.ward import Bed, Ward
from dashboard.ward_limits import WardLimits
from tests.support.builders import assessment, at_ms, reading
from tests.support.ward_scene import transition
from vitals.alert import (
    Acknowledgement,
    AlertKind,
    Priority,
    Reason,
    Suppression,
    Transition,
    TransitionKind,
)
from vitals.assessment import Assessment
from vitals.reading import PatientId, Reading, WardId

P1 = PatientId("p1")
BED = Bed(patient_id=P1, ward_id=WardId("w1"), bed="1", name="Ada")
Record = Reading | Assessment | Transition
RISING = (Priority.LOW, Priority.MEDIUM, Priority.HIGH)
TURNS = (
    TransitionKind.ACKNOWLEDGED,
    TransitionKind.ESCALATED,
    TransitionKind.REALARMED,
    TransitionKind.LATCHED,
    TransitionKind.SUPPRESSED,
    TransitionKind.UNSUPPRESSED,
)

readings = st.builds(
    lambda second, rate, device: reading(at_s=second, device=device, heart_rate_bpm=rate),
    st.integers(0, 600),
    st.integers(40, 140),
    st.sampled_from(["d1", "d2"]),
)
assessments = st.builds(lambda second, late: assessment(at_s=second, late=late), st.integers(0, 600), st.booleans())


@st.composite
def episodes(draw: st.DrawFn) -> list[Transition]:
    """A valid life of one episode: taken in hand, told anew, quiet, latched and back, at rising priorities, perhaps ended."""
    kind = draw(st.sampled_from([AlertKind.SPO2_LOW, AlertKind.HEART_RATE_HIGH, AlertKind.LOST_CONTACT]))
    raised_at = draw(st.integers(0, 600))
    state: dict[str, Any] = {"priority": Priority.LOW, "round": 0, "acknowledgements": (), "suppression": None}
    state |= {"active": True, "latched": False}
    steps: list[Transition] = []

    def add(step: TransitionKind, **changes: Any) -> None:
        state.update(changes)
        at = at_ms(raised_at + len(steps))
        begun = transition(
            P1,
            kind,
            step,
            priority=state["priority"],
            text=step.value,
            at_ms=at,
            raised_at_ms=at_ms(raised_at),
            by="Kim",
        )
        whole = {**state, "acknowledged": bool(state["acknowledgements"])}
        steps.append(msgspec.structs.replace(begun, transition_id=f"{len(steps):03}", **whole))

    add(TransitionKind.RAISED)
    for turn in draw(st.lists(st.sampled_from(TURNS), max_size=6)):
        held = state["acknowledgements"]
        if turn is TransitionKind.ACKNOWLEDGED:
            add(turn, acknowledgements=(*held, Acknowledgement(f"n{len(held)}", "Kim", len(steps), len(steps) + 9)))
        elif turn is TransitionKind.ESCALATED and state["priority"] is not Priority.HIGH:
            higher = RISING[RISING.index(state["priority"]) + 1]
            add(turn, priority=higher, round=0, acknowledgements=(), active=True, latched=False)
        elif turn is TransitionKind.REALARMED:
            add(turn, round=state["round"] + 1, acknowledgements=(), active=True, latched=False)
        elif turn is TransitionKind.LATCHED and state["active"] and not held:
            add(turn, active=False, latched=True)
        elif turn is TransitionKind.SUPPRESSED and state["suppression"] is None:
            add(turn, suppression=Suppression(reason=Reason.SILENCED, since_ms=1, by="Kim"))
        elif turn is TransitionKind.UNSUPPRESSED and state["suppression"] is not None:
            add(turn, suppression=None, round=state["round"] + 1)
    if draw(st.booleans()):
        add(TransitionKind.RESOLVED, active=False, latched=False)
    return steps


def apply(ward: Ward, record: Record) -> bool:
    match record:
        case Reading():
            return ward.apply_reading(record)
        case Assessment():
            return ward.apply_assessment(record)
        case Transition():
            return ward.apply_transition(record)


def ward_after(records: list[Record]) -> Ward:
    ward = Ward(WardLimits(recent_readings_max=1000))
    ward.place([BED])
    for record in records:
        apply(ward, record)
    return ward


def shown(ward: Ward) -> dict[str, Any]:
    return tile(ward.patients[P1], ward.limits, now_ms=at_ms(600))


@given(st.lists(st.one_of(readings, assessments), max_size=40), st.lists(episodes(), max_size=4))
def test_records_applied_again_change_nothing(records: list[Record], lives: list[list[Transition]]) -> None:
    log: list[Record] = [*records, *(step for life in lives for step in life)]
    ward = ward_after(log)
    before = shown(ward)
    ward.take_changes()
    assert not any(apply(ward, record) for record in log)
    assert ward.take_changes() == {}
    assert shown(ward) == before


@given(st.lists(episodes(), max_size=4, unique_by=lambda life: life[0].episode_id), st.randoms(use_true_random=False))
def test_episodes_end_in_the_same_state_in_any_order(lives: list[list[Transition]], source: random.Random) -> None:
    log: list[Record] = [step for life in lives for step in life]
    shuffled = list(log)
    source.shuffle(shuffled)
    in_order, mixed = shown(ward_after(log)), shown(ward_after(shuffled))
    assert [_state(alert) for alert in mixed["alerts"]] == [_state(alert) for alert in in_order["alerts"]]


@given(
    st.lists(readings, max_size=60, unique_by=lambda record: (record.measured_at_ms, record.device_id)),
    st.randoms(use_true_random=False),
)
def test_the_trend_is_the_same_in_any_order(records: list[Reading], source: random.Random) -> None:
    shuffled: list[Record] = list(records)
    source.shuffle(shuffled)
    assert shown(ward_after(list(records)))["trend"] == shown(ward_after(shuffled))["trend"]


def _state(alert: dict[str, Any]) -> tuple[Any, ...]:
    names = ("episode_id", "priority", "active", "latched", "acknowledged", "round", "suppression", "state")
    return tuple(alert[name] for name in names)
