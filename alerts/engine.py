"""The alert engine: one patient's machines, stepped by records of the log. Pure.

Each machine is driven by records of one topic (limits and lost contact by readings and their ticks; NEWS2 and unusual
pattern by assessments), so that a replay gives the same episodes however the topics interleave. Commands acknowledge or
end them.
"""

from collections.abc import Callable
from enum import StrEnum

from alerts import accounts, charted, faults, wording
from alerts.episode import Cause, Episode, Finding, Moved, Refusal, escalated, obeyed, opened, resolved, seen_again
from alerts.evidence import Cadence, Moment
from alerts.register import REGISTER_ACTIONS, follow_register
from alerts.retraction import retract
from alerts.rules import (
    SCORE_LEVELS,
    AlertRules,
    Judgement,
    ScoreLevel,
    judge_limit,
    judge_pattern,
    judge_score,
    judge_score_fall,
    limits_by_sign,
)
from alerts.state import PENDING_MAX, Machine, PatientState, remember_id
from alerts.unjudged import LOST_KINDS, SignWatch, Why
from vitals.alert import Action, AlertKind, Command, Priority, Reason, Transition
from vitals.assessment import Assessment, News2Summary
from vitals.fault import SystemFault
from vitals.lateness import event_ms, is_outdated
from vitals.reading import CHARTING, Charted, PatientId, Reading, RefusedSigns, Tick, Unaccounted, WardId, Withdrawn
from vitals.sign import Sign

Record = Reading | RefusedSigns | Withdrawn | Unaccounted | SystemFault | Assessment | Command | Tick


class Outcome(StrEnum):
    """What became of one record; bounded, used as metric label."""

    STEPPED = "stepped"
    DUPLICATE = "duplicate"
    RETROSPECTIVE = "retrospective"
    """Too old to page anyone."""
    OBEYED = "obeyed"
    REFUSED = "refused"


class PatientAlerts:
    """Steps one patient's state; `state` may be stored after any step and a new object made from it."""

    def __init__(self, state: PatientState, rules: AlertRules, ward_of: Callable[[PatientId], WardId]) -> None:
        self.state = state
        self.outcome = Outcome.STEPPED
        """What became of the last record."""
        self.refusal: Refusal | None = None
        """Why the last command was refused."""
        self._rules = rules
        self._ward_of = ward_of
        self._limits = limits_by_sign(rules.limits)

    def step(self, record: Record) -> tuple[Transition, ...]:
        """What the record changes; a record seen before, or too old, changes no episode.

        Records of one topic come in the log's order; each may come again after a restore.
        """
        self.outcome = Outcome.STEPPED
        match record:
            case Reading():
                stepped = self._step_reading(record)
            case RefusedSigns():
                stepped = self._step_refused(record)
            case Withdrawn():
                stepped = self._step_withdrawn(record)
            case Unaccounted():
                stepped = self._settle(*accounts.judge(self.state, record))
            case SystemFault():
                stepped = self._settle(*faults.judge(self.state, record))
            case Assessment():
                stepped = self._step_assessment(record)
            case Tick():
                stepped = self._step_tick(record)
            case Command():
                stepped = self._step_command(record)
        return tuple(stepped)

    def adopt(self, episode: Episode) -> None:
        """Take over an open episode of which this state knows nothing (its snapshot was lost)."""
        machine = self.state.machine(episode.kind)
        if machine.episode is None:
            machine.episode = episode

    def _step_reading(self, reading: Reading) -> list[Transition]:
        state = self.state
        if reading.correction_id is not None:
            self.outcome = Outcome.RETROSPECTIVE
            return []
        if reading.charted is not None:
            return self._step_charted(reading, reading.charted)
        if not state.is_new(reading):
            self.outcome = Outcome.DUPLICATE
            return []
        state.contact.hear(reading.received_at_ms, reading.origin, self._rules.contact)
        transitions = self._regain_contact(reading)
        if state.is_late(reading, live_age_ms_max=self._rules.live_age_ms_max):
            self.outcome = Outcome.RETROSPECTIVE
            return transitions + self._watch_signs(reading, Why.LATE)
        transitions += self._watch_signs(reading, None)
        cause = _cause_of(reading, event_ms(reading), reading.received_at_ms)
        for sign, value in reading.signs.items():
            if sign in self._limits:
                transitions += self._step_sign(sign, value, cause)
        return transitions

    def _step_charted(self, reading: Reading, said: Charted) -> list[Transition]:
        if not remember_id(self.state.charted_ids, reading.reading_id):
            self.outcome = Outcome.DUPLICATE
            return []
        if not charted.observe(self.state, reading, said):
            return []
        return self._settle_consciousness(_cause_of(reading, event_ms(reading), reading.received_at_ms))

    def _step_withdrawn(self, withdrawn: Withdrawn) -> list[Transition]:
        transitions = [self._keep(machine, moved) for machine, moved in retract(self.state, withdrawn)]
        if charted.forget(self.state, withdrawn):
            cause = Cause(withdrawn.correction_id, withdrawn.at_ms, withdrawn.at_ms, device_id=withdrawn.device_id)
            transitions += self._settle_consciousness(cause)
        return transitions

    def _settle_consciousness(self, cause: Cause) -> list[Transition]:
        machine = self.state.machine(AlertKind.CONSCIOUSNESS)
        judgement = charted.judge_consciousness(machine, self.state.consciousness)
        return self._settle(AlertKind.CONSCIOUSNESS, machine, judgement, cause, Reason.ALERT_AGAIN, 0.0)

    def _step_refused(self, refused: RefusedSigns) -> list[Transition]:
        if not remember_id(self.state.refused_ids, refused.reading_id):
            self.outcome = Outcome.DUPLICATE
            return []
        if is_outdated(refused, live_age_ms_max=self._rules.live_age_ms_max):
            self.outcome = Outcome.RETROSPECTIVE
            return []
        return self._watch_signs(refused, Why.REFUSED)

    def _watch_signs(self, record: Reading | RefusedSigns, why: Why | None) -> list[Transition]:
        """Take note of which signs are judged (`why` is None), which are not for that reason, and which are absent."""
        state, transitions = self.state, []
        at_ms = max(record.received_at_ms, state.arrivals.last_ms or 0)
        moment = state.arrivals.step(at_ms, self._rules.gap)
        for sign in LOST_KINDS:
            watch, is_heard = state.watches.get(sign), sign in record.signs
            if watch is None:
                if not is_heard:
                    continue
                watch = state.watches[sign] = SignWatch()
            if is_heard and why is None:
                watch.judge(at_ms, self._rules.gap)
                transitions += self._regain_sign(sign, record, at_ms)
                continue
            missed = why if is_heard and why is not None else Why.ABSENT
            since_ms = watch.miss(sign, missed, moment, self._rules.unjudged)
            if since_ms is not None:
                transitions += self._lose_sign(sign, missed, since_ms, record, at_ms)
        return transitions

    def _lose_sign(
        self, sign: Sign, why: Why, since_ms: int, record: Reading | RefusedSigns, at_ms: int
    ) -> list[Transition]:
        kind, value = LOST_KINDS[sign], record.signs.get(sign)
        machine = self.state.machine(kind)
        if machine.episode is not None:
            return []
        behind_ms = max(0, record.received_at_ms - record.measured_at_ms)
        text = wording.unjudged(sign, why, at_ms - since_ms, value=value or 0.0, behind_ms=behind_ms)
        priority = Priority.LOW if why is Why.ABSENT else Priority.MEDIUM
        finding = Finding(priority, Reason.NO_READING, since_ms, text, sign, value)
        return self._open(kind, machine, finding, _cause_of(record, at_ms, at_ms))

    def _regain_sign(self, sign: Sign, record: Reading | RefusedSigns, at_ms: int) -> list[Transition]:
        machine = self.state.machines.get(LOST_KINDS[sign])
        if machine is None or machine.episode is None:
            return []
        cause = _cause_of(record, max(at_ms, machine.episode.raised_at_ms), at_ms)
        lasted = wording.duration(max(0, cause.at_ms - machine.episode.onset_ms))
        text = f"{wording.label(sign)} again after {lasted}"
        return self._close(machine, Reason.CONTACT_REGAINED, text, cause, record.signs[sign])

    def _step_sign(self, sign: Sign, value: float, cause: Cause) -> list[Transition]:
        cadence = self.state.cadences.get(sign)
        if cadence is None:
            cadence = self.state.cadences[sign] = Cadence()
        # Two devices of one patient may measure the same sign, their clocks a little apart.
        if cadence.last_ms is not None and cause.at_ms < cadence.last_ms:
            self.outcome = Outcome.RETROSPECTIVE
            return []
        moment = cadence.step(cause.at_ms, self._rules.gap)
        transitions: list[Transition] = []
        for rule in self._limits[sign]:
            machine = self.state.machine(rule.kind)
            judgement = judge_limit(rule, machine, value, moment, self._rules.clear_s)
            transitions += self._settle(rule.kind, machine, judgement, cause, Reason.BACK_WITHIN_LIMIT, value)
        return transitions

    def _step_assessment(self, assessment: Assessment) -> list[Transition]:
        state = self.state
        if not remember_id(state.assessment_ids, assessment.reading_id):
            self.outcome = Outcome.DUPLICATE
            return []
        by_people = assessment.as_of_ms is not None
        last_ms, at_ms = state.assessed.last_ms, assessment.stands_at_ms if by_people else event_ms(assessment)
        if assessment.late or (last_ms is not None and at_ms < last_ms):
            self.outcome = Outcome.RETROSPECTIVE
            return []
        if by_people:
            return self._step_charted_score(assessment, at_ms)
        moment = state.assessed.step(at_ms, self._rules.gap)
        cause = Cause(assessment.reading_id, at_ms, assessment.received_at_ms, assessment.origin)
        transitions = self._step_score(assessment.news2, moment, cause)
        machine = state.machine(AlertKind.UNUSUAL_PATTERN)
        judgement = judge_pattern(machine, assessment, moment, self._rules)
        return transitions + self._settle(
            AlertKind.UNUSUAL_PATTERN, machine, judgement, cause, Reason.PATTERN_USUAL, assessment.anomaly
        )

    def _step_score(self, summary: News2Summary, moment: Moment, cause: Cause) -> list[Transition]:
        transitions = self._score_fall(summary, moment, cause)
        delays_s = (self._rules.single_red_delay_s, self._rules.urgent_delay_s, self._rules.emergency_delay_s)
        raised: tuple[int, Finding] | None = None
        for index, (level, delay_s) in enumerate(zip(SCORE_LEVELS, delays_s, strict=True)):
            judgement = judge_score(level, self.state.machine(level.kind), summary, moment, delay_s)
            if judgement.finding is not None:
                raised = index, judgement.finding
        return transitions if raised is None else transitions + self._raise_score(raised, summary, cause)

    def _step_charted_score(self, assessment: Assessment, at_ms: int) -> list[Transition]:
        summary, known = assessment.news2, self.state.news2_points
        cause = Cause(assessment.reading_id, at_ms, assessment.received_at_ms, assessment.origin, CHARTING)
        transitions: list[Transition] = []
        index = self._open_score_index()
        if index is not None:
            for sign in assessment.forgotten:
                known.pop(sign, None)
            known.update(summary.points)
            level = SCORE_LEVELS[index]
            transitions += self._end_score(level, charted.judge_charted_fall(level, known, assessment), summary, cause)
        raised = charted.judge_charted_score(assessment)
        return transitions if raised is None else transitions + self._raise_score(raised, summary, cause)

    def _raise_score(self, raised: tuple[int, Finding], summary: News2Summary, cause: Cause) -> list[Transition]:
        """Open the episode of a level, unless one of it or above is open, and end one below it."""
        open_index = self._open_score_index()
        if open_index is not None and open_index >= raised[0]:
            return []
        kind = SCORE_LEVELS[raised[0]].kind
        transitions = self._open(kind, self.state.machine(kind), raised[1], cause)
        if open_index is not None:
            lower = self.state.machine(SCORE_LEVELS[open_index].kind)
            transitions += self._close(lower, Reason.SUPERSEDED, raised[1].text, cause, float(summary.low))
        self.state.news2_points = dict(summary.points)
        return transitions

    def _open_score_index(self) -> int | None:
        for index, level in enumerate(SCORE_LEVELS):
            if self.state.machine(level.kind).episode is not None:
                return index
        return None

    def _score_fall(self, summary: News2Summary, moment: Moment, cause: Cause) -> list[Transition]:
        index = self._open_score_index()
        if index is None:
            return []
        level, known = SCORE_LEVELS[index], self.state.news2_points
        known.update(summary.points)
        machine = self.state.machine(level.kind)
        judgement = judge_score_fall(level, machine, known, summary, moment, self._rules.score_clear_s)
        return self._end_score(level, judgement, summary, cause)

    def _end_score(
        self, level: ScoreLevel, judgement: Judgement, summary: News2Summary, cause: Cause
    ) -> list[Transition]:
        if judgement.ended_text is None:
            return []
        self.state.news2_points, machine = {}, self.state.machine(level.kind)
        return self._close(machine, Reason.SCORE_FELL, judgement.ended_text, cause, float(summary.low))

    def _step_tick(self, tick: Tick) -> list[Transition]:
        contact = self.state.contact
        if contact.heard_ms is None or not contact.is_lost(tick.at_ms, self._rules.contact) or self.state.is_unworn:
            return []
        if self.state.left is not None and contact.heard_ms <= self.state.left.at_ms:
            return []
        machine = self.state.machine(AlertKind.LOST_CONTACT)
        if machine.episode is not None:
            return []
        text = wording.silence(tick.at_ms - contact.heard_ms, contact.usual_ms(self._rules.contact))
        finding = Finding(Priority.MEDIUM, Reason.NO_READING, contact.heard_ms, text)
        cause = Cause(f"tick@{tick.at_ms}", tick.at_ms, tick.at_ms, contact.origin)
        return self._open(AlertKind.LOST_CONTACT, machine, finding, cause)

    def _regain_contact(self, reading: Reading) -> list[Transition]:
        machine = self.state.machines.get(AlertKind.LOST_CONTACT)
        if machine is None or machine.episode is None:
            return []
        at_ms = max(reading.received_at_ms, machine.episode.raised_at_ms)
        silent_ms = max(0, at_ms - machine.episode.onset_ms)
        cause = Cause(reading.reading_id, at_ms, at_ms)
        text = f"Contact again after {wording.duration(silent_ms)}"
        return self._close(machine, Reason.CONTACT_REGAINED, text, cause)

    def _step_command(self, command: Command) -> list[Transition]:
        self.outcome, self.refusal = Outcome.REFUSED, None
        if not remember_id(self.state.command_ids, command.command_id):
            self.refusal = Refusal.REPEATED
        elif command.action is Action.PATIENT_LEFT:
            return self._leave(command)
        elif command.action in REGISTER_ACTIONS:
            self.outcome = Outcome.OBEYED
            return [self._keep(machine, moved) for machine, moved in follow_register(self.state, command)]
        elif command.episode_id in self.state.closed_ids:
            self.refusal = Refusal.CLOSED
        else:
            for machine in self.state.machines.values():
                if machine.episode is not None and machine.episode.episode_id == command.episode_id:
                    return self._obey(machine, machine.episode, command)
            self.refusal = Refusal.UNKNOWN
            self.state.pending.append(command)
            del self.state.pending[:-PENDING_MAX]
        return []

    def _leave(self, command: Command) -> list[Transition]:
        """The patient was discharged: every episode heard of before that ends, and silence is no alert any more."""
        self.outcome, self.state.left = Outcome.OBEYED, command
        return [
            transition
            for machine in self.state.machines.values()
            if machine.episode is not None and machine.episode.heard_ms <= command.at_ms
            for transition in self._obey(machine, machine.episode, command)
        ]

    def _obey(self, machine: Machine, episode: Episode, command: Command) -> list[Transition]:
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
        return [self._keep(machine, moved)]

    def _settle(
        self,
        kind: AlertKind,
        machine: Machine,
        judgement: Judgement,
        cause: Cause,
        ended: Reason,
        value: float | None,
    ) -> list[Transition]:
        if judgement.ended_text is not None:
            return self._close(machine, ended, judgement.ended_text, cause, value)
        if judgement.finding is None:
            return []
        if machine.episode is None:
            return self._open(kind, machine, judgement.finding, cause)
        return [self._keep(machine, escalated(machine.episode, judgement.finding, cause))]

    def _open(self, kind: AlertKind, machine: Machine, finding: Finding, cause: Cause) -> list[Transition]:
        patient_id = self.state.patient_id
        moved = opened(patient_id, self._ward_of(patient_id), kind, finding, cause, move=self.state.move)
        transitions = [self._keep(machine, moved)]
        waiting = [command for command in self.state.pending if command.episode_id == moved.episode.episode_id]
        for command in waiting:
            self.state.pending.remove(command)
            if machine.episode is not None:
                transitions += self._obey(machine, machine.episode, command)
        left = self.state.left
        if left is not None and machine.episode is not None and cause.heard_ms <= left.at_ms:
            transitions += self._obey(machine, machine.episode, left)
        self.outcome = Outcome.STEPPED
        return transitions

    def _close(
        self, machine: Machine, reason: Reason, text: str, cause: Cause, value: float | None = None
    ) -> list[Transition]:
        if machine.episode is None:
            return []
        return [self._keep(machine, resolved(machine.episode, reason, text, cause, value=value))]

    def _keep(self, machine: Machine, moved: Moved) -> Transition:
        if moved.episode.active:
            machine.episode = moved.episode
        else:
            machine.episode = None
            machine.since_ms, machine.clear_since_ms = [], None
            remember_id(self.state.closed_ids, moved.episode.episode_id)
        return moved.transition


def _cause_of(record: Reading | RefusedSigns, at_ms: int, heard_ms: int) -> Cause:
    return Cause(record.reading_id, at_ms, heard_ms, record.origin, record.device_id)
