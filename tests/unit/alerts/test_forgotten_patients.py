"""Who left long ago is forgotten, and nobody else."""

import itertools

from alerts.settings import AlertsSettings
from runtime.bus import partition_of
from runtime.virtual_loop import run_virtual
from storage.patients import discharge
from storage.states import state_keys
from tests.support.alert_timetable import PATIENT
from tests.support.alert_ward import PARTITIONS, AlertWard, at_work
from vitals.reading import PatientId

DAY_S = 86_400
FORGOTTEN = "wardlight_alerts_forgotten_patients_total"


def kept(ward: AlertWard) -> set[str]:
    with ward.database.snapshot() as conn:
        keys = {key for number in range(PARTITIONS) for key in state_keys(conn, "alerts", number)}
    return {key for key in keys if not key.startswith("~")}


async def left(ward: AlertWard, *, days_ago: float) -> None:
    """The stay has ended so long ago, as the registry says; the alert service begins anew, and stores once."""
    await ward.stop()
    with ward.database.transaction() as conn:
        discharge(conn, PATIENT, ward.clock.now_ms() - round(days_ago * DAY_S * 1000))
    await begins_later(ward)


async def begins_later(ward: AlertWard) -> None:
    ward.start()
    await ward.clock.sleep(20)


def test_who_left_longer_ago_than_the_setting_says_is_forgotten() -> None:
    async def scene() -> None:
        ward = await at_work()
        await ward.measure(20, spo2=97)
        await left(ward, days_ago=0)
        assert kept(ward) == {PATIENT}
        await ward.stop()
        await ward.clock.sleep(59 * DAY_S)
        await begins_later(ward)
        assert kept(ward) == {PATIENT}
        await ward.stop()
        await ward.clock.sleep(1 * DAY_S)
        await begins_later(ward)
        assert (kept(ward), ward.telemetry.value(FORGOTTEN)) == (set(), 1)
        await ward.measure(42, spo2=84)
        assert len(ward.open_episodes()) == 1, "who is heard again begins anew"
        await ward.stop()

    run_virtual(scene())


def test_who_was_heard_of_since_is_not_forgotten_whenever_they_left() -> None:
    async def scene() -> None:
        ward = await at_work()
        await ward.measure(20, spo2=97)
        await left(ward, days_ago=90)
        assert (kept(ward), ward.telemetry.value(FORGOTTEN)) == ({PATIENT}, 0)
        await ward.stop()

    run_virtual(scene())


def test_beyond_the_bound_the_longest_unheard_without_an_open_alert_is_forgotten_and_counted() -> None:
    async def scene() -> None:
        ward = AlertWard(AlertsSettings(patients_per_partition_max=2))
        alarmed, quiet, newcomer = (PatientId(name) for name in _of_one_partition(3))
        await ward.open(alarmed, quiet, newcomer)
        ward.start()
        await ward.measure(42, patient=alarmed, spo2=84)
        await ward.measure(5, patient=quiet, spo2=97)
        await ward.measure(5, patient=newcomer, spo2=97)
        await ward.clock.sleep(10)
        assert ward.telemetry.value("wardlight_alerts_evicted_patients_total") == 1
        assert [episode.patient_id for episode in ward.open_episodes()] == [alarmed]
        await ward.measure(42, patient=quiet, spo2=84)
        assert {episode.patient_id for episode in ward.open_episodes()} == {alarmed, quiet}
        await ward.stop()

    run_virtual(scene())


def _of_one_partition(count: int) -> list[str]:
    names = (f"patient-{number}" for number in itertools.count())
    return list(itertools.islice((name for name in names if partition_of(name.encode(), PARTITIONS) == 0), count))
