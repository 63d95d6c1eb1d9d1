"""A trainer learns the same lessons live, after days away, in whatever order it reads the topics, and killed in between."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hypothesis import example as the_case
from hypothesis import given
from hypothesis import strategies as st

from runtime.bus import TopicPartition
from storage.claims import claim
from storage.session import Database
from stream.lessons import LessonRules
from stream.trainer_clocks import LogClocks
from stream.trainer_labels import Labeller, Told
from tests.support.examples import examples
from tests.support.fresh_database import lay_schema
from tests.support.learning import HOUR_S, example, outcome, outcome_withdrawn
from vitals.training import Example, Lesson

TRAINING, OUTCOMES = TopicPartition("training", 0), TopicPartition("outcomes", 0)
PATIENTS = ("p1", "p2")
DAYS_H = 84
Log = Mapping[TopicPartition, Sequence[Told]]
Learned = dict[str, Lesson]


def moment_ms(told: Told) -> int:
    return told.received_at_ms if isinstance(told, Example) else told.at_ms


class Course(NamedTuple):
    """When patients were seen, and what was charted of them: hour it happened, hours until charted, until taken back."""

    seen_h: tuple[tuple[int, ...], ...]
    charted: tuple[tuple[str, int, int, int | None], ...]

    def log(self) -> Log:
        """Three days and a half, and long after them somebody else, so that all is settled."""
        examples = [
            example(f"{patient}-{hour}", patient=patient, at_s=hour * HOUR_S)
            for patient, hours in zip(PATIENTS, self.seen_h, strict=True)
            for hour in hours
        ]
        said: list[Told] = []
        for number, (patient, hour, late_h, back_h) in enumerate(self.charted):
            name, said_s = f"o{number}", (hour + late_h) * HOUR_S
            said.append(outcome(name, patient=patient, at_s=hour * HOUR_S - 60, said_s=said_s))
            if back_h is not None:
                said.append(outcome_withdrawn(name, patient=patient, at_s=said_s + back_h * HOUR_S / 2))
        last = example("last", patient="p3", at_s=10 * DAYS_H * HOUR_S)
        return {TRAINING: [*sorted(examples, key=moment_ms), last], OUTCOMES: sorted(said, key=moment_ms)}


class Trainer:
    """One that settles, over its own database; what it learned outlives it."""

    def __init__(self) -> None:
        self.database = Database("sqlite://")
        lay_schema(self.database)
        self.labeller = Labeller(
            group="trainer",
            rules=LessonRules(),
            waiting_max=128,
            settle_max=7,
            patient_ms=round(60 * 24 * HOUR_S * 1000),
        )
        self.learned: Learned = {}
        self.positions = dict.fromkeys((TRAINING, OUTCOMES), 0)
        self.remembered = dict(self.positions)
        self.start()

    def start(self) -> None:
        """Begin from what was remembered, as after a crash."""
        with self.database.transaction() as conn:
            self.labeller.reset(claim(conn, "trainer", {0}).epochs)
        self.positions = dict(self.remembered)
        self.clocks = LogClocks(("training", "outcomes"), observing="training", slack_ms=0)
        self.clocks.reset({0}, self.positions)

    def read(self, log: Log, place: TopicPartition, count: int, ends: Mapping[TopicPartition, int]) -> None:
        """Some more records of one topic, in a log that ends there."""
        begin = self.positions[place]
        records = log[place][begin : min(begin + count, ends[place])]
        self.positions[place] = begin + len(records)
        self.clocks.read({place: self.positions[place]})
        for record in records:
            self.clocks.heard(place, moment_ms(record))
        self.clocks.end_at(ends)
        self._settle([(0, record) for record in records])
        while self.labeller.has_more:
            self._settle([])

    def _settle(self, told: Sequence[tuple[int, Told]]) -> None:
        step = self.labeller.step(self.database, told, self.clocks.now_ms())
        for lesson in step.lessons:
            assert lesson.known_at_ms == lesson.example.measured_at_ms + 24 * HOUR_S * 1000, "all at the same age"
            assert self.learned.setdefault(lesson.lesson_id, lesson) == lesson, "told twice, it is the same lesson"

    def remember(self) -> None:
        """What is settled is gone from the database, and the positions are stored."""
        with self.database.transaction() as conn:
            self.labeller.forget(conn)
        self.labeller.forgotten()
        self.remembered = dict(self.positions)


def live(log: Log) -> Learned:
    """Of a trainer that was there all the time."""
    trainer, ends = Trainer(), dict.fromkeys(log, 0)
    for _, place in sorted((moment_ms(told), place) for place, records in log.items() for told in records):
        ends[place] += 1
        trainer.read(log, place, 1, ends)
        trainer.remember()
    return trainer.learned


def afterwards(log: Log, choices: Sequence[tuple[bool, int, int]]) -> Learned:
    """Of one that was away: so many records of either topic at a time, remembering or killed in between.

    The last example comes when it is back: time is that of examples, and one killed at the end of the log knows none.
    """
    trainer, ends = Trainer(), {place: len(records) for place, records in log.items()}
    so_far = ends | {TRAINING: ends[TRAINING] - 1}
    for is_training, count, then in choices:
        trainer.read(log, TRAINING if is_training else OUTCOMES, count, so_far)
        if then == 1:
            trainer.remember()
        elif then == 2:
            trainer.start()
    for place in log:
        trainer.read(log, place, ends[place], ends)
    return trainer.learned


def hours_seen(every_h: int, from_h: int, gap: tuple[int, int]) -> tuple[int, ...]:
    """A patient who is seen at a pace, from some hour on, and was away for a time."""
    return tuple(hour for hour in range(from_h, DAYS_H, every_h) if not gap[0] <= hour < sum(gap))


seen = st.builds(
    hours_seen, st.integers(3, 9), st.integers(0, 40), st.tuples(st.integers(0, DAYS_H), st.integers(0, 40))
)
charted = st.tuples(
    st.sampled_from(PATIENTS), st.integers(1, DAYS_H), st.integers(0, 26), st.none() | st.integers(0, 60)
)
courses = st.builds(Course, seen_h=st.tuples(seen, seen), charted=st.lists(charted, min_size=1, max_size=4).map(tuple))
reading_order = st.lists(st.tuples(st.booleans(), st.integers(1, 40), st.integers(0, 2)), max_size=10)


@examples(50)
@given(course=courses, choices=reading_order)
@the_case(
    Course((tuple(range(0, DAYS_H, 5)), tuple(range(0, DAYS_H, 7))), (("p1", 1, 0, 0),)), [(True, 30, 1), (False, 1, 2)]
)
def test_whoever_was_away_learns_the_lessons_of_whoever_was_there(
    course: Course, choices: list[tuple[bool, int, int]]
) -> None:
    log = course.log()
    there, away = live(log), afterwards(log, choices)
    assert away == there
    for each in (there, away):
        measured = [lesson.example.measured_at_ms for lesson in each.values()]
        assert measured == sorted(measured), "in the order in which they were measured, whatever became of them"


@examples(30)
@given(choices=reading_order)
def test_away_three_days_an_outcome_charted_on_the_second_is_learned_in_any_order_of_the_topics(
    choices: list[tuple[bool, int, int]],
) -> None:
    hours = tuple(range(0, 73, 2))
    log = Course((hours, hours), (("p1", 31, 2, None),)).log()
    learned = afterwards(log, choices)
    assert {name for name, lesson in learned.items() if lesson.label} == {f"p1-{hour}" for hour in range(20, 31, 2)}
    assert {name for name in learned if name.startswith("p2")} == {f"p2-{hour}" for hour in range(0, 61, 2)}
