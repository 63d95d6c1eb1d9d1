"""The stream handler beside its database: what it stores, what it holds back, what it refuses to load."""

from collections import Counter

import msgspec
import pytest

from runtime.bus import Incoming, TopicPartition, partition_of
from storage import patients, tables
from storage.patients import Patient
from storage.states import load_states
from stream.patients import SnapshotFault
from stream.worker import GROUP
from tests.support.builders import at_ms, charted, reading
from tests.support.examples import THOROUGH
from tests.support.stream_log import PARTITIONS, QUICK, READINGS, ListLog, course, ran, stored_keys, stream_run
from vitals import codec
from vitals.errors import Fenced
from vitals.reading import PatientId, Reading, Tick, WardId
from vitals.sign import Sign

pytestmark = pytest.mark.asyncio


async def test_every_distinct_reading_has_one_assessment_keyed_by_its_patient() -> None:
    log = ListLog()
    log.append(course(3, 20))
    log.append(course(3, 20))
    run = await stream_run(log)
    batch = run.next_batch(1000)
    outputs = await run.handler.handle(batch)
    assert len(outputs) == 60
    run.publish(outputs)
    keys = {output.key for output in outputs}
    assert keys == {b"p0", b"p1", b"p2"}
    assert {assessment.reading_id for assessment in run.published} == {record.reading_id for record in course(3, 20)}
    assert {output.topic for output in outputs} == {"assessments"}
    assert run.telemetry.value("wardlight_stream_duplicate_readings_total") == 60


async def test_ticks_and_malformed_records_are_passed_over_and_the_latter_counted() -> None:
    log = ListLog()
    log.append([Tick(1), reading(), Tick(2)], key="p1")
    run = await stream_run(log)
    batch = [*run.next_batch(10), Incoming(READINGS, 0, 99, b"p1", b"{}")]
    assert len(await run.handler.handle(batch)) == 1
    assert run.telemetry.value("wardlight_stream_malformed_records_total") == 1


@pytest.mark.parametrize("far_ms", [2**62, 10**300, -1])
async def test_a_time_that_no_clock_tells_is_passed_over_and_the_next_reading_is_scored(far_ms: int) -> None:
    run = await stream_run(ListLog())
    value = codec.encode(reading())
    poison = [
        value.replace(b'"measured_at_ms":%d' % at_ms(0), b'"measured_at_ms":%d' % far_ms),
        value.replace(b'"received_at_ms":', b'"received_at_ms":%d,"was":' % far_ms),
        b'{"type":"tick","at_ms":%d}' % far_ms,
    ]
    batch = [Incoming(READINGS, 0, offset, b"p1", each) for offset, each in enumerate([*poison, value])]
    run.publish(await run.handler.handle(batch))
    run.advance(batch)
    await run.remember(final=True)
    assert run.by_id().keys() == {reading().reading_id}
    assert run.telemetry.value("wardlight_stream_malformed_records_total") == 3


async def test_a_charted_number_that_nobody_can_mean_stops_nothing() -> None:
    run = await stream_run(ListLog())
    endless = codec.encode(charted(at_s=1, spo2_percent=91, valid_for_s=1)).replace(
        b'"valid_for_s":1', b'"valid_for_s":%d' % 10**300
    )
    batch = [
        Incoming(READINGS, 0, 0, b"p1", endless),
        Incoming(READINGS, 0, 1, b"p1", codec.encode(charted(at_s=2, spo2_scale=7))),
        Incoming(READINGS, 0, 2, b"p1", codec.encode(reading(at_s=3))),
    ]
    run.publish(await run.handler.handle(batch))
    run.advance(batch)
    await run.remember(final=True)
    assert reading(at_s=3).reading_id in run.by_id()
    assert run.telemetry.value("wardlight_stream_malformed_records_total") == 1


async def test_nothing_happens_while_nothing_comes() -> None:
    run = await stream_run(ListLog())
    assert list(await run.handler.idle()) == []


async def test_an_orderly_end_remembers_everything() -> None:
    run = await ran()
    await run.remember(final=True)
    assert stored_keys(run) == {"p0", "p1", "p2", "p3"}
    before = run.positions
    await run.start()
    assert run.positions == before


async def test_the_remembered_position_never_passes_a_record_that_is_in_no_snapshot() -> None:
    log = ListLog()
    log.append(course(9, 10))
    run = await stream_run(log, snapshots_max=1)
    batch = run.next_batch(1000)
    await run.step(batch)
    remembered = run.remembered()
    for number, here in enumerate(log.partitions):
        position = remembered[TopicPartition(READINGS, number)]
        with run.database.transaction() as conn:
            saved = {row.key: row.offset for row in load_states(conn, GROUP, number)}
        unsaved = [record.offset for record in here if record.offset >= saved.get(record.key.decode(), 0)]
        assert position == min(unsaved, default=len(here))


async def test_snapshots_take_turns_until_everybody_is_stored() -> None:
    log = ListLog()
    log.append(course(9, 1))
    run = await stream_run(log, snapshots_max=2)
    await run.step(run.next_batch(1000))
    for _ in range(4):
        await run.remember()
    assert len(stored_keys(run)) == 9
    assert run.remembered() == run.positions


async def test_the_remembered_position_of_each_partition_follows_however_far_its_offsets_are_from_the_others() -> None:
    log = ListLog()
    fuller = partition_of(b"p0", PARTITIONS)
    log.append([Tick(1)] * 1000, key="p0")
    run = await stream_run(log, snapshots_max=1)
    await run.run(records_max=2000)
    for second in range(30):
        log.append(course(6, 1, start=second))
        await run.step(run.next_batch(100))
    behind = {at.partition: run.positions[at] - position for at, position in run.remembered().items()}
    patients_here = Counter(partition_of(f"p{number}".encode(), PARTITIONS) for number in range(6))
    assert len(patients_here) > 1
    assert patients_here[fuller]
    assert all(count <= 6 * patients_here[number] for number, count in behind.items())
    assert run.telemetry.value("wardlight_stream_unremembered_records") == sum(behind.values()) > 0
    await run.remember(final=True)
    assert run.telemetry.value("wardlight_stream_unremembered_records") == 0


async def test_what_is_not_due_is_not_stored() -> None:
    run = await stream_run(ListLog())
    run.handler._settings = run.settings.model_copy(update={"remember_every_s": 5.0})
    run.log.append(course(2, 5))
    await run.run()
    assert stored_keys(run) == set()
    await run.remember(final=True)
    assert stored_keys(run) == {"p0", "p1"}


async def test_no_more_patients_than_allowed_stay_in_memory_and_all_keep_their_scores() -> None:
    log = ListLog()
    log.append(course(12, 60) if THOROUGH else course(6, 40))
    calm = await stream_run(log)
    await calm.run()
    tight = await stream_run(log, live_patients_max=3)
    while batch := tight.next_batch(2):
        await tight.step(batch)
        assert len(tight.handler.patients.live) <= 3
    assert tight.by_id() == calm.by_id()
    assert tight.telemetry.value("wardlight_stream_evicted_patients_total") > 0


async def test_a_snapshot_that_is_not_signed_by_us_is_not_loaded() -> None:
    run = await ran()
    with run.database.transaction() as conn:
        conn.execute(tables.states.update().values(signature=b"forged"))
    await run.start()
    run.log.append(course(4, 1, start=40))
    await run.run()
    faults = run.telemetry.value("wardlight_stream_snapshots_refused_total", fault=SnapshotFault.SIGNATURE.value)
    assert faults == 4
    assert all(assessment.warming_up for assessment in run.published[-4:])
    assert all(Sign.HEART_RATE in assessment.adult_news2.points for assessment in run.published[-4:])


async def test_models_of_another_version_warm_up_anew_and_duplicates_stay_duplicates() -> None:
    run = await ran(seconds=200)
    assert not run.published[-1].warming_up
    run.parameters = msgspec.structs.replace(QUICK, learn_every_s=6)
    await run.start()
    run.log.append(course(4, 1, start=199))
    run.log.append(course(4, 1, start=200))
    published = len(run.published)
    await run.run()
    assert run.telemetry.value("wardlight_stream_snapshots_refused_total", fault=SnapshotFault.VERSION.value) == 4
    assert len(run.published) == published + 4
    assert all(assessment.warming_up for assessment in run.published[-4:])


async def test_a_snapshot_of_another_shape_is_not_loaded() -> None:
    run = await ran()
    signer = run.handler.patients._signer
    assert signer is not None
    with run.database.transaction() as conn:
        for number in range(PARTITIONS):
            for row in load_states(conn, GROUP, number):
                forged = signer.signed(
                    GROUP, number, key=row.key, offset=row.offset, blob=b"\x00", pipeline_hash=row.pipeline_hash
                )
                where = tables.states.c.key == row.key
                conn.execute(tables.states.update().where(where).values(blob=b"\x00", signature=forged.signature))
    await run.start()
    run.log.append(course(4, 1, start=40))
    await run.run()
    assert run.telemetry.value("wardlight_stream_snapshots_refused_total", fault=SnapshotFault.SHAPE.value) == 4
    assert len(run.by_id()) == 4 * 31


async def test_a_worker_whose_partitions_were_claimed_by_another_stores_nothing_more() -> None:
    run = await ran()
    stale, positions = run.handler, dict(run.positions)
    await run.start()
    run.log.append(course(4, 5, start=50))
    with pytest.raises(Fenced):
        await stale.remember({at: position + 1 for at, position in positions.items()}, final=True)


async def test_records_the_log_no_longer_holds_are_counted_and_reading_goes_on() -> None:
    run = await ran()
    run.log.trimmed_to = {number: len(here) + 7 for number, here in enumerate(run.log.partitions)}
    await run.start()
    assert run.positions == {
        TopicPartition(READINGS, number): beginning for number, beginning in run.log.trimmed_to.items()
    }
    assert run.telemetry.value("wardlight_stream_trimmed_records_total") == 7 * PARTITIONS


async def test_the_spo2_scale_comes_from_the_log_alone() -> None:
    log = ListLog()
    run = await stream_run(log)
    patient = Patient(PatientId("p2"), WardId("w"), "1", "Somebody", 2, at_ms(0))
    with run.database.transaction() as conn:
        patients.add(conn, patient)
    log.append([charted(at_s=0, spo2_scale=2, spo2_scale_by="Dr Bell")])
    log.append([reading(at_s=1, spo2_percent=89), reading(at_s=1, patient="p2", spo2_percent=89)])
    await run.run()
    by_patient = {assessment.patient_id: assessment.adult_news2.points for assessment in run.published}
    assert by_patient == {"p1": {Sign.SPO2: 0}, "p2": {Sign.SPO2: 3}}


async def test_a_patient_whose_snapshot_cannot_be_trusted_keeps_the_scale_that_the_register_says() -> None:
    log = ListLog()
    run = await stream_run(log)
    with run.database.transaction() as conn:
        patients.add(conn, Patient(PatientId("p1"), WardId("w"), "1", "Somebody", 2, at_ms(0)))
    log.append([charted(at_s=0, spo2_scale=2, spo2_scale_by="Dr Bell")])
    await run.run()
    with run.database.transaction() as conn:
        conn.execute(tables.states.update().values(signature=b"forged"))
    await run.start()
    log.append([reading(at_s=1, spo2_percent=89)])
    await run.run()
    assert run.published[-1].adult_news2.points == {Sign.SPO2: 0}


async def test_a_batch_that_is_not_stepped_to_its_end_is_not_taken_for_done(monkeypatch: pytest.MonkeyPatch) -> None:
    log = ListLog()
    log.append(course(1, 2))
    run = await stream_run(log)

    async def brings_nobody(_: object) -> None:
        """As a mistake of ours might."""

    monkeypatch.setattr(run.handler, "_bring", brings_nobody)
    with pytest.raises(AssertionError, match="its end would be lost"):
        await run.handler.handle(run.next_batch(10))


async def test_handling_a_batch_leaves_its_bytes_alone() -> None:
    log = ListLog()
    log.append(course(2, 3))
    run = await stream_run(log)
    batch = run.next_batch(100)
    before = list(batch)
    await run.handler.handle(batch)
    assert list(batch) == before
    assert all(isinstance(codec.decode_readings_record(record.value), Reading) for record in batch)


async def test_broken_models_are_counted_and_cost_no_assessment(monkeypatch: pytest.MonkeyPatch) -> None:
    log = ListLog()
    log.append(course(2, 20))
    run = await stream_run(log)
    await run.step(run.next_batch(10))
    live = run.handler.patients.live[PatientId("p0")]
    broken = live.state.pipeline

    def breaks(*_: object) -> object:
        raise KeyError("a node that is not there")

    monkeypatch.setattr(broken, "score", breaks)
    while batch := run.next_batch(10):
        await run.step(batch)
    assert len(run.published) == 40
    assert run.telemetry.value("wardlight_stream_models_failed_total") == 1
    assert live.state.pipeline is not broken


async def test_what_was_withheld_is_counted_by_cause() -> None:
    log = ListLog()
    log.append([reading(at_s=second, spo2_percent=97 if second != 20 else 60) for second in range(30)])
    run = await stream_run(log)
    await run.run()
    assert run.telemetry.value("wardlight_stream_withheld_values_total", cause="too_fast") == 1
    assert run.telemetry.value("wardlight_stream_withheld_values_total", cause="flat_line") == 0
