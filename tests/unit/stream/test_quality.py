"""The quality gate as timetables: what comes at which second, and what of it the models hear."""

import math
from collections.abc import Iterable, Mapping

import msgspec
import pytest

from stream.quality import QualityGate, sift, stale
from stream.quality_facts import HOUR_MS, MOVEMENTS, STILLNESSES
from vitals.quality import Withheld, WithheldCause
from vitals.sign import PHYSIOLOGICAL_SIGNS, Sign

HOUR_S = 3600
USUAL: Mapping[Sign, float] = {
    Sign.HEART_RATE: 75,
    Sign.RESPIRATORY_RATE: 15,
    Sign.SPO2: 96,
    Sign.TEMPERATURE: 36.8,
    Sign.SYSTOLIC: 120,
    Sign.DIASTOLIC: 70,
    Sign.MEAN_PRESSURE: 87,
}
SCORED, LEARNED = "scored", "learned"


class Bed:
    """One patient's gate, told value by value."""

    def __init__(self, sign: Sign = Sign.SPO2) -> None:
        self.gate = QualityGate()
        self.sign = sign

    def says(self, at_s: float, value: float, *, quality: float | None = None, walking: bool = False) -> str:
        """`learned`, `scored` (and not learned), or the cause for which the value is withheld."""
        signs = {self.sign: value}
        if quality is not None:
            signs[Sign.SIGNAL_QUALITY] = quality
        judged = self.gate.judge(signs, round(at_s * 1000), walking=walking)
        if not judged.withheld:
            assert judged.scored[self.sign] == value
            return LEARNED
        (withheld,) = judged.withheld
        assert withheld.scored == (self.sign in judged.scored) == (self.sign in judged.barred)
        return SCORED if withheld.scored else withheld.cause.value

    def rests(self, from_s: float, until_s: float, every_s: float = 1.0, **options: float) -> set[str]:
        """What becomes of ordinary values."""
        count = round((until_s - from_s) / every_s)
        return {
            self.says(from_s + number * every_s, USUAL[self.sign] + number % 2, **options)  # type: ignore[arg-type]
            for number in range(count)
        }

    def stays(self, value: float, seconds: Iterable[float]) -> list[str]:
        """What becomes of one value, at each of these seconds."""
        return [self.says(second, value) for second in seconds]


@pytest.mark.parametrize("sign", PHYSIOLOGICAL_SIGNS)
@pytest.mark.parametrize("every_s", [1, 60, HOUR_S])
def test_ordinary_values_are_learned_whatever_the_rate(sign: Sign, every_s: int) -> None:
    assert Bed(sign).rests(0, 300 * every_s, every_s) == {LEARNED}


def test_a_single_spike_is_withheld_and_leaves_nothing_behind() -> None:
    bed = Bed()
    bed.rests(0, 60)
    assert bed.says(60, 70) == WithheldCause.TOO_FAST
    assert bed.rests(61, 63) == {LEARNED}
    assert bed.gate.signs[Sign.SPO2].doubt is None


def test_a_true_fall_from_96_to_80_is_scored_within_half_a_minute_and_learned_after_five() -> None:
    bed = Bed()
    bed.rests(0, 60)
    verdicts = {second: bed.says(second, 80 - second % 2) for second in range(60, 600)}
    assert verdicts[60] == WithheldCause.TOO_FAST
    assert {verdicts[second] for second in range(61, 80)} == {WithheldCause.STEPPED}
    assert {verdicts[second] for second in range(80, 360)} == {SCORED}
    assert {verdicts[second] for second in range(360, 600)} == {LEARNED}


def test_a_true_fall_is_scored_at_the_second_hourly_value() -> None:
    bed = Bed()
    bed.rests(0, 10 * HOUR_S, HOUR_S)
    assert bed.stays(80, (10 * HOUR_S, 11 * HOUR_S)) == [WithheldCause.TOO_FAST, LEARNED]


@pytest.mark.parametrize("per_s", [0.1, 0.5])
def test_a_steady_fall_is_never_withheld(per_s: float) -> None:
    bed = Bed()
    bed.rests(0, 60)
    assert {bed.says(60 + second, 97 - per_s * second) for second in range(60)} == {LEARNED}


def test_who_comes_back_to_the_former_level_needs_no_confirmation() -> None:
    bed = Bed()
    bed.rests(0, 60)
    bed.stays(80, range(60, 100))
    assert bed.says(100, 96) == LEARNED


def test_a_sign_that_jumps_about_is_scored_within_three_minutes_and_no_longer_learned_from() -> None:
    bed = Bed(Sign.HEART_RATE)
    bed.rests(0, 60)
    verdicts = [bed.says(second, (40, 80, 120, 160, 200)[second * 7 % 5]) for second in range(60, 600)]
    assert LEARNED not in verdicts[60:]
    assert set(verdicts[180:]) == {SCORED}
    bed.rests(600, 1000)
    assert bed.rests(1000, 1100) == {LEARNED}


def test_two_levels_in_turn_are_both_scored_at_the_second_visit_of_an_hourly_chart() -> None:
    bed = Bed(Sign.HEART_RATE)
    verdicts = [bed.says(hour * HOUR_S, (60, 140)[hour % 2]) for hour in range(8)]
    assert verdicts[1] == WithheldCause.TOO_FAST
    assert WithheldCause.TOO_FAST not in verdicts[2:]


@pytest.mark.parametrize(
    ("every_s", "value", "flat_from_s"),
    [(1, 75, 600), (1, 75.3, 120), (5, 75, 600), (60, 75, 120 * 60)],
    ids=["whole beats", "tenths", "each five seconds", "each minute"],
)
def test_a_heart_rate_that_stays_identical_is_a_flat_line(every_s: int, value: float, flat_from_s: int) -> None:
    bed = Bed(Sign.HEART_RATE)
    verdicts = {second: bed.says(second, value) for second in range(0, 4 * flat_from_s, every_s)}
    flat = [second for second, verdict in verdicts.items() if verdict == WithheldCause.FLAT_LINE]
    assert flat[0] == pytest.approx(flat_from_s, abs=2 * every_s)
    assert flat == [second for second in verdicts if second >= flat[0]]
    assert bed.says(4 * flat_from_s, value + 1) == LEARNED


def test_a_nurses_hourly_98_is_no_flat_line_and_neither_is_full_saturation() -> None:
    assert set(Bed().stays(98, range(0, 60 * HOUR_S, HOUR_S))) == {LEARNED}
    assert set(Bed().stays(100, range(3 * HOUR_S))) == {LEARNED}


def test_a_flat_line_does_not_bridge_a_pause() -> None:
    bed = Bed(Sign.HEART_RATE)
    bed.stays(75, range(500))
    assert set(bed.stays(75, range(5000, 5500))) == {LEARNED}


def test_a_poor_signal_is_withheld_for_five_minutes_and_then_scored_but_not_learned() -> None:
    bed = Bed()
    bed.rests(0, 60, quality=95)
    verdicts = {second: bed.says(second, 95, quality=30) for second in range(60, 600)}
    assert {verdicts[second] for second in range(60, 360)} == {WithheldCause.POOR_SIGNAL}
    assert {verdicts[second] for second in range(360, 600)} == {SCORED}
    assert bed.says(600, 95, quality=80) == LEARNED


def test_signal_quality_says_nothing_of_a_cuff() -> None:
    bed = Bed(Sign.SYSTOLIC)
    assert bed.rests(0, 10, quality=10) == {LEARNED}


def test_saturation_away_from_rest_while_walking_is_withheld_for_a_minute_and_not_learned() -> None:
    bed = Bed()
    bed.rests(0, 60)
    assert bed.says(60, 95, walking=True) == LEARNED
    verdicts = {second: bed.says(second, 90, walking=True) for second in range(61, 181)}
    assert {verdicts[second] for second in range(61, 121)} == {WithheldCause.MOTION}
    assert SCORED in {verdicts[second] for second in range(121, 181)}
    assert bed.says(181, 96) == LEARNED


def test_a_heart_that_beats_faster_while_walking_is_no_artefact() -> None:
    bed = Bed(Sign.HEART_RATE)
    bed.rests(0, 60)
    assert {bed.says(60 + second, 75 + second / 2, walking=True) for second in range(120)} == {LEARNED}


def test_of_two_values_for_one_moment_the_first_stays() -> None:
    bed = Bed()
    assert [bed.says(1, 96), bed.says(1, 97), bed.says(2, 97)] == [LEARNED, WithheldCause.DUPLICATE, LEARNED]


def test_after_a_long_pause_there_is_nothing_to_hold_a_value_against() -> None:
    bed = Bed()
    bed.rests(0, 60)
    assert bed.says(7 * HOUR_S, 80) == LEARNED


def test_pressures_that_contradict_each_other_are_withheld() -> None:
    pressures = {Sign.SYSTOLIC: 70.0, Sign.DIASTOLIC: 80.0, Sign.MEAN_PRESSURE: 75.0, Sign.HEART_RATE: 70.0}
    judged = QualityGate().judge(pressures, 0)
    assert {each.sign for each in judged.withheld} == {Sign.SYSTOLIC, Sign.DIASTOLIC}
    outside = QualityGate().judge({Sign.SYSTOLIC: 120.0, Sign.DIASTOLIC: 80.0, Sign.MEAN_PRESSURE: 190.0}, 0)
    assert not QualityGate().judge({Sign.SYSTOLIC: 120.0, Sign.DIASTOLIC: 80.0, Sign.MEAN_PRESSURE: 78.0}, 0).withheld
    assert outside.withheld == (Withheld(Sign.MEAN_PRESSURE, 190.0, WithheldCause.IMPLAUSIBLE),)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 9999.0, -8.0])
def test_what_is_impossible_is_told_and_parted_from_the_rest(value: float) -> None:
    sifted = sift({Sign.SPO2: value, Sign.HEART_RATE: 75.0})
    assert sifted.signs == {Sign.HEART_RATE: 75.0}
    (told,) = sifted.withheld
    assert (told.sign, told.cause, told.scored) == (Sign.SPO2, WithheldCause.IMPLAUSIBLE, False)
    assert told.value == (value if math.isfinite(value) else None)


def test_nothing_is_copied_where_nothing_is_withheld() -> None:
    signs = {Sign.SPO2: 97.0, Sign.BATTERY: 50.0}
    assert sift(signs).signs is signs
    judged = QualityGate().judge(signs, 0)
    assert judged.scored is signs
    assert judged.is_telling
    assert not QualityGate().judge({Sign.BATTERY: 50.0}, 0).is_telling


def test_a_child_breathes_faster_than_an_adult_can() -> None:
    assert sift({Sign.RESPIRATORY_RATE: 90.0}).withheld
    assert not sift({Sign.RESPIRATORY_RATE: 90.0}, of_child=True).withheld


def test_a_late_reading_is_neither_scored_nor_learned_nor_remembered() -> None:
    judged = stale({Sign.SPO2: 80.0, Sign.BATTERY: 50.0})
    assert judged.withheld == (Withheld(Sign.SPO2, 80.0, WithheldCause.STALE),)
    assert (judged.barred, judged.scored) == (frozenset(), {})


def test_the_state_is_small_and_goes_on_to_the_bit_after_a_snapshot() -> None:
    gate = QualityGate()
    at_ms = 1_767_225_600_000
    elsewhere = {sign: value - 1.1 * MOVEMENTS[sign].at_most for sign, value in USUAL.items()}
    for second in range(400):
        gate.judge(elsewhere if second % 50 > 30 else USUAL, at_ms + second * 1000)
        if second % 40 == 39:
            restored = msgspec.msgpack.decode(msgspec.msgpack.encode(gate), type=QualityGate)
            assert restored == gate
            gate = restored
    assert all(memory.doubt is not None for memory in gate.signs.values())
    assert len(msgspec.msgpack.encode(gate)) < 1200


@pytest.mark.parametrize("sign", PHYSIOLOGICAL_SIGNS)
def test_bounds_are_in_order(sign: Sign) -> None:
    movement, stillness = MOVEMENTS[sign], STILLNESSES[sign]
    assert 0 < movement.sudden < movement.at_most
    assert stillness.fine_ms < stillness.coarse_ms <= 12 * HOUR_MS
    assert stillness.fine_values <= stillness.coarse_values
