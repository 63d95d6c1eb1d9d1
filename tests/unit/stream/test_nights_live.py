"""Nights of a patient who wears something: told once each, with the first reading after them."""

import msgspec

from stream.charted import withdraw
from stream.context import ContextParameters
from stream.nights import Nights
from stream.pipeline import PatientPipeline, PipelineParameters
from stream.scoring import PatientState, assess
from stream.snapshot import decode_snapshot, encode_snapshot
from tests.support.builders import charted, reading, withdrawn
from vitals.age import AgeBand
from vitals.assessment import NightSummary
from vitals.reading import PatientId, Reading

PARAMETERS = PipelineParameters(context=ContextParameters(time_zone="Europe/Berlin"))
HOUR_S = 3600
PATIENT = PatientId("p1")


def patient() -> PatientState:
    return PatientState(PATIENT, PatientPipeline(PARAMETERS))


def lives(state: PatientState, days: int, *, rate: float, from_day: int = 0, child: bool = False) -> list[NightSummary]:
    """So many days with a reading each two minutes from midnight to seven by the clock of Berlin in winter."""
    said: list[NightSummary] = []
    for day in range(from_day, from_day + days):
        for second in range(-HOUR_S, 6 * HOUR_S, 120):
            made: Reading = reading(
                at_s=day * 24 * HOUR_S + second, heart_rate_bpm=rate + second // 120 % 3, steps_count=day
            )
            if child:
                made = msgspec.structs.replace(made, age_band=AgeBand.UNDER_12_YEARS)
            assessment = assess(state, made)
            assert assessment is not None
            if assessment.night is not None:
                said.append(assessment.night)
    return said


def test_each_night_is_told_once_and_two_high_ones_in_a_row_stand_out() -> None:
    state = patient()
    usual = lives(state, 9, rate=60)
    assert len(usual) == 9
    assert [night.usual_bpm for night in usual[:7]] == [None] * 7
    assert [night.day for night in usual] == list(range(usual[0].day, usual[0].day + 9))
    high = lives(state, 3, rate=68, from_day=9)
    assert [night.stands_out for night in high] == [False, True, True]
    assert high[1].deviation is not None
    assert high[1].resting_bpm - (high[1].usual_bpm or 0) > 7


def test_a_snapshot_keeps_the_nights_even_where_the_models_cannot_be_kept() -> None:
    state = patient()
    lives(state, 9, rate=60)
    blob = encode_snapshot(state)
    for with_models in (True, False):
        restored = decode_snapshot(PATIENT, blob, PARAMETERS, with_models=with_models)
        assert restored.nights == state.nights != Nights()


def test_nothing_is_said_of_a_childs_nights() -> None:
    assert not lives(patient(), 9, rate=60, child=True)


def test_whose_measurements_were_withdrawn_begins_the_nights_anew() -> None:
    state = patient()
    lives(state, 9, rate=60)
    order = withdrawn(reading(at_s=0, heart_rate_bpm=60), at_s=9 * 24 * HOUR_S)
    withdraw(state, msgspec.structs.replace(order, reading_id=None))
    assert state.nights == Nights()
    assert [night.usual_bpm for night in lives(state, 2, rate=68, from_day=10)] == [None, None]


def test_an_entry_that_somebody_charted_and_took_back_leaves_the_nights_alone() -> None:
    state = patient()
    lives(state, 9, rate=60)
    withdraw(state, withdrawn(charted(at_s=0, heart_rate_bpm=60), at_s=9 * 24 * HOUR_S))
    assert state.nights.learned
