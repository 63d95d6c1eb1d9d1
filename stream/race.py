"""Candidates that learn side by side from the same lessons, each scored before it learns. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from stream.population import Candidate, PopulationModel
from stream.progressive import Progress, ProgressState
from stream.scoring import MODEL_FAULTS
from vitals.errors import SnapshotMismatch
from vitals.reading import PatientId
from vitals.training import Lesson

RECENT_LESSONS_MAX: Final = 4000
"""Lessons remembered, so that one told twice teaches once: after a crash at most what was told since the last commit comes again."""


class Carried(Protocol):
    """A threshold that was measured before."""

    @property
    def value(self) -> float:
        """From which probability on a risk is told."""

    @property
    def number(self) -> int:
        """The version it was measured for."""


class RacerState(msgspec.Struct):
    """One candidate as it stands."""

    model: bytes
    lessons: int
    published: int
    """How many lessons it had learned from when its last version was made."""
    progress: ProgressState


class RaceState(msgspec.Struct):
    """What all candidates share: where they stand in the lessons."""

    next_offset: int = 0
    """Every lesson before it is learned, or passed over."""
    recent: dict[str, None] = {}
    made_at_ms: int | None = None
    """When versions were last made."""


class Racer:
    """One candidate with its model, and how well it has done; mutable."""

    def __init__(self, candidate: Candidate, state: RacerState | None = None) -> None:
        self.candidate = candidate
        self.model: PopulationModel = candidate.fresh() if state is None else _loaded(candidate, state.model)
        self.lessons = 0 if state is None else state.lessons
        self.published = 0 if state is None else state.published
        self.progress = Progress(None if state is None else state.progress)
        self.is_retired = False
        self.carried: Carried | None = None
        """The threshold it had last, to go on with until enough is known for one of its own."""
        self.owes_threshold = False
        """Whether versions of it had one that cannot be gone on with: it makes none before it has one of its own."""
        self.faults = 0
        """Lessons that broke it; whoever counts them sets it back."""

    def take(self, lessons: Sequence[Lesson]) -> int:
        """Score each before it is learned; how many were of its kind.

        Were each learned before the next of the same patient is scored, that would be scored on what the model has just
        been told of the same outcome. So a patient's are scored before any of them is learned, as far as they were read
        together; learned they are in their order.
        """
        if self.is_retired:
            return 0
        own = [lesson for lesson in lessons if lesson.example.pipeline == self.candidate.pipeline]
        of_patient: dict[PatientId, list[Lesson]] = {}
        for lesson in own:
            of_patient.setdefault(lesson.example.patient_id, []).append(lesson)
        told: dict[str, float] = {}
        for lesson in own:
            for each in of_patient.pop(lesson.example.patient_id, ()):
                self._score(each, told)
            if lesson.lesson_id in told:
                self._learn(lesson, told[lesson.lesson_id])
        return len(own)

    def has_learned(self, each_min: int) -> bool:
        """Whether it scores by lessons of its own, and has seen so many of either label, or has a threshold from when it had."""
        seen = self.progress.state
        has_both = min(seen.positives, seen.lessons - seen.positives) >= each_min
        return self.lessons >= self.candidate.lessons_first and (has_both or self.carried is not None)

    def _score(self, lesson: Lesson, told: dict[str, float]) -> None:
        try:
            told[lesson.lesson_id] = self.model.score(lesson.example.features).probability
        except MODEL_FAULTS:
            self.faults += 1

    def _learn(self, lesson: Lesson, probability: float) -> None:
        try:
            self.model.learn(lesson.example.features, lesson.label, lesson.weight)
            self.progress.take(probability, lesson.label, lesson.weight)
        except MODEL_FAULTS:
            self.faults += 1
            return
        self.lessons += 1

    @property
    def is_worse_than_nothing(self) -> bool:
        """Whether its probabilities are known to be worse than telling everybody the share of positives."""
        scores = self.progress.scores()
        if scores.log_loss is None or scores.base_log_loss is None:
            return False
        return scores.log_loss > scores.base_log_loss * 1.05

    def dump(self) -> RacerState:
        """All of it."""
        return RacerState(self.model.dump(), self.lessons, self.published, self.progress.state)


class Race:
    """All candidates of one population, and where they stand in the log of lessons."""

    def __init__(self, racers: Iterable[Racer], state: RaceState | None = None) -> None:
        self.racers: Mapping[str, Racer] = {racer.candidate.name: racer for racer in racers}
        self.state = RaceState() if state is None else state

    def take(self, lessons: Sequence[tuple[int, Lesson]]) -> list[Lesson]:
        """Let every candidate learn lessons that stand at these offsets, once each; those that are new."""
        new: list[Lesson] = []
        for offset, lesson in lessons:
            if offset < self.state.next_offset:
                continue
            self.state.next_offset = offset + 1
            if self._is_new(lesson.lesson_id):
                new.append(lesson)
        for racer in self.racers.values():
            racer.take(new)
        return new

    def _is_new(self, lesson_id: str) -> bool:
        recent = self.state.recent
        if lesson_id in recent:
            return False
        if len(recent) >= RECENT_LESSONS_MAX:
            del recent[next(iter(recent))]
        recent[lesson_id] = None
        return True


def _loaded(candidate: Candidate, blob: bytes) -> PopulationModel:
    try:
        return candidate.load(blob)
    except (msgspec.DecodeError, *MODEL_FAULTS) as error:
        raise SnapshotMismatch(f"What {candidate.name} had learned has another shape: {error}") from error
