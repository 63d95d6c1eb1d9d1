"""What the gate withholds is kept from the models alone: the early-warning score judges it at once, and crises get through."""

import msgspec
import pytest

from stream.pipeline import PatientPipeline
from stream.quality import QualityGate
from stream.scoring import PatientState, assess
from stream.snapshot import decode_snapshot, encode_snapshot
from tests.support.builders import reading
from tests.support.stream_log import QUICK
from vitals.assessment import Assessment
from vitals.quality import Withheld, WithheldCause
from vitals.reading import PatientId
from vitals.sign import Sign


def patient() -> PatientState:
    return PatientState(PatientId("p1"), PatientPipeline(QUICK))


def at(state: PatientState, second: float, *, delay_s: float = 0.05, **values: float) -> Assessment:
    found = assess(state, reading(at_s=second, delay_s=delay_s, **values))  # type: ignore[arg-type]
    assert found is not None
    return found


def rested(seconds: int = 300) -> PatientState:
    state = patient()
    for second in range(seconds):
        at(state, second, heart_rate_bpm=75 + second % 3, spo2_percent=96 + second % 2, respiratory_rate_bpm=15)
    return state


def test_a_fall_to_80_scores_three_points_at_once_and_is_heard_by_the_models_within_half_a_minute() -> None:
    state = rested()
    first = at(state, 300, heart_rate_bpm=75, spo2_percent=80)
    assert first.withheld == (Withheld(Sign.SPO2, 80, WithheldCause.TOO_FAST),)
    assert first.adult_news2.points[Sign.SPO2] == 3
    (driver,) = (each for each in first.drivers if each.sign is Sign.SPO2)
    assert (driver.value, driver.usual, driver.deviation, driver.news2_points) == (80, None, None, 3)
    assert Sign.SPO2 not in {each.sign for each in first.departed}
    then = [at(state, second, heart_rate_bpm=75, spo2_percent=80) for second in range(301, 340)]
    heard = [number for number, each in enumerate(then, start=1) if Sign.SPO2 in {away.sign for away in each.departed}]
    assert heard[0] <= 30
    assert heard == list(range(heard[0], 40))
    assert then[-1].withheld == (Withheld(Sign.SPO2, 80, WithheldCause.STEPPED, scored=True),)


def test_what_is_scored_and_not_to_be_learned_teaches_no_baseline() -> None:
    state = rested(310)

    def fallen(from_second: int, until_second: int) -> list[Assessment]:
        values = {"heart_rate_bpm": 75, "respiratory_rate_bpm": 15, "spo2_percent": 80}
        return [at(state, second, **values) for second in range(from_second, until_second)]

    fallen(310, 340)
    before = msgspec.msgpack.encode(state.pipeline.baselines.signs[Sign.SPO2])
    assert all(each.withheld[0].scored for each in fallen(340, 500))
    assert msgspec.msgpack.encode(state.pipeline.baselines.signs[Sign.SPO2]) == before


def test_what_is_impossible_reaches_neither_the_score_nor_what_it_knows() -> None:
    state = rested(20)
    told = at(state, 20, heart_rate_bpm=75, spo2_percent=9999)
    assert told.withheld == (Withheld(Sign.SPO2, 9999, WithheldCause.IMPLAUSIBLE),)
    assert told.adult_news2.points[Sign.SPO2] == 0
    assert state.fresh.values[Sign.SPO2] == 97


def test_a_late_reading_is_told_as_stale_and_moves_nothing() -> None:
    state = rested(60)
    gate = msgspec.msgpack.encode(state.quality)
    late = at(state, 10.5, spo2_percent=80)
    assert late.late
    assert late.withheld == (Withheld(Sign.SPO2, 80, WithheldCause.STALE),)
    assert msgspec.msgpack.encode(state.quality) == gate


def test_a_broken_gate_costs_the_models_and_never_the_score(monkeypatch: pytest.MonkeyPatch) -> None:
    state = rested(20)

    def broken(*_: object, **__: object) -> None:
        raise ValueError("a gate that breaks")

    monkeypatch.setattr(QualityGate, "judge", broken)
    told = at(state, 20, heart_rate_bpm=75, spo2_percent=80)
    assert told.adult_news2.points[Sign.SPO2] == 3
    assert state.models_failed > 0


def test_the_gate_is_part_of_the_patients_snapshot() -> None:
    state = rested(60)
    at(state, 60, heart_rate_bpm=75, spo2_percent=80)
    restored = decode_snapshot(state.patient_id, encode_snapshot(state), QUICK, with_models=True)
    assert restored.quality == state.quality
    assert at(restored, 61, spo2_percent=80) == at(state, 61, spo2_percent=80)
