"""What silences in SQL promise, whichever database: subclass and give the fixture `database`, upgraded and empty."""

import msgspec
import pytest

from storage import patients, silences
from storage.decisions import decisions_version
from storage.session import Database
from tests.support.storage_contract import patient
from vitals.alert import AlertKind, Priority
from vitals.errors import Conflict, NotFound
from vitals.reading import PatientId, WardId
from vitals.silence import Silence


def silence(
    name: str = "s1",
    *,
    ward: str | None = "west",
    of: str | None = None,
    kind: AlertKind | None = None,
    priority: Priority | None = None,
    from_ms: int = 1_000,
    until_ms: int = 60_000,
) -> Silence:
    """One silence, effective two seconds after it was ordered."""
    return Silence(
        silence_id=name,
        ward_id=None if ward is None else WardId(ward),
        patient_id=None if of is None else PatientId(of),
        kind=kind,
        priority=priority,
        person_id="kim",
        by="Kim Nurse",
        reason="physiotherapy",
        ordered_at_ms=from_ms,
        effective_ms=from_ms + 2_000,
        until_ms=until_ms,
    )


class SilenceContract:
    """Ordered once, ended once, found by who may see them."""

    def test_a_silence_comes_back_as_it_was_ordered_and_its_repetition_changes_nothing(
        self, database: Database
    ) -> None:
        ordered = silence(of="p1", kind=AlertKind.SPO2_LOW, priority=Priority.HIGH)
        again = msgspec.structs.replace(ordered, ordered_at_ms=1_700, effective_ms=3_700, until_ms=60_700)
        with database.transaction() as conn:
            before = decisions_version(conn)
            assert silences.order(conn, ordered) == ordered
            assert silences.order(conn, again) == ordered
            assert decisions_version(conn) > before
        with database.snapshot() as conn:
            assert silences.get(conn, "s1") == ordered

    def test_one_id_cannot_mean_two_silences(self, database: Database) -> None:
        with database.transaction() as conn:
            silences.order(conn, silence())
        with pytest.raises(Conflict, match="another silence s1"), database.transaction() as conn:
            silences.order(conn, silence(ward="east"))

    def test_high_alerts_cannot_be_kept_quiet_by_one_silence_after_the_other(self, database: Database) -> None:
        high = silence(ward=None, of="a", kind=AlertKind.SPO2_LOW, priority=Priority.HIGH)
        with database.transaction() as conn:
            silences.order(conn, high)
        longer = msgspec.structs.replace(high, silence_id="another", until_ms=high.until_ms * 2)
        with database.transaction() as conn, pytest.raises(Conflict, match="only when that ends"):
            silences.order(conn, longer)
        over = msgspec.structs.replace(longer, ordered_at_ms=high.until_ms, effective_ms=high.until_ms + 2_000)
        with database.transaction() as conn:
            assert silences.order(conn, over) == over

    def test_who_silences_the_same_alerts_again_is_refused_until_their_silence_is_ended(
        self, database: Database
    ) -> None:
        with database.transaction() as conn:
            silences.order(conn, silence())
        again = silence("s2", priority=Priority.MEDIUM, from_ms=5_000, until_ms=90_000)
        with database.transaction() as conn, pytest.raises(Conflict, match="exactly this already"):
            silences.order(conn, again)
        others = (
            msgspec.structs.replace(again, silence_id="of another person", person_id="ada"),
            msgspec.structs.replace(again, silence_id="of less", priority=Priority.LOW),
            msgspec.structs.replace(again, silence_id="of one kind", kind=AlertKind.LOW_BATTERY),
        )
        with database.transaction() as conn:
            for other in others:
                assert silences.order(conn, other) == other
            silences.end(conn, "s1", by="Kim", at_ms=5_000, effective_ms=7_000)
            assert silences.order(conn, again) == again

    def test_one_person_leaves_room_for_the_silences_of_others(self, database: Database) -> None:
        def of(number: int, person: str) -> Silence:
            return msgspec.structs.replace(silence(f"{person}{number}", of=f"p{number}"), person_id=person)

        with database.transaction() as conn:
            for number in range(silences.OPEN_OF_ONE_MAX):
                silences.order(conn, of(number, "kim"))
        with database.transaction() as conn, pytest.raises(Conflict, match="of yours are in force"):
            silences.order(conn, of(silences.OPEN_OF_ONE_MAX, "kim"))
        with database.transaction() as conn:
            silences.order(conn, of(1, "ada"))
            silences.end(conn, "kim1", by="Kim", at_ms=5_000, effective_ms=7_000)
            silences.order(conn, of(silences.OPEN_OF_ONE_MAX, "kim"))

    def test_ending_early_is_put_down_once(self, database: Database) -> None:
        with database.transaction() as conn:
            silences.order(conn, silence())
            ended = silences.end(conn, "s1", by="Ada", at_ms=9_000, effective_ms=11_000)
            assert (ended.ended_by, ended.ended_at_ms, ended.last_ms) == ("Ada", 9_000, 11_000)
            assert silences.end(conn, "s1", by="Ben", at_ms=12_000, effective_ms=14_000) == ended
            with pytest.raises(NotFound):
                silences.end(conn, "s9", by="Ben", at_ms=1, effective_ms=1)

    def test_what_was_over_by_itself_is_not_ended_again(self, database: Database) -> None:
        with database.transaction() as conn:
            silences.order(conn, silence(until_ms=5_000))
            assert silences.end(conn, "s1", by="Ada", at_ms=6_000, effective_ms=8_000).ended_by is None

    def test_those_in_force_and_those_that_a_replay_needs_are_found(self, database: Database) -> None:
        with database.transaction() as conn:
            for one in (silence("s1"), silence("s2", of="p1", until_ms=9_000), silence("s3", of="p2", from_ms=20_000)):
                silences.order(conn, one)
            silences.end(conn, "s3", by="Ada", at_ms=30_000, effective_ms=32_000)
        with database.snapshot() as conn:
            assert [one.silence_id for one in silences.in_force(conn, 31_000)] == ["s1", "s3"]
            assert [one.silence_id for one in silences.in_force(conn, 40_000)] == ["s1"]
            assert [one.silence_id for one in silences.held_since(conn, 8_000)] == ["s1", "s2", "s3"]
            assert [one.silence_id for one in silences.list_silences(conn, limit=2)] == ["s3", "s2"]
            assert [one.silence_id for one in silences.list_silences(conn, limit=9, open_at_ms=40_000)] == ["s1"]

    def test_one_sees_those_of_ones_wards_of_patients_there_and_of_the_house(self, database: Database) -> None:
        with database.transaction() as conn:
            patients.add(conn, patient("p1", ward="west"))
            patients.add(conn, patient("p2", ward="east"))
            for one in (
                silence("ward"),
                silence("there", ward=None, of="p1"),
                silence("elsewhere", ward=None, of="p2"),
                silence("house", ward=None, kind=AlertKind.LOW_BATTERY),
                silence("east", ward="east"),
            ):
                silences.order(conn, one)
        with database.snapshot() as conn:
            seen = silences.list_silences(conn, limit=9, ward_ids=[WardId("west")])
        assert {one.silence_id for one in seen} == {"ward", "there", "house"}
