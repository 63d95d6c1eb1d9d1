"""What people type becomes a value or one sentence, never anything else."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitals.errors import InvalidArgument
from vitals.sign import Sign
from wardlight import arguments
from wardlight.arguments import DURATION_S_MAX, MOMENT_MS_MAX, moment_ms, moment_text, observation, seconds, sign_named

NOW_MS = 1_790_000_000_000


@pytest.mark.parametrize(
    ("text", "expected_s"),
    [
        ("90s", 90.0),
        ("1.5m", 90.0),
        ("2h", 7200.0),
        ("1d", 86400.0),
        ("250ms", 0.25),
        ("1m30s", 90.0),
        (" 1H ", 3600.0),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, expected_s: float) -> None:
    assert seconds(text) == expected_s


@pytest.mark.parametrize("text", ["", "5", "s", "-5s", "5 parsecs", "1,5m", "0s", "٣s", "9" * 400 + "d"])
def test_what_is_no_duration_is_one_sentence(text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        seconds(text)
    assert str(caught.value).endswith(".")


@given(st.integers(min_value=1, max_value=int(DURATION_S_MAX)), st.sampled_from(["", " "]))
def test_whole_seconds_are_read_back_as_written(count: int, gap: str) -> None:
    assert seconds(f"{count}{gap}s") == count


@given(st.text())
def test_any_text_is_a_positive_duration_or_refused(text: str) -> None:
    try:
        found_s = seconds(text)
    except InvalidArgument:
        return
    assert 0 < found_s <= DURATION_S_MAX


@given(st.integers(min_value=0, max_value=MOMENT_MS_MAX))
def test_a_moment_written_out_is_read_back_to_the_millisecond(epoch_ms: int) -> None:
    assert moment_ms(moment_text(epoch_ms), now_ms=NOW_MS) == epoch_ms
    assert moment_ms(str(epoch_ms), now_ms=NOW_MS) == epoch_ms


@given(st.text() | st.from_regex(r"[0-9²٣]{1,20}[smhdtTZ]?", fullmatch=True))
def test_any_text_is_a_moment_or_refused(text: str) -> None:
    try:
        found_ms = moment_ms(text, now_ms=NOW_MS)
    except InvalidArgument:
        return
    assert found_ms <= MOMENT_MS_MAX


def test_a_duration_says_how_long_ago() -> None:
    assert moment_ms("2h", now_ms=NOW_MS) == NOW_MS - 7_200_000


def test_an_offset_counts() -> None:
    expected_ms = int(datetime(2026, 1, 31, 13, 5, tzinfo=UTC).timestamp() * 1000)
    assert moment_ms("2026-01-31T14:05:00+01:00", now_ms=NOW_MS) == expected_ms


def test_a_time_without_zone_is_refused_with_what_to_write() -> None:
    with pytest.raises(InvalidArgument, match="end it with Z"):
        moment_ms("2026-01-31T14:05:00", now_ms=NOW_MS)


@pytest.mark.parametrize(("text", "expected"), [("1", 1.0), ("60x", 60.0), ("0.5", 0.5), ("max", math.inf)])
def test_a_speed_is_a_number_or_max(text: str, expected: float) -> None:
    assert arguments.speed(text) == expected


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "fast", ""])
def test_what_is_no_speed_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        arguments.speed(text)


@pytest.mark.parametrize(
    ("name", "sign"), [("hr", Sign.HEART_RATE), ("spo2", Sign.SPO2), ("O2", Sign.SUPPLEMENTAL_OXYGEN), ("systolic", Sign.SYSTOLIC)]
)  # fmt: skip
def test_a_sign_has_usual_names(name: str, sign: Sign) -> None:
    assert sign_named(name) is sign


@pytest.mark.parametrize("sign", list(Sign))
def test_every_sign_is_known_by_its_full_name(sign: Sign) -> None:
    assert sign_named(sign.value) is sign


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("spo2=94", (Sign.SPO2, 94.0)),
        ("acvpu=v", (Sign.CONSCIOUSNESS, 2.0)),
        ("oxygen=yes", (Sign.SUPPLEMENTAL_OXYGEN, 1.0)),
        ("o2=air", (Sign.SUPPLEMENTAL_OXYGEN, 0.0)),
    ],
)
def test_an_observation_is_sign_and_value(text: str, expected: tuple[Sign, float]) -> None:
    assert observation(text) == expected


@pytest.mark.parametrize(
    "text", ["spo2", "spo2=", "spo2=high", "spo2=nan", "spo2=inf", "spo2=101", "mood=3", "=", "acvpu=z"]
)
def test_what_is_no_possible_observation_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        observation(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("acvpu=Q", "'Q' is not a value of consciousness: give A, C, V, P or U."),
        ("o2=some", "'some' is not a value of supplemental oxygen: give yes or no."),
        ("spo2=high", "'high' is not a value of SpO2: give a number."),
    ],
)
def test_who_mistypes_a_value_is_told_what_is_expected(text: str, expected: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        observation(text)
    assert str(refused.value).lower() == expected.lower()


@given(st.text())
def test_any_text_is_a_finite_observation_or_refused(text: str) -> None:
    try:
        _, value = observation(f"spo2={text}")
    except InvalidArgument:
        return
    assert 0 <= value <= 100


def test_a_time_of_day_is_the_last_such_moment_that_has_passed() -> None:
    now = datetime.fromtimestamp(NOW_MS / 1000, UTC).astimezone()
    for minutes in (1, 60, 1439):
        then = now - timedelta(minutes=minutes)
        found_ms = moment_ms(then.strftime("%H:%M"), now_ms=NOW_MS)
        assert found_ms == int(then.replace(second=0, microsecond=0).timestamp() * 1000)


def test_a_time_of_day_that_no_clock_shows_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="no time of day"):
        moment_ms("24:61", now_ms=NOW_MS)
