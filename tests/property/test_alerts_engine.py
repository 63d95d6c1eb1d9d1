"""Whatever the records and their order: what an alert engine never does."""

from collections.abc import Mapping, Sequence

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from alerts.engine import PatientAlerts, Record
from alerts.episode import RANK
from alerts.place import Place
from alerts.policy import FixedPolicy
from alerts.rules import AlertRules
from alerts.state import PatientState
from tests.support.alert_timetable import PATIENT, WARD, assessment, charted, charted_assessment, ms, reading
from tests.support.examples import examples
from vitals.alert import Action, AlertKind, Command, Transition, TransitionKind, order_of
from vitals.news2 import score
from vitals.reading import DeviceId, Reading, RefusedSigns, Tick, WardId, Withdrawn
from vitals.sign import Sign

RULES = AlertRules()
POLICY = FixedPolicy(RULES)
OTHER_WARD = WardId("ward-z")
ENDS = (TransitionKind.RESOLVED, TransitionKind.RETRACTED)
SIGNS = {
    Sign.SPO2: (55.0, 65.0, 75.0, 84.0, 88.5, 96.0),
    Sign.HEART_RATE: (28.0, 38.0, 80.0, 128.0, 160.0, 190.0),
    Sign.SYSTOLIC: (75.0, 85.0, 120.0, 230.0),
    Sign.TEMPERATURE: (33.0, 37.0, 39.5),
}
STEPS_S = (1.0, 1.0, 1.0, 5.0, 14.0, 40.0, 60.0, 400.0, 3600.0)


@st.composite
def courses(draw: st.DrawFn) -> list[Record]:
    """Stretches of readings, assessments and ticks in time order, with commands about whatever is open."""
    records: list[Record] = []
    second = 0.0
    trial = PatientAlerts(PatientState(PATIENT), POLICY, lambda _: Place(WARD))
    known: list[str] = ["no-such-episode"]
    tried = 0
    for _ in range(draw(st.integers(1, 14))):
        step_s = draw(st.sampled_from(STEPS_S))
        signs = {sign: draw(st.sampled_from(values)) for sign, values in SIGNS.items() if draw(st.booleans())}
        flagged = draw(st.booleans())
        for _ in range(draw(st.integers(1, 25))):
            second += step_s
            records.append(reading(second, signs, device=draw(st.sampled_from(("device-1", "device-2")))))
            if draw(st.booleans()):
                records.append(
                    RefusedSigns(
                        f"device-1/refused/{second}",
                        PATIENT,
                        DeviceId("device-1"),
                        ms(second),
                        ms(second),
                        {Sign.RESPIRATORY_RATE: 0.0},
                    )
                )
            records.append(assessment(second, score(signs), flagged=flagged))
            if draw(st.integers(0, 9)) == 0:
                records += observed(draw, second, signs)
            records.append(Tick(ms(second + draw(st.sampled_from((0, 0, 1, 500))))))
        for record in records[tried:]:
            known += [transition.episode_id for transition in trial.step(record)]
        tried = len(records)
        if draw(st.booleans()):
            records.append(
                Command(
                    f"c-{draw(st.integers(0, 5))}",
                    PATIENT,
                    draw(st.sampled_from(known[-4:])),
                    draw(st.sampled_from(list(Action))),
                    "nurse-1",
                    ms(second),
                    ward_id=draw(st.sampled_from((WARD, OTHER_WARD))),
                    move=draw(st.integers(0, 5)),
                )
            )
        if draw(st.integers(0, 3)) == 0:
            records.append(
                Withdrawn(
                    f"x-{draw(st.integers(0, 3))}",
                    PATIENT,
                    DeviceId(draw(st.sampled_from(("device-1", "device-2")))),
                    ms(second - draw(st.sampled_from((0.0, 10.0, 60.0, 600.0, 10_000.0)))),
                    ms(second + draw(st.sampled_from((0.0, 1.0, 180.0)))),
                    ms(second),
                    "nurse-1",
                    "mixed up",
                )
            )
    return records


def observed(draw: st.DrawFn, second: float, signs: Mapping[Sign, float]) -> list[Record]:
    """What somebody charts beside the devices, some while after they looked, and what stream says of it."""
    value = float(draw(st.integers(0, 4)))
    looked = second - draw(st.sampled_from((0.0, 0.0, 60.0, 9000.0)))
    everything = {**signs, Sign.CONSCIOUSNESS: value, Sign.SUPPLEMENTAL_OXYGEN: 1.0}
    people = draw(
        st.sampled_from(((Sign.CONSCIOUSNESS,), (Sign.CONSCIOUSNESS, Sign.SUPPLEMENTAL_OXYGEN), (*everything,)))
    )
    return [
        charted(looked, {Sign.CONSCIOUSNESS: value}, heard=second),
        charted_assessment(second, score(everything), people),
    ]


def run(records: Sequence[Record], state: PatientState | None = None) -> tuple[PatientAlerts, list[Transition]]:
    engine = PatientAlerts(state or PatientState(PATIENT), POLICY, lambda _: Place(WARD))
    return engine, [transition for record in records for transition in engine.step(record)]


def restored(state: PatientState) -> PatientState:
    return msgspec.json.decode(msgspec.json.encode(state), type=PatientState)


@examples(30)
@given(courses())
def test_each_episode_lives_once_and_each_kind_has_one_open(records: list[Record]) -> None:
    engine = PatientAlerts(PatientState(PATIENT), POLICY, lambda _: Place(WARD))
    open_by_kind: dict[AlertKind, str] = {}
    ended: set[str] = set()
    last: dict[str, Transition] = {}
    for record in records:
        for transition in engine.step(record):
            before = last.get(transition.episode_id)
            if transition.transition is TransitionKind.RAISED:
                assert before is None
                assert transition.kind not in open_by_kind
                open_by_kind[transition.kind] = transition.episode_id
            else:
                assert before is not None
                assert before.is_open
                assert order_of(transition) > order_of(before)
                assert RANK[transition.priority] >= RANK[before.priority]
                assert transition.onset_ms == before.onset_ms
            if transition.transition is TransitionKind.ACKNOWLEDGED:
                assert transition.is_open
                assert transition.acknowledged
            if transition.transition in ENDS:
                assert not transition.is_open
                ended.add(transition.episode_id)
                del open_by_kind[transition.kind]
            else:
                assert transition.is_open
                assert transition.active is not transition.latched
                assert transition.episode_id not in ended
            last[transition.episode_id] = transition
        held = {kind: machine.episode for kind, machine in engine.state.machines.items() if machine.episode is not None}
        assert {kind: episode.episode_id for kind, episode in held.items()} == open_by_kind
        for episode in held.values():
            told = last[episode.episode_id]
            assert (told.active, told.latched) == (episode.active, episode.latched)
            assert (told.acknowledgements, told.suppression) == (episode.acknowledgements, episode.suppression)
            assert (told.priority, told.round) == (episode.priority, episode.round)
    news2 = {AlertKind.NEWS2_SINGLE_RED, AlertKind.NEWS2_URGENT, AlertKind.NEWS2_EMERGENCY}
    assert len([kind for kind in news2 & open_by_kind.keys() if last[open_by_kind[kind]].active]) <= 1


@examples(30)
@given(courses())
def test_after_a_withdrawal_nothing_open_rests_on_what_was_withdrawn(records: list[Record]) -> None:
    engine = PatientAlerts(PatientState(PATIENT), POLICY, lambda _: Place(WARD))
    for record in records:
        quiet = (TransitionKind.SUPPRESSED, TransitionKind.UNSUPPRESSED)
        told = [transition for transition in engine.step(record) if transition.transition not in quiet]
        if not isinstance(record, Withdrawn):
            assert all(transition.transition is not TransitionKind.RETRACTED for transition in told)
            continue
        assert {transition.transition for transition in told} <= {TransitionKind.RETRACTED}
        assert all(transition.correction_id == record.correction_id for transition in told)
        for machine in engine.state.machines.values():
            episode = machine.episode
            if episode is not None and episode.kind is not AlertKind.LOST_CONTACT:
                raised_then = record.from_ms <= episode.raised_at_ms < record.until_ms
                assert not (raised_then and episode.device_id in (None, record.device_id))


@examples(30)
@given(courses(), st.data())
def test_a_restart_anywhere_changes_nothing(records: list[Record], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(records)))
    whole, told = run(records)
    before, told_before = run(records[:cut])
    after, told_after = run(records[cut:], restored(before.state))
    assert told_before + told_after == told
    assert after.state == whole.state


@examples(30)
@given(courses(), st.data())
def test_what_comes_again_after_a_restore_is_told_no_second_time(records: list[Record], data: st.DataObject) -> None:
    recent = records[-40:]
    start = data.draw(st.integers(0, len(recent)))
    whole, _ = run(records)
    state = restored(whole.state)
    again = [record for record in recent[start:] if not isinstance(record, Tick)]
    after, told = run(again, state)
    known = {transition.transition_id for transition in run(records)[1]}
    assert {transition.transition_id for transition in told} <= known
    assert all(transition.transition is not TransitionKind.RAISED for transition in told)
    assert after.state.machines.keys() == whole.state.machines.keys()


@examples(30)
@given(courses(), st.data())
def test_topics_may_interleave_as_they_like(records: list[Record], data: st.DataObject) -> None:
    # A withdrawal stands among the readings and takes back what assessments raised: when it comes does matter.
    records = [record for record in records if not isinstance(record, Withdrawn)]
    lanes: list[list[Record]] = [
        [record for record in records if isinstance(record, Reading | RefusedSigns | Tick)],
        [record for record in records if not isinstance(record, Reading | RefusedSigns | Tick | Command)],
    ]
    shuffled: list[Record] = []
    while any(lanes):
        lane = data.draw(st.sampled_from([lane for lane in lanes if lane]))
        count = data.draw(st.integers(1, 20))
        shuffled += lane[:count]
        del lane[:count]
    _, told = run(shuffled)
    without_commands = run([record for record in records if not isinstance(record, Command)])[1]
    assert _raises(told) == _raises(without_commands)


@examples(30)
@given(courses(), st.data())
def test_acknowledgements_that_a_replay_delivers_early_are_not_lost(records: list[Record], data: st.DataObject) -> None:
    records = [record for record in records if not isinstance(record, Command) or record.action is Action.ACKNOWLEDGE]
    records = [record for record in records if not isinstance(record, Withdrawn)]
    whole, told = run(records)
    if not any(transition.transition is TransitionKind.ACKNOWLEDGED for transition in told):
        return
    commands = [record for record in records if isinstance(record, Command)]
    others = [record for record in records if not isinstance(record, Command)]
    early, told_early = run([*commands, *others])
    assert {_raised(transition) for transition in told_early} == {_raised(transition) for transition in told}
    for kind, machine in whole.state.machines.items():
        if machine.episode is not None and machine.episode.acknowledged:
            replayed = early.state.machines[kind].episode
            assert replayed is not None
            assert replayed.acknowledged


@examples(100)
@given(st.lists(st.sampled_from((70.0, 84.0, 87.9, 88.0, 89.0, 95.0)), min_size=1, max_size=400))
def test_an_alert_is_open_exactly_while_its_evidence_says_so(values: list[float]) -> None:
    """A second implementation of the SpO2 rule for gapless seconds, written from its definition."""
    engine = PatientAlerts(PatientState(PATIENT), POLICY, lambda _: Place(WARD))
    open_, clear_since, since = False, None, dict.fromkeys((88.0, 80.0, 70.0, 60.0))
    delays = {88.0: 40, 80.0: 15, 70.0: 5, 60.0: 0}
    for second, value in enumerate(values):
        engine.step(reading(second, {Sign.SPO2: value}))
        for limit in since:
            since[limit] = None if value >= limit else (second if since[limit] is None else since[limit])
        held = any(began is not None and second - began >= delays[limit] for limit, began in since.items())
        clear_since = None if value < 89 else (second if clear_since is None else clear_since)
        if held:
            open_ = True
        elif open_ and clear_since is not None and second - clear_since >= RULES.clear_s:
            open_, clear_since = False, None
        machine = engine.state.machines[AlertKind.SPO2_LOW]
        assert (machine.episode is not None) == open_


def _raised(transition: Transition) -> tuple[str, AlertKind]:
    return transition.episode_id, transition.kind


def _raises(transitions: Sequence[Transition]) -> set[tuple[str, int, float | None]]:
    """What was raised, and since when; who was told may differ, where one alert keeps another quiet."""
    return {
        (transition.episode_id, transition.onset_ms, transition.value)
        for transition in transitions
        if transition.transition is TransitionKind.RAISED
    }
