"""The sign table, topics, ids and lateness mean what the other rooms rely on."""

import math

import pytest

from tests.support.builders import reading
from vitals.alert import AlertKind, TransitionKind
from vitals.errors import InvalidArgument
from vitals.identity import episode_id, rejection_id, sequenced_reading_id, transition_id
from vitals.lateness import CLOCK_SKEW_MS_MAX, LIVE_AGE_MS_MAX, event_ms, is_out_of_order, is_outdated
from vitals.reading import DeviceId, Origin, PatientId, WardId
from vitals.sign import CONSCIOUSNESS_LETTERS, PHYSIOLOGICAL_SIGNS, SIGN_FACTS, Sign, is_possible
from vitals.topics import accepted_topic, alert_topic, device_of, is_level, readings_topic, status_topic

UNITS = {
    "bpm": "/min",
    "percent": "%",
    "celsius": "Cel",
    "mmhg": "mm[Hg]",
    "ms": "ms",
    "mmol_per_l": "mmol/L",
}


def test_every_sign_has_its_facts_and_no_code_twice() -> None:
    assert SIGN_FACTS.keys() == set(Sign)
    for codes in ([facts.loinc for facts in SIGN_FACTS.values()], [facts.mdc for facts in SIGN_FACTS.values()]):
        given = [code for code in codes if code is not None]
        assert len(given) == len(set(given))


@pytest.mark.parametrize("sign", Sign)
def test_the_unit_in_a_signs_name_is_its_ucum_unit(sign: Sign) -> None:
    for suffix, ucum in UNITS.items():
        if sign.value.endswith(f"_{suffix}"):
            assert SIGN_FACTS[sign].ucum == ucum


@pytest.mark.parametrize("sign", Sign)
def test_the_possible_range_holds_its_bounds_and_nothing_beyond(sign: Sign) -> None:
    facts = SIGN_FACTS[sign]
    assert facts.possible_low < facts.possible_high
    assert facts.range_source
    assert is_possible(sign, facts.possible_low)
    assert is_possible(sign, facts.possible_high)
    outside = (facts.possible_low - 0.01, facts.possible_high + 0.01, math.nan, math.inf, -math.inf)
    assert not any(is_possible(sign, value) for value in outside)


def test_the_medical_device_codes_are_partition_2_of_ieee_11073() -> None:
    codes = [facts.mdc for facts in SIGN_FACTS.values() if facts.mdc is not None]
    assert codes
    assert all(code >> 16 == 2 for code in codes)


def test_consciousness_counts_the_letters_of_acvpu() -> None:
    assert SIGN_FACTS[Sign.CONSCIOUSNESS].possible_high == len(CONSCIOUSNESS_LETTERS) - 1
    assert Sign.CONSCIOUSNESS not in PHYSIOLOGICAL_SIGNS


def test_topics_follow_the_grammar() -> None:
    device = DeviceId("watch-7")
    assert readings_topic(device) == "wardlight/v1/devices/watch-7/readings"
    assert status_topic(device) == "wardlight/v1/devices/watch-7/status"
    assert accepted_topic(device) == "wardlight/v1/devices/watch-7/accepted"
    kind = AlertKind.SPO2_LOW
    assert alert_topic(WardId("w"), PatientId("p"), kind) == "wardlight/v1/alerts/w/p/spo2-low"


@pytest.mark.parametrize("name", ["", "+", "#", "a/b", "a+", ".hidden", "a" * 65, "a b", "ü", "a\n"])
def test_a_name_that_could_bend_a_topic_is_refused(name: str) -> None:
    assert not is_level(name)
    with pytest.raises(InvalidArgument):
        readings_topic(DeviceId(name))


@pytest.mark.parametrize(
    ("topic", "device"),
    [
        ("wardlight/v1/devices/d1/readings", "d1"),
        ("wardlight/v1/devices/d1/status", "d1"),
        ("wardlight/v1/devices//readings", None),
        ("wardlight/v1/devices/d1", None),
        ("wardlight/v1/devices/d1/readings/x", None),
        ("wardlight/v2/devices/d1/readings", None),
        ("other/v1/devices/d1/readings", None),
        ("wardlight/v1/alerts/d1/readings", None),
    ],
)
def test_the_device_is_read_from_our_topics_only(topic: str, device: str | None) -> None:
    assert device_of(topic) == device


def test_ids_repeat_for_the_same_cause_and_differ_for_another() -> None:
    patient = PatientId("p1")
    episode = episode_id(patient, AlertKind.SPO2_LOW, "d1/b1/5")
    assert episode == episode_id(patient, AlertKind.SPO2_LOW, "d1/b1/5")
    assert episode != episode_id(patient, AlertKind.HEART_RATE_LOW, "d1/b1/5")
    assert episode != episode_id(patient, AlertKind.SPO2_LOW, "d1/b1/6")
    raised = transition_id(episode, TransitionKind.RAISED, "d1/b1/5")
    assert raised != transition_id(episode, TransitionKind.RESOLVED, "d1/b1/5")
    assert sequenced_reading_id(DeviceId("d1"), "b1", 5) == "d1/b1/5"
    assert rejection_id("d1", "t", b"x") != rejection_id("d1", "u", b"x")


def test_order_is_judged_within_one_device_and_loosely_between_devices() -> None:
    now = reading(at_s=100)
    measured_ms = now.measured_at_ms
    assert not is_out_of_order(event_ms(now), device_newest_ms=None, patient_newest_ms=None)
    assert not is_out_of_order(event_ms(now), device_newest_ms=measured_ms, patient_newest_ms=measured_ms)
    assert is_out_of_order(event_ms(now), device_newest_ms=measured_ms + 1, patient_newest_ms=measured_ms + 1)
    assert not is_out_of_order(event_ms(now), device_newest_ms=None, patient_newest_ms=measured_ms + CLOCK_SKEW_MS_MAX)
    assert is_out_of_order(event_ms(now), device_newest_ms=None, patient_newest_ms=measured_ms + CLOCK_SKEW_MS_MAX + 1)


def test_a_real_reading_grows_outdated_and_a_replayed_one_does_not() -> None:
    limit_s = LIVE_AGE_MS_MAX / 1000
    assert not is_outdated(reading(delay_s=limit_s))
    assert is_outdated(reading(delay_s=limit_s + 1))
    assert is_outdated(reading(delay_s=limit_s + 1, origin=Origin.DEMO))
    assert not is_outdated(reading(delay_s=10**7, origin=Origin.REPLAY))


@pytest.mark.parametrize("origin", Origin)
def test_nothing_happens_after_it_was_received_whatever_it_says_it_is(origin: Origin) -> None:
    ahead = reading(at_s=90, delay_s=-90, origin=origin)
    assert event_ms(ahead) == ahead.received_at_ms
    assert event_ms(reading(at_s=90, delay_s=3, origin=origin)) == reading(at_s=90).measured_at_ms
