"""What the ledger cannot account for is an alert of the patient who wears the device."""

from msgspec.structs import replace

from alerts.engine import PatientAlerts
from alerts.place import Place
from alerts.policy import FixedPolicy
from alerts.rules import AlertRules
from alerts.state import PatientState
from tests.support.builders import at_ms
from vitals.alert import Action, AlertKind, Command, Priority, Reason, Transition, TransitionKind
from vitals.reading import DeviceId, PatientId, Unaccounted, WardId

P1 = PatientId("p1")


def patient() -> PatientAlerts:
    return PatientAlerts(PatientState(P1), FixedPolicy(AlertRules()), lambda _: Place(WardId("west")))


def told(readings: int, at_s: float) -> Unaccounted:
    return Unaccounted(P1, at_ms(at_s), readings, (DeviceId("watch-3"),) if readings else (), at_ms(0))


def steps(found: tuple[Transition, ...]) -> list[tuple[TransitionKind, Reason]]:
    return [(step.transition, step.reason) for step in found]


def test_an_imbalance_is_raised_once_as_a_low_technical_alert_and_ends_when_it_balances() -> None:
    engine = patient()
    (raised,) = engine.step(told(12, 60))
    assert (raised.kind, raised.priority, raised.value) == (AlertKind.LEDGER_IMBALANCE, Priority.LOW, 12)
    assert raised.text == "12 readings of watch-3 are not accounted for: see the ledger"
    assert raised.onset_ms == at_ms(0)
    assert engine.step(told(13, 90)) == ()
    assert steps(engine.step(told(0, 120))) == [(TransitionKind.RESOLVED, Reason.ACCOUNT_BALANCED)]
    assert engine.step(told(0, 150)) == ()


def test_a_person_may_resolve_it_and_it_comes_back_only_when_the_account_changes() -> None:
    engine = patient()
    (raised,) = engine.step(told(1, 60))
    assert "1 reading of watch-3 is not" in raised.text
    order = Command("c1", P1, raised.episode_id, Action.RESOLVE, "Ada", at_ms(70))
    assert steps(engine.step(order)) == [(TransitionKind.RESOLVED, Reason.PERSON)]
    assert steps(engine.step(told(4, 90))) == [(TransitionKind.RAISED, Reason.READINGS_UNACCOUNTED)]


def test_it_ends_with_another_word_where_the_device_was_taken_off_and_readings_are_still_missed() -> None:
    engine = patient()
    engine.step(told(12, 60))
    (ended,) = engine.step(replace(told(0, 120), device_off=True))
    assert ended.reason is Reason.DEVICE_OFF
    assert ended.text == "The device is off the patient; its readings are still not accounted for: see the ledger"


def test_a_replay_repeats_the_same_ids() -> None:
    first, second = patient().step(told(2, 60)), patient().step(told(2, 60))
    assert first == second
