"""One patient's episodes in the engine's hands: what every machine opens, escalates and ends them by. Pure."""

from collections.abc import Callable, Mapping
from enum import StrEnum

from alerts.episode import (
    RANK,
    Cause,
    Episode,
    Finding,
    Moved,
    Refusal,
    escalated,
    obeyed,
    opened,
    resolved,
    seen_again,
)
from alerts.policy import Policy
from alerts.rules import AlertRules, Judgement, limits_by_sign
from alerts.state import Machine, PatientState, remember_id
from alerts.unjudged import LOST_KINDS, SignWatch
from vitals.alert import AlertKind, Command, Reason, Transition
from vitals.limits import LimitRule
from vitals.reading import PatientId, WardId
from vitals.sign import Sign


class Outcome(StrEnum):
    """What became of one record; bounded, used as metric label."""

    STEPPED = "stepped"
    DUPLICATE = "duplicate"
    RETROSPECTIVE = "retrospective"
    """Too old to page anyone."""
    OBEYED = "obeyed"
    REFUSED = "refused"


class Casebook:
    """The state of one patient, the rules in force for it, and what may be done with its episodes.

    A machine (`limit_machine`, `score_machine`, …) reads its evidence from `state` and hands what follows to `settle`.
    """

    def __init__(self, state: PatientState, policy: Policy, ward_of: Callable[[PatientId], WardId]) -> None:
        self.state = state
        self.outcome = Outcome.STEPPED
        """What became of the last record."""
        self.refusal: Refusal | None = None
        """Why the last command was refused."""
        self.rules: AlertRules
        """In force when the record in hand was received."""
        self.limits: Mapping[Sign, tuple[LimitRule, ...]]
        """The same by sign."""
        self._policy = policy
        self._ward_of = ward_of
        self._take(policy.rules(state.patient_id, ward_of(state.patient_id), 0))

    def consult(self, heard_ms: int) -> None:
        """Go by the rules as they stood at `heard_ms`."""
        patient_id = self.state.patient_id
        rules = self._policy.rules(patient_id, self._ward_of(patient_id), heard_ms)
        if rules is not self.rules:
            self._take(rules)

    def _take(self, rules: AlertRules) -> None:
        self.rules = rules
        self.limits = limits_by_sign(rules.limits)

    def settle(
        self,
        kind: AlertKind,
        machine: Machine,
        judgement: Judgement,
        cause: Cause,
        ended: Reason,
        value: float | None,
    ) -> list[Transition]:
        """Do what a judgement says of an episode; `ended` is the reason if it says that it is over."""
        if judgement.ended_text is not None:
            return self.close(machine, ended, judgement.ended_text, cause, value)
        if judgement.finding is None:
            return []
        if machine.episode is None:
            return self.open(kind, machine, judgement.finding, cause)
        finding = self._rated(kind, judgement.finding)
        if RANK[finding.priority] <= RANK[machine.episode.priority]:
            return []
        return [self.keep(machine, escalated(machine.episode, finding, cause))]

    def open(self, kind: AlertKind, machine: Machine, finding: Finding, cause: Cause) -> list[Transition]:
        """Raise an episode, and let orders that came before it have their say."""
        patient_id, finding = self.state.patient_id, self._rated(kind, finding)
        moved = opened(patient_id, self._ward_of(patient_id), kind, finding, cause, move=self.state.move)
        transitions = [self.keep(machine, moved)]
        waiting = [command for command in self.state.pending if command.episode_id == moved.episode.episode_id]
        for command in waiting:
            self.state.pending.remove(command)
            if machine.episode is not None:
                transitions += self.obey(machine, machine.episode, command)
        left = self.state.left
        if left is not None and machine.episode is not None and cause.heard_ms <= left.at_ms:
            transitions += self.obey(machine, machine.episode, left)
        self.outcome = Outcome.STEPPED
        return transitions

    def _rated(self, kind: AlertKind, finding: Finding) -> Finding:
        """The finding with the priority that the rules give its kind, where they give one."""
        priority = self.rules.priorities.get(kind)
        return finding if priority is None else finding._replace(priority=priority)

    def close(
        self, machine: Machine, reason: Reason, text: str, cause: Cause, value: float | None = None
    ) -> list[Transition]:
        """The condition has ended; nothing where none is open."""
        if machine.episode is None:
            return []
        return [self.keep(machine, resolved(machine.episode, reason, text, cause, value=value))]

    def obey(self, machine: Machine, episode: Episode, command: Command) -> list[Transition]:
        """Carry out an order about an open episode, or say in `refusal` why not."""
        moved = obeyed(episode, command, is_unworn=self.state.is_unworn)
        if isinstance(moved, Refusal):
            self.outcome, self.refusal = Outcome.REFUSED, moved
            machine.episode = seen_again(episode, command)
            return []
        self.outcome = Outcome.OBEYED
        if not moved.episode.active and episode.kind is AlertKind.LOST_CONTACT:
            self.state.contact.dismissed = True
        if not moved.episode.active and episode.sign is not None and LOST_KINDS.get(episode.sign) is episode.kind:
            self.state.watches.setdefault(episode.sign, SignWatch()).dismissed = True
        return [self.keep(machine, moved)]

    def keep(self, machine: Machine, moved: Moved) -> Transition:
        """Remember an episode after a step; what is told of it."""
        if moved.episode.active:
            machine.episode = moved.episode
        else:
            machine.episode = None
            machine.since_ms, machine.clear_since_ms = [], None
            remember_id(self.state.closed_ids, moved.episode.episode_id)
        return moved.transition
