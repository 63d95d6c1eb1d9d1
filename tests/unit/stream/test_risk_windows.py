"""What the risk model sees of a patient: constant for one who does not change, blind to what cannot be, bounded."""

import math
import random
from collections.abc import Mapping

import msgspec
import pytest

from stream.candidates import CANDIDATES
from stream.population import NO_MODEL, InForce
from stream.risk import PatientRisk, RiskState, parts_of
from stream.risk_model import AdditiveRisk, RiskScore
from stream.risk_shapes import SHAPES
from stream.risk_windows import HOUR_MS, RISK_SIGNS, RiskHours, RiskWindows
from vitals.assessment import RiskParts
from vitals.model_version import SHIPPED
from vitals.sex import Sex
from vitals.sign import Sign

START_MS = 490_000 * HOUR_MS
USUAL = {
    Sign.HEART_RATE: 82.3,
    Sign.RESPIRATORY_RATE: 17.1,
    Sign.SPO2: 96.4,
    Sign.TEMPERATURE: 36.9,
    Sign.SYSTOLIC: 121.7,
    Sign.DIASTOLIC: 68.2,
    Sign.MEAN_PRESSURE: 86.1,
}


def stepped(windows: RiskWindows, signs: Mapping[Sign, float], hour: float) -> dict[str, float]:
    return windows.step(signs, START_MS + round(hour * HOUR_MS), 64, Sex.FEMALE)


def varied(hours: int, *, seed: int = 1, missing: float = 0.3) -> list[dict[Sign, float]]:
    source = random.Random(seed)
    return [
        {sign: value + source.gauss(0, 1) for sign, value in USUAL.items() if source.random() >= missing}
        for _ in range(hours)
    ]


def a_model(seed: int = 1) -> AdditiveRisk:
    source = random.Random(seed)
    model = AdditiveRisk()
    for _ in range(600):
        features = {name: source.uniform(points[0], points[-1]) for name, points in SHAPES.items()}
        model.learn(features, source.random() < 0.3, 1.0)
    return model


def test_every_feature_has_a_curve_and_every_curve_a_feature() -> None:
    windows = RiskWindows()
    features: dict[str, float] = {}
    for hour, signs in enumerate(varied(30, missing=0.0)):
        features = stepped(windows, signs, hour)
    assert features.keys() == SHAPES.keys()


@pytest.mark.parametrize("every_h", [1.0, 4.0, 1 / 60])
def test_a_constant_patient_has_constant_features_and_risk_from_the_first_hour_of_each_kind_on(every_h: float) -> None:
    windows, model = RiskWindows(), a_model()
    count = round((96 if every_h >= 1 else 60) / every_h)
    told = [stepped(windows, USUAL, number * every_h) for number in range(count)]
    if every_h <= 1:
        assert all(features == told[0] for features in told)
    assert len({model.score(features).log_odds for features in told[len(told) // 2 :]}) == 1


@pytest.mark.parametrize(
    "paces",
    [
        dict.fromkeys(USUAL, 2),
        dict.fromkeys(USUAL, 3),
        dict.fromkeys(USUAL, 4),
        dict.fromkeys(USUAL, 6),
        dict.fromkeys(USUAL, 12),
        {**dict.fromkeys(USUAL, 1), Sign.TEMPERATURE: 4},
        {**dict.fromkeys(USUAL, 1), Sign.TEMPERATURE: 12, Sign.SYSTOLIC: 2, Sign.DIASTOLIC: 2, Sign.MEAN_PRESSURE: 3},
    ],
    ids=lambda paces: "/".join(map(str, sorted(set(paces.values())))),
)
def test_of_who_does_not_change_and_is_measured_at_even_paces_nothing_changes_after_24_hours(
    paces: dict[Sign, int],
) -> None:
    windows, model, warm_h, period_h = RiskWindows(), a_model(), 24, math.lcm(*paces.values())
    told = []
    for hour in range(240):
        signs = {
            sign: value for number, (sign, value) in enumerate(USUAL.items()) if (hour - number) % paces[sign] == 0
        }
        told.append(stepped(windows, signs, hour))
    for before, later in zip(told[warm_h:], told[warm_h + period_h :], strict=False):
        assert later == before
    assert len({model.score(features).log_odds for features in told[warm_h::period_h]}) == 1
    assert told[warm_h - 4] != told[warm_h - 4 + period_h], "the spread of how many signs were measured takes so long"


def test_a_patient_whose_signs_are_taken_at_different_paces_comes_to_rest() -> None:
    windows, model = RiskWindows(), a_model()
    scores = []
    for hour in range(240):
        signs = {sign: value for sign, value in USUAL.items() if sign is not Sign.TEMPERATURE or hour % 4 == 0}
        scores.append(model.score(stepped(windows, signs, hour)).log_odds)
    assert scores[120:124] == scores[236:240]


@pytest.mark.parametrize("bad", [math.nan, math.inf, 9999.0, -5.0])
def test_a_value_that_cannot_be_is_as_if_it_had_never_come(bad: float) -> None:
    windows, twin = RiskWindows(), RiskWindows()
    for hour, signs in enumerate(varied(60)):
        stepped(windows, signs, hour)
        if hour % 3 == 0:
            stepped(windows, {Sign.HEART_RATE: bad, Sign.TEMPERATURE: bad}, hour + 0.5)
            stepped(twin, {}, hour + 0.5)
        stepped(twin, signs, hour)
        assert stepped(windows, {}, hour + 0.9) == stepped(twin, {}, hour + 0.9)
    assert msgspec.msgpack.encode(windows.dump()) == msgspec.msgpack.encode(twin.dump())


def test_a_fast_stream_gives_the_features_of_its_hourly_means() -> None:
    fast, hourly = RiskWindows(), RiskWindows()
    told: list[dict[str, float]] = []
    for hour, signs in enumerate(varied(40, missing=0.0)):
        for minute in range(0, 60, 10):
            shift = (minute - 25) / 50
            fast.take(
                {sign: value + shift for sign, value in signs.items()}, START_MS + hour * HOUR_MS + minute * 60_000
            )
        told = [stepped(fast, {}, hour + 0.99), stepped(hourly, signs, hour)]
    assert told[0] == pytest.approx(told[1], abs=1e-9)


def test_trend_level_and_cadence_say_what_they_mean() -> None:
    windows = RiskWindows()
    features: dict[str, float] = {}
    for hour in range(24):
        features = stepped(windows, {Sign.HEART_RATE: 70.0 + hour, Sign.TEMPERATURE: 37.0 + hour / 20}, hour)
    assert features["heart_rate_bpm.last"] == 93
    assert features["heart_rate_bpm.slope_6h"] == pytest.approx(1)
    assert features["temperature_celsius.slope_24h"] == pytest.approx(0.05)
    assert features["temperature_celsius.most_48h"] == pytest.approx(38.15)
    assert features["heart_rate_bpm.pace_12h"] == 1
    assert features["respiratory_rate_bpm.pace_48h"] == 0
    assert features["heart_rate_bpm.over_day"] == pytest.approx(11.5)
    later = stepped(windows, {}, 29)
    assert later["heart_rate_bpm.pace_12h"] == pytest.approx(6 / 11)
    assert later["temperature_celsius.age_h"] == 6
    assert "heart_rate_bpm.last" not in stepped(windows, {}, 60)


def test_the_state_goes_on_to_the_bit_and_stays_small() -> None:
    windows = RiskWindows()
    for hour, signs in enumerate(varied(400, missing=0.1)):
        features = stepped(windows, signs, hour)
        blob = msgspec.msgpack.encode(windows.dump())
        assert len(blob) < 8000
        if hour % 7 == 0:
            windows = RiskWindows(msgspec.msgpack.decode(blob, type=RiskHours))
            assert stepped(windows, {}, hour) == features


def test_risk_is_told_by_a_model_that_knows_something_and_only_noted_by_one_that_does_not() -> None:
    model, risk, at_ms = a_model(), PatientRisk(), START_MS
    assert risk.step(USUAL, at_ms, 64, Sex.MALE, NO_MODEL) is None
    noted = risk.step(USUAL, at_ms + 1000, 64, Sex.MALE, InForce(SHIPPED, AdditiveRisk()))
    assert noted is not None
    assert noted.probability is None
    assert noted.parts is None
    told = risk.step(USUAL, at_ms + 2000, 64, Sex.MALE, InForce(1, model))
    assert told is not None
    assert told.probability == model.score(told.features).probability
    assert told.features["is_male"] == 1
    parts = told.parts
    assert parts is not None
    assert len(parts.parts) == 4
    assert parts.usual + sum(parts.parts.values()) + parts.others == pytest.approx(parts.log_odds, abs=1e-12)
    assert told.probability == pytest.approx(1 / (1 + math.exp(-parts.log_odds)))


def test_within_five_minutes_the_same_score_stands_also_after_a_restore() -> None:
    model, risk, at_ms = a_model(), PatientRisk(), START_MS
    first = risk.step(USUAL, at_ms, None, None, InForce(1, model))
    risk = PatientRisk(msgspec.msgpack.decode(msgspec.msgpack.encode(risk.dump()), type=RiskState))
    assert risk.step({Sign.HEART_RATE: 140.0}, at_ms + 299_000, None, None, InForce(1, model)) == first
    later = risk.step({}, at_ms + 300_000, None, None, InForce(1, model))
    assert later is not None
    assert first is not None
    assert later.features["heart_rate_bpm.last"] > first.features["heart_rate_bpm.last"]
    assert "age_years" not in later.features


def test_a_score_stands_two_hours_without_news_of_the_patient_and_not_for_another_version() -> None:
    model, risk = a_model(), PatientRisk()
    first = risk.step(USUAL, START_MS, 64, Sex.MALE, InForce(1, model))
    assert first is not None
    for hours in (0, 1, 2):
        standing = risk.standing(START_MS + hours * HOUR_MS, InForce(1, model))
        assert standing == first._replace(is_new=False)
    assert risk.standing(START_MS + 2 * HOUR_MS + 1, InForce(1, model)) is None
    assert risk.standing(START_MS - 1, InForce(1, model)) is None
    assert risk.standing(START_MS, InForce(2, model)) is None


def test_of_a_sign_that_was_not_measured_of_late_the_part_says_so_until_it_is_and_the_parts_add_up() -> None:
    names = {"temperature_celsius": 2.0, "heart_rate_bpm": 1.5, "mean_pressure_mmhg": 1.0, "age_years": -0.8}
    features = {"heart_rate_bpm.last": 82.0, "temperature_celsius.age_h": 24.0}
    score = RiskScore(0.5, sum(names.values()) - 3.7, -3.7, {f"{name}.pace_12h": part for name, part in names.items()})
    parts = parts_of(score, features)
    assert parts.unmeasured == ("temperature_celsius", "mean_pressure_mmhg")
    assert parts.usual + sum(parts.parts.values()) + parts.others == pytest.approx(parts.log_odds)
    measured = {**features, "temperature_celsius.last": 36.9, "mean_pressure_mmhg.slope_24h": 0.0}
    assert parts_of(score, measured) == msgspec.structs.replace(parts, unmeasured=())


def test_what_is_known_of_a_subject_is_one_feature_that_is_always_there_with_its_value() -> None:
    without: Mapping[Sign, float] = {sign: value for sign, value in USUAL.items() if sign is not Sign.TEMPERATURE}
    for signs, unmeasured in (
        (USUAL, set()),
        (without, {"temperature_celsius"}),
        ({}, {sign.value for sign in RISK_SIGNS}),
    ):
        windows = RiskWindows()
        features = stepped(windows, signs, 0)
        every = RiskScore(0.5, 0.0, 0.0, dict.fromkeys(SHAPES, 0.1))
        told: set[str] = set()
        for subject in {name.partition(".")[0] for name in SHAPES}:
            of_one = {name: part for name, part in every.contributions.items() if name.partition(".")[0] == subject}
            told.update(parts_of(every._replace(contributions=of_one), features).unmeasured)
        assert told & {sign.value for sign in RISK_SIGNS} == unmeasured
        assert not told & {"age_years", "is_male", "signs_measured"}


def test_parts_of_an_older_snapshot_are_read_as_measured() -> None:
    old = {"log_odds": -2.0, "usual": -4.0, "parts": {"temperature_celsius": 2.0}, "others": 0.0}
    state = msgspec.msgpack.decode(msgspec.msgpack.encode({"parts": old}), type=RiskState)
    assert state.parts == RiskParts(-2.0, -4.0, {"temperature_celsius": 2.0}, 0.0)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state.parts)) == old


def test_log_odds_that_are_no_number_are_never_told(monkeypatch: pytest.MonkeyPatch) -> None:
    model = a_model()
    monkeypatch.setattr(model, "score", lambda _: RiskScore(0.5, math.nan, 0.0, {}))
    with pytest.raises(ValueError, match="Version 1"):
        PatientRisk().step(USUAL, START_MS, 64, Sex.MALE, InForce(1, model))


def test_what_is_shipped_ranks_the_ill_above_the_well_from_the_first_reading_on() -> None:
    shipped = CANDIDATES[0].fresh()
    ill = {**USUAL, Sign.HEART_RATE: 128.0, Sign.RESPIRATORY_RATE: 31.0, Sign.TEMPERATURE: 39.2, Sign.SYSTOLIC: 84.0}
    told = [PatientRisk().step(signs, START_MS, 64, Sex.MALE, InForce(SHIPPED, shipped)) for signs in (USUAL, ill)]
    well, worse = [0.0 if each is None or each.probability is None else each.probability for each in told]
    assert 0 < well < 0.03 < worse < 0.5


def test_windows_of_other_code_start_anew() -> None:
    risk = PatientRisk()
    risk.step(USUAL, START_MS, 64, None, NO_MODEL)
    state = risk.dump()
    state.pipeline = "another"
    assert PatientRisk(state).dump().hours.signs == {}


@pytest.mark.parametrize("every_h", [1, 2, 4, 5])
def test_an_even_pace_tells_nothing_of_how_long_the_patient_has_been_there(every_h: int) -> None:
    windows = RiskWindows()
    told = [stepped(windows, USUAL, hour)["temperature_celsius.pace_48h"] for hour in range(0, 120, every_h)]
    assert told[1:] == [pytest.approx(1 / every_h)] * (len(told) - 1)


def test_a_pace_slows_down_once_the_open_gap_is_the_longer() -> None:
    windows = RiskWindows()
    for hour in range(0, 21, 4):
        stepped(windows, {Sign.TEMPERATURE: 37.0}, hour)
    told = [stepped(windows, {}, hour)["temperature_celsius.pace_48h"] for hour in range(20, 40)]
    assert told[:5] == [0.25] * 5
    assert told[5:] == sorted(told[5:], reverse=True)
    assert told[-1] == pytest.approx(6 / 39)
