"""One patient's episodes in the engine's hands: what every machine opens, escalates and ends them by. Pure."""

from collections.abc import Callable, Mapping
from enum import StrEnum

from alerts import suppression
from alerts.dismissal import dismiss
from alerts.episode import (
    RANK,
    Cause,
    Episode,
    Finding,
    Moved,
    Subject,
    deepened,
    escalated,
    latched,
    opened,
    realarmed,
    resolved,
    suppressed,
    unsuppressed,
)
from alerts.life import TECHNICAL_KINDS
from alerts.place import UNKNOWN_WARD, Place
from alerts.policy import Policy
from alerts.response import Refusal, obeyed
from alerts.rules import AlertRules, Judgement, kinds_of, limits_by_sign
from alerts.state import Machine, PatientState, remember_id
from vitals.age import AgeBand
from vitals.alert import AlertKind, Command, Priority, Reason, Suppression, Transition
from vitals.limits import LimitRule
from vitals.reading import PatientId, WardId
from vitals.sign import Sign

_ENDED_REASONS: Mapping[Reason, Reason] = {
    Reason.SILENCED: Reason.SILENCE_ENDED,
    Reason.INHIBITED: Reason.INHIBITION_ENDED,
    Reason.ABSORBED: Reason.ABSORPTION_ENDED,
}


_SEEN_REASONS = frozenset({Reason.ALERT_AGAIN})
"""Ends that a person at the bedside observed: somebody has seen it."""


def _is_about_the_patient(held: tuple[Machine, Episode]) -> bool:
    return held[1].kind not in TECHNICAL_KINDS


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

    def __init__(self, state: PatientState, policy: Policy, place_of: Callable[[PatientId], Place]) -> None:
        self.state = state
        self.outcome = Outcome.STEPPED
        """What became of the last record."""
        self.refusal: Refusal | None = None
        """Why the last command was refused."""
        self.rules: AlertRules
        """In force when the record in hand was received."""
        self.limits: Mapping[Sign, tuple[LimitRule, ...]]
        """The same by sign."""
        self.limit_kinds: frozenset[AlertKind]
        """Kinds that have a limit by these rules."""
        self._policy = policy
        self._place_of = place_of
        self._take(policy.rules(state.patient_id, self._ward(), 0))

    def consult(self, heard_ms: int) -> None:
        """Go by the rules as they stood at `heard_ms`."""
        rules = self._policy.rules(self.state.patient_id, self._ward(), heard_ms)
        if rules is not self.rules:
            self._take(rules)

    def child_limits(self, band: AgeBand) -> Mapping[Sign, tuple[LimitRule, ...]]:
        """The limits of a child in place of `limits`, by sign."""
        return limits_by_sign(self.rules.child_limits[band])

    def _ward(self) -> WardId:
        """Where the log has the patient. The registry is asked once, of whom the log has said nothing yet.

        For a replay is to raise an alert where it was raised before, wherever its patient has been taken meanwhile.
        """
        state = self.state
        if state.ward_id is not None:
            return state.ward_id
        place = self._place_of(state.patient_id)
        if place.ward_id != UNKNOWN_WARD:
            state.lie(*place)
        return place.ward_id

    def _take(self, rules: AlertRules) -> None:
        self.rules = rules
        self.limits = limits_by_sign(rules.limits)
        self.limit_kinds = kinds_of(rules.limits)

    def settle(
        self,
        kind: AlertKind,
        machine: Machine,
        judgement: Judgement,
        cause: Cause,
        ended: Reason,
        value: float | None,
    ) -> list[Transition]:
        """Do what a judgement says of an episode; `ended` is the reason if it says that it is over.

        A finding opens one, brings a latched one back, escalates it, or tells it anew where it is worse than what was
        acknowledged; one that says nothing new does nothing.
        """
        if judgement.ended_text is not None:
            return self.close(machine, ended, judgement.ended_text, cause, value)
        finding = judgement.finding
        if finding is None:
            return []
        finding = finding._replace(priority=self.priority_of(kind, finding.priority))
        if machine.episode is None:
            return self.open(kind, machine, finding, cause)
        return self._tell_anew(machine, machine.episode, finding, cause)

    def priority_of(self, kind: AlertKind, found: Priority) -> Priority:
        """The priority that the rules give a kind, or else the one that its machine found."""
        return self.rules.priorities.get(kind, found)

    def _tell_anew(self, machine: Machine, episode: Episode, finding: Finding, cause: Cause) -> list[Transition]:
        if RANK[finding.priority] > RANK[episode.priority]:
            return [self._escalate(machine, episode, finding, cause)]
        if episode.latched:
            return self.realarm(machine, Reason.BREACHED_AGAIN, cause, finding)
        if finding.depth <= episode.depth:
            return []
        if episode.acknowledged and not any(given.at_ms >= cause.heard_ms for given in episode.acknowledgements):
            return self.realarm(machine, finding.reason, cause, finding)
        machine.episode = deepened(episode, finding, cause)
        return []

    def open(self, kind: AlertKind, machine: Machine, finding: Finding, cause: Cause) -> list[Transition]:
        """Raise an episode, and let orders that came before it have their say."""
        subject = Subject(self.state.patient_id, self._ward(), self.state.move, self.rules.version)
        quiet = self._quiet(kind, finding.priority, finding.sign, subject.ward_id, cause)
        moved = opened(subject, kind, finding, cause, quiet)
        transitions = [self.keep(machine, moved)]
        waiting = [command for command in self.state.pending if command.episode_id == moved.episode.episode_id]
        for command in waiting:
            self.state.pending.remove(command)
            if machine.episode is not None:
                transitions += self.obey(machine, machine.episode, command)
        left = self.state.left
        if left is not None and machine.episode is not None and self.state.is_gone(cause.heard_ms):
            transitions += self.obey(machine, machine.episode, left)
        self.outcome = Outcome.STEPPED
        return transitions

    def realarm(
        self, machine: Machine, reason: Reason, cause: Cause, finding: Finding | None = None
    ) -> list[Transition]:
        """Tell an open episode anew at its priority."""
        episode = machine.episode
        if episode is None:
            return []
        sign, of = (episode.sign, episode.device_id) if finding is None else (finding.sign, cause.device_id)
        told_by = cause._replace(device_id=of)
        quiet = self._quiet(episode.kind, episode.priority, sign, episode.ward_id, told_by)
        version = self.rules.version
        moved = realarmed(episode, reason, cause, finding=finding, suppression=quiet, rules_version=version)
        return [self.keep(machine, moved)]

    def _escalate(self, machine: Machine, episode: Episode, finding: Finding, cause: Cause) -> Transition:
        quiet = self._quiet(episode.kind, finding.priority, finding.sign, episode.ward_id, cause)
        moved = escalated(
            episode,
            finding,
            cause,
            acknowledged_s_max=self.rules.life.of(finding.priority).acknowledged_s,
            suppression=quiet,
            rules_version=self.rules.version,
        )
        return self.keep(machine, moved)

    def close(
        self,
        machine: Machine,
        reason: Reason,
        text: str,
        cause: Cause,
        value: float | None = None,
        *,
        superseded_by: Priority | None = None,
    ) -> list[Transition]:
        """The condition has ended; nothing where no episode is open.

        What nobody has seen may stay, latched. An alert that takes over from it tells in its stead, unless it is less
        urgent than what it takes over from.
        """
        episode = machine.episode
        if episode is None:
            return []
        if superseded_by is not None and RANK[superseded_by] >= RANK[episode.priority]:
            return [self.keep(machine, resolved(episode, reason, text, cause, value=value))]
        if episode.latched:
            return []
        if reason not in _SEEN_REASONS and self._latches(episode, cause.heard_ms):
            return [self.keep(machine, latched(episode, reason, text, cause, value=value))]
        return [self.keep(machine, resolved(episode, reason, text, cause, value=value))]

    def _latches(self, episode: Episode, heard_ms: int) -> bool:
        # Whether it is kept quiet does not matter: that may depend on other topics, and what comes back must not.
        is_seen = any(given.at_ms <= heard_ms for given in episode.acknowledgements)
        return not is_seen and self.rules.life.latches(episode.kind, episode.priority)

    def obey(self, machine: Machine, episode: Episode, command: Command) -> list[Transition]:
        """Carry out an order about an open episode, or say in `refusal` why not."""
        moves = obeyed(episode, command, self.rules.life, is_unworn=self.state.is_unworn)
        if isinstance(moves, Refusal):
            self.outcome, self.refusal = Outcome.REFUSED, moves
            return []
        self.outcome = Outcome.OBEYED
        if not moves[-1].episode.active:
            dismiss(self.state, episode)
        return [self.keep(machine, moved) for moved in moves]

    def reconcile(self, cause: Cause) -> list[Transition]:
        """Let every silence, inhibition and absorption begin or end that does by now."""
        transitions: list[Transition] = []
        by_ms = self.state.reconciled_ms = max(self.state.reconciled_ms, cause.heard_ms)
        held = [(machine, machine.episode) for machine in self.state.machines.values() if machine.episode is not None]
        if not held:
            return []
        # Technical ones first: whether they are told decides whether they keep others quiet.
        for machine, episode in sorted(held, key=_is_about_the_patient):
            silence = self._silence(episode.kind, episode.priority, episode.ward_id, by_ms)
            now = episode.suppression
            wanted = suppression.standing(self.state, machine, episode, silence, by_ms)
            if wanted is now:
                continue
            if wanted is not None:
                transitions.append(self.keep(machine, suppressed(episode, wanted, _shown(episode, wanted, cause))))
            elif now is not None:
                ended = unsuppressed(episode, _ENDED_REASONS[now.reason], _shown(episode, now, cause))
                transitions.append(self.keep(machine, ended))
        return transitions

    def keep(self, machine: Machine, moved: Moved) -> Transition:
        """Remember an episode after a step; what is told of it."""
        if machine.is_active and not moved.episode.active:
            # Not of what is latched: evidence that it is back goes on, whatever else is told of it.
            machine.since_ms, machine.clear_since_ms = [], None
        if moved.episode.active or moved.episode.latched:
            machine.episode = moved.episode
        else:
            machine.episode = None
            remember_id(self.state.closed_ids, moved.episode.episode_id)
        return moved.transition

    def _quiet(
        self, kind: AlertKind, priority: Priority, sign: Sign | None, ward_id: WardId, cause: Cause
    ) -> Suppression | None:
        """`cause` bears the device whose finding is told."""
        silence = self._silence(kind, priority, ward_id, cause.heard_ms)
        return suppression.at_telling(self.state, kind, priority, sign, silence, cause.heard_ms, cause.device_id)

    def _silence(self, kind: AlertKind, priority: Priority, ward_id: WardId, heard_ms: int) -> Suppression | None:
        found = self._policy.silence(self.state.patient_id, ward_id, kind, priority, heard_ms)
        return suppression.bounded(found, priority, heard_ms, self.rules.life)


def _shown(episode: Episode, silence: Suppression, cause: Cause) -> Cause:
    """The beginning or end of what keeps an alert quiet: the same step, whichever record first shows it.

    That depends on how far one topic is read ahead of the other: a replay would tell it once more.
    """
    if silence.silence_id is None:
        quiet = f"{silence.reason.value}/{silence.kind}/{silence.since_ms}"
    else:
        quiet = f"silence/{silence.silence_id}/{silence.until_ms}"
    told_as = f"{episode.priority.value}/{episode.round}/{episode.move}"
    return cause._replace(record_id=f"{quiet}/{told_as}")
