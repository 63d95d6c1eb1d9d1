"""A file of ladders and schedules: read as it stands, and every mistake named with its line."""

import pytest

from alerts.ladder_file import read_ladders
from tests.support.tree import text
from vitals.alert import Priority
from vitals.errors import InvalidArgument
from vitals.on_call import HandOver, Weekday

GOOD = """
# Ward 3
schedules:
  - schedule_id: ward-3-doctors
    ward_id: ward-3
    time_zone: Europe/Berlin
    layers:
      - name: nights
        people: [lee, max]
        starts: 2026-11-23
        at: 19:00
        hours:
          - {from: 19:00, until: 07:00, days: [mon, fri]}
      - people: [kim]
        starts: 2026-11-23
        hands_over: daily
ladders:
  - ward_id: ward-3
    priority: high
    acknowledgements: 2
    repeat_every_s: 300
    steps:
      - {after_s: 0, to: [screen, "role:nurse"]}
      - {after_s: 60, to: ["on-call:ward-3-doctors"], unseen_after_s: 30}
"""


def test_a_file_is_read_as_it_stands() -> None:
    read = read_ladders(GOOD)
    (schedule,), (ladder,) = read.schedules, read.ladders
    assert (schedule.time_zone, schedule.layers[0].at, schedule.layers[1].hands_over) == (
        "Europe/Berlin",
        "19:00",
        HandOver.DAILY,
    )
    assert schedule.layers[0].hours[0].days == (Weekday.MONDAY, Weekday.FRIDAY)
    assert (ladder.priority, ladder.acknowledgements, ladder.steps[1].unseen_after_s) == (Priority.HIGH, 2, 30)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("after_s: 60", "after_s: soon", "Line 24.*found 'soon'.*expected.*float"),
        ("after_s: 60, ", "", "Line 24.*expected the key after_s"),
        ("priority: high", "priority: urgent", "Line 19.*found 'urgent', expected one of the words"),
        ("priority: high", "prority: high", "expected no such key: prority"),
        ("role:nurse", "nurse", "Line 18: .*steps\\[0\\].to: 'nurse' is nobody to tell"),
        ("Europe/Berlin", "Europe/Atlantis", "Line 4: .*no time zone"),
        ("at: 19:00", "at: 7pm", "Line 11.*found '7pm'"),
        ("days: [mon, fri]", "days: []", "Line 13"),
        ("2026-11-23\n        at", "tomorrow\n        at", "Line 10.*found 'tomorrow'"),
    ],
)
def test_a_mistake_is_named_with_its_line(old: str, new: str, sentence: str) -> None:
    assert old in GOOD
    with pytest.raises(InvalidArgument, match=sentence):
        read_ladders(GOOD.replace(old, new, 1))


def test_what_stands_there_twice_or_not_at_all_is_refused() -> None:
    twice = GOOD + GOOD.partition("ladders:\n")[2]
    with pytest.raises(InvalidArgument, match="the high ladder of ward ward-3 a second time"):
        read_ladders(twice)
    for empty in ("", "{}", "ladders: []"):
        with pytest.raises(InvalidArgument):
            read_ladders(empty)


def test_the_documented_file_is_one() -> None:
    page = text("docs/notifications.md").partition("## Escalation")[2]
    read = read_ladders(page.partition("```yaml\n")[2].partition("```")[0])
    assert [schedule.schedule_id for schedule in read.schedules] == ["ward-3-doctors"]
    assert read.ladders[0].steps[1].unseen_after_s == 20
