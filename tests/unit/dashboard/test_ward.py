"""The read model: idempotent, by measurement time, honest about age."""

from collections.abc import Sequence
from itertools import pairwise

import pytest

from dashboard.tiles import tile
from dashboard.ward import Bed, Seed, Ward
from dashboard.ward_limits import WardLimits
from tests.support.builders import assessment, at_ms, reading
from tests.support.ward_scene import transition
from vitals.alert import AlertKind, Priority, TransitionKind
from vitals.reading import Origin, PatientId, Reading, WardId
from vitals.sign import Sign

P1 = PatientId("p1")
BED = Bed(patient_id=P1, ward_id=WardId("w1"), bed="1", name="Ada")
LIMITS = WardLimits()


def ward_with(records: Sequence[Reading]) -> Ward:
    ward = Ward(LIMITS)
    ward.place([BED])
    for record in records:
        ward.apply_reading(record)
    return ward


def shown(ward: Ward, at_s: float = 100) -> dict[str, object]:
    return tile(ward.patients[P1], ward.limits, now_ms=at_ms(at_s))


def test_a_repeated_reading_changes_nothing() -> None:
    records = [reading(at_s=second, heart_rate_bpm=70 + second) for second in range(20)]
    once, twice = ward_with(records), ward_with(records)
    once.take_changes()
    twice.take_changes()
    assert not any(twice.apply_reading(record) for record in records)
    assert twice.take_changes() == {}
    assert shown(twice) == shown(once)


def test_what_is_new_of_alerts_can_be_had_first_and_leaves_the_rest_for_later() -> None:
    ward = ward_with([reading(at_s=1), reading(at_s=1, patient="p2")])
    ward.place([BED, Bed(patient_id=PatientId("p2"), ward_id=WardId("w1"), bed="2", name="Grace")])
    ward.apply_transition(
        transition(
            P1,
            AlertKind.SPO2_LOW,
            TransitionKind.RAISED,
            priority=Priority.HIGH,
            text="low",
            at_ms=at_ms(1),
            raised_at_ms=at_ms(1),
        )
    )
    (first,) = ward.take_changes(of_alerts=True).items()
    assert (first[0], first[1].alerts_changed, len(first[1].samples)) == (P1, True, 1)
    assert ward.take_changes(of_alerts=True) == {}
    (rest,) = ward.take_changes().items()
    assert (rest[0], len(rest[1].samples)) == ("p2", 1)


def test_readings_in_any_order_show_the_same_values_and_trend() -> None:
    records = [reading(at_s=second, heart_rate_bpm=70 + second) for second in range(0, 300, 7)]
    forwards, backwards = ward_with(records), ward_with(records[::-1])
    assert shown(backwards)["trend"] == shown(forwards)["trend"]
    assert backwards.patients[P1].signs[Sign.HEART_RATE].value == forwards.patients[P1].signs[Sign.HEART_RATE].value


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_devices_in_the_same_millisecond_the_same_one_is_shown_whichever_came_first(order: int) -> None:
    """SQL knows no order of arrival: it shows the greater id."""
    before = reading(at_s=50, heart_rate_bpm=90, spo2_percent=98)
    one = reading(at_s=60, device="watch-1", heart_rate_bpm=66)
    other = reading(at_s=60, device="watch-2", heart_rate_bpm=68)
    ward = ward_with([before, *[one, other][::order]])
    signs = ward.patients[P1].signs
    assert signs[Sign.HEART_RATE].value == 68
    assert list(signs[Sign.HEART_RATE].intervals_ms) == [10_000]
    assert signs[Sign.SPO2].value == 98


def test_a_late_reading_fills_the_trend_and_never_moves_the_tile_back() -> None:
    ward = ward_with([reading(at_s=0, heart_rate_bpm=70), reading(at_s=60, heart_rate_bpm=90)])
    ward.apply_reading(reading(at_s=30, heart_rate_bpm=80))
    patient = ward.patients[P1]
    assert patient.signs[Sign.HEART_RATE].value == 90
    assert [sample.value for _, sample in sorted(patient.trend[Sign.HEART_RATE].items())] == [70, 80, 90]


def test_the_trend_is_bounded_by_its_window() -> None:
    ward = ward_with([reading(at_s=second, heart_rate_bpm=70) for second in range(0, 7200, 10)])
    buckets = ward.patients[P1].trend[Sign.HEART_RATE]
    assert len(buckets) <= LIMITS.trend_window_ms // LIMITS.trend_bucket_ms + 2


def test_a_change_names_the_earliest_bucket_touched() -> None:
    ward = ward_with([reading(at_s=100, heart_rate_bpm=70)])
    ward.take_changes()
    ward.apply_reading(reading(at_s=101, heart_rate_bpm=71))
    ward.apply_reading(reading(at_s=42, heart_rate_bpm=69))
    assert ward.take_changes()[P1].trend_from_ms == at_ms(40)


def test_age_counts_from_when_the_reading_was_true_on_our_clock() -> None:
    buffered = reading(at_s=0, delay_s=50)
    ahead = reading(at_s=100, delay_s=-20)
    recording = reading(at_s=-1_000_000, delay_s=1_000_040, origin=Origin.REPLAY)
    assert ward_with([buffered]).patients[P1].seen_at_ms == at_ms(0)
    assert ward_with([ahead]).patients[P1].seen_at_ms == at_ms(80)
    assert ward_with([recording]).patients[P1].seen_at_ms == at_ms(40)


@pytest.mark.parametrize(
    ("every_s", "expected_s"), [(1, 30), (8, 30), (60, 180), (900, 2700), (3600, 3600)], ids=lambda value: f"{value}s"
)
def test_a_sign_is_stale_after_three_of_its_own_intervals(every_s: int, expected_s: int) -> None:
    ward = ward_with([reading(at_s=every_s * n, systolic_mmhg=120) for n in range(6)])
    assert ward.patients[P1].signs[Sign.SYSTOLIC].stale_after_ms(LIMITS) == expected_s * 1000


def test_one_silence_does_not_become_the_new_usual() -> None:
    seconds = [*range(10), 600, 601, 602]
    ward = ward_with([reading(at_s=second) for second in seconds])
    assert max(after - before for before, after in pairwise(seconds)) > 500
    assert ward.patients[P1].stale_after_ms(LIMITS) == 30_000


def test_an_absent_sign_is_absent() -> None:
    found = shown(ward_with([reading(at_s=0, heart_rate_bpm=0.1)]))
    assert set(found["signs"]) == {"heart_rate_bpm"}  # type: ignore[call-overload]


def test_an_older_or_late_assessment_is_not_shown() -> None:
    ward = ward_with([])
    assert ward.apply_assessment(assessment(at_s=10))
    assert not ward.apply_assessment(assessment(at_s=10))
    assert not ward.apply_assessment(assessment(at_s=9))
    assert not ward.apply_assessment(assessment(at_s=11, late=True))
    assert ward.apply_assessment(assessment(at_s=12))


def test_news2_is_shown_as_an_interval_while_inputs_are_missing() -> None:
    ward = ward_with([])
    ward.apply_assessment(assessment(at_s=0, respiratory_rate_bpm=25))
    news2 = shown(ward)["assessment"]["news2"]  # type: ignore[index]
    assert (news2["total"], news2["low"]) == (None, 3)
    assert news2["high"] > 3
    assert "spo2_percent" in news2["missing"]


def test_records_of_a_patient_the_register_does_not_know_wait_for_it() -> None:
    ward = Ward(LIMITS)
    ward.apply_reading(reading(heart_rate_bpm=70))
    assert ward.unknown == {P1}
    assert ward.take_changes() == {}
    ward.place([BED])
    assert ward.take_changes()[P1].samples[0].signs == {Sign.HEART_RATE: 70}


def test_a_patient_the_register_no_longer_names_leaves() -> None:
    ward = ward_with([reading()])
    assert ward.place([]) == {P1}
    assert list(ward.listed()) == []


def test_patients_beyond_the_bound_are_left_out_and_counted() -> None:
    ward = Ward(WardLimits(patients_max=1))
    ward.apply_reading(reading(patient="p1"))
    ward.apply_reading(reading(patient="p2"))
    assert (set(ward.patients), ward.left_out) == ({"p1"}, 1)


def test_samples_beyond_the_bound_are_dropped_and_said_to_be() -> None:
    ward = Ward(WardLimits(samples_max=3))
    ward.place([BED])
    for second in range(5):
        ward.apply_reading(reading(at_s=second))
    change = ward.take_changes()[P1]
    assert (len(change.samples), change.samples_dropped) == (3, True)


def test_a_seed_and_the_log_after_it_equal_the_whole_log() -> None:
    records = [reading(at_s=second, heart_rate_bpm=70 + second % 7) for second in range(0, 120, 3)]
    whole = ward_with(records)
    half = ward_with(records[:20]).patients[P1]
    ward = Ward(LIMITS)
    ward.adopt(Seed(bed=BED, newest=half.newest, signs=half.signs, trend=half.trend))
    for record in records[20:]:
        ward.apply_reading(record)
    assert shown(ward) | {"stale_after_ms": 0} == shown(whole) | {"stale_after_ms": 0}


def test_a_single_spot_value_is_not_judged_by_the_clock_of_continuous_signs() -> None:
    patient = ward_with([reading(at_s=0, systolic_mmhg=120, heart_rate_bpm=70, consciousness_acvpu=0)]).patients[P1]
    assert patient.signs[Sign.HEART_RATE].stale_after_ms(LIMITS) == 30_000
    assert patient.signs[Sign.SYSTOLIC].stale_after_ms(LIMITS) == 900_000
    assert patient.signs[Sign.CONSCIOUSNESS].stale_after_ms(LIMITS) == 6 * 3_600_000


def test_a_cuff_that_inflates_twice_when_it_is_put_on_does_not_make_its_values_stale_within_the_minute() -> None:
    patient = ward_with([reading(at_s=second, systolic_mmhg=120) for second in (0, 8, 16)]).patients[P1]
    assert patient.signs[Sign.SYSTOLIC].stale_after_ms(LIMITS) == 900_000
    regular = ward_with([reading(at_s=second, systolic_mmhg=120) for second in range(4)]).patients[P1]
    assert regular.signs[Sign.SYSTOLIC].stale_after_ms(LIMITS) == 30_000
