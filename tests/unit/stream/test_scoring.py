"""One reading after the other: what is assessed, what is learned, and what never is."""

import itertools
import random

import msgspec
import pytest

from stream.anomaly import UnusualParameters
from stream.anomaly_trees import TreeParameters
from stream.candidates import CANDIDATES
from stream.examples import example_of
from stream.pipeline import PatientPipeline, PipelineParameters
from stream.population import InForce
from stream.scales import Scales
from stream.scoring import PatientState, assess
from tests.support.builders import reading
from tests.support.stream_log import QUICK
from vitals.assessment import Assessment
from vitals.news2 import NEWS2_INPUTS
from vitals.reading import Origin, PatientId, Reading
from vitals.sign import Sign
from vitals.validity import measured_for_ms

THOROUGH = msgspec.structs.replace(
    QUICK,
    unusual=UnusualParameters(
        trees=TreeParameters(first_window_s=40, window_s=160, window_count_min=8), smoothed_s=QUICK.unusual.smoothed_s
    ),
)
"""Quick to warm up, with the trees of the default."""


class Bedside:
    """One patient, told second by second."""

    def __init__(self, parameters: PipelineParameters = THOROUGH, *, spo2_scale: int = 1) -> None:
        self.state = PatientState(PatientId("p1"), PatientPipeline(parameters), scales=Scales(before=spo2_scale))
        self._source = random.Random(3)

    def says(self, record: Reading) -> Assessment:
        """The assessment of a reading that is not a duplicate."""
        assessment = assess(self.state, record)
        assert assessment is not None
        return assessment

    def at(self, at_s: float, **values: float) -> Assessment:
        """One reading at a second."""
        return self.says(reading(at_s=at_s, **values))  # type: ignore[arg-type]

    def rests(self, start: int, end: int, *, every_s: int = 2) -> list[Assessment]:
        """Ordinary readings of a patient at rest."""
        gauss = self._source.gauss
        return [
            self.at(
                second,
                heart_rate_bpm=gauss(75, 3),
                respiratory_rate_bpm=gauss(15, 1),
                spo2_percent=gauss(97, 0.4),
            )
            for second in range(start, end, every_s)
        ]


def test_news2_joins_what_is_still_fresh() -> None:
    bed = Bedside()
    bed.at(0, systolic_mmhg=95, temperature_celsius=37)
    news2 = bed.at(600, heart_rate_bpm=115).adult_news2
    assert news2.points == {Sign.SYSTOLIC: 2, Sign.TEMPERATURE: 0, Sign.HEART_RATE: 2}
    assert news2.low == 4


@pytest.mark.parametrize("sign", NEWS2_INPUTS)
def test_a_stale_input_is_missing_and_not_normal(sign: Sign) -> None:
    bed = Bedside()
    fresh_for_s = measured_for_ms(sign) / 1000
    ordinary = {
        Sign.RESPIRATORY_RATE: 16.0,
        Sign.CONSCIOUSNESS: 0.0,
        Sign.SUPPLEMENTAL_OXYGEN: 0.0,
        Sign.SPO2: 97.0,
        Sign.TEMPERATURE: 37.0,
    }
    bed.at(0, **{sign.value: ordinary.get(sign, 80.0)})
    assert sign not in bed.at(fresh_for_s, steps_count=1).adult_news2.missing
    assert sign in bed.at(fresh_for_s + 1, steps_count=1).adult_news2.missing


def test_a_duplicate_is_assessed_once_and_changes_nothing() -> None:
    bed = Bedside()
    first = reading(at_s=5)
    assert assess(bed.state, first) is not None
    assert assess(bed.state, first) is None
    counted = bed.state.pipeline.baselines.signs[Sign.HEART_RATE].count
    assert counted == 1


def test_a_duplicate_without_a_sequence_is_known_by_its_id() -> None:
    bed = Bedside()
    bed.says(reading(at_s=5, boot=None))
    assert assess(bed.state, reading(at_s=5, boot=None)) is None
    assert assess(bed.state, reading(at_s=6, boot=None)) is not None


def test_a_reading_out_of_order_is_scored_by_its_own_values_and_teaches_nothing() -> None:
    bed = Bedside()
    bed.at(100, heart_rate_bpm=75)
    before = bed.at(110, heart_rate_bpm=76)
    late = bed.at(50, spo2_percent=91)
    assert (late.late, late.learned) == (True, False)
    assert late.adult_news2.points == {Sign.SPO2: 3}
    after = bed.at(111, steps_count=1)
    assert not after.late
    assert after.news2 == before.news2


def test_however_many_gaps_a_device_leaves_what_fills_them_is_scored_late() -> None:
    bed = Bedside()
    for number in range(0, 400, 2):
        assert not bed.says(reading(at_s=number, sequence=number)).late
    filled = [assess(bed.state, reading(at_s=number, sequence=number)) for number in range(1, 399, 2)]
    assert all(each is not None and each.late for each in filled)


def test_a_reading_that_comes_long_after_it_was_measured_joins_yet_teaches_nothing() -> None:
    bed = Bedside()
    old = bed.says(reading(at_s=0, delay_s=3600, heart_rate_bpm=75))
    assert (old.late, old.learned) == (True, False)
    assert bed.at(10, spo2_percent=97).adult_news2.points == {Sign.HEART_RATE: 0, Sign.SPO2: 0}
    assert Sign.HEART_RATE not in bed.state.pipeline.baselines.signs


def test_a_replayed_recording_is_live_at_its_own_time() -> None:
    assert not Bedside().says(reading(delay_s=10**8, origin=Origin.REPLAY)).late


def test_two_devices_whose_clocks_disagree_a_little_are_both_live() -> None:
    bed = Bedside()
    for second in range(0, 20, 2):
        assert not bed.says(reading(at_s=second, device="ecg", heart_rate_bpm=75)).late
        assert not bed.says(reading(at_s=second - 3, device="oximeter", spo2_percent=97)).late
    assert bed.state.pipeline.baselines.signs.keys() == {Sign.HEART_RATE, Sign.SPO2}


def test_warming_up_is_a_state_and_not_a_score_of_0() -> None:
    bed = Bedside()
    assessments = bed.rests(0, 200)
    states = [(each.warming_up, each.anomaly is None, each.anomaly_threshold is None) for each in assessments]
    assert states[0] == (True, True, True)
    assert states[-1] == (False, False, False)
    assert [state for state, _ in itertools.groupby(states)] == [(True, True, True), (False, False, False)]


def test_too_few_signs_give_no_score_though_the_models_are_warm() -> None:
    bed = Bedside()
    bed.rests(0, 200)
    alone = bed.at(400, temperature_celsius=36.8)
    assert (alone.warming_up, alone.anomaly, alone.flagged) == (False, None, False)


def test_a_sudden_change_is_flagged_and_not_learned_and_its_drivers_come_strongest_first() -> None:
    bed = Bedside()
    bed.rests(0, 400)
    changed = bed.at(402, heart_rate_bpm=108, respiratory_rate_bpm=20, spo2_percent=96)
    assert changed.flagged
    assert not changed.learned
    assert changed.anomaly is not None
    assert changed.anomaly_threshold is not None
    assert changed.anomaly > changed.anomaly_threshold
    assert changed.drivers[0].sign is Sign.HEART_RATE
    deviations = [driver.deviation for driver in changed.drivers]
    assert all(deviation is not None for deviation in deviations)
    assert changed.drivers[0].usual == pytest.approx(75, abs=2)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"heart_rate_bpm": 131.0}, "beyond a hard limit"),
        ({"respiratory_rate_bpm": 25.0}, "a single red"),
        ({"heart_rate_bpm": 112.0, "respiratory_rate_bpm": 22.0, "spo2_percent": 95.0}, "NEWS2 of 5"),
    ],
)
def test_alarming_readings_are_not_learned(values: dict[str, float], why: str) -> None:
    bed = Bedside()
    assert not bed.at(0, **values).learned, why
    assert all(baseline.count == 0 for baseline in bed.state.pipeline.baselines.signs.values())


def test_a_patient_who_changed_for_good_is_learned_again_slowly() -> None:
    bed = Bedside()
    bed.rests(0, 400)
    gauss = random.Random(5).gauss
    changed = [
        bed.at(second, heart_rate_bpm=gauss(108, 2), respiratory_rate_bpm=gauss(20, 0.5))
        for second in range(400, 9000, 4)
    ]
    until_s = 400 + QUICK.pause_s_max
    assert changed[10].flagged
    assert not changed[-1].flagged
    assert not any(each.learned for each in changed if each.flagged and each.measured_at_ms < _ms(until_s))
    learned_s = [each.measured_at_ms for each in changed if each.flagged and each.learned]
    assert learned_s
    gaps = {later - earlier for earlier, later in itertools.pairwise(learned_s)}
    assert all(gap >= QUICK.paused_learn_every_s * 1000 for gap in gaps)


def test_readings_close_together_teach_once() -> None:
    bed = Bedside()
    learned = [bed.at(second / 10, heart_rate_bpm=75).learned for second in range(1000)]
    assert sum(learned) == 1000 / 10 / QUICK.learn_every_s


def test_hourly_readings_warm_up_within_three_days() -> None:
    bed = Bedside(PipelineParameters())
    assessments = bed.rests(0, 72 * 3600, every_s=3600)
    assert not assessments[-1].warming_up
    assert assessments[-1].anomaly is not None


def test_one_reading_a_second_warms_up_within_the_hour() -> None:
    bed = Bedside(PipelineParameters())
    assert bed.rests(0, 3600, every_s=5)[-1].anomaly is not None


def test_scale_2_is_used_for_a_patient_who_is_on_it() -> None:
    assert Bedside(spo2_scale=2).at(0, spo2_percent=89).adult_news2.points == {Sign.SPO2: 0}
    assert Bedside(spo2_scale=1).at(0, spo2_percent=89).adult_news2.points == {Sign.SPO2: 3}


def test_what_scores_drives_even_where_it_was_charted_earlier() -> None:
    bed = Bedside()
    bed.at(0, consciousness_acvpu=2)
    drivers = bed.at(10, heart_rate_bpm=112).drivers
    assert [(driver.sign, driver.news2_points) for driver in drivers] == [(Sign.CONSCIOUSNESS, 3), (Sign.HEART_RATE, 2)]


def test_the_points_of_the_drivers_add_up_to_news2() -> None:
    bed = Bedside()
    bed.rests(0, 200)
    assessment = bed.at(202, heart_rate_bpm=95, respiratory_rate_bpm=22, spo2_percent=93, systolic_mmhg=99)
    assert sum(driver.news2_points or 0 for driver in assessment.drivers) == assessment.adult_news2.low == 7


def _ms(at_s: float) -> int:
    return reading(at_s=at_s).measured_at_ms


def test_one_reading_from_the_future_leaves_the_next_ones_live() -> None:
    bed = Bedside()
    bed.at(0, heart_rate_bpm=70)
    bed.says(reading(at_s=91, sequence=1, delay_s=-90, heart_rate_bpm=70))
    assert not bed.at(2, heart_rate_bpm=135).late
    assert not bed.says(reading(at_s=3, device="d2", spo2_percent=84)).late
    assert bed.at(4, temperature_celsius=37).adult_news2.points[Sign.HEART_RATE] == 3


@pytest.mark.parametrize("step", ["score", "learn"])
def test_models_that_break_are_put_aside_and_news2_goes_on(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bed = Bedside()
    bed.rests(0, 400)
    assert not bed.rests(400, 402)[0].warming_up

    def broken(*_: object, **__: object) -> object:
        raise ValueError("These models are broken.")

    monkeypatch.setattr(bed.state.pipeline, step, broken)
    said = bed.at(500, respiratory_rate_bpm=28, spo2_percent=90)
    assert said.adult_news2.low == 6
    assert bed.state.models_failed == 1
    assert not said.learned
    after = bed.at(502, respiratory_rate_bpm=28, spo2_percent=90)
    assert after.adult_news2.low == 6
    assert after.warming_up
    assert bed.state.models_failed == 1


def test_a_risk_that_breaks_costs_the_risk_and_neither_news2_nor_what_is_usual(monkeypatch: pytest.MonkeyPatch) -> None:
    bed = Bedside()
    bed.rests(0, 400)
    model = CANDIDATES[0].fresh()
    bed.state.in_force = InForce(1, model)
    assert bed.at(500, heart_rate_bpm=72).risk is not None

    def broken(_: object) -> object:
        raise ValueError("This version is broken.")

    monkeypatch.setattr(model, "score", broken)
    said = bed.at(900, respiratory_rate_bpm=28, spo2_percent=90)
    assert said.adult_news2.low == 6
    assert said.risk is None
    assert not said.warming_up
    assert bed.state.models_failed == 1


def test_a_battery_teaches_nothing_and_its_risk_is_that_of_before() -> None:
    bed = Bedside()
    bed.state.in_force = InForce(1, CANDIDATES[0].fresh())
    told = bed.at(0, heart_rate_bpm=120, respiratory_rate_bpm=26)
    silent = reading(at_s=1800, battery_percent=40)
    standing = bed.says(silent)
    assert standing.risk == told.risk is not None
    assert example_of(bed.state, silent, standing, every_ms=0) is None
    assert bed.at(3 * 3600, battery_percent=39).risk is None


@pytest.mark.parametrize(("every_s", "lag_s"), [(60, 0), (60, -1), (10, -0.3), (5, -15), (1, -9)])
def test_of_two_devices_a_little_apart_every_sign_is_learned(every_s: float, lag_s: float) -> None:
    bed = Bedside()
    for number in range(400):
        at_s = 100 + number * every_s
        bed.says(reading(at_s=at_s, device="ecg", sequence=number, heart_rate_bpm=71 + number % 2))
        bed.says(reading(at_s=at_s + lag_s, device="oximeter", sequence=number, spo2_percent=97))
    assert bed.state.pipeline.baselines.signs[Sign.SPO2].count > 10
