"""What people and the register order, at the engine: commands in, transitions out. Pure."""

from alerts.casebook import Casebook, Outcome
from alerts.register import REGISTER_ACTIONS, follow_register
from alerts.response import Refusal
from alerts.state import PENDING_MAX, remember_id
from vitals.alert import Action, Command, Transition


def step_command(book: Casebook, command: Command) -> list[Transition]:
    """Obey, once; or say in `book.refusal` why not."""
    state = book.state
    book.outcome, book.refusal = Outcome.REFUSED, None
    if not remember_id(state.command_ids, command.command_id):
        book.refusal = Refusal.REPEATED
    elif command.action is Action.PATIENT_LEFT:
        return _leave(book, command)
    elif command.action in REGISTER_ACTIONS:
        book.outcome = Outcome.OBEYED
        return [book.keep(machine, moved) for machine, moved in follow_register(state, command)]
    elif command.episode_id in state.closed_ids:
        book.refusal = Refusal.CLOSED
    else:
        for machine in state.machines.values():
            if machine.episode is not None and machine.episode.episode_id == command.episode_id:
                return book.obey(machine, machine.episode, command)
        book.refusal = Refusal.UNKNOWN
        state.pending.append(command)
        del state.pending[:-PENDING_MAX]
    return []


def _leave(book: Casebook, command: Command) -> list[Transition]:
    """The patient was discharged: every episode heard of until a moment after ends, and silence is no alert any more."""
    book.outcome, book.state.left = Outcome.OBEYED, command
    return [
        transition
        for machine in book.state.machines.values()
        if machine.episode is not None and book.state.is_gone(machine.episode.heard_ms)
        for transition in book.obey(machine, machine.episode, command)
    ]
