"""The trainer on a real log in memory: examples wait, outcomes settle them, lessons make versions, versions are told."""

import asyncio
from functools import partial

import msgspec
import pytest
from structlog.testing import capture_logs

from runtime.blocking import InlineDoor
from runtime.bus import partition_of
from runtime.clock import SystemClock
from runtime.telemetry import Telemetry
from runtime.worker import Worker
from storage import models, training
from storage.signing import load_signer
from stream.population import Candidate, PopulationModel
from stream.trainer_service import Trainer, build_trainer
from tests.support.builders import at_ms
from tests.support.learning import HOUR_S, example, lesson, logistic, outcome, outcome_withdrawn
from tests.support.training_bench import PARTITIONS, QUICK, training_bench
from vitals.errors import Conflict, NotFound, Unusable
from vitals.model_version import ModelStanding
from vitals.outcome import Outcome
from vitals.training import Example, LessonSource

pytestmark = pytest.mark.asyncio


async def test_an_outcome_makes_lessons_of_the_examples_before_it_and_every_partition_switches() -> None:
    bench = await training_bench()
    bench.start()
    await bench.tell(*(example(f"e{hour}", at_s=hour * HOUR_S, ill=1.0) for hour in range(18)))
    await bench.tell(outcome(at_s=15.5 * HOUR_S, said_s=18 * HOUR_S))
    await bench.tell(*(example(f"e{hour}", at_s=hour * HOUR_S, ill=1.0) for hour in range(18, 42)))
    told = await bench.lessons(16)
    assert [(each.lesson_id, each.label) for each in told] == [(f"e{hour}", hour >= 4) for hour in range(16)]
    assert {each.source for each in told if each.label} == {LessonSource.OUTCOME}
    version = (await bench.versions(1))[0]
    assert (version.number, version.candidate, version.standing) == (1, "logistic", ModelStanding.CHAMPION)
    switched = await bench.switched(1)
    assert {number: next(each.number for each in switches) for number, switches in switched.items()} == dict.fromkeys(
        range(PARTITIONS), 1
    )
    await bench.stop()
    with bench.database.snapshot() as conn:
        left = training.waiting_count(conn, range(PARTITIONS))
        assert [each.version.number for each in models.versions(conn)][-1] == 1
    assert left == 24


async def test_without_an_outcome_an_example_is_negative_once_its_time_has_passed_in_the_log() -> None:
    bench = await training_bench()
    bench.start()
    await bench.tell(*(example(f"e{hour}", at_s=hour * HOUR_S) for hour in (0, 11, 13, 24.5)))
    (told,) = await bench.lessons(1)
    assert (told.lesson_id, told.label, told.weight) == ("e0", False, 1.0)
    await bench.stop()


async def test_who_left_before_the_horizon_ended_teaches_nothing() -> None:
    bench = await training_bench()
    bench.start()
    here = partition_of(b"p1", PARTITIONS)
    neighbour = next(name for name in map(str, range(99)) if partition_of(name.encode(), PARTITIONS) == here)
    await bench.tell(example("gone"), example("stays", patient=neighbour))
    await bench.tell(
        *(example(f"later-{hour}", patient=neighbour, at_s=hour * HOUR_S) for hour in (13, 25)), lesson("a", label=True)
    )
    told = await bench.lessons(2)
    assert {each.lesson_id for each in told} == {"stays", "a"}
    await bench.stop()
    assert bench.telemetry.value("wardlight_trainer_examples_total", fate="censored") == 1


async def test_an_outcome_taken_back_before_its_examples_are_settled_teaches_nothing() -> None:
    bench = await training_bench()
    bench.start()
    await bench.tell(example("e0"), outcome(at_s=60, said_s=120), outcome_withdrawn(at_s=23 * HOUR_S))
    await bench.tell(*(example(f"e{hour}", at_s=hour * HOUR_S) for hour in (2, 12.5, 25)))
    (told,) = await bench.lessons(1)
    assert (told.lesson_id, told.label) == ("e0", False)
    await bench.stop()


async def test_an_outcome_charted_in_place_of_one_taken_back_still_finds_its_examples() -> None:
    bench = await training_bench()
    bench.start()
    await bench.tell(*(example(f"e{hour}", at_s=hour * HOUR_S) for hour in range(3)))
    await bench.tell(outcome("wrong", at_s=2 * HOUR_S, said_s=2.1 * HOUR_S))
    await bench.tell(example("later", at_s=4 * HOUR_S))
    await bench.tell(outcome_withdrawn("wrong", at_s=20 * HOUR_S))
    await bench.tell(outcome("right", at_s=2.5 * HOUR_S, said_s=21 * HOUR_S))
    await bench.tell(example("settles", at_s=26.5 * HOUR_S))
    told = await bench.lessons(3)
    assert [(each.lesson_id, each.label) for each in told] == [("e0", True), ("e1", True), ("e2", True)]
    await bench.stop()


async def test_away_three_days_it_learns_what_was_charted_on_the_second_and_leaves_no_example_out() -> None:
    settings = QUICK.model_copy(update={"records_max": 7, "waiting_per_patient_max": 50, "lessons_min": 1000})
    bench = await training_bench(settings=settings)
    hours = [half / 2 for half in range(2 * 73)]
    await bench.tell(*(example(f"e{hour}", at_s=hour * HOUR_S) for hour in hours))
    await bench.tell(outcome(at_s=31 * HOUR_S, said_s=33 * HOUR_S))
    bench.start()
    told = await bench.lessons(62)
    await bench.stop()
    assert {each.lesson_id for each in told if each.label} == {f"e{hour}" for hour in hours if 19 <= hour < 31}
    assert {each.lesson_id for each in told if not each.label} == {f"e{hour}" for hour in hours if hour < 19}
    assert bench.telemetry.value("wardlight_trainer_examples_total", fate="crowded_out") == 0


async def test_who_was_seen_no_more_is_known_only_once_the_scorer_has_come_so_far() -> None:
    bench = await training_bench()
    bench.start()
    await bench.tell(example("before"), outcome(patient="p9", at_s=29 * HOUR_S, said_s=30 * HOUR_S))
    await bench.tell(*(example(f"e{hour}", at_s=hour * HOUR_S) for hour in (13, 23, 24.5)))
    (told,) = await bench.lessons(1)
    await bench.stop()
    assert (told.lesson_id, told.label) == ("before", False)
    assert bench.telemetry.value("wardlight_trainer_examples_total", fate="censored") == 0


@pytest.mark.thorough
async def test_killed_and_started_again_it_has_learned_what_one_that_never_was_killed_has() -> None:
    records = [example(f"e{hour}", at_s=hour * HOUR_S, ill=hour / 40) for hour in range(40)]
    records_told: list[Example | Outcome] = [
        *records[:20],
        outcome(at_s=18.5 * HOUR_S, said_s=20 * HOUR_S),
        *records[20:],
    ]
    learned = []
    for cuts in ((), (7, 21, 30)):
        bench = await training_bench(settings=QUICK.model_copy(update={"lessons_min": 1000, "remember_every_s": 0.02}))
        bench.start()
        for number, record in enumerate(records_told):
            await bench.tell(record)
            if number in cuts:
                await bench.kill()
                bench.start()
        count = 16
        while (told := [each.lesson_id for each in await bench.lessons(count)])[-1] != "e15":
            count += 1
        assert list(dict.fromkeys(told)) == [f"e{hour}" for hour in range(16)]
        await bench.stop()
        bench.settings = QUICK
        bench.start()
        await bench.versions(1)
        await bench.stop()
        with bench.database.snapshot() as conn:
            (made,) = models.versions(conn)[-1:]
        learned.append((made.version.hash, made.version.lessons))
    assert learned[0] == learned[1]


async def test_of_two_trainers_one_learns_and_makes_versions_and_when_it_goes_the_other_does() -> None:
    bench = await training_bench()
    bench.start()
    bench.start()
    await bench.tell(*(lesson(f"a{number}", label=number % 2 == 0, ill=number / 9) for number in range(9)))
    await bench.versions(1)
    for worker, _ in bench.running:
        worker.stop()
        break
    await bench.tell(*(lesson(f"b{number}", ill=number / 9) for number in range(9)))
    with bench.database.snapshot() as conn:
        before = models.versions(conn)
    await bench.versions(len(before) + 1)
    await bench.stop()
    with bench.database.snapshot() as conn:
        made = models.versions(conn)
    assert [each.version.number for each in made] == list(range(len(made), 0, -1))
    assert made[0].version.lessons == 18


async def test_challengers_learn_in_the_shadow_and_a_promotion_puts_one_in_force() -> None:
    bench = await training_bench(candidates=(logistic(), logistic("quick", rate=2.0)))
    bench.start()
    await bench.tell(*(lesson(f"a{number}", label=number % 2 == 0, ill=number / 9) for number in range(9)))
    first, second = await bench.versions(2)
    assert {first.standing, second.standing} == {ModelStanding.CHAMPION, ModelStanding.CHALLENGER}
    await bench.switches(1)
    with bench.database.transaction() as conn:
        challenger = next(each for each in models.versions(conn) if each.standing is ModelStanding.CHALLENGER)
        models.promote(conn, challenger.version.number, at_ms=at_ms(0), by="Kim Physician", why="better for a month")
    told = (await bench.switches(2))[-1]
    assert (told.number, told.by, told.why) == (challenger.version.number, "Kim Physician", "better for a month")
    await bench.tell(*(lesson(f"b{number}", ill=number / 9) for number in range(9)))
    assert (await bench.switches(3))[-1].by == "trainer"
    await bench.stop()
    with bench.database.snapshot() as conn:
        assert models.candidates(conn) == {"logistic": ModelStanding.CHALLENGER, "quick": ModelStanding.CHAMPION}
        in_force = models.last_switch(conn)
        assert in_force is not None
        assert models.get(conn, in_force.number).version.candidate == "quick"


async def test_an_older_version_and_what_was_shipped_stay_in_force_until_somebody_promotes_again() -> None:
    bench = await training_bench()
    bench.start()
    await bench.tell(lesson("a", label=True), lesson("a0"))
    await bench.switches(1)
    await bench.tell(lesson("b"))
    await bench.switches(2)
    with bench.database.transaction() as conn:
        models.promote(conn, 1, at_ms=at_ms(0), by="Kim", why="worse since")
    await bench.switches(3)
    await bench.tell(lesson("c"))
    await bench.versions(3)
    await bench.stop()
    with bench.database.transaction() as conn:
        held = models.last_switch(conn)
        assert held is not None
        assert held.number == 1
        assert [each.standing for each in models.versions(conn)] == [
            ModelStanding.CHALLENGER,
            ModelStanding.SUPERSEDED,
            ModelStanding.CHAMPION,
        ]
        with pytest.raises(Conflict):
            models.promote(conn, 1, at_ms=at_ms(0), by="Kim", why="again")
        with pytest.raises(Conflict):
            models.retire(conn, 1)
        with pytest.raises(NotFound):
            models.promote(conn, 99, at_ms=at_ms(0), by="Kim", why="none such")
        assert models.promote(conn, 0, at_ms=at_ms(0), by="Kim", why="back to what was shipped").number == 0
        assert models.retire(conn, 3).standing is ModelStanding.RETIRED
        assert models.candidates(conn) == {"logistic": ModelStanding.RETIRED}
        assert models.promote(conn, 1, at_ms=at_ms(0), by="Kim", why="an older one").number == 1
        assert models.candidates(conn) == {"logistic": ModelStanding.RETIRED}
        assert models.promote(conn, 2, at_ms=at_ms(0), by="Kim", why="another").number == 2
        assert [each.standing for each in models.versions(conn)] == [
            ModelStanding.RETIRED,
            ModelStanding.CHAMPION,
            ModelStanding.SUPERSEDED,
        ]
        assert models.restore(conn, 3).standing is ModelStanding.CHALLENGER
        assert models.candidates(conn) == {"logistic": ModelStanding.CHALLENGER}


async def test_a_trainer_that_lost_its_state_goes_on_with_the_threshold_it_had_and_says_whose_it_is() -> None:
    bench = await training_bench(settings=QUICK.model_copy(update={"lessons_min": 60}))
    bench.start()
    told = [lesson(f"a{number}", patient=f"p{number}", label=number % 6 == 0, ill=number / 60) for number in range(60)]
    await bench.tell(*told)
    (first,) = await bench.versions(1)
    await bench.stop()
    assert first.threshold is not None
    assert first.threshold_from is None
    bench.settings = QUICK
    for lost in (1, 2):
        with bench.database.transaction() as conn:
            conn.exec_driver_sql("DELETE FROM states WHERE consumer_group = 'trainer'")
        bench.start()
        await bench.tell(lesson(f"after-{lost}", patient="p99", label=True))
        version = (await bench.versions(1 + lost))[lost]
        assert (version.threshold, version.threshold_from) == (first.threshold, first.number)
        await bench.switches(1 + lost)
        await bench.stop()
    with bench.database.snapshot() as conn:
        held = models.last_switch(conn)
        assert held is not None
        assert held.why == "1 more lesson; with the threshold of version 1"
        weights = models.load_weights(conn, held.number, held.hash, load_signer(conn))
        assert weights.threshold == first.threshold


async def test_where_the_last_threshold_cannot_be_trusted_no_version_is_made_before_one_is_known() -> None:
    bench = await training_bench(settings=QUICK.model_copy(update={"lessons_min": 60}))
    bench.start()
    told = [lesson(f"a{number}", patient=f"p{number}", label=number % 6 == 0, ill=number / 60) for number in range(60)]
    await bench.tell(*told)
    await bench.versions(1)
    await bench.stop()
    with bench.database.transaction() as conn:
        conn.exec_driver_sql("DELETE FROM states WHERE consumer_group = 'trainer'")
        conn.exec_driver_sql("UPDATE model_versions SET threshold = 0.001")
    bench.settings = QUICK
    worker = bench.start()
    again = [
        msgspec.structs.replace(each, example=msgspec.structs.replace(each.example, example_id=f"b{number}"))
        for number, each in enumerate(told)
    ]
    await bench.tell(*again[:20])
    while sum(worker.positions.values()) < 80:
        await SystemClock().sleep(0.001)
    with bench.database.snapshot() as conn:
        assert len(models.versions(conn)) == 1
    await bench.tell(*again[20:])
    second = (await bench.versions(2))[1]
    assert second.threshold is not None
    assert second.threshold_from is None
    await bench.stop()


async def test_no_more_examples_of_one_patient_wait_than_the_setting_says() -> None:
    bench = await training_bench(settings=QUICK.model_copy(update={"waiting_per_patient_max": 3}))
    bench.start()
    await bench.tell(*(example(f"e{number}", at_s=number * 60) for number in range(9)))
    await bench.tell(outcome(at_s=3600, said_s=3700), example("later", at_s=25 * HOUR_S))
    told = await bench.lessons(3)
    assert [each.lesson_id for each in told] == ["e0", "e1", "e2"]
    await bench.stop()


async def test_a_trainer_that_fails_unforeseen_ends_alone_and_is_tried_again() -> None:
    bench = await training_bench()

    def broken() -> PopulationModel:
        raise RuntimeError("no such model")

    build = partial(
        build_trainer,
        bus=bench.bus,
        database=bench.database,
        door=InlineDoor(),
        clock=SystemClock(),
        telemetry=bench.telemetry,
        settings=QUICK,
        candidates=(Candidate("broken", "test", broken, logistic().load),),
    )
    trainer = Trainer(build, clock=SystemClock(), telemetry=bench.telemetry)
    stopping = asyncio.Event()
    serving = asyncio.create_task(trainer.serve(stopping))
    async with asyncio.timeout(10):
        while "no such model" not in str(bench.telemetry.readiness):
            await SystemClock().sleep(0.001)
    assert not serving.done()
    assert bench.telemetry.value("wardlight_trainer_failures_total") >= 1
    stopping.set()
    await serving


@pytest.mark.parametrize(
    ("error", "traced"), [(Unusable("The database ward.db is read-only."), False), (RuntimeError("a mistake"), True)]
)
async def test_a_failure_with_a_sentence_of_its_own_is_logged_without_a_trace(
    error: Exception, *, traced: bool
) -> None:
    def build() -> Worker:
        raise error

    telemetry = Telemetry()
    trainer = Trainer(build, clock=SystemClock(), telemetry=telemetry)
    stopping = asyncio.Event()
    with capture_logs() as logged:
        serving = asyncio.create_task(trainer.serve(stopping))
        async with asyncio.timeout(10):
            while not logged:
                await SystemClock().sleep(0.001)
        stopping.set()
        await serving
    assert logged[0]["error"] == str(error)
    assert logged[0]["exc_info"] is traced
