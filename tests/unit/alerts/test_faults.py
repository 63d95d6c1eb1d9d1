"""Faults of Wardlight itself raise, get worse and end as a patient's alerts do."""

from alerts.partition import PartitionAlerts
from alerts.place import Place
from alerts.policy import FixedPolicy
from alerts.rules import AlertRules
from alerts.wards import Wards
from storage.session import Database
from vitals.alert import Action, AlertKind, Command, Priority, Reason, Transition, TransitionKind
from vitals.fault import FAULT_KINDS, SYSTEM_WARD, SystemFault, is_system, subject_of

RECORDER = subject_of("recorder")


def fault(at_ms: int, *, present: bool = True, priority: Priority = Priority.MEDIUM) -> SystemFault:
    return SystemFault(RECORDER, AlertKind.WORKER_DOWN, at_ms, "The recorder stands still.", priority, present)


def told(*records: SystemFault | Command) -> list[Transition]:
    partition = PartitionAlerts(FixedPolicy(AlertRules()), lambda _: Place(SYSTEM_WARD), patients_max=10)
    return [transition for record in records for transition in partition.step(record)]


def test_a_fault_raises_once_however_often_it_is_told() -> None:
    (raised,) = told(fault(1000), fault(2000), fault(2000))
    assert (raised.transition, raised.reason, raised.priority) == (
        TransitionKind.RAISED,
        Reason.FAULT_FOUND,
        Priority.MEDIUM,
    )
    assert (raised.patient_id, raised.ward_id, raised.kind) == (RECORDER, SYSTEM_WARD, AlertKind.WORKER_DOWN)


def test_a_fault_that_is_gone_ends_its_alert() -> None:
    _, ended = told(fault(1000), fault(9000, present=False))
    assert (ended.transition, ended.reason, ended.is_open) == (TransitionKind.RESOLVED, Reason.FAULT_GONE, False)


def test_what_was_never_raised_ends_nothing() -> None:
    assert told(fault(1000, present=False)) == []


def test_a_fault_that_gets_worse_escalates() -> None:
    _, escalated = told(fault(1000), fault(2000, priority=Priority.HIGH))
    assert (escalated.transition, escalated.priority) == (TransitionKind.ESCALATED, Priority.HIGH)


def test_a_fault_may_be_resolved_by_a_person_and_comes_back_when_it_is_told_again() -> None:
    (raised,) = told(fault(1000))
    order = Command("c1", RECORDER, raised.episode_id, Action.RESOLVE, "Ada", 1500)
    kinds = [transition.transition for transition in told(fault(1000), order, fault(60_000))]
    assert kinds == [TransitionKind.RAISED, TransitionKind.RESOLVED, TransitionKind.RAISED]


def test_a_part_of_the_system_lies_on_its_own_ward_without_asking_the_registry() -> None:
    wards = Wards(Database.__new__(Database), lambda: 0)
    assert wards.knows(RECORDER)
    assert wards.place_of(RECORDER).ward_id == SYSTEM_WARD


def test_kinds_of_faults_are_about_no_patient() -> None:
    assert all(is_system(subject_of(kind.value)) for kind in FAULT_KINDS)
