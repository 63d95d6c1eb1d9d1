"""Examples to lessons: they wait in SQL until it is known what became of the patient.

Time is that of the log (`stream.trainer_clocks`): an example is due at a set age, once every topic of its partition has
been read up to that moment, and only what was said before it counts. So a replay settles alike, however long the trainer
was away and in whatever order it reads the topics, and lessons come in the order in which they were measured.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from storage import training
from storage.claims import check_epochs
from storage.session import Connection, Database
from storage.training import OutcomeFact, Waiting, Watched
from stream.lessons import Fate, Judgement, LessonRules, horizon_end_ms, judge, settles_at_ms
from vitals.outcome import Outcome, OutcomeWithdrawn
from vitals.training import Example, Lesson

OUTCOMES_MAX: Final = 16
"""Outcomes remembered per patient; of more the earliest go."""
ABSENCES_MAX: Final = 16
"""Long absences remembered per patient; of more the earliest go."""
FORGET_ROUND: Final = 500
"""Patients are looked through for those long gone once in so many steps."""

Told = Example | Outcome | OutcomeWithdrawn


class Step(NamedTuple):
    """What one batch came to."""

    lessons: list[Lesson]
    settled: list[str]
    """Ids of examples that no longer wait."""
    fates: Counter[Fate]


class Labeller:
    """Settles the examples of the claimed partitions; every method blocks."""

    def __init__(self, *, group: str, rules: LessonRules, waiting_max: int, settle_max: int, patient_ms: int) -> None:
        self._group = group
        self._rules = rules
        self._waiting_max = waiting_max
        self._settle_max = settle_max
        self._patient_ms = patient_ms
        self._horizon_ms = round(rules.horizon_s * 1000)
        self._settles_ms = round((rules.horizon_s + rules.charting_s) * 1000)
        self._epochs: Mapping[int, int] = {}
        self._settled: set[str] = set()
        """Settled and not yet deleted."""
        self._steps = 0
        self.has_more = False
        """Whether more may be due already than the last step settled."""

    def reset(self, epochs: Mapping[int, int]) -> None:
        """Begin with what SQL has."""
        self._epochs = dict(epochs)
        self._settled = set()
        self.has_more = False

    def step(self, database: Database, told: Sequence[tuple[int, Told]], now_ms: Mapping[int, int]) -> Step:
        """Take records in, with their partitions, and settle what is due as far as time has come in each. Raises Fenced.

        What arrived is stored at once, which told again changes nothing; what is settled is deleted by `forget` once its
        lessons are in the log.
        """
        step = Step([], [], Counter())
        with database.transaction() as conn:
            check_epochs(conn, self._group, self._epochs)
            if told:
                self._take(conn, told, step)
            self._settle(conn, now_ms, step)
            self._steps += bool(told)
            if now_ms and told and self._steps % FORGET_ROUND == 0:
                before_ms = max(now_ms.values()) - self._patient_ms
                training.forget_patients(conn, self._group, self._epochs, before_ms=before_ms)
        self._settled.update(step.settled)
        return step

    def forget(self, conn: Connection) -> None:
        """Delete what is settled, in the transaction that stores the positions."""
        training.store(conn, self._group, self._epochs, patients={}, arrived=[], gone=self._settled)

    def forgotten(self) -> None:
        """That transaction is committed."""
        self._settled = set()

    @property
    def pending(self) -> int:
        """How many settled examples are not deleted yet."""
        return len(self._settled)

    def _take(self, conn: Connection, told: Sequence[tuple[int, Told]], step: Step) -> None:
        patient_ids = [record.patient_id for _, record in told]
        watched, waiting = training.watched(conn, patient_ids), training.waiting_times(conn, patient_ids)
        arrived: dict[str, Waiting] = {}
        for partition, record in told:
            known = watched.setdefault(record.patient_id, Watched(partition, 0))
            match record:
                case Example():
                    self._note_seen(known, record)
                    if self._is_crowded(record, waiting[record.patient_id]):
                        step.fates[Fate.CROWDED_OUT] += 1
                        continue
                    waiting[record.patient_id][record.example_id] = record.measured_at_ms
                    arrived[record.example_id] = Waiting(partition, settles_at_ms(record, self._rules), record)
                case Outcome() | OutcomeWithdrawn():
                    _note_outcome(known, record)
        training.store(conn, self._group, self._epochs, patients=watched, arrived=list(arrived.values()), gone=())

    def _note_seen(self, known: Watched, example: Example) -> None:
        """Note until when the patient was under observation, and of what time before that nobody heard in time.

        An example speaks for the end of a horizon only if it came before the time to chart was over: who came back later
        had left, whether or not somebody had read of it by then.
        """
        last_ms, seen_ms = known.seen_until_ms, example.measured_at_ms
        if seen_ms <= last_ms:
            return
        late_ms = min(seen_ms, example.received_at_ms - (self._settles_ms - self._horizon_ms))
        if 0 < last_ms < late_ms:
            known.absences = [*known.absences, (last_ms, late_ms)][-ABSENCES_MAX:]
        known.seen_until_ms = seen_ms

    def _is_crowded(self, example: Example, waiting: Mapping[str, int]) -> bool:
        """Whether too many of the patient wait already of the time in which examples do; of older ones none count.

        The newest is left out, not the oldest, which are about to be settled.
        """
        at_ms = example.measured_at_ms
        others = [
            measured_ms
            for example_id, measured_ms in waiting.items()
            if at_ms - self._settles_ms < measured_ms <= at_ms and example_id != example.example_id
        ]
        return len(others) >= self._waiting_max

    def _settle(self, conn: Connection, now_ms: Mapping[int, int], step: Step) -> None:
        """In one order over all partitions: only as far as none of them has more that is due than was looked at."""
        limit = self._settle_max + len(self._settled)
        due: list[Waiting] = []
        cut: list[tuple[int, str]] = []
        for partition, until_ms in now_ms.items():
            found = training.due(conn, partition, until_ms, age_ms=self._settles_ms, limit=limit)
            some = [each for each in found if each.example.example_id not in self._settled][: self._settle_max]
            due += some
            cut += [_order(some[-1])] if len(some) >= self._settle_max else []
        self.has_more = bool(cut)
        self._judge(conn, sorted((each for each in due if not cut or _order(each) <= min(cut)), key=_order), step)

    def _judge(self, conn: Connection, due: Sequence[Waiting], step: Step) -> None:
        watched = training.watched(conn, [waiting.example.patient_id for waiting in due])
        withdrawn = training.withdrawn(conn, [waiting.example.example_id for waiting in due])
        for waiting in due:
            if waiting.example.example_id in withdrawn:
                found = Judgement(Fate.WITHDRAWN)
            else:
                found = self._judged(conn, waiting.example, watched[waiting.example.patient_id])
            step.fates[found.fate] += 1
            step.settled.append(waiting.example.example_id)
            if found.lesson is not None:
                step.lessons.append(found.lesson)

    def _judged(self, conn: Connection, example: Example, known: Watched) -> Judgement:
        until_ms, settles_ms = horizon_end_ms(example, self._rules), settles_at_ms(example, self._rules)
        alerts = training.alerts_of(conn, example.patient_id, example.measured_at_ms, until_ms, said_by_ms=settles_ms)
        return judge(
            example,
            outcomes=known.outcomes,
            alerts=alerts,
            was_observed=until_ms <= known.seen_until_ms
            and not any(after_ms < until_ms <= last_ms for after_ms, last_ms in known.absences),
            rules=self._rules,
        )


def _order(waiting: Waiting) -> tuple[int, str]:
    return waiting.example.measured_at_ms, waiting.example.example_id


def _note_outcome(known: Watched, told: Outcome | OutcomeWithdrawn) -> None:
    """One told again stays as it is known, taken back or not: a replay reads it before the record that takes it back."""
    facts = {each.outcome_id: each for each in known.outcomes}
    match told:
        case Outcome():
            facts.setdefault(told.outcome_id, OutcomeFact(told.outcome_id, told.happened_at_ms, told.at_ms))
        case OutcomeWithdrawn() if (fact := facts.get(told.outcome_id)) is not None:
            if fact.withdrawn_at_ms is None:
                facts[told.outcome_id] = msgspec.structs.replace(fact, withdrawn_at_ms=told.at_ms)
    known.outcomes = sorted(facts.values(), key=lambda each: each.happened_at_ms)[-OUTCOMES_MAX:]
