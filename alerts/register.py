"""What the register says of a patient's stay, as orders of the log: moved, wears nothing, wears something again. Pure."""

from collections.abc import Iterator

from alerts.battery import Batteries
from alerts.clocks import Clocks
from alerts.episode import Cause, Moved, resolved, transferred
from alerts.irregular import Irregular
from alerts.life import TECHNICAL_KINDS
from alerts.state import Machine, PatientState
from alerts.watchdog import Contact
from vitals.alert import Action, Command, Reason

REGISTER_ACTIONS = frozenset({Action.PATIENT_MOVED, Action.DEVICES_RELEASED, Action.DEVICE_ASSIGNED})


def follow_register(state: PatientState, command: Command) -> Iterator[tuple[Machine, Moved]]:
    """Step the state by one such order; the open episodes that it changes. An order older than the last changes nothing."""
    if command.action is Action.PATIENT_MOVED:
        yield from _move(state, command)
    elif command.at_ms < state.worn_change_ms:
        return
    else:
        state.worn_change_ms = command.at_ms
        if command.action is Action.DEVICES_RELEASED:
            yield from _take_off(state, command)
        else:
            _put_on(state, command)


def _move(state: PatientState, command: Command) -> Iterator[tuple[Machine, Moved]]:
    if command.ward_id is None or command.move < state.move:
        return
    state.lie(command.ward_id, command.move)
    for machine in state.machines.values():
        if machine.episode is not None and machine.episode.ward_id != command.ward_id:
            yield machine, transferred(machine.episode, command, command.ward_id)


def _take_off(state: PatientState, command: Command) -> Iterator[tuple[Machine, Moved]]:
    """Technical and latched alerts end; what the patient's signs said last stays, until a person ends it or a device says otherwise."""
    state.is_unworn = True
    state.watches.clear()
    state.irregular, state.batteries, state.clocks = Irregular(), Batteries(), Clocks()
    for machine in state.machines.values():
        episode = machine.episode
        if episode is not None and (episode.latched or episode.kind in TECHNICAL_KINDS):
            cause = Cause.ordered(command)
            yield machine, resolved(episode, Reason.DEVICES_RELEASED, "All devices taken off", cause, by=command.by)


def _put_on(state: PatientState, command: Command) -> None:
    """Silence counts from now: a device that never sends is missed as after a first reading."""
    if state.is_unworn:
        state.is_unworn = False
        state.contact = Contact(
            heard_ms=command.at_ms, moment_ms=command.at_ms, readings=1, origin=state.contact.origin
        )
