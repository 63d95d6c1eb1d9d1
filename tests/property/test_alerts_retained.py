"""Retained MQTT messages: however often things are told again, and wherever it crashed, one topic stands per open episode."""

from collections.abc import Iterable, Sequence

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from alerts.place import UNKNOWN_WARD
from alerts.retained import Message, Retained, step_messages
from vitals.alert import AlertKind, Priority, Reason, Transition, TransitionKind, order_of
from vitals.codec import decode
from vitals.identity import transition_id
from vitals.reading import PatientId, WardId

P = PatientId("p")
WARDS = tuple(map(WardId, ("a", "b", "c")))


@st.composite
def stories(draw: st.DrawFn) -> list[Transition]:
    """Episodes of one patient and kind one after another, each moved, acknowledged and ended at will."""
    steps: list[Transition] = []
    ward, move = WARDS[0], 0
    for number in range(draw(st.integers(1, 3))):
        acknowledged = False
        steps.append(_step(number, TransitionKind.RAISED, ward, move))
        for event in draw(st.lists(st.sampled_from(("move", "ack")), max_size=4)):
            if event == "move":
                left, ward, move = ward, draw(st.sampled_from(WARDS)), move + 1
                moved = _step(number, TransitionKind.MOVED, ward, move, acknowledged=acknowledged, left=left)
                steps += [moved] if ward != left else []
            elif not acknowledged:
                acknowledged = True
                steps.append(_step(number, TransitionKind.ACKNOWLEDGED, ward, move, acknowledged=True))
        ends = draw(st.sampled_from((TransitionKind.RESOLVED, TransitionKind.RETRACTED, None)))
        if ends is None:
            break
        steps.append(_step(number, ends, ward, move, acknowledged=acknowledged))
    return steps


def _step(
    number: int,
    kind: TransitionKind,
    ward: WardId,
    move: int,
    *,
    acknowledged: bool = False,
    left: WardId | None = None,
) -> Transition:
    return Transition(
        transition_id=transition_id(f"e{number}", kind, f"{move}{acknowledged}"),
        episode_id=f"e{number}",
        patient_id=P,
        ward_id=ward,
        kind=AlertKind.SPO2_LOW,
        transition=kind,
        reason=Reason.LIMIT_BREACHED,
        priority=Priority.HIGH,
        at_ms=10 * number + move,
        onset_ms=number,
        raised_at_ms=number,
        active=kind not in (TransitionKind.RESOLVED, TransitionKind.RETRACTED),
        acknowledged=acknowledged,
        text="SpO2 76 %",
        move=move,
        from_ward_id=left,
    )


def take(broker: dict[str, bytes], messages: Iterable[Message]) -> None:
    """What a broker keeps."""
    for message in messages:
        if message.retain and message.payload:
            broker[message.topic] = message.payload
        elif message.retain:
            broker.pop(message.topic, None)


def standing(steps: Sequence[Transition]) -> set[tuple[str, str]]:
    """Ward and last step of what is open after these."""
    last: dict[str, Transition] = {}
    for step in steps:
        last[step.episode_id] = max(last.get(step.episode_id, step), step, key=order_of)
    return {(step.ward_id, step.transition_id) for step in last.values() if step.active}


def shown(broker: dict[str, bytes]) -> set[tuple[str, str]]:
    return {(topic.split("/")[3], decode(Transition, payload).transition_id) for topic, payload in broker.items()}


@given(stories(), st.data())
def test_after_any_story_told_with_repetitions_exactly_the_open_episode_stands(
    steps: list[Transition], data: st.DataObject
) -> None:
    broker: dict[str, bytes] = {}
    retained = Retained(subjects_max=10)
    position = 0
    while position < len(steps):
        take(broker, retained.messages(steps[position]))
        position += 1
        if data.draw(st.integers(0, 3)) == 0:
            position -= data.draw(st.integers(0, min(3, position)))
    assert shown(broker) == standing(steps)


@given(stories(), st.data())
def test_a_crash_between_any_two_messages_is_mended_by_the_next_connection(
    steps: list[Transition], data: st.DataObject
) -> None:
    broker: dict[str, bytes] = {}
    retained = Retained(subjects_max=10)
    crash_at = data.draw(st.integers(0, len(steps) - 1))
    for step in steps[:crash_at]:
        take(broker, retained.messages(step))
    messages = retained.messages(steps[crash_at])
    take(broker, messages[: data.draw(st.integers(0, len(messages)))])

    stored: dict[str, Transition] = {}
    for step in steps[: crash_at + 1]:
        stored[step.episode_id] = max(stored.get(step.episode_id, step), step, key=order_of)
    opened = [step for step in stored.values() if step.active]
    closed = [step for step in stored.values() if not step.active]
    anew = Retained(subjects_max=10)
    take(broker, anew.refreshing(opened, closed, {P: WARDS}))
    assert shown(broker) == standing(steps[: crash_at + 1])
    again_from = data.draw(st.integers(0, crash_at))
    for step in steps[again_from:]:
        take(broker, anew.messages(step))
    assert shown(broker) == standing(steps)


def test_what_was_found_afterwards_is_never_told_on_mqtt() -> None:
    found = _step(0, TransitionKind.RESOLVED, WARDS[0], 0)
    assert Retained(subjects_max=1).messages(replace(found, retrospective=True)) == []


@given(restarted=st.booleans())
def test_what_was_told_while_no_ward_was_known_is_gone_once_one_is(*, restarted: bool) -> None:
    here = _step(0, TransitionKind.RAISED, WARDS[0], 0)
    broker: dict[str, bytes] = {}
    retained = Retained(subjects_max=10)
    take(broker, retained.messages(replace(here, ward_id=UNKNOWN_WARD)))
    assert {ward for ward, _ in shown(broker)} == {UNKNOWN_WARD}
    knowing = Retained(subjects_max=10) if restarted else retained
    take(broker, knowing.refreshing([here], [], {P: (WARDS[0],)}))
    assert shown(broker) == {(WARDS[0], here.transition_id)}


def test_an_ended_alert_leaves_nothing_under_the_unknown_ward_and_an_open_one_of_a_stranger_stays() -> None:
    stray = replace(_step(0, TransitionKind.RAISED, WARDS[0], 0), ward_id=UNKNOWN_WARD)
    broker: dict[str, bytes] = {}
    take(broker, Retained(subjects_max=10).messages(stray))
    take(broker, Retained(subjects_max=10).refreshing([stray], [], {}))
    assert {ward for ward, _ in shown(broker)} == {UNKNOWN_WARD}
    ended = _step(0, TransitionKind.RESOLVED, WARDS[0], 0)
    take(broker, Retained(subjects_max=10).refreshing([], [ended], {P: (WARDS[0],)}))
    assert broker == {}


def test_a_step_stands_at_a_topic_that_names_it_and_is_never_retained() -> None:
    here = _step(0, TransitionKind.RAISED, WARDS[0], 0)
    (message,) = step_messages(here)
    ward, patient = here.ward_id, here.patient_id
    assert message.topic == f"wardlight/v1/alert-steps/{ward}/high/raised/spo2-low/{patient}"
    assert (message.retain, decode(Transition, message.payload)) == (False, here)
    assert step_messages(replace(here, retrospective=True)) == [], "what was found afterwards pages nobody"
