"""The unusual pattern as timetables of an infant, a school child and an adult: each is judged by what is healthy at that age."""

import random
from collections.abc import Iterator

import msgspec
import pytest

from stream.baseline_facts import VARIATION_AT
from stream.pipeline import PatientPipeline, PipelineParameters
from stream.scoring import PatientState, assess
from tests.support.builders import reading
from vitals.age import AgeBand
from vitals.assessment import Assessment
from vitals.reading import PatientId
from vitals.sign import Sign

HOUR_S = 3600
INFANT, PUPIL, ADULT = AgeBand.UNDER_3_MONTHS, AgeBand.UNDER_12_YEARS, None
WELL = {
    INFANT: {"heart_rate_bpm": 140.0, "respiratory_rate_bpm": 40.0, "spo2_percent": 97.5, "temperature_celsius": 37.0},
    PUPIL: {"heart_rate_bpm": 85.0, "respiratory_rate_bpm": 21.0, "spo2_percent": 98.0, "temperature_celsius": 36.9},
    ADULT: {"heart_rate_bpm": 74.0, "respiratory_rate_bpm": 15.0, "spo2_percent": 97.0, "temperature_celsius": 36.8},
}
SPREADS = {
    INFANT: {"heart_rate_bpm": 7.0, "respiratory_rate_bpm": 4.0, "spo2_percent": 0.7, "temperature_celsius": 0.1},
    PUPIL: {"heart_rate_bpm": 5.0, "respiratory_rate_bpm": 2.0, "spo2_percent": 0.6, "temperature_celsius": 0.1},
    ADULT: {"heart_rate_bpm": 3.0, "respiratory_rate_bpm": 1.0, "spo2_percent": 0.6, "temperature_celsius": 0.1},
}
ILL = {
    INFANT: {"heart_rate_bpm": 34.0, "respiratory_rate_bpm": 18.0, "spo2_percent": -3.0},
    PUPIL: {"heart_rate_bpm": 30.0, "respiratory_rate_bpm": 9.0, "spo2_percent": -3.0},
    ADULT: {"heart_rate_bpm": 22.0, "respiratory_rate_bpm": 6.0, "spo2_percent": -3.0},
}
AGES = pytest.mark.parametrize("band", [INFANT, PUPIL, ADULT], ids=["infant", "pupil", "adult"])


class Cot:
    """A patient of an age, a reading each two minutes."""

    def __init__(self, band: AgeBand | None, seed: int = 1) -> None:
        self._band, self._source = band, random.Random(seed)
        self.state = PatientState(PatientId("p1"), PatientPipeline(PipelineParameters()))

    def lives(
        self, from_h: float, until_h: float, away: dict[str, float] | None = None
    ) -> Iterator[tuple[float, Assessment]]:
        """Assessments by hour; `away` from what is usual."""
        for second in range(round(from_h * HOUR_S), round(until_h * HOUR_S), 120):
            values = {
                name: self._source.gauss(mean + (away or {}).get(name, 0.0), SPREADS[self._band][name])
                for name, mean in WELL[self._band].items()
            }
            values["spo2_percent"] = min(values["spo2_percent"], 100.0)
            made = reading(at_s=second, **values)  # type: ignore[arg-type]
            assessment = assess(self.state, msgspec.structs.replace(made, age_band=self._band))
            assert assessment is not None
            yield second / HOUR_S, assessment

    def usual(self, sign: Sign) -> float:
        """What is usual now."""
        return self.state.pipeline.baselines.signs[sign].usual


@AGES
def test_who_is_well_is_not_odd_and_is_learned(band: AgeBand | None) -> None:
    cot = Cot(band)
    said = [each for _, each in cot.lives(0, 20)]
    assert sum(each.flagged for each in said) == 0
    assert sum(each.learned for each in said) > 0.9 * len(said)
    for name, level in WELL[band].items():
        assert cot.usual(Sign(name)) == pytest.approx(level, abs=SPREADS[band][name])


@AGES
def test_a_day_of_illness_is_flagged_within_the_hour_and_to_its_end(band: AgeBand | None) -> None:
    cot = Cot(band, seed=2)
    list(cot.lives(0, 12))
    ill = dict(cot.lives(12, 36, ILL[band]))
    first_h = min(hour for hour, each in ill.items() if each.flagged)
    assert first_h < 13
    assert all(each.flagged for hour, each in ill.items() if hour > 13)
    back = dict(cot.lives(36, 39))
    assert not any(each.flagged for hour, each in back.items() if hour > 38)


@pytest.mark.parametrize("known_h", [2, 20])
def test_an_infant_whose_heart_slows_is_flagged_and_its_usual_stays(known_h: int) -> None:
    cot = Cot(INFANT)
    list(cot.lives(0, known_h))
    slow = dict(cot.lives(known_h, known_h + 12, {"heart_rate_bpm": -48.0}))
    assert min(hour for hour, each in slow.items() if each.flagged) < known_h + 0.75
    assert sum(each.flagged for each in slow.values()) > 0.9 * len(slow)
    assert cot.usual(Sign.HEART_RATE) > 132


def test_an_infant_whose_breathing_falls_to_that_of_an_adult_is_flagged() -> None:
    cot = Cot(INFANT, seed=3)
    list(cot.lives(0, 12))
    said = [each for _, each in cot.lives(12, 14, {"respiratory_rate_bpm": -24.0})]
    assert any(each.flagged for each in said)
    assert cot.usual(Sign.RESPIRATORY_RATE) > 37


def test_nothing_is_learned_beyond_the_limits_of_a_childs_age() -> None:
    cot = Cot(INFANT)
    (first,) = (each for _, each in cot.lives(0, 1 / 30, {"heart_rate_bpm": -65.0}))
    assert first.pews is not None
    assert first.pews.low < 5
    assert not first.learned


def test_each_age_has_its_own_health_and_pressures_that_no_score_knows_may_be_anything() -> None:
    for band in AgeBand:
        known = VARIATION_AT[band]
        assert known.keys() == VARIATION_AT[None].keys()
        assert known[Sign.DIASTOLIC].towards_harm(20, 60) == -40
        assert known[Sign.DIASTOLIC].towards_harm(90, 60) == 30
    assert VARIATION_AT[INFANT][Sign.HEART_RATE].unremarkable == (111, 149)
    assert VARIATION_AT[PUPIL][Sign.RESPIRATORY_RATE].unremarkable == (20, 30)
