"""Rulebooks that are made, and the default one with a slip in it: taken as meant, or refused at the line of the slip."""

import re

import msgspec
import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from alerts.bundled_rules import default_book, read_book
from alerts.rulebook_text import RulebookError
from alerts.rules import AlertRules
from tests.support.examples import examples
from vitals.alert import Priority
from vitals.kind_rules import PRIORITY_RANK
from vitals.limits import HARD_LIMITS, LimitDepth, LimitRule, Side
from vitals.sign import SIGN_FACTS, Sign

QUICK = examples(60, suppress_health_check=[HealthCheck.too_slow])
LINES = default_book().text.splitlines()
MIDDLES = {
    Sign.SPO2: 90.0, Sign.HEART_RATE: 80.0, Sign.RESPIRATORY_RATE: 18.0, Sign.TEMPERATURE: 37.0, Sign.SYSTOLIC: 120.0,
}  # fmt: skip
"""Between the low and the high limits of a sign, so that these never meet."""
NUMBER = re.compile(r"(?<=: )-?\d+(?:\.\d+)?(?=[,}\s]|$)")
KEY = re.compile(r"^( *(?:- )?)([a-z0-9_-]+)(:)")


def limits_of(rule: LimitRule) -> st.SearchStrategy[tuple[LimitDepth, ...]]:
    """Bands that go outwards from the sign's middle, in tenths."""
    facts, middle = SIGN_FACTS[rule.sign], round(MIDDLES[rule.sign] * 10)
    low, high = round(facts.possible_low * 10), round(facts.possible_high * 10)
    tenths = st.integers(low, middle - 1) if rule.side is Side.LOW else st.integers(middle + 1, high)
    return st.lists(tenths, min_size=1, max_size=4, unique=True).flatmap(
        lambda found: st.tuples(
            st.just(sorted(found, reverse=rule.side is Side.LOW)),
            st.lists(st.integers(0, 3600), min_size=len(found), max_size=len(found)),
            st.lists(st.sampled_from(Priority), min_size=len(found), max_size=len(found)),
        ).map(
            lambda made: tuple(
                LimitDepth(limit / 10, float(delay_s), priority)
                for limit, delay_s, priority in zip(
                    made[0], sorted(made[1], reverse=True), sorted(made[2], key=PRIORITY_RANK.__getitem__), strict=True
                )
            )
        )
    )


LIMITS = st.tuples(*(st.none() | limits_of(rule) for rule in HARD_LIMITS)).map(
    lambda depths: tuple(
        msgspec.structs.replace(rule, depths=own, source="ours")
        for rule, own in zip(HARD_LIMITS, depths, strict=True)
        if own is not None
    )
)
NUMBERS = st.fixed_dictionaries(
    {},
    optional={
        "clear_s": st.integers(0, 600),
        "pattern_delay_s": st.floats(0, 600),
        "emergency_delay_s": st.integers(0, 60),
        "live_age_ms_max": st.integers(1000, 600_000),
    },
)


@QUICK
@given(limits=LIMITS, numbers=NUMBERS, silence_s=st.floats(5, 3600), style=st.sampled_from("bf"))
def test_a_book_is_taken_as_it_is_meant(
    limits: tuple[LimitRule, ...], numbers: dict[str, float], silence_s: float, style: str
) -> None:
    said = {
        "format": 1,
        "limits": [_told(rule) for rule in limits],
        **numbers,
        "contact": {"silence_s": silence_s},
        "sources": dict.fromkeys([*numbers, "contact"], "ours"),
    }
    text = yaml.safe_dump(said, sort_keys=False, default_flow_style=style == "f", width=100)
    # YAML 1.1 writes 1e-05 as 1.0e-05, and 1e+16 likewise: both are numbers of 1.2 too.
    read = read_book(text).house
    by_kind = {rule.kind: rule for rule in (*AlertRules().limits, *limits)}
    assert {rule.kind: rule for rule in read.limits} == by_kind
    assert {name: getattr(read, name) for name in numbers} == numbers
    assert read.contact == msgspec.structs.replace(AlertRules().contact, silence_s=silence_s)
    assert read.life == AlertRules().life


def _told(rule: LimitRule) -> dict[str, object]:
    told: dict[str, object] = msgspec.to_builtins(rule)
    return told | {"depths": [msgspec.to_builtins(depth) for depth in rule.depths]}


EDITABLE = [index for index, line in enumerate(LINES) if NUMBER.search(line) and not line.startswith("#")]
KEYED = [index for index, line in enumerate(LINES) if KEY.match(line)]
SLIPS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-500, 5000).map(str),
    st.sampled_from(
        [".nan", ".inf", "soon", "yes", "true", "null", "[1]", "{a: 1}", "&a 1", "!!str 1", '"5"', "1_000"]
    ),
)


@examples(150)
@given(index=st.sampled_from(EDITABLE), new=SLIPS, data=st.data())
def test_a_slip_in_a_number_is_taken_or_refused_at_its_line(index: int, new: str, data: st.DataObject) -> None:
    places = list(NUMBER.finditer(LINES[index]))
    place = data.draw(st.sampled_from(places))
    line = LINES[index][: place.start()] + new + LINES[index][place.end() :]
    _holds(index, [*LINES[:index], line, *LINES[index + 1 :]])


@examples(60)
@given(index=st.sampled_from(KEYED), letter=st.sampled_from("abcxyz"))
def test_a_misspelt_key_is_refused_at_its_line(index: int, letter: str) -> None:
    line = KEY.sub(rf"\g<1>\g<2>{letter}\g<3>", LINES[index])
    _holds(index, [*LINES[:index], line, *LINES[index + 1 :]])


@examples(60)
@given(index=st.sampled_from([index for index in KEYED if not LINES[index].lstrip().startswith("-")]))
def test_a_line_given_twice_is_refused_at_its_line(index: int) -> None:
    text = "\n".join([*LINES[: index + 1], LINES[index], *LINES[index + 1 :]])
    with pytest.raises(RulebookError) as raised:
        read_book(text)
    assert raised.value.mark.line in (index + 1, index + 2)


def _holds(index: int, lines: list[str]) -> None:
    """Taken; or refused at the line, or at one that it does not go with, and then the line is named too."""
    error = _refusal("\n".join(lines))
    if error is not None:
        named = {error.mark.line, *(mark.line for mark in error.beside)}
        assert index + 1 in named or _is_head_of(index, error.mark.line), (lines[index], str(error))


def _refusal(text: str) -> RulebookError | None:
    try:
        read_book(text)
    except RulebookError as error:
        return error
    return None


def _is_head_of(index: int, line: int) -> bool:
    """Whether something is missed in the entry that the edited line is part of: then the entry's first line is named."""
    depth = len(LINES[index]) - len(LINES[index].lstrip())
    head = LINES[line - 1].lstrip("- ")
    return line <= index + 1 and len(LINES[line - 1]) - len(head) <= depth + 2
