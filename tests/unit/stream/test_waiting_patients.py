"""Patients who wait: their snapshots lie in SQL, not in memory, and go long after the end of a stay."""

import msgspec
import pytest

from storage import patients, tables
from storage.patients import Patient
from storage.states import ended_keys, load_states
from stream.worker import GROUP
from tests.support.builders import at_ms, reading
from tests.support.stream_log import PARTITIONS, ListLog, StandingClock, StreamRun, course, ran, stored_keys, stream_run
from vitals.errors import Fenced
from vitals.reading import PatientId, WardId

pytestmark = pytest.mark.asyncio


async def test_a_patient_keeps_its_place_in_the_queue_through_eviction() -> None:
    log = ListLog()
    log.append(course(2, 1))
    run = await stream_run(log)
    held = run.handler.patients
    await run.handler.handle(run.next_batch(1))
    (patient_id,) = held.live
    first = held.live[patient_id].first_unsaved
    held.make_room(10_000, batch=-1)
    assert not held.live
    held.bring({patient_id: held.waiting[patient_id].partition}, {}, {})
    assert held.live[patient_id].first_unsaved == first is not None


def in_memory(run: StreamRun) -> set[PatientId]:
    """Patients whose snapshot waits in memory."""
    return {name for name, patient in run.handler.patients.waiting.items() if patient.row is not None}


async def test_whoever_waits_takes_no_memory_once_stored_and_goes_on_from_the_database() -> None:
    log = ListLog()
    log.append(course(3, 20))
    run = await stream_run(log)
    batch = run.next_batch(1000)
    run.publish(await run.handler.handle(batch))
    run.advance(batch)
    run.handler.patients.make_room(10_000, batch=-1)
    assert in_memory(run) == {"p0", "p1", "p2"}
    await run.remember()
    assert in_memory(run) == set()
    await run.start()
    assert run.handler.patients.waiting.keys() == {"p0", "p1", "p2"}
    assert in_memory(run) == set()
    for _ in range(2):
        log.append(course(3, 20))
        await run.run()
        run.handler.patients.make_room(10_000, batch=-1)
        assert in_memory(run) == set()
    assert run.telemetry.value("wardlight_stream_duplicate_readings_total") == 120


async def test_a_snapshot_that_somebody_else_took_away_is_a_lost_claim_and_no_new_patient() -> None:
    run = await ran()
    await run.remember(final=True)
    await run.start()
    with run.database.transaction() as conn:
        conn.execute(tables.states.delete())
    run.log.append(course(4, 1, start=40))
    with pytest.raises(Fenced, match="gone from partition"):
        await run.run()


async def discharged_all(run: StreamRun, at: int) -> None:
    """Every patient of `ran` is on record, and their stays ended."""
    with run.database.transaction() as conn:
        for number in range(4):
            patient = Patient(PatientId(f"p{number}"), WardId("w"), None, "A B", 1, at - 1, at)
            patients.add(conn, msgspec.structs.replace(patient, discharged_at_ms=None))
            patients.discharge(conn, patient.patient_id, at)


@pytest.mark.parametrize("kept_in_memory", [True, False])
async def test_a_patient_whose_stay_ended_long_ago_is_forgotten(
    monkeypatch: pytest.MonkeyPatch, *, kept_in_memory: bool
) -> None:
    run = await ran()
    await discharged_all(run, at_ms(0))
    monkeypatch.setattr(StandingClock, "now_ms", lambda _: at_ms(59 * 86_400))
    if not kept_in_memory:
        await run.start()
    run.handler._forget_at_s = 0
    await run.remember()
    assert stored_keys(run) == {"p0", "p1", "p2", "p3"}
    monkeypatch.setattr(StandingClock, "now_ms", lambda _: at_ms(61 * 86_400))
    await run.remember()
    assert stored_keys(run) == {"p0", "p1", "p2", "p3"}, "it looks now and then only"
    run.handler._forget_at_s = 0
    run.log.append([reading(at_s=31, patient="p1", device="d1")])
    batch = run.next_batch(10)
    run.publish(await run.handler.handle(batch))
    run.advance(batch)
    await run.remember()
    assert stored_keys(run) == {"p1"}, "what is not stored yet is not forgotten"
    assert run.handler.patients.live.keys() | run.handler.patients.waiting.keys() == {"p1"}
    assert run.telemetry.value("wardlight_stream_forgotten_patients_total") == 3
    run.log.append(course(4, 1, start=40))
    await run.run()
    assert len(run.published) == 4 * 30 + 5


async def test_a_snapshot_that_a_replay_would_miss_is_not_forgotten() -> None:
    run = await ran()
    await discharged_all(run, at_ms(0))
    with run.database.snapshot() as conn:
        offsets = {number: [row.offset for row in load_states(conn, GROUP, number)] for number in range(PARTITIONS)}
        long_after_ms = at_ms(10)
        every = ended_keys(conn, GROUP, before_ms=long_after_ms, positions=dict.fromkeys(offsets, 10**9))
        none = ended_keys(conn, GROUP, before_ms=long_after_ms, positions=dict.fromkeys(offsets, 0))
    assert sum(map(len, every.values())) == sum(map(len, offsets.values())) == 4
    assert none == {}
