"""When examples are settled, and from when on a candidate makes versions, hour by hour on a new ward."""

import random

import msgspec
import pytest

from runtime.bus import TopicPartition
from storage.claims import claim
from storage.session import Database
from stream.candidates import CANDIDATES
from stream.lessons import LessonRules
from stream.population import Candidate
from stream.race import Race, Racer
from stream.trainer_clocks import LogClocks
from stream.trainer_labels import Labeller, Told
from stream.trainer_settings import TrainerSettings
from stream.trainer_versions import drafts
from tests.support.builders import at_ms
from tests.support.fresh_database import lay_schema
from tests.support.learning import HOUR_S, example, lesson, logistic, outcome
from vitals.training import Example, Lesson

HOURS = range(0, 56, 2)
PATIENTS = tuple(f"p{number:02}" for number in range(50))
DETERIORATES = {"p07": 3.5, "p21": 27.5}
"""Hour at which intensive care took them."""
SETTLES_H = 24
ADDITIVE, RIVER = (each._replace(pipeline="test") for each in CANDIDATES)
FEATURE = "heart_rate_bpm.last"


class Ward:
    """A new ward whose patients are seen every two hours; who deteriorates is charted half an hour after, and seen no more."""

    def __init__(self) -> None:
        self.database = Database("sqlite://")
        lay_schema(self.database)
        self.labeller = Labeller(
            group="trainer", rules=LessonRules(), waiting_max=128, settle_max=500, patient_ms=60 * 24 * 3_600_000
        )
        with self.database.transaction() as conn:
            self.labeller.reset(claim(conn, "trainer", {0}).epochs)
        self.clocks = LogClocks(("training", "outcomes"), observing="training", slack_ms=0)
        self.clocks.reset({0}, {})

    def hour(self, hour: int) -> list[Lesson]:
        """What is told as that hour comes."""
        told: list[Told] = [
            outcome(f"o-{patient}", patient=patient, at_s=at_h * HOUR_S, said_s=(at_h + 0.5) * HOUR_S)
            for patient, at_h in DETERIORATES.items()
            if at_h + 0.5 == hour
        ]
        told += [
            example(f"{patient}-{hour}", patient=patient, at_s=hour * HOUR_S)
            for patient in PATIENTS
            if hour < DETERIORATES.get(patient, HOURS.stop)
        ]
        for each in told:
            at = each.received_at_ms if isinstance(each, Example) else each.at_ms
            self.clocks.heard(TopicPartition("training" if isinstance(each, Example) else "outcomes", 0), at)
        return self.labeller.step(self.database, [(0, each) for each in told], self.clocks.now_ms()).lessons


def deteriorated(patient: str, hour: int) -> bool:
    return 0 < DETERIORATES.get(patient, 99) - hour <= 12


@pytest.mark.thorough
def test_on_a_new_ward_no_deterioration_is_learned_before_what_came_of_everybody_else_in_the_same_hour() -> None:
    ward = Ward()
    learned: list[Lesson] = []
    for hour in HOURS:
        learned += ward.hour(hour)
        due = [(p, h) for h in HOURS if h <= hour - SETTLES_H for p in PATIENTS if h < DETERIORATES.get(p, HOURS.stop)]
        assert [(each.example.patient_id, each.example.measured_at_ms) for each in learned] == [
            (patient, at_ms(h * HOUR_S)) for patient, h in due
        ]
        assert [each.label for each in learned] == [deteriorated(*each) for each in due]
        assert sum(each.label for each in learned) <= 0.02 * len(learned), "as many as there truly are"
    assert sum(each.label for each in learned) == 2 + 6


def test_after_days_away_lessons_come_in_one_order_over_all_partitions_however_few_are_settled_at_once() -> None:
    database = Database("sqlite://")
    lay_schema(database)
    labeller = Labeller(group="trainer", rules=LessonRules(), waiting_max=128, settle_max=5, patient_ms=10**12)
    with database.transaction() as conn:
        labeller.reset(claim(conn, "trainer", {0, 1}).epochs)
    waiting: list[tuple[int, Told]] = [
        (partition, example(f"p{partition}-{minute}", patient=f"p{partition}", at_s=minute * 60))
        for partition, minutes in ((0, range(0, 120, 3)), (1, range(0, 120, 10)))
        for minute in minutes
    ]
    seen = [(each, example(f"seen-{each}", patient=f"p{each}", at_s=14 * HOUR_S)) for each in (0, 1)]
    learned = labeller.step(database, [*waiting, *seen], dict.fromkeys((0, 1), at_ms(28 * HOUR_S))).lessons
    while labeller.has_more:
        learned += labeller.step(database, [], dict.fromkeys((0, 1), at_ms(28 * HOUR_S))).lessons
    measured = [each.example.measured_at_ms for each in learned]
    assert len(measured) == len(waiting)
    assert measured == sorted(measured)


def lessons(count: int, *, every: int) -> list[Lesson]:
    """Of a patient each, of whom every so many-th deteriorated."""
    source = random.Random(4)
    made = []
    for number in range(count):
        is_ill = number % every == every - 1
        features = {FEATURE: 80 + 30 * is_ill + source.gauss(0, 15)}
        moment = msgspec.structs.replace(example(f"e{number}", patient=f"p{number}"), features=features)
        made.append(msgspec.structs.replace(lesson(label=is_ill), example=moment))
    return made


class Timetable:
    """One candidate that learns ten lessons an hour, and is asked for versions each hour."""

    def __init__(self, candidate: Candidate, **settings: float) -> None:
        self.racer = Racer(candidate)
        self.race = Race([self.racer])
        self.settings = TrainerSettings(**settings)  # type: ignore[arg-type]

    def run(self, told: list[Lesson]) -> list[int]:
        """After how many lessons versions were made."""
        made = []
        for first in range(0, len(told), 10):
            self.race.take(list(enumerate(told))[first : first + 10])
            now_ms = at_ms((first // 10) * HOUR_S)
            made += [draft.lessons for draft, _ in drafts(self.race, self.settings, now_ms)]
        return made


@pytest.mark.parametrize("settings", [{}, {"lessons_min": 20}, {"version_every_s": HOUR_S}])
def test_nothing_is_made_of_a_candidate_that_still_scores_as_it_was_shipped(settings: dict[str, float]) -> None:
    timetable, shipped = Timetable(ADDITIVE, **settings), ADDITIVE.fresh()
    told = lessons(400, every=40)
    assert timetable.run(told[:250]) == []
    assert timetable.racer.model.score({FEATURE: 120.0}) == shipped.score({FEATURE: 120.0})
    assert timetable.run(told)[0] == 260, "ten an hour, and it steps at 256"
    assert timetable.racer.model.score({FEATURE: 120.0}) != shipped.score({FEATURE: 120.0})


def test_what_a_candidate_says_of_its_first_lessons_is_when_its_scores_first_change() -> None:
    for candidate in (ADDITIVE, RIVER, logistic()):
        model, told = candidate.fresh(), lessons(candidate.lessons_first, every=2)
        before = model.score({FEATURE: 120.0})
        for each in told[:-1]:
            model.learn(each.example.features, each.label, each.weight)
            assert model.score({FEATURE: 120.0}) == before
        model.learn(told[-1].example.features, told[-1].label, told[-1].weight)
        assert model.score({FEATURE: 120.0}) != before


@pytest.mark.parametrize("candidate", [ADDITIVE, RIVER], ids=lambda each: each.name)
def test_nothing_is_made_before_enough_lessons_of_either_label(candidate: Candidate) -> None:
    told = lessons(600, every=100)
    assert Timetable(candidate).run(told)[0] == 500, "the fifth is the last of five hundred"
    assert Timetable(candidate, positives_min=6).run(told)[0] == 600
    assert Timetable(candidate, positives_min=7).run(told) == []
    racer = Racer(candidate)
    Race([racer]).take([(at, msgspec.structs.replace(each, label=not each.label)) for at, each in enumerate(told)])
    assert racer.has_learned(6)
    assert not racer.has_learned(7)


def test_a_version_has_a_threshold() -> None:
    timetable = Timetable(ADDITIVE)
    timetable.race.take(list(enumerate(lessons(300, every=40))))
    ((version, why),) = drafts(timetable.race, timetable.settings, at_ms(0))
    assert version.threshold is not None
    assert why == "300 more lessons"
