"""What people order about episodes."""

import msgspec

from alerts.casebook import Outcome
from alerts.response import Refusal
from alerts.state import PatientState
from tests.support.alert_timetable import Timetable, named, reading
from vitals.alert import Action, AlertKind, Priority, Reason, TransitionKind


def breached() -> Timetable:
    ward = Timetable()
    ward.hold(0, 40, spo2=84)
    assert [said for _, said in ward.said()] == [TransitionKind.RAISED]
    return ward


def test_acknowledging_leaves_the_condition_active() -> None:
    ward = breached()
    ward.command(45, Action.ACKNOWLEDGE)
    assert (ward.last.transition, ward.last.by) == (TransitionKind.ACKNOWLEDGED, "nurse-1")
    assert ward.last.active
    assert ward.last.acknowledged
    ward.hold(41, 200, spo2=84)
    assert len(ward.transitions) == 2


def test_a_command_that_comes_twice_is_obeyed_once() -> None:
    ward = breached()
    ward.command(45, Action.ACKNOWLEDGE)
    ward.command(45, Action.ACKNOWLEDGE)
    assert len(ward.transitions) == 2
    assert ward.engine.refusal is Refusal.REPEATED


def test_an_acknowledgement_that_lasts_no_longer_than_ones_own_before_changes_nothing() -> None:
    ward = breached()
    ward.command(45, Action.ACKNOWLEDGE)
    ward.command(45, Action.ACKNOWLEDGE, command_id="c-2")
    assert len(ward.transitions) == 2
    assert ward.engine.refusal is Refusal.ALREADY_ACKNOWLEDGED


def test_an_escalation_is_not_covered_by_an_earlier_acknowledgement() -> None:
    ward = breached()
    ward.command(45, Action.ACKNOWLEDGE)
    ward.hold(41, 80, spo2=75)
    assert ward.last.transition is TransitionKind.ESCALATED
    assert ward.last.priority is Priority.HIGH
    assert not ward.last.acknowledged
    ward.command(90, Action.ACKNOWLEDGE, command_id="c-2")
    assert ward.last.acknowledged


def test_an_ended_episode_cannot_be_acknowledged() -> None:
    ward = breached()
    ward.hold(41, 140, spo2=97)
    assert ward.command(150, Action.ACKNOWLEDGE) == ()
    assert ward.engine.refusal is Refusal.CLOSED
    assert ward.engine.outcome is Outcome.REFUSED


def test_the_end_keeps_who_had_acknowledged_on_record() -> None:
    ward = breached()
    ward.command(45, Action.ACKNOWLEDGE)
    ward.hold(41, 140, spo2=97)
    assert not ward.last.active
    assert ward.last.acknowledged


def test_a_physiological_condition_cannot_be_ordered_away() -> None:
    ward = breached()
    assert ward.command(45, Action.RESOLVE) == ()
    assert ward.engine.refusal is Refusal.STILL_ACTIVE


def test_a_discharge_ends_every_episode_and_silence_is_no_alert_any_more() -> None:
    ward = Timetable()
    ward.hold(0, 400, spo2=84.0, heart_rate=190.0)
    ward.command(401, Action.PATIENT_LEFT, episode="")
    ended = ward.transitions[-2:]
    assert {transition.kind for transition in ended} == {AlertKind.SPO2_LOW, AlertKind.HEART_RATE_HIGH}
    assert {transition.reason for transition in ended} == {Reason.PATIENT_LEFT}
    ward.tick(402, 2000)
    assert ward.transitions[-2:] == ended


def test_a_replay_that_delivers_the_discharge_first_ends_the_same_episodes() -> None:
    live = breached()
    live.command(45, Action.PATIENT_LEFT, episode="")
    replayed = Timetable()
    replayed.command(45, Action.PATIENT_LEFT, episode="")
    replayed.hold(0, 40, spo2=84)
    assert replayed.transitions == live.transitions


def test_who_comes_back_is_watched_again() -> None:
    ward = breached()
    ward.command(45, Action.PATIENT_LEFT, episode="")
    ward.hold(1000, 1200, spo2=84)
    assert ward.last.transition is TransitionKind.RAISED
    ward.tick(1201, 1500)
    assert any(told.kind is AlertKind.LOST_CONTACT for told in ward.transitions)


def test_a_command_that_a_replay_delivers_before_its_episode_is_obeyed_when_the_episode_begins() -> None:
    live = breached()
    live.command(45, Action.ACKNOWLEDGE)
    replayed = Timetable()
    replayed.command(45, Action.ACKNOWLEDGE, episode=live.last.episode_id)
    assert replayed.engine.refusal is Refusal.UNKNOWN
    replayed.hold(0, 40, spo2=84)
    assert replayed.transitions == live.transitions


def test_an_acknowledgement_given_after_an_escalation_covers_it_even_when_replayed_before_it() -> None:
    live = breached()
    live.hold(41, 80, spo2=75)
    live.command(90, Action.ACKNOWLEDGE)
    replayed = Timetable()
    replayed.command(90, Action.ACKNOWLEDGE, episode=live.last.episode_id)
    replayed.hold(0, 40, spo2=84)
    replayed.hold(41, 80, spo2=75)
    assert replayed.engine.state.machines[AlertKind.SPO2_LOW].episode == (
        live.engine.state.machines[AlertKind.SPO2_LOW].episode
    )


def test_state_survives_storage_to_the_bit() -> None:
    ward = breached()
    ward.command(45, Action.ACKNOWLEDGE)
    ward.command(46, Action.ACKNOWLEDGE, episode="not-yet", command_id="c-9")
    ward.step(reading(41, named(spo2=75, heart_rate=190)))
    blob = msgspec.json.encode(ward.engine.state)
    restored = msgspec.json.decode(blob, type=PatientState)
    assert restored == ward.engine.state
    assert msgspec.json.encode(restored) == blob
