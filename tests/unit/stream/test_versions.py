"""Scorers switch where the log says so, and a replay after a crash scores with what scored the first time."""

import random
from collections.abc import Iterable

import msgspec
import pytest
from sqlalchemy import Connection

from runtime.bus import TopicPartition
from storage import models, tables
from storage.models import Draft
from storage.scorers import Switched, in_force_at, switches_of
from storage.signing import Signer, load_signer
from stream import worker
from stream.candidates import CANDIDATES
from stream.pipeline import PatientPipeline
from stream.population import Candidate, InForce, ScoredRisk, hash_of
from stream.scoring import PatientState, assess
from stream.worker import GROUP
from tests.support.builders import at_ms, reading
from tests.support.learning import LogisticModel, logistic
from tests.support.stream_log import PARTITIONS, QUICK, ListLog, StreamRun, stream_run
from vitals import codec
from vitals.assessment import Assessment
from vitals.errors import SnapshotMismatch
from vitals.lateness import LIVE_AGE_MS_MAX
from vitals.model_version import ModelSwitch, ProgressiveScores
from vitals.reading import PatientId, Reading
from vitals.training import Example


@pytest.fixture(autouse=True)
def _scored_by_what_is_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    """The risk is that of the version in force, of one feature."""

    def assessed(state: PatientState, told: Reading, *, live_age_ms_max: int = LIVE_AGE_MS_MAX) -> Assessment | None:
        assessment = assess(state, told, live_age_ms_max=live_age_ms_max)
        number, model = state.in_force.number, state.in_force.model
        if assessment is None or model is None:
            return assessment
        features = {"ill": told.measured_at_ms % 7 / 7}
        probability = model.score(features).probability
        state.scored_risk = ScoredRisk(features, probability, "test", number)
        return msgspec.structs.replace(assessment, risk=probability, model_version=str(number))

    monkeypatch.setattr(worker, "assess", assessed)


def make(
    run: StreamRun, *weights: float, threshold: float | None = None, signer: Signer | None = None
) -> list[ModelSwitch]:
    """A version of each weight, the switches to them ordered; sealed with this installation's key unless said."""
    switches = []
    with run.database.transaction() as conn:
        models.require_candidates(conn, {"logistic": "test"})
        for number, weight in enumerate(weights, 1):
            blob = LogisticModel({"": -1.0, "ill": weight}).dump()
            draft = Draft(
                "logistic", hash_of(blob), "test", at_ms(number), number, 3600.0, ProgressiveScores(), blob, threshold
            )
            made = models.make(conn, draft, signer or load_signer(conn), by="trainer", why="a test")
            assert made.switch is not None
            switches.append(made.switch)
    return switches


def course(seconds: range) -> list[Reading]:
    """Six patients, one after another."""
    return [reading(at_s=s, patient=f"p{n}", device=f"d{n}") for s in seconds for n in range(6)]


async def a_log_with_three_switches() -> StreamRun:
    log = ListLog()
    run = await stream_run(log, candidates=(logistic(),), snapshots_max=2)
    first, second, third = make(run, 1.0, 2.0, 3.0)
    log.append(course(range(5)))
    log.switch(first)
    log.append(course(range(5, 9)))
    log.switch(second)
    log.switch(first)
    log.append(course(range(9, 14)))
    log.switch(third)
    log.switch(third)
    log.append(course(range(14, 20)))
    return run


def scored_by(run: StreamRun) -> dict[str, set[int]]:
    """Per second of the course which versions scored."""
    found: dict[str, set[int]] = {}
    for assessment in run.published:
        second = (assessment.measured_at_ms - at_ms(0)) // 1000
        found.setdefault(str(second), set()).add(int(assessment.model_version))
    return found


@pytest.mark.asyncio
async def test_every_partition_switches_between_the_same_readings_and_late_or_repeated_switches_change_nothing() -> (
    None
):
    run = await a_log_with_three_switches()
    await run.run(records_max=7)
    by_second = scored_by(run)
    assert [by_second[str(second)] for second in (0, 4, 5, 8, 9, 13, 14, 19)] == [
        {number} for number in (0, 0, 1, 1, 2, 2, 3, 3)
    ]
    with run.database.snapshot() as conn:
        noted = switches_of(conn, GROUP, range(PARTITIONS))
    for partition, switches in noted.items():
        here = run.log.partitions[partition]
        assert [(each.switch, each.number) for each in switches] == [(1, 1), (2, 2), (3, 3)]
        assert all(b'"type":"model"' in here[each.offset].value for each in switches)


@pytest.mark.asyncio
async def test_a_switch_that_was_taken_loads_nothing_when_it_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    run = await a_log_with_three_switches()
    await run.run()
    loaded: list[int] = []
    load = run.handler.versions.load

    def noted(conn: Connection, signer: Signer, wanted: Iterable[tuple[int, str]]) -> None:
        wanted = list(wanted)
        loaded.extend(number for number, _ in wanted)
        load(conn, signer, wanted)

    monkeypatch.setattr(run.handler.versions, "load", noted)
    taken = [record for here in run.log.partitions for record in here if b'"type":"model"' in record.value]
    await run.handler.handle(taken)
    assert len(taken) > PARTITIONS
    assert loaded == []


@pytest.mark.asyncio
@pytest.mark.parametrize("seed", range(4))
async def test_killed_anywhere_and_replayed_every_reading_is_scored_as_if_nothing_had_happened(seed: int) -> None:
    straight = await a_log_with_three_switches()
    await straight.run(records_max=7)
    run, source = await a_log_with_three_switches(), random.Random(seed)
    while batch := run.next_batch(source.randint(1, 9), random_source=source):
        outputs = await run.handler.handle(batch)
        if source.random() < 0.25:
            if source.random() < 0.5:
                run.publish(outputs)
            await run.start()
            continue
        run.publish(outputs)
        run.advance(batch)
        await run.remember()
    assert run.by_id() == straight.by_id()


@pytest.mark.asyncio
async def test_a_version_that_is_not_what_was_announced_scores_nobody_and_the_last_goes_on() -> None:
    log = ListLog()
    run = await stream_run(log, candidates=(logistic(),))
    first, second = make(run, 1.0, 2.0)
    log.switch(first)
    log.append(course(range(2)))
    log.switch(msgspec.structs.replace(second, hash="0" * 32))
    log.append(course(range(2, 4)))
    log.switch(msgspec.structs.replace(second, switch=3, number=9))
    log.append(course(range(4, 6)))
    log.switch(ModelSwitch(switch=4, number=0, hash="", at_ms=at_ms(9), by="Kim", why="back to what was shipped"))
    log.append(course(range(6, 8)))
    await run.run()
    assert scored_by(run) == {str(second): {1 if second < 6 else 0} for second in range(8)}
    assert run.telemetry.value("wardlight_stream_model_versions_refused_total") == 2 * PARTITIONS


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "change",
    [
        "threshold = 1.0",
        "threshold = NULL",
        "horizon_s = 60",
        "pipeline = 'other'",
        "candidate = 'another'",
        "blob = x'00'",
        "blob = x''",
        "blob = substr(blob, 1, length(blob) - 1)",
        "blob = blob || x'00'",
        "signature = x''",
        "signature = zeroblob(32)",
        "signature = substr(signature, 1, 16)",
        "signature = (SELECT signature FROM model_versions WHERE number = 1)",
        "blob = (SELECT blob FROM model_versions WHERE number = 1)",
    ],
)
async def test_a_version_that_anybody_changed_in_the_database_scores_nobody_and_the_last_goes_on(change: str) -> None:
    log = ListLog()
    run = await stream_run(log, candidates=(logistic(), logistic("another")))
    first, second = make(run, 1.0, 2.0, threshold=0.5)
    log.switch(first)
    log.append(course(range(2)))
    with run.database.transaction() as conn:
        conn.exec_driver_sql(f"UPDATE model_versions SET {change} WHERE number = 2")  # noqa: S608 - the test's own words
    log.switch(second)
    log.append(course(range(2, 4)))
    await run.run()
    assert scored_by(run) == {str(at_s): {1} for at_s in range(4)}
    assert run.telemetry.value("wardlight_stream_model_versions_refused_total") == PARTITIONS


@pytest.mark.asyncio
async def test_a_version_that_another_installation_sealed_scores_nobody() -> None:
    log = ListLog()
    run = await stream_run(log, candidates=(logistic(),))
    (first,) = make(run, 1.0)
    (second,) = make(run, 2.0, signer=Signer(b"another installation's key here."))
    for switch in (first, second):
        log.switch(switch)
        log.append(course(range(2 * switch.number, 2 * switch.number + 2)))
    await run.run()
    assert scored_by(run) == {str(at_s): {1} for at_s in range(2, 6)}
    with run.database.snapshot() as conn, pytest.raises(SnapshotMismatch):
        models.load_weights(conn, second.number, second.hash, load_signer(conn))


@pytest.mark.asyncio
@pytest.mark.parametrize("blob", [b"", b"not a model", b"cos\nsystem\n(S'touch pwned'\ntR.", b"\x80\x04."], ids=repr)
@pytest.mark.parametrize("candidate", CANDIDATES, ids=lambda candidate: candidate.name)
async def test_bytes_that_are_no_model_score_nobody_even_under_a_good_seal(candidate: Candidate, blob: bytes) -> None:
    log = ListLog()
    run = await stream_run(log, candidates=(candidate,))
    draft = Draft(candidate.name, hash_of(blob), candidate.pipeline, at_ms(1), 1, 3600.0, ProgressiveScores(), blob)
    with run.database.transaction() as conn:
        models.require_candidates(conn, {candidate.name: candidate.pipeline})
        made = models.make(conn, draft, load_signer(conn), by="trainer", why="a test")
    assert made.switch is not None
    log.switch(made.switch)
    log.append([reading(at_s=0)])
    outputs = await run.handler.handle(run.next_batch(10))
    assert [each.topic for each in outputs if each.topic == "assessments"], "the patient is assessed all the same"
    assert {run.handler.versions.now(partition).number for partition in range(PARTITIONS)} == {0}
    assert run.telemetry.value("wardlight_stream_model_versions_refused_total") == PARTITIONS


@pytest.mark.asyncio
async def test_switches_are_bounded_and_a_replay_of_what_the_log_still_holds_scores_alike() -> None:
    log = ListLog()
    run = await stream_run(log, candidates=(logistic(),))
    run.settings = run.settings.model_copy(update={"switches_kept_max": 2})
    await run.start()
    for number, switch in enumerate(make(run, *(float(weight) for weight in range(1, 13)))):
        log.switch(switch)
        log.append(course(range(number * 3, number * 3 + 3)))
        if number == 8:
            log.trimmed_to = {partition: len(here) - 7 for partition, here in enumerate(log.partitions)}
        while batch := run.next_batch(50):
            run.publish(await run.handler.handle(batch))
            run.advance(batch)
            await run.remember()
    with run.database.snapshot() as conn:
        noted = switches_of(conn, GROUP, range(PARTITIONS))
    for partition, switches in noted.items():
        before = [each for each in switches if each.offset < log.trimmed_to[partition]]
        assert len(before) == 1, "what scored the first record that is left"
        assert [each.number for each in switches] == list(range(switches[0].number, 13))
    live = dict(run.by_id())
    with run.database.transaction() as conn:
        for table in (tables.positions, tables.states):
            conn.execute(table.delete().where(table.c.consumer_group == GROUP))
    run.published.clear()
    await run.start()
    for partition, beginning in log.trimmed_to.items():
        run.positions[TopicPartition("readings", partition)] = beginning
    await run.run()
    again = run.by_id()
    assert again
    assert {name: each.risk for name, each in again.items()} == {name: live[name].risk for name in again}


@pytest.mark.asyncio
async def test_examples_are_thinned_per_patient_and_say_what_scored_them() -> None:
    log = ListLog()
    run = await stream_run(log, candidates=(logistic(),))
    (first,) = make(run, 1.0)
    log.switch(first)
    log.append([reading(at_s=minute * 60, patient="p1") for minute in range(120)])
    outputs = await run.handler.handle(run.next_batch(500))
    told = [codec.decode_training_record(each.value) for each in outputs if each.topic == "training"]
    examples = [each for each in told if isinstance(each, Example)]
    assert [each.measured_at_ms for each in examples] == [at_ms(minute * 60) for minute in (0, 30, 60, 90)]
    assert {(each.model_number, each.pipeline, each.patient_id) for each in examples} == {(1, "test", "p1")}


def test_what_scored_a_position_is_the_last_switch_before_it() -> None:
    noted = [Switched(5, 1, 1, "a", 0), Switched(9, 2, 2, "b", 0)]
    assert [in_force_at(noted, position) for position in (5, 6, 9, 10)] == [None, noted[0], noted[0], noted[1]]


def test_an_assessment_says_from_where_on_its_risk_is_to_be_told_and_of_what_time_it_speaks() -> None:
    state = PatientState(PatientId("p1"), PatientPipeline(QUICK))
    state.in_force = InForce(3, LogisticModel(), 43_200.0, 0.4)
    told = assess(state, reading(at_s=0))
    assert told is not None
    assert told.risk is not None
    assert (told.risk_threshold, told.risk_horizon_s) == (0.4, 43_200.0)
