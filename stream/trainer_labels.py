"""Examples to lessons: they wait in SQL until it is known what became of the patient.

Time is that of the log: an example is due once a record of its partition is from later than the moment it waits for, so a
replay settles alike however long the trainer was away.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

from storage import training
from storage.claims import check_epochs
from storage.session import Connection, Database
from storage.training import OutcomeFact, Waiting, Watched
from stream.lessons import Fate, Judgement, LessonRules, bears_on, horizon_end_ms, judge, settles_at_ms
from vitals.outcome import Outcome, OutcomeWithdrawn
from vitals.reading import PatientId
from vitals.training import Example, Lesson

OUTCOMES_MAX: Final = 16
"""Outcomes remembered per patient; of more the earliest go."""
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
        self._epochs: Mapping[int, int] = {}
        self._now_ms: dict[int, int] = {}
        self._settled: set[str] = set()
        """Settled and not yet deleted."""
        self._steps = 0
        self.has_more = False
        """Whether more may be due already than the last step settled."""

    def reset(self, epochs: Mapping[int, int]) -> None:
        """Begin with what SQL has."""
        self._epochs = dict(epochs)
        self._now_ms = {}
        self._settled = set()
        self.has_more = False

    def step(self, database: Database, told: Sequence[tuple[int, Told]]) -> Step:
        """Take records in, with their partitions, and settle what is due. Raises Fenced.

        What arrived is stored at once, which told again changes nothing; what is settled is deleted by `forget` once its
        lessons are in the log.
        """
        with database.transaction() as conn:
            check_epochs(conn, self._group, self._epochs)
            if told:
                self._take(conn, told)
            return self._settle(conn, {record.patient_id for _, record in told})

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

    def _take(self, conn: Connection, told: Sequence[tuple[int, Told]]) -> None:
        watched = training.watched(conn, [record.patient_id for _, record in told])
        arrived: dict[str, Waiting] = {}
        for partition, record in told:
            known = watched.setdefault(record.patient_id, Watched(partition, 0))
            match record:
                case Example():
                    self._pass(partition, record.received_at_ms)
                    known.seen_until_ms = max(known.seen_until_ms, record.measured_at_ms)
                    arrived[record.example_id] = self._waiting(partition, record, known)
                case Outcome() | OutcomeWithdrawn():
                    self._pass(partition, record.at_ms)
                    _note_outcome(known, record)
                    for waiting in (*training.waiting_of(conn, record.patient_id), *arrived.values()):
                        if waiting.example.patient_id == record.patient_id:
                            arrived[waiting.example.example_id] = self._waiting(partition, waiting.example, known)
        training.store(conn, self._group, self._epochs, patients=watched, arrived=list(arrived.values()), gone=())
        self._steps += 1
        if self._steps % FORGET_ROUND == 0:
            before_ms = max(self._now_ms.values()) - self._patient_ms
            training.forget_patients(conn, self._group, self._epochs, before_ms=before_ms)

    def _waiting(self, partition: int, example: Example, known: Watched) -> Waiting:
        """With an outcome that bears on it it is due as soon as that may no longer be taken back."""
        due_ms = settles_at_ms(example, self._rules)
        said = [each.said_at_ms for each in known.outcomes if bears_on(example, each.happened_at_ms, self._rules)]
        if said:
            due_ms = min(due_ms, min(said) + round(self._rules.take_back_s * 1000))
        return Waiting(partition, due_ms, example)

    def _pass(self, partition: int, at_ms: int) -> None:
        self._now_ms[partition] = max(at_ms, self._now_ms.get(partition, 0))

    def _settle(self, conn: Connection, patient_ids: Collection[PatientId]) -> Step:
        step = Step([], [], Counter())
        limit = self._settle_max + len(self._settled)
        self.has_more = False
        for partition, now_ms in sorted(self._now_ms.items()):
            due = [
                waiting
                for waiting in training.due(conn, partition, now_ms, limit=limit)
                if waiting.example.example_id not in self._settled
            ]
            self.has_more |= len(due) >= self._settle_max
            self._judge(conn, due[: self._settle_max], now_ms, step)
        self._crowd_out(conn, patient_ids, step)
        self._settled.update(step.settled)
        return step

    def _judge(self, conn: Connection, due: Sequence[Waiting], now_ms: int, step: Step) -> None:
        watched = training.watched(conn, [waiting.example.patient_id for waiting in due])
        withdrawn = training.withdrawn(conn, [waiting.example.example_id for waiting in due])
        for waiting in due:
            if waiting.example.example_id in withdrawn:
                found = Judgement(Fate.WITHDRAWN)
            else:
                found = self._judged(conn, waiting.example, watched[waiting.example.patient_id], now_ms)
            step.fates[found.fate] += 1
            step.settled.append(waiting.example.example_id)
            if found.lesson is not None:
                step.lessons.append(found.lesson)

    def _judged(self, conn: Connection, example: Example, known: Watched, now_ms: int) -> Judgement:
        until_ms = horizon_end_ms(example, self._rules)
        alerts = training.alerts_of(conn, example.patient_id, example.measured_at_ms, until_ms)
        return judge(
            example,
            outcomes=known.outcomes,
            alerts=alerts,
            seen_until_ms=known.seen_until_ms,
            now_ms=now_ms,
            rules=self._rules,
        )

    def _crowd_out(self, conn: Connection, patient_ids: Collection[PatientId], step: Step) -> None:
        for example_id in training.crowded(conn, patient_ids, per_patient_max=self._waiting_max):
            if example_id not in self._settled and example_id not in step.settled:
                step.settled.append(example_id)
                step.fates[Fate.CROWDED_OUT] += 1


def _note_outcome(known: Watched, told: Outcome | OutcomeWithdrawn) -> None:
    others = [each for each in known.outcomes if each.outcome_id != told.outcome_id]
    if isinstance(told, Outcome):
        others.append(OutcomeFact(told.outcome_id, told.happened_at_ms, told.at_ms))
    known.outcomes = sorted(others, key=lambda each: each.happened_at_ms)[-OUTCOMES_MAX:]
