"""What moves, exchanged devices and corrections promise, whichever database: subclass and give the fixture `database`."""

from collections.abc import Sequence

import msgspec
import pytest

from storage import assessments, charting, corrections, devices, episodes, moves, patients, people, readings, wards
from storage.corrections import Correction, CorrectionState
from storage.devices import Device
from storage.patients import Patient
from storage.session import Connection, Database
from tests.support.builders import assessment, reading
from vitals.alert import AlertKind, Priority, Reason, Transition, TransitionKind
from vitals.assessment import Assessment
from vitals.errors import Conflict, InvalidArgument, NotFound
from vitals.reading import DeviceId, PatientId, Reading, WardId

ANN, BOB, CY = PatientId("ann"), PatientId("bob"), PatientId("cy")
D1, D2 = DeviceId("d1"), DeviceId("d2")
NOW_MS = 1_000_000_000


def seed(database: Database) -> None:
    """Ann and Bob on ward a, each with a device since 0; Cy on ward b with none; a spare device."""
    with database.transaction() as conn:
        for patient_id, ward, bed in ((ANN, "a", "1"), (BOB, "a", "2"), (CY, "b", "1")):
            patients.add(conn, Patient(patient_id, WardId(ward), bed, patient_id.title(), 1, 1_000), by="Nurse")
        for device in (D1, D2, DeviceId("spare")):
            devices.add(conn, Device(device, WardId("a"), 500))
        devices.assign(conn, D1, ANN, 0)
        devices.assign(conn, D2, BOB, 0)


def order(database: Database, *, from_ms: int, until_ms: int | None, to: PatientId | None) -> Correction:
    """A correction of d1."""
    with database.transaction() as conn:
        return corrections.request(
            conn, D1, from_ms=from_ms, until_ms=until_ms, to_patient_id=to, reason="mixed up", person_id="n", by="Nurse",
            now_ms=NOW_MS,
        )  # fmt: skip


def history(database: Database, device_id: DeviceId = D1) -> list[tuple[PatientId, int, int | None]]:
    """Whom the device measured when."""
    with database.snapshot() as conn:
        return [(each.patient_id, each.from_ms, each.until_ms) for each in devices.assignments_of(conn, device_id)]


def measured(*seconds: int, patient: PatientId = ANN) -> list[Reading]:
    """Readings of d1."""
    return [reading(at_s=second, patient=patient, device=D1, heart_rate_bpm=70) for second in seconds]


def order_at(rows: Sequence[Reading], conn: Connection) -> Correction:
    """A correction of all of these but the first."""
    return corrections.request(
        conn, D1, from_ms=rows[1].measured_at_ms, until_ms=rows[-1].measured_at_ms + 1, to_patient_id=BOB, reason="r",
        person_id="n", by="Nurse", now_ms=rows[-1].measured_at_ms + 1_000,
    )  # fmt: skip


def _assessed(about: Reading) -> Assessment:
    return msgspec.structs.replace(
        assessment(patient=about.patient_id, of=about.reading_id), measured_at_ms=about.measured_at_ms
    )


def _step(episode: str, kind: TransitionKind, *, active: bool, retrospective: bool = False) -> Transition:
    return Transition(
        transition_id=f"{episode}-{kind.value}",
        episode_id=episode,
        patient_id=ANN,
        ward_id=WardId("a"),
        kind=AlertKind.SPO2_LOW,
        transition=kind,
        reason=Reason.FOUND_BY_CORRECTION if retrospective else Reason.LIMIT_BREACHED,
        priority=Priority.HIGH,
        at_ms=5,
        onset_ms=1,
        raised_at_ms=2,
        active=active,
        acknowledged=False,
        text="SpO2 76 %",
        device_id=D1,
        retrospective=retrospective,
        correction_id="c-1" if retrospective else None,
    )


class StayContract:
    """Moves, swaps and corrections in SQL."""

    def test_every_place_of_a_stay_is_kept_and_found_by_time(self, database: Database) -> None:
        seed(database)
        with database.transaction() as conn:
            patients.transfer(conn, ANN, WardId("b"), "9", 5_000, by="Nurse")
            patients.transfer(conn, ANN, WardId("b"), "9", 6_000)
            patients.transfer(conn, ANN, WardId("b"), None, 4_000)
        with database.snapshot() as conn:
            found = [
                (move.number, move.at_ms, move.ward_id, move.bed, move.by_person) for move in moves.moves_of(conn, ANN)
            ]
            assert found == [(0, 1_000, "a", "1", "Nurse"), (1, 5_000, "b", "9", "Nurse"), (2, 5_000, "b", None, None)]
            assert moves.place_as_of(conn, ANN, 999) is None
            then = moves.place_as_of(conn, ANN, 4_999)
            assert then is not None
            assert then.ward_id == "a"
            assert moves.placements(conn, [ANN, PatientId("x")]) == {ANN: ("b", 2, 5_000)}
            assert {patient_id: set(wards) for patient_id, wards in moves.wards_of(conn, [ANN, BOB]).items()} == {
                ANN: {"a", "b"},
                BOB: {"a"},
            }

    def test_a_ward_is_known_by_whatever_was_ever_said_to_be_on_it(self, database: Database) -> None:
        seed(database)
        with database.transaction() as conn:
            devices.add(conn, Device(DeviceId("d9"), WardId("store"), 500))
            people.add(conn, people.Account("n", "nurse", "Nurse", None, False, added_at_ms=1))
            for ward_id in (WardId("icu"), None):
                people.grant(conn, "n", people.StoredGrant("nurse", ward_id), at_ms=1, by="the test")
            patients.transfer(conn, BOB, WardId("opened"), None, 5_000)
            patients.transfer(conn, BOB, WardId("a"), "2", 6_000, to_known_only=True)
            patients.discharge(conn, CY, 7_000)
            assert wards.known_wards(conn) == ("a", "b", "icu", "opened", "store")
            patients.transfer(conn, ANN, WardId("icu"), "1", 8_000, to_known_only=True)
        with database.transaction() as conn, pytest.raises(NotFound, match=r"no ward ivu.* a, b, icu, opened, store"):
            patients.transfer(conn, ANN, WardId("ivu"), "1", 9_000, to_known_only=True)

    def test_a_taken_bed_refuses_a_transfer_and_two_patients_may_swap(self, database: Database) -> None:
        seed(database)
        with database.transaction() as conn, pytest.raises(Conflict, match="taken"):
            patients.transfer(conn, ANN, WardId("b"), "1", 5_000)
        with database.transaction() as conn:
            patients.swap_beds(conn, ANN, CY, 5_000)
        with database.snapshot() as conn:
            places = {p.patient_id: (p.ward_id, p.bed) for p in patients.list_patients(conn)}
        assert places == {ANN: ("b", "1"), BOB: ("a", "2"), CY: ("a", "1")}
        with database.transaction() as conn, pytest.raises(Conflict, match="same patient"):
            patients.swap_beds(conn, ANN, ANN, 6_000)

    def test_nobody_who_has_left_is_moved(self, database: Database) -> None:
        seed(database)
        with database.transaction() as conn:
            patients.discharge(conn, ANN, 5_000)
        for move in (
            lambda conn: patients.transfer(conn, ANN, WardId("b"), "5", 6_000),
            lambda conn: patients.swap_beds(conn, BOB, ANN, 6_000),
        ):
            with database.transaction() as conn, pytest.raises(Conflict, match="discharged"):
                move(conn)

    def test_devices_are_swapped_between_patients_and_for_a_spare_one(self, database: Database) -> None:
        seed(database)
        with database.transaction() as conn:
            devices.swap(conn, D1, D2, 5_000)
        assert history(database) == [(ANN, 0, 5_000), (BOB, 5_000, None)]
        assert history(database, D2) == [(BOB, 0, 5_000), (ANN, 5_000, None)]
        with database.transaction() as conn:
            devices.swap(conn, D1, DeviceId("spare"), 6_000)
            assert devices.unworn_patients(conn) == set()
        assert history(database)[-1] == (BOB, 5_000, 6_000)
        assert history(database, DeviceId("spare")) == [(BOB, 6_000, None)]
        with database.transaction() as conn:
            devices.release(conn, DeviceId("spare"), 7_000)
        with database.transaction() as conn, pytest.raises(Conflict, match="Nobody wears"):
            devices.swap(conn, D1, DeviceId("spare"), 8_000)

    def test_who_wore_a_device_once_and_wears_none_now_is_unworn(self, database: Database) -> None:
        seed(database)
        with database.transaction() as conn:
            devices.release(conn, D1, 5_000)
            assert devices.unworn_patients(conn) == {ANN}
            devices.assign(conn, D1, ANN, 6_000)
            assert devices.unworn_patients(conn) == set()

    @pytest.mark.parametrize(
        ("from_ms", "until_ms", "to", "expected"),
        [
            (4_000, None, BOB, [(ANN, 0, 4_000), (BOB, 4_000, None)]),
            (4_000, None, None, [(ANN, 0, 4_000)]),
            (4_000, 6_000, BOB, [(ANN, 0, 4_000), (BOB, 4_000, 6_000), (ANN, 6_000, None)]),
            (0, 6_000, BOB, [(BOB, 0, 6_000), (ANN, 6_000, None)]),
            (4_000, 6_000, None, [(ANN, 0, 4_000), (ANN, 6_000, None)]),
        ],
    )
    def test_a_correction_rewrites_whom_the_device_measured(
        self,
        database: Database,
        from_ms: int,
        until_ms: int | None,
        to: PatientId | None,
        expected: Sequence[tuple[PatientId, int, int | None]],
    ) -> None:
        seed(database)
        made = order(database, from_ms=from_ms, until_ms=until_ms, to=to)
        assert history(database) == expected
        assert (made.wrong_patient_id, made.right_patient_id, made.is_open) == (ANN, to, until_ms is None)
        with database.snapshot() as conn:
            assert corrections.get(conn, made.correction_id) == made
            assert corrections.unfinished(conn, done_since_ms=0, limit=10) == (made,)
            assert corrections.list_corrections(conn, limit=10, patient_ids=[BOB]) == ((made,) if to == BOB else ())

    def test_without_an_end_a_correction_lasts_as_long_as_the_mistake(self, database: Database) -> None:
        seed(database)
        with database.transaction() as conn:
            devices.release(conn, D1, 8_000)
            devices.assign(conn, D1, CY, 9_000)
        made = order(database, from_ms=4_000, until_ms=None, to=BOB)
        assert (made.until_ms, made.is_open) == (8_000, False)
        assert history(database) == [(ANN, 0, 4_000), (BOB, 4_000, 8_000), (CY, 9_000, None)]

    def test_what_cannot_be_one_mistake_is_refused_and_changes_nothing(self, database: Database) -> None:
        seed(database)
        with database.transaction() as conn:
            devices.release(conn, D1, 8_000)
        before = history(database)
        for error, from_ms, until_ms, to in (
            (Conflict, 8_500, None, BOB),
            (Conflict, 4_000, 9_000, BOB),
            (Conflict, 4_000, None, ANN),
            (NotFound, 4_000, None, PatientId("nobody")),
            (InvalidArgument, NOW_MS, None, BOB),
            (Conflict, 4_000, 4_000, BOB),
        ):
            with pytest.raises(error):
                order(database, from_ms=from_ms, until_ms=until_ms, to=to)
        assert history(database) == before

    def test_a_correction_finds_its_readings_page_by_page_before_and_after_they_are_withdrawn(
        self, database: Database
    ) -> None:
        seed(database)
        rows = measured(1, 5, 6, 7, 60)
        with database.transaction() as conn:
            readings.store(conn, rows)
        base_ms = rows[0].measured_at_ms - 1_000
        with database.transaction() as conn:
            made = corrections.request(
                conn, D1, from_ms=base_ms + 5_000, until_ms=base_ms + 8_000, to_patient_id=BOB, reason="r", person_id="n",
                by="Nurse", now_ms=base_ms + 100_000,
            )  # fmt: skip
            seen = corrections.outlook(conn, D2, from_ms=base_ms + 5_000, until_ms=None, now_ms=base_ms + 100_000)
            assert (seen.wrong_patient_id, seen.readings) == (BOB, 0)
        for withdraw in (False, True):
            with database.transaction() as conn:
                if withdraw:
                    assert charting.withdraw(conn, made.withdrawn()) == 3
                first = corrections.readings_of(conn, made, limit=2)
                assert [each.reading_id for each in first] == [rows[1].reading_id, rows[2].reading_id]
                assert corrections.stragglers(conn, made) == (0 if withdraw else 3)

    def test_assessments_are_withdrawn_with_their_readings_whichever_came_first(self, database: Database) -> None:
        seed(database)
        rows = measured(1, 5, 6)
        with database.transaction() as conn:
            readings.store(conn, rows)
            assessments.store(conn, [_assessed(rows[0]), _assessed(rows[1])])
            made = order_at(rows, conn)
            charting.withdraw(conn, made.withdrawn())
            assert assessments.withdraw(conn, made.withdrawn()) == 1
            assessments.store(conn, [_assessed(rows[2])])
            assessments.withdraw_with_readings(conn, [rows[2].reading_id])
            shown = assessments.history(conn, ANN, from_ms=0, to_ms=10**15, limit=10)
        assert [each.reading_id for each in shown] == [rows[0].reading_id]

    def test_an_episode_found_afterwards_never_stands_in_the_way_of_an_open_one(self, database: Database) -> None:
        seed(database)
        with database.transaction() as conn:
            episodes.store(conn, [_step("live", TransitionKind.RAISED, active=True)])
            episodes.store(conn, [_step("found", TransitionKind.FOUND, active=False, retrospective=True)])
            assert [each.episode_id for each in episodes.open_episodes(conn)] == ["live"]
            assert episodes.get(conn, "found").retrospective
            assert episodes.count_of_correction(conn, "c-1", TransitionKind.FOUND) == 1
            assert [each.episode_id for each in episodes.ended_between(conn, ANN, 0, 10)] == ["found"]
            episodes.store(conn, [_step("found", TransitionKind.RETRACTED, active=False, retrospective=True)])
            assert episodes.ended_between(conn, ANN, 0, 10) == ()

    def test_done_stays_done_and_counts_what_came_of_it(self, database: Database) -> None:
        seed(database)
        made = order(database, from_ms=4_000, until_ms=None, to=BOB)
        with database.transaction() as conn:
            corrections.finish(conn, made.correction_id, at_ms=7, readings=3, retracted=1, found=2)
            corrections.finish(conn, made.correction_id, at_ms=9, readings=4, retracted=1, found=2)
            done = corrections.get(conn, made.correction_id)
            assert (done.state, done.done_at_ms, done.readings) == (CorrectionState.DONE, 7, 4)
            assert corrections.unfinished(conn, done_since_ms=8, limit=10) == ()
            assert corrections.unfinished(conn, done_since_ms=7, limit=10) == (done,)
