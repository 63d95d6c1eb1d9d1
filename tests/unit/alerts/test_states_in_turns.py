"""States and positions are stored one partition after another, so that no alert waits until all of them are."""

from runtime.virtual_loop import run_virtual
from storage.claims import positions_of
from tests.support.alert_ward import PARTITIONS, AlertWard
from vitals.reading import PatientId
from vitals.topics import LogTopic

STEP_S = 0.2
PATIENTS = tuple(PatientId(f"patient-{number}") for number in range(1, 7))
"""Every partition has some."""


def stored(ward: AlertWard) -> dict[int, int]:
    """How far readings are remembered, by partition."""
    with ward.database.snapshot() as conn:
        found = positions_of(conn, "alerts").items()
        return {at.partition: position for at, position in found if at.topic == LogTopic.READINGS}


async def measured(ward: AlertWard, *, for_s: int) -> None:
    for second in range(for_s):
        for patient in PATIENTS:
            await ward.publish(ward.reading({}, patient=patient))
        await ward.clock.sleep(0 if second + 1 == for_s else 1)


def test_one_partition_at_a_time_and_each_within_the_time_set() -> None:
    async def scene() -> None:
        ward = AlertWard()
        await ward.open(*PATIENTS)
        ward.start()
        await measured(ward, for_s=1)
        every_s = ward.settings.remember_every_s
        together_max, moved_at_s = 0, dict.fromkeys(range(PARTITIONS), ward.clock.monotonic_s())
        before, begun_s = stored(ward), ward.clock.monotonic_s()
        while ward.clock.monotonic_s() - begun_s < 2.5 * every_s:
            await measured(ward, for_s=1)
            await ward.clock.sleep(STEP_S)
            now = stored(ward)
            moved = {number for number, position in now.items() if position != before.get(number)}
            together_max = max(together_max, len(moved))
            moved_at_s |= dict.fromkeys(moved, ward.clock.monotonic_s())
            assert ward.clock.monotonic_s() - min(moved_at_s.values()) <= 2 * every_s
            before = now
        assert together_max == 1
        assert set(before) == set(range(PARTITIONS))
        await ward.stop()

    run_virtual(scene())


def test_whoever_stops_in_order_stores_all_of_them() -> None:
    async def scene() -> None:
        ward = AlertWard()
        await ward.open(*PATIENTS)
        ward.start()
        await measured(ward, for_s=3)
        await ward.clock.sleep(STEP_S)
        await ward.stop()
        ends = {at.partition: end for at, end in (await ward.bus.ends([LogTopic.READINGS])).items()}
        assert stored(ward) == ends

    run_virtual(scene())
