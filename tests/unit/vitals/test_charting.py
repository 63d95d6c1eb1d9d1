"""What makes a charted entry valid, what it implies, and that it is the same entry however often it is sent."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import EPOCH_MS
from tests.support.tree import ROOT
from vitals.charting import CHARTABLE, CLOCK_AHEAD_MS_MAX, NOTE_CHARACTERS_MAX, Observed, chart, says_the_same, value_of
from vitals.errors import InvalidArgument
from vitals.news2 import NEWS2_INPUTS
from vitals.reading import CHARTING, PatientId, Reading
from vitals.sign import SIGN_FACTS, Sign, is_possible
from vitals.validity import CHARTED_MS_MAX, CHARTED_MS_MIN, VALIDITY, charted_for_ms, measured_for_ms

DAY_MS = 86_400_000
AWARE, OXYGEN, FLOW = Sign.CONSCIOUSNESS, Sign.SUPPLEMENTAL_OXYGEN, Sign.OXYGEN_FLOW


def charted(observed: Observed, *, key: str | None = None, now_ms: int = EPOCH_MS, person: str = "ada") -> Reading:
    return chart(
        observed,
        patient_id=PatientId("p1"),
        person_id=person,
        by="Ada Nurse",
        now_ms=now_ms,
        age_ms_max=DAY_MS,
        key=key,
    )


def of(**signs: float) -> Observed:
    return Observed(signs={Sign(name): value for name, value in signs.items()})


def test_an_entry_becomes_a_reading_of_a_person() -> None:
    entry = charted(Observed(signs={AWARE: 0.0}, observed_at_ms=EPOCH_MS - 60_000, note=" Slept ", valid_for_s=3600))
    assert (entry.device_id, entry.measured_at_ms, entry.received_at_ms) == (CHARTING, EPOCH_MS - 60_000, EPOCH_MS)
    assert entry.charted is not None
    assert (entry.charted.by, entry.charted.note, entry.charted.valid_for_s) == ("Ada Nurse", "Slept", 3600)
    assert entry.reading_id.startswith("charting/")


@pytest.mark.parametrize(
    ("given_", "completed"),
    [
        (of(oxygen_flow_l_per_min=2), {FLOW: 2, OXYGEN: 1}),
        (of(oxygen_flow_l_per_min=0), {FLOW: 0, OXYGEN: 0}),
        (of(supplemental_oxygen=0), {OXYGEN: 0, FLOW: 0}),
        (of(supplemental_oxygen=1), {OXYGEN: 1}),
        (of(supplemental_oxygen=1, oxygen_flow_l_per_min=6), {OXYGEN: 1, FLOW: 6}),
    ],
)
def test_a_flow_says_whether_there_is_oxygen_and_air_is_a_flow_of_nothing(
    given_: Observed, completed: dict[Sign, float]
) -> None:
    assert charted(given_).signs == completed


@pytest.mark.parametrize(
    ("observed", "says"),
    [
        (Observed(), "empty"),
        (Observed(note=" \n"), "empty"),
        (Observed(note="a" * (NOTE_CHARACTERS_MAX + 1)), "2000 are let pass"),
        (of(supplemental_oxygen=1, oxygen_flow_l_per_min=0), "contradict"),
        (of(supplemental_oxygen=0, oxygen_flow_l_per_min=2), "contradict"),
        (of(oxygen_flow_l_per_min=-1), "not possible"),
        (of(spo2_percent=101), "between 50 and 100"),
        (of(spo2_percent=math.nan), "not possible"),
        (of(pain_score=3.5), "whole number"),
        (of(consciousness_acvpu=5), "not possible"),
        (of(battery_percent=50), "not charted by people"),
        (of(systolic_mmhg=90, diastolic_mmhg=90), "not below"),
        (Observed(note="x", observed_at_ms=EPOCH_MS + CLOCK_AHEAD_MS_MAX + 1), "future"),
        (Observed(note="x", observed_at_ms=EPOCH_MS - DAY_MS - 1), "24 h are let pass"),
        (Observed(note="x", valid_for_s=CHARTED_MS_MIN // 1000 - 1), "5 min to 12 h"),
        (Observed(note="x", valid_for_s=CHARTED_MS_MAX // 1000 + 1), "5 min to 12 h"),
        (Observed(spo2_scale=3, spo2_scale_by="Dr Bell"), "1 or 2"),
        (Observed(spo2_scale=2), "name of the clinician"),
        (Observed(spo2_scale=2, spo2_scale_by=" - "), "name of the clinician"),
        (Observed(spo2_scale=2, spo2_scale_by="b" * 101), "100 are let pass"),
        (Observed(note="x", spo2_scale_by="Dr Bell"), "no SpO2 scale"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(observed: Observed, says: str) -> None:
    with pytest.raises(InvalidArgument, match=says):
        charted(observed)


def test_a_clock_a_little_ahead_means_just_now() -> None:
    assert charted(Observed(note="x", observed_at_ms=EPOCH_MS + CLOCK_AHEAD_MS_MAX)).measured_at_ms == EPOCH_MS


def test_scale_1_needs_no_name() -> None:
    entry = charted(Observed(spo2_scale=1))
    assert entry.charted is not None
    assert (entry.charted.spo2_scale, entry.charted.spo2_scale_by, entry.signs) == (1, None, {})


@given(st.text(min_size=1, max_size=20), st.integers(0, 10_000))
def test_under_one_key_an_entry_is_one_whenever_it_is_sent(key: str, later_ms: int) -> None:
    observed = of(consciousness_acvpu=0)
    first, again = charted(observed, key=key), charted(observed, key=key, now_ms=EPOCH_MS + later_ms)
    assert first.reading_id == again.reading_id
    assert says_the_same(first, again)
    other = charted(of(consciousness_acvpu=1), key=key)
    assert other.reading_id == first.reading_id
    assert not says_the_same(first, other)
    assert charted(observed, key=key, person="ben").reading_id != first.reading_id


@given(
    st.dictionaries(st.sampled_from(CHARTABLE), st.integers(0, 1).map(float), max_size=3),
    st.none() | st.text("abc", min_size=1, max_size=4),
    st.integers(0, 3),
)
def test_without_a_key_the_content_names_the_entry(signs: dict[Sign, float], note: str | None, age_s: int) -> None:
    signs = {sign: value for sign, value in signs.items() if is_possible(sign, value)}
    signs.pop(OXYGEN, None)
    if not signs and note is None:
        return
    observed = Observed(signs=signs, note=note, observed_at_ms=EPOCH_MS - 1000 * age_s)
    turned = Observed(signs=dict(reversed(signs.items())), note=note, observed_at_ms=EPOCH_MS - 1000 * age_s)
    assert charted(observed).reading_id == charted(turned, now_ms=EPOCH_MS + 5).reading_id
    other = Observed(signs=signs, note=f"{note}!", observed_at_ms=EPOCH_MS - 1000 * age_s)
    assert charted(other).reading_id != charted(observed).reading_id


@pytest.mark.parametrize(
    ("sign", "written", "value"),
    [(AWARE, "u", 4), (AWARE, 0, 0), (OXYGEN, True, 1), (OXYGEN, "off", 0), (FLOW, 2.5, 2.5)],
)
def test_values_are_read_as_people_write_them(sign: Sign, written: float | str, value: float) -> None:
    assert value_of(sign, written) == value


@pytest.mark.parametrize(("sign", "written"), [(AWARE, "AV"), (AWARE, True), (FLOW, "2"), (Sign.PAIN, False)])
def test_other_words_are_no_values(sign: Sign, written: float | str) -> None:
    with pytest.raises(InvalidArgument, match="not a value"):
        value_of(sign, written)


def test_every_input_of_news2_and_everything_charted_has_a_validity() -> None:
    assert {*NEWS2_INPUTS, *CHARTABLE} <= VALIDITY.keys()
    for sign in Sign:
        assert 0 < measured_for_ms(sign) <= charted_for_ms(sign, None) <= CHARTED_MS_MAX
        assert charted_for_ms(sign, 600) == 600_000


def test_the_table_in_the_documents_is_the_one_in_the_code() -> None:
    page = (ROOT / "docs" / "charting.md").read_text(encoding="utf-8")
    rows = [
        f"| {SIGN_FACTS[sign].label} | {_span(measured)} | {_span(charted_)} |"
        for sign, (measured, charted_) in VALIDITY.items()
    ]
    found = [line for line in page.splitlines() if line.startswith("| ") and line.count("|") == 4 and " h |" in line]
    assert found == rows


def _span(ms: int) -> str:
    return f"{ms // 3_600_000} h" if ms % 3_600_000 == 0 else f"{ms // 60_000} min"
