"""After a crash, scores equal those of a run that never crashed."""

import asyncio
import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import at_ms, charted, reading, withdrawn
from tests.support.examples import examples
from tests.support.stream_log import ListLog, stream_run
from vitals.reading import DeviceId, Origin, Reading, Tick, Withdrawn


def ward(seed: int, *, patients: int = 5, seconds: int = 240) -> ListLog:
    """A few minutes of a ward: changing states, duplicates, late and unordered readings, gaps, ticks."""
    source = random.Random(seed)
    records: list[Reading | Withdrawn | Tick] = []
    for second in range(0, seconds, 2):
        for number in range(patients):
            if source.random() < 0.1:
                continue
            ill = number == 0 and second > seconds * 0.6
            values = {
                "heart_rate_bpm": round(source.gauss(75 + 5 * number + 60 * ill, 3), 1),
                "respiratory_rate_bpm": round(source.gauss(15 + 12 * ill, 1), 1),
                "spo2_percent": float(round(source.gauss(96 - 10 * ill, 0.7))),
            }
            if source.random() < 0.05:
                values = {"systolic_mmhg": 118.0 + number, "temperature_celsius": 36.9}
            made = reading(
                at_s=second - (20 if source.random() < 0.03 else 0) + number / 10,
                patient=f"p{number}",
                device=f"d{number}{'b' if source.random() < 0.2 else ''}",
                boot=None if number == 1 else "b1",
                delay_s=900 if source.random() < 0.02 else 0.1,
                origin=Origin.REAL,
                **values,  # type: ignore[arg-type]
            )
            records.append(made)
            if source.random() < 0.1:
                records.insert(source.randrange(max(len(records) - 30, 0), len(records)) + 1, made)
            if source.random() < 0.06:
                records += people(source, second, f"p{number}", f"d{number}")
        records.append(Tick(second * 1000))
    log = ListLog()
    log.append(records, key="p2")
    return log


def people(source: random.Random, second: int, patient: str, device: str) -> list[Reading | Withdrawn]:
    """Somebody charts, some time after they looked, perhaps twice; or takes back what they or a device said."""
    values: dict[str, float] = {
        "consciousness_acvpu": float(source.choice([0, 0, 0, 1, 4])),
        "supplemental_oxygen": 1.0,
    }
    scale = source.choice([None, None, 1, 2])
    entry = charted(
        at_s=second - source.choice([0, 3, 90, 2000]),
        patient=patient,
        delay_s=2100,
        valid_for_s=source.choice([None, 300]),
        spo2_scale=scale,
        spo2_scale_by="Dr Bell" if scale == 2 else None,
        **(values if source.random() < 0.8 else {"heart_rate_bpm": 81.0}),  # type: ignore[arg-type]
    )
    said: list[Reading | Withdrawn] = [entry] * source.choice([1, 1, 2])
    if source.random() < 0.4:
        order = withdrawn(entry, at_s=second + 1)
        ranged = msgspec.structs.replace(
            order, reading_id=None, device_id=DeviceId(device), correction_id=f"c{second}", from_ms=at_ms(second - 60)
        )
        said += [source.choice([order, order, ranged])] * source.choice([1, 2])
    return said


@examples(12)
@given(
    seed=st.integers(0, 10**6),
    live_max=st.sampled_from([2, 3, 100]),
    snapshots_max=st.sampled_from([1, 2, 100]),
)
def test_a_worker_that_crashes_anywhere_publishes_what_an_undisturbed_one_does(
    seed: int, live_max: int, snapshots_max: int
) -> None:
    async def scenario() -> None:
        source = random.Random(seed)
        log = ward(seed)
        calm = await stream_run(log)
        await calm.run()
        rough = await stream_run(log, live_patients_max=live_max, snapshots_max=snapshots_max)
        while batch := rough.next_batch(source.randint(1, 60), random_source=source):
            outputs = await rough.handler.handle(batch)
            if source.random() < 0.08:
                await rough.start()
                continue
            rough.publish(outputs)
            rough.advance(batch)
            if source.random() < 0.08:
                await rough.start()
                continue
            if source.random() < 0.5:
                await rough.remember(final=source.random() < 0.05)
            if source.random() < 0.08:
                await rough.start()
        assert rough.by_id() == calm.by_id()

    asyncio.run(scenario())


@pytest.mark.asyncio
async def test_the_ward_of_these_tests_reaches_every_state() -> None:
    run = await stream_run(ward(1))
    await run.run()
    assert any(each.warming_up for each in run.published)
    assert any(each.anomaly is not None for each in run.published)
    assert any(each.flagged for each in run.published)
    assert any(each.late for each in run.published)
    assert any(each.adult_news2.total is not None for each in run.published), "people close the score"
    assert any(each.charted for each in run.published)
    assert any(each.forgotten for each in run.published)
    assert {each.learned for each in run.published} == {True, False}
    assert run.telemetry.value("wardlight_stream_duplicate_readings_total") > 0
