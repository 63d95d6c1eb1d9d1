"""Whatever a device sends, decoding answers; and what a good device sends, it reads back exactly."""

import json
import math

from hypothesis import example, given
from hypothesis import strategies as st

from ingest.decoder import Decoded, DecoderLimits, Refused, decode
from vitals.reading import Origin
from vitals.sign import SIGN_FACTS, Sign, is_possible

NOW_MS = 1_767_225_600_000
LIMITS = DecoderLimits(
    payload_bytes_max=4096, future_ms_max=120_000, age_ms_max=30 * 86_400_000, origins_allowed=frozenset(Origin)
)
TOPIC = "wardlight/v1/devices/w1/readings"

NUMBERS = st.floats() | st.integers() | st.integers(min_value=-(10**400), max_value=10**400)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
SIGN_NAMES = st.sampled_from([sign.value for sign in Sign]) | st.text(max_size=8)
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "measured_at": st.integers(NOW_MS - 10**10, NOW_MS + 10**6) | JSON,
        "signs": st.dictionaries(SIGN_NAMES, JSON | st.floats(0, 300), max_size=6) | JSON,
        "boot": st.just("b1") | JSON,
        "sequence": st.integers(0, 9) | JSON,
        "origin": st.sampled_from(["real", "demo", "replay"]) | JSON,
    },
)


@st.composite
def plausible_signs(draw: st.DrawFn) -> dict[str, float]:
    """Signs that a working sensor can report, pressures the right way round."""
    chosen = draw(st.lists(st.sampled_from(Sign), min_size=1, unique=True))
    values: dict[str, float] = {}
    for sign in chosen:
        facts = SIGN_FACTS[sign]
        if sign in {Sign.CONSCIOUSNESS, Sign.SUPPLEMENTAL_OXYGEN}:
            values[sign.value] = float(draw(st.integers(int(facts.possible_low), int(facts.possible_high))))
        else:
            values[sign.value] = draw(st.floats(facts.possible_low, facts.possible_high))
    if values.get("systolic_mmhg", math.inf) <= values.get("diastolic_mmhg", -math.inf):
        del values["diastolic_mmhg"]
    return values


def judge(payload: bytes, topic: str = TOPIC) -> Decoded | Refused:
    verdict = decode(topic, payload, received_at_ms=NOW_MS, limits=LIMITS)
    if isinstance(verdict, Decoded):
        assert verdict.signs
        assert all(is_possible(sign, value) for sign, value in verdict.signs.items())
    else:
        assert verdict.detail
        assert len(verdict.device_id) <= 64
    return verdict


@given(st.binary(max_size=5000), st.text(max_size=80) | st.just(TOPIC))
@example(b'"\\ud800"', TOPIC)
@example(b"[" * 4000, TOPIC)
def test_any_bytes_on_any_topic_get_an_answer(payload: bytes, topic: str) -> None:
    judge(payload, topic)


@given(JSON | MESSAGES)
@example({"measured_at": NOW_MS, "signs": {"heart_rate_bpm": "\ud800"}})
def test_any_json_gets_an_answer(message: object) -> None:
    judge(json.dumps(message).encode())


@given(
    plausible_signs(),
    st.integers(NOW_MS - LIMITS.age_ms_max, NOW_MS + LIMITS.future_ms_max),
    st.none() | st.tuples(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True), st.integers(0, 2**53 - 1)),
)
def test_a_good_message_reads_back_exactly(
    signs: dict[str, float], measured_at_ms: int, identity: tuple[str, int] | None
) -> None:
    fields = {} if identity is None else {"boot": identity[0], "sequence": identity[1]}
    verdict = judge(json.dumps({"measured_at": measured_at_ms, "signs": signs, **fields}).encode())
    assert isinstance(verdict, Decoded)
    assert verdict.complaint is None
    assert {sign.value: value for sign, value in verdict.signs.items()} == signs
    assert verdict.measured_at_ms == measured_at_ms
    assert (verdict.boot, verdict.sequence) == (identity or (None, None))
