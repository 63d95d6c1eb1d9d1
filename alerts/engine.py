"""The alert engine: one patient's machines, stepped by records of the log. Pure.

Each machine is driven by records of one topic (limits and lost contact by readings and their ticks; NEWS2 and unusual
pattern by assessments), so that a replay gives the same episodes however the topics interleave. Commands acknowledge or
end them. The machines are functions over the patient's `Casebook`, a file each.
"""

from collections.abc import Callable
from typing import NamedTuple

from alerts import accounts, charted, faults
from alerts.ageing import step_time
from alerts.casebook import Casebook, Outcome
from alerts.contact_machine import regain_contact, step_refused, step_silence, watch_signs
from alerts.device_machine import step_devices, step_mistimed
from alerts.episode import Cause, Episode
from alerts.limit_machine import settle_consciousness, step_charted, step_limits
from alerts.orders import step_command
from alerts.place import Place
from alerts.policy import Policy
from alerts.response import Refusal
from alerts.retraction import retract
from alerts.score_machine import step_assessment
from alerts.state import PatientState, remember_id
from alerts.unjudged import Why
from vitals.alert import AlertKind, Command, Transition
from vitals.assessment import Assessment
from vitals.fault import SystemFault
from vitals.reading import PatientId, Reading, RefusedSigns, Tick, Unaccounted, Withdrawn


class Standing(NamedTuple):
    """Where a record stands in its partition of the log."""

    topic: str
    offset: int


Record = Reading | RefusedSigns | Withdrawn | Unaccounted | SystemFault | Assessment | Command | Tick


class PatientAlerts:
    """Steps one patient's state; `state` may be stored after any step and a new object made from it."""

    def __init__(self, state: PatientState, policy: Policy, place_of: Callable[[PatientId], Place]) -> None:
        self.state = state
        self._book = Casebook(state, policy, place_of)

    @property
    def outcome(self) -> Outcome:
        """What became of the last record."""
        return self._book.outcome

    @property
    def refusal(self) -> Refusal | None:
        """Why the last command was refused."""
        return self._book.refusal

    def step(self, record: Record, at: Standing | None = None) -> tuple[Transition, ...]:
        """What the record changes; a record seen before, or too old, changes no episode.

        Records of one topic come in the log's order; each may come again after a restore, and changes nothing where the
        state has gone beyond the place `at` which it stands. The rules are those in force when the record was received,
        so that a replay decides alike.
        """
        book = self._book
        book.outcome = Outcome.STEPPED
        if at is not None:
            if at.offset < self.state.read_to.get(at.topic, 0):
                book.outcome = Outcome.DUPLICATE
                return ()
            self.state.read_to[at.topic] = at.offset + 1
        heard_ms = record.received_at_ms if isinstance(record, Reading | Assessment | RefusedSigns) else record.at_ms
        book.consult(heard_ms)
        stepped = _stepped(book, record)
        if stepped or _may_age(book, record):
            stepped += book.reconcile(Cause(_id_of(record), heard_ms, heard_ms))
        return tuple(stepped)

    def adopt(self, episode: Episode) -> None:
        """Take over an open episode of which this state knows nothing (its snapshot was lost)."""
        machine = self.state.machine(episode.kind)
        if machine.episode is None:
            machine.episode = episode

    def let_go(self, episode: Episode) -> None:
        """Forget an episode that is not open any more, as whoever tells of it knows better; evidence begins anew."""
        machine = self.state.machine(episode.kind)
        machine.episode, machine.since_ms, machine.clear_since_ms = None, [], None
        remember_id(self.state.closed_ids, episode.episode_id)


def _stepped(book: Casebook, record: Record) -> list[Transition]:  # noqa: PLR0911 - one for each kind of record
    match record:
        case Reading():
            return _step_reading(book, record)
        case Assessment():
            return step_assessment(book, record)
        case Tick():
            return step_silence(book, record) + step_time(book, record)
        case RefusedSigns():
            return _step_refused(book, record)
        case Command():
            return step_command(book, record)
        case Withdrawn():
            return _step_withdrawn(book, record)
        case Unaccounted():
            return book.settle(*accounts.judge(book.state, record))
        case SystemFault():
            return book.settle(*faults.judge(book.state, record))


def _may_age(book: Casebook, record: Record) -> bool:
    """Whether a record that tells nothing may yet end what keeps an alert quiet: time, and a score that is red again."""
    if isinstance(record, Tick):
        return True
    single_red = book.state.machines.get(AlertKind.NEWS2_SINGLE_RED)
    absorbed = None if single_red is None or single_red.episode is None else single_red.episode.suppression
    return absorbed is not None and isinstance(record, Assessment)


def _id_of(record: Record) -> str:
    match record:
        case Reading() | Assessment() | RefusedSigns():
            return record.reading_id
        case Command():
            return record.command_id
        case Withdrawn():
            return record.correction_id
        case Tick():
            return f"tick@{record.at_ms}"
        case Unaccounted():
            return f"ledger@{record.at_ms}"
        case SystemFault():
            return f"fault@{record.at_ms}"


def _step_reading(book: Casebook, reading: Reading) -> list[Transition]:
    state = book.state
    if reading.correction_id is not None:
        book.outcome = Outcome.RETROSPECTIVE
        return []
    if reading.charted is not None:
        return step_charted(book, reading, reading.charted)
    if not state.is_new(reading):
        book.outcome = Outcome.DUPLICATE
        return []
    state.contact.hear(reading.received_at_ms, reading.origin, book.rules.contact)
    transitions = regain_contact(book, reading)
    if state.is_late(reading, live_age_ms_max=book.rules.live_age_ms_max):
        book.outcome = Outcome.RETROSPECTIVE
        return transitions + watch_signs(book, reading, Why.MISTIMED) + step_mistimed(book, reading)
    transitions += step_devices(book, reading)
    transitions += watch_signs(book, reading, None)
    return transitions + step_limits(book, reading)


def _step_refused(book: Casebook, refused: RefusedSigns) -> list[Transition]:
    if not remember_id(book.state.refused_ids, refused.reading_id):
        book.outcome = Outcome.DUPLICATE
        return []
    if refused.from_future:
        return watch_signs(book, refused, Why.MISTIMED) + step_mistimed(book, refused)
    return step_refused(book, refused)


def _step_withdrawn(book: Casebook, withdrawn: Withdrawn) -> list[Transition]:
    transitions = [book.keep(machine, moved) for machine, moved in retract(book.state, withdrawn)]
    if charted.forget(book.state, withdrawn):
        cause = Cause(withdrawn.correction_id, withdrawn.at_ms, withdrawn.at_ms, device_id=withdrawn.device_id)
        transitions += settle_consciousness(book, cause)
    return transitions
