"""The rulebook: what it may say, and that it says where it cannot be taken."""

import msgspec
import pytest
import yaml

from alerts import rulebook_text
from alerts.bundled_rules import default_book, read_book
from alerts.rulebook import RULE_NAMES, with_changes
from alerts.rulebook_text import BYTES_MAX, RulebookError
from alerts.rules import SCORE_LEVELS, AlertRules
from tests.support.tree import ROOT
from vitals.age import AgeBand
from vitals.alert import AlertKind, Priority
from vitals.kind_rules import Change
from vitals.limits import HARD_LIMITS
from vitals.reading import WardId

DEFAULT = default_book().text


def book(*lines: str) -> str:
    return "\n".join(["format: 1", *lines]) + "\n"


def refused(text: str) -> RulebookError:
    with pytest.raises(RulebookError) as raised:
        read_book(text)
    assert f"Line {raised.value.mark.line}, column " in str(raised.value)
    return raised.value


def edited(old: str, new: str) -> tuple[str, int]:
    """The default book with the first `old` replaced, and the line of it."""
    assert old in DEFAULT
    return DEFAULT.replace(old, new, 1), DEFAULT[: DEFAULT.index(old)].count("\n") + 1


def test_the_packaged_book_and_the_programs_own_numbers_are_one_truth() -> None:
    rules = msgspec.structs.replace(default_book().house, version=None)
    for name in RULE_NAMES:
        assert getattr(rules, name) == getattr(AlertRules(), name), name
    assert rules == AlertRules()


def test_the_packaged_book_names_every_rule_so_that_it_can_be_read_instead_of_the_program() -> None:
    for name in RULE_NAMES:
        assert f"\n{name}:" in DEFAULT, f"{name} is missing in default_rules.yaml: name it there, with its source"


def test_priorities_of_scores_stand_as_their_levels_say() -> None:
    assert {level.kind: level.priority for level in SCORE_LEVELS}.items() <= AlertRules().priorities.items()


def test_a_book_that_says_nothing_is_the_default_one_under_its_own_version() -> None:
    read = read_book(book())
    assert msgspec.structs.replace(read.house, version=None) == AlertRules()
    assert read.bounds == default_book().bounds
    assert read.version != default_book().version
    assert read.house.version == read.version


def test_the_example_of_the_documents_can_be_taken_and_its_error_is_the_one_they_show() -> None:
    page = (ROOT / "docs/alert-rules.md").read_text()
    example = page.split("```yaml\n")[1].split("```")[0]
    read = read_book(example)
    assert (read.name, read.rules(WardId("home")).contact.silence_s) == ("St Elsewhere, 2026", 900)
    shown = page.split("```text\nmy-rules.yaml: ")[1].split("\n```")[0]
    assert str(refused(example.replace("limit: 82", "limit: 91"))) == shown


def test_a_book_that_names_one_limit_keeps_all_the_others() -> None:
    text = book(
        "limits:",
        "  - kind: spo2-low",
        "    sign: spo2_percent",
        "    side: low",
        "    source: our pulmonologists, 2026",
        "    depths: [{limit: 85, delay_s: 30, priority: high}]",
    )
    rules = read_book(text).house
    assert [rule.kind for rule in rules.limits] == [rule.kind for rule in HARD_LIMITS]
    assert [depth.limit for depth in rules.limits[0].depths] == [85]
    assert rules.limits[1:] == HARD_LIMITS[1:]


def test_a_record_within_a_record_may_leave_fields_as_they_come() -> None:
    life = read_book(book("life: {high: {latches: false}}", "sources: {life: ours}")).house.life
    assert life.high == msgspec.structs.replace(AlertRules().life.high, latches=False)
    assert life.medium == AlertRules().life.medium
    assert "found no delay_s" in str(
        refused(book("limits: [{kind: spo2-low, sign: spo2_percent, side: low, source: x, depths: [{limit: 80}]}]"))
    )


def test_a_ward_differs_only_in_what_its_section_names() -> None:
    text = book("clear_s: 90", "sources: {clear_s: ours}", "wards:", "  icu:", "    source: ours", "    clear_s: 20")
    read = read_book(text)
    assert read.rules().clear_s == 90
    assert read.rules(WardId("icu")).clear_s == 20
    assert read.rules(WardId("icu")).gap == AlertRules().gap
    assert read.rules(WardId("elsewhere")) is read.house


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("clear_s: 600", "clear_s: sixty", "found 'sixty', expected a number"),
        ("clear_s: 600", "clear_s: .nan", "found .nan, expected a number"),
        ("clear_s: 600", "clear_s: -1", "found -1, expected a number from 0 to"),
        ("clear_s: 600", "clear_s: &a 60", "anchors are not taken"),
        ("clear_s: 600", "clear_s: !!float 60", "tags are not taken"),
        ("clear_s: 600", "clears: 60", "found the key 'clears', expected clear_s (did you mean that?)"),
        ("floor_s: 15", "floors: 15", "found the key 'floors', expected floor_s"),
        ("limit: 80,", "limit: 88,", "found 88, expected a limit below 88"),
        ("limit: 150", "limit: 120", "found 120, expected a limit above 130"),
        ("limit: 60,", "limit: 20,", "expected a limit from 50 to 100 %"),
        ("delay_s: 15, priority: high", "delay_s: 41, priority: high", "found 41, expected a delay of at most 40 s"),
        ("delay_s: 0, priority: high", "delay_s: true, priority: high", "found true, expected a number"),
        ("priority: high}", "priority: low}", "found 'low', expected at least medium"),
        ("priority: high}", "priority: highest}", "expected one of high, medium, low"),
        ("kind: spo2-low", "kind: spo2-lo", "found 'spo2-lo', expected one of"),
        ("kind: spo2-low", "kind: lost-contact", "found 'lost-contact', expected one of spo2-low"),
        ("kind: heart-rate-low", "kind: spo2-low", "found spo2-low again, expected each kind once"),
        ("side: low", "side: high", "found 'high', expected low: that is what spo2-low means"),
        ("sign: spo2_percent", "sign: heart_rate_bpm", "expected spo2_percent"),
        ("urgent_delay_s: 120", "urgent_delay_s: 30", "delays that never grow with urgency"),
        ("news2-urgent: medium", "news2-urgent: low", ""),
        ("news2-emergency: high", "news2-emergency: low", "priorities that never fall with urgency"),
        ("  ledger-imbalance: low", "  spo2-low: low", "found 'spo2-low', expected a kind without bands"),
        ("format: 1", "format: 2", "found 2, expected format: 1"),
        ("patient_h_max: 168", "patient_h_max: .inf", "found .inf, expected a number"),
        ("late_s: 120", "late_s: 1", "found 1, expected a number from 5"),
    ],
)
def test_an_error_names_the_line_what_was_found_and_what_was_expected(old: str, new: str, said: str) -> None:
    text, line = edited(old, new)
    if not said:
        read_book(text)
        return
    error = refused(text)
    assert said in str(error)
    assert error.mark.line in (line, line + 1)


def test_a_rule_without_its_source_is_refused_where_it_stands() -> None:
    error = refused(book("clear_s: 61"))
    assert str(error) == (
        "Line 2, column 1: found clear_s without its source, expected an entry clear_s under sources."
    )
    limit = "limits: [{kind: spo2-low, sign: spo2_percent, side: low, depths: []}]"
    assert "found no source" in str(refused(book(limit)))
    assert "found ''" in str(refused(book("clear_s: 61", "sources: {clear_s: ''}")))


def test_a_ward_without_the_reason_why_it_differs_is_refused() -> None:
    assert "ward icu without a source" in str(refused(book("wards:", "  icu:", "    clear_s: 20")))


def test_a_key_given_twice_is_refused_with_both_lines() -> None:
    error = refused(book("name: one", "name: two"))
    assert str(error) == "Line 3, column 1: found 'name' again, expected each key once (first on line 2)."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "found nothing"),
        ("- 1\n", "found a list, expected a mapping"),
        ("format: 1\n---\nformat: 1\n", "a second document"),
        ("a: &x [1]\nb: *x\n", "anchors are not taken"),
        ("? [1]\n: 2\n", "a mapping or list as a key"),
        ("format: 1\nname: \x07\n", "a character that is not allowed"),
        ("format: [1\n", "what is no YAML"),
        ("[" * 5000, "more than 12 levels"),
        ("x: " + "y" * 3000, "found a text of 3000 characters"),
        ("# " + "x" * BYTES_MAX, "at most 256 KiB"),
        ("x: [" + "1," * 30_000 + "1]", "more than 20000 values"),
        ("x: " + "9" * 400, "a number of an ordinary size"),
    ],
)
@pytest.mark.parametrize("loader", [yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)])
def test_what_is_no_rulebook_at_all_is_refused_without_being_built(
    text: str, said: str, loader: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rulebook_text, "_LOADER", loader)
    assert said in str(refused(text))


def test_a_sign_whose_sides_meet_is_refused_at_its_limit() -> None:
    text, line = edited("limit: 40, delay_s: 60", "limit: 131, delay_s: 60")
    error = refused(text)
    assert "Heart rate" in str(error)
    assert error.mark.line >= line


def test_a_books_limits_of_children_are_taken_age_by_age_and_kind_by_kind() -> None:
    text = book(
        "child_limits:",
        "  0-3mo:",
        "    - kind: heart-rate-high",
        "      sign: heart_rate_bpm",
        "      side: high",
        "      source: our paediatricians",
        "      depths: [{limit: 185, delay_s: 60, priority: high}]",
    )
    children, ours = read_book(text).house.child_limits, AlertRules().child_limits
    assert [rule.kind for rule in children[AgeBand.UNDER_3_MONTHS]] == [rule.kind for rule in HARD_LIMITS]
    changed = [rule for rule in children[AgeBand.UNDER_3_MONTHS] if rule.kind is AlertKind.HEART_RATE_HIGH]
    assert [depth.limit for depth in changed[0].depths] == [185]
    assert children[AgeBand.UNDER_1_YEAR] == ours[AgeBand.UNDER_1_YEAR]
    assert "found the key '0-2mo', expected 0-3mo" in str(refused(text.replace("0-3mo", "0-2mo")))
    assert "Heart rate" in str(refused(text.replace("185", "60")))


def test_a_patients_change_goes_for_whatever_age_the_patient_has() -> None:
    narrower = {AlertKind.HEART_RATE_HIGH: Change(limits=(125,))}
    changed, misfits = with_changes(AlertRules(), narrower, of_patient=True)
    of_band = [rule for rule in changed.child_limits[AgeBand.UNDER_16_YEARS] if rule.kind is AlertKind.HEART_RATE_HIGH]
    assert of_band[0].depths[0].limit == 125
    assert not misfits
    of_ward, _ = with_changes(AlertRules(), narrower)
    assert of_ward.child_limits == AlertRules().child_limits


def test_a_change_that_no_longer_fits_the_book_leaves_its_kind_as_the_book_says() -> None:
    fitting = {AlertKind.SPO2_LOW: Change(limits=(84,))}
    changed, misfits = with_changes(AlertRules(), fitting)
    assert changed.limits[0].depths[0].limit == 84
    assert not misfits
    crooked = {AlertKind.SPO2_LOW: Change(limits=(79,)), AlertKind.LOST_CONTACT: Change(priorities=(Priority.LOW,))}
    changed, misfits = with_changes(AlertRules(), crooked)
    assert misfits == {AlertKind.SPO2_LOW}
    assert changed.limits == HARD_LIMITS
    assert changed.priorities[AlertKind.LOST_CONTACT] is Priority.LOW
