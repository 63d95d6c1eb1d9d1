"""What people chart on the screen: beside what devices say, for as long as it was said to hold."""

from itertools import permutations

import msgspec
import pytest

from dashboard.tiles import tile
from dashboard.ward import Bed, Seed, Ward
from dashboard.ward_limits import WardLimits
from tests.support.builders import assessment, at_ms, charted, reading, withdrawn
from vitals.assessment import Assessment
from vitals.news2 import score
from vitals.reading import PatientId, Reading, WardId, Withdrawn
from vitals.sign import Sign

P1 = PatientId("p1")
BED = Bed(patient_id=P1, ward_id=WardId("w1"), bed="1", name="Ada", spo2_scale=2)
AWARE = Sign.CONSCIOUSNESS


def ward_with(*records: Reading | Withdrawn | Assessment) -> Ward:
    ward = Ward(WardLimits())
    ward.place([BED])
    for record in records:
        match record:
            case Reading():
                ward.apply_reading(record)
            case Withdrawn():
                ward.apply_withdrawn(record)
            case Assessment():
                ward.apply_assessment(record)
    return ward


def shown(ward: Ward, at_s: float = 100) -> dict[str, object]:
    return tile(ward.patients[P1], ward.limits, now_ms=at_ms(at_s))


def test_a_charted_value_is_shown_with_its_author_and_its_own_time() -> None:
    patient = ward_with(charted(at_s=5, valid_for_s=600, consciousness_acvpu=0)).patients[P1]
    now = patient.signs[AWARE]
    assert now.charted is not None
    assert (now.value, now.charted.by, now.stale_after_ms(WardLimits())) == (0, "Ada Nurse", 600_000)


def test_charting_is_no_contact_and_no_trend() -> None:
    ward = ward_with(reading(at_s=1), charted(at_s=90, heart_rate_bpm=99))
    patient = ward.patients[P1]
    assert patient.seen_at_ms == at_ms(1)
    assert patient.device_id == "d1"
    assert [sample.value for sample in patient.trend[Sign.HEART_RATE].values()] == [75]
    assert patient.signs[Sign.HEART_RATE].value == 99
    ward.apply_reading(reading(at_s=91, heart_rate_bpm=70))
    now = patient.signs[Sign.HEART_RATE]
    assert (now.value, now.charted, list(now.intervals_ms)) == (70, None, [])


def test_what_is_shown_does_not_depend_on_the_order_in_which_it_came() -> None:
    wrong = charted(at_s=30, consciousness_acvpu=4, heart_rate_bpm=120)
    records: tuple[Reading | Withdrawn, ...] = (
        reading(at_s=20, heart_rate_bpm=70),
        charted(at_s=10, consciousness_acvpu=1, heart_rate_bpm=80),
        wrong,
        withdrawn(wrong, at_s=40),
    )
    tiles = []
    for order in permutations(records):
        patient = ward_with(*order).patients[P1]
        tiles.append({sign: (now.value, now.measured_at_ms) for sign, now in patient.signs.items() if sign is AWARE})
    assert tiles == [{AWARE: (1, at_ms(10))}] * len(tiles)


def test_a_charted_assessment_closes_the_score_until_its_first_input_runs_out() -> None:
    everything = {Sign.HEART_RATE: 75.0, AWARE: 0.0, Sign.SUPPLEMENTAL_OXYGEN: 0.0, Sign.TEMPERATURE: 37.0}
    measured = assessment(at_s=100, of="d1/b1/100000")
    closed = msgspec.structs.replace(
        assessment(at_s=40, of="charting/1", news2=score(everything)),
        as_of_ms=at_ms(100),
        received_at_ms=at_ms(101),
        anomaly=None,
    )
    ward = ward_with(
        reading(at_s=100, heart_rate_bpm=75),
        charted(at_s=40, valid_for_s=600, consciousness_acvpu=0, supplemental_oxygen=0, temperature_celsius=37),
        closed,
        measured,
    )
    found = shown(ward)["assessment"]
    assert isinstance(found, dict)
    assert (found["reading_id"], found["seen_at_ms"]) == ("charting/1", at_ms(101))
    assert found["stale_after_ms"] == (40 + 600 - 101) * 1000
    assert ward.apply_assessment(assessment(at_s=101, of="d1/b1/101000"))


def test_a_snapshot_shows_what_the_log_would_have() -> None:
    wrong, right = charted(at_s=5, consciousness_acvpu=4), charted(at_s=3, consciousness_acvpu=0)
    followed = ward_with(reading(at_s=1), right, wrong, withdrawn(wrong, at_s=6))
    seeded = Ward(WardLimits())
    patient = followed.patients[P1]
    device_signs = {sign: now for sign, now in patient.signs.items() if now.charted is None}
    seeded.adopt(
        Seed(
            bed=BED,
            newest=patient.newest,
            signs=device_signs,
            trend=patient.trend,
            charted=[right, wrong],
            withdrawn=[withdrawn(wrong, at_s=6)],
        )
    )
    assert shown(seeded) == shown(followed)
    assert shown(seeded)["spo2_scale"] == 2


def test_pages_are_told_that_charting_changed() -> None:
    ward = ward_with()
    entry = charted(at_s=1, note="x")
    ward.take_changes()
    ward.apply_reading(entry)
    assert ward.take_changes()[P1].charting_changed
    assert not ward.apply_reading(entry)
    ward.apply_withdrawn(withdrawn(entry, at_s=2))
    assert ward.take_changes()[P1].charting_changed
    assert not ward.apply_withdrawn(withdrawn(entry, at_s=2))
    assert ward.take_changes() == {}


@pytest.mark.parametrize("sign", [AWARE, Sign.PAIN])
def test_what_is_kept_is_bounded(sign: Sign) -> None:
    ward = ward_with(
        *(
            charted(at_s=second, **{sign.value: 1.0})  # type: ignore[arg-type]
            for second in range(150)
        )
    )
    assert len(ward.patients[P1].charted.entries) == 100
