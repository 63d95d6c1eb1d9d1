"""What people read: short, ordered by urgency, on one line, and without a name of anybody."""

import pytest

from alerts.channels.texts import TEMPLATE_COMPLAINT, ZONE_COMPLAINT, Texts
from alerts.notification import Channel, NotificationKind, Place
from tests.support.channel_scene import AT_MS, PATIENT, destination, notification, quiet, step
from vitals.alert import Acknowledgement, AlertKind, Priority, Reason, Suppression, TransitionKind
from vitals.outside import one_line, outside_text
from vitals.reading import Origin

MAIL = destination(Channel.EMAIL, "ward@hospital.example")
TEXTS = Texts.load()


def test_one_alert_says_priority_kind_bed_ward_value_and_time() -> None:
    said = TEXTS.said(MAIL, notification())
    assert said.title == "HIGH: SpO2 low, Bed 12, North"
    assert said.body().splitlines() == [
        "SpO2 84 % for 40 s, limit 88 %",
        "Bed 12, North",
        "Since 14:12:40 UTC, told at 14:13:20 UTC",
    ]
    assert (said.is_page, said.priority) == (True, Priority.HIGH)


def test_every_step_has_a_word_and_only_those_that_ask_for_somebody_are_pages() -> None:
    heads = {
        kind: TEXTS.said(MAIL, notification(step(transition=kind))).title.partition(":")[0] for kind in TransitionKind
    }
    assert heads[TransitionKind.REALARMED] == "HIGH, again"
    assert heads[TransitionKind.RESOLVED] == "Over"
    assert len(set(heads.values())) == len(TransitionKind)
    pages = {kind for kind, head in heads.items() if head.startswith("HIGH")}
    assert pages == {
        TransitionKind.RAISED,
        TransitionKind.ESCALATED,
        TransitionKind.REALARMED,
        TransitionKind.UNSUPPRESSED,
    }


def test_many_alerts_stand_in_one_notification_the_most_urgent_first() -> None:
    low, high = step(priority=Priority.LOW, kind=AlertKind.LOW_BATTERY), step()
    over = step(transition=TransitionKind.RESOLVED, priority=Priority.HIGH)
    said = TEXTS.said(MAIL, notification(over, low, high))
    assert said.title == "HIGH: 3 alerts on North"
    assert [line.partition(":")[0] for line in said.lines] == ["HIGH", "LOW", "Over"]


def test_what_there_is_no_room_for_is_cut_from_the_least_urgent_and_counted() -> None:
    steps = [step(priority=Priority.LOW) for _ in range(20)] + [step()]
    said = TEXTS.said(MAIL, notification(*steps))
    text = said.body(bytes_max=300)
    assert len(text.encode()) <= 300
    assert text.startswith("HIGH: Bed 12")
    shown = text.count("Bed 12")
    assert text.endswith(f"and {21 - shown} more")


def test_values_of_a_demo_are_marked_wherever_they_are_told() -> None:
    said = TEXTS.said(MAIL, notification(step(origin=Origin.DEMO)))
    assert said.title.startswith("DEMO, no patient: HIGH")


def test_names_of_staff_stay_inside() -> None:
    charted = step(kind=AlertKind.CONSCIOUSNESS, text="Consciousness P (reacts to pain only), charted by Ada Nurse")
    taken = Acknowledgement("u1", "Kim Lee", AT_MS, AT_MS + 1, note="Mr Smith is fine")
    handed = step(
        transition=TransitionKind.ACKNOWLEDGED, by="Kim Lee", text="Taken by Kim Lee", acknowledgements=(taken,)
    )
    assert outside_text(charted) == "Consciousness P (reacts to pain only)"
    assert outside_text(handed) == "Taken by somebody"
    silenced = Suppression(Reason.SILENCED, AT_MS, by="Kim Lee Ward")
    quiet_step = step(by="Kim Lee", text="Silenced by Kim Lee Ward", suppression=silenced)
    assert outside_text(quiet_step) == "Silenced by somebody", "the longer name goes first"


@pytest.mark.parametrize("bad", ["a\r\nBcc: x@y", "a\u2028b", "a\u202eb", "a\x00b", "a\tb"])
def test_what_comes_from_outside_is_one_printable_line(bad: str) -> None:
    places = {PATIENT: Place(bad, bad)}
    said = TEXTS.said(MAIL, notification(step(text=bad), places=places))
    assert said.title.isprintable()
    assert all(line.isprintable() for line in said.body().splitlines())
    assert len(said.body().splitlines()) == 3
    assert one_line("x" * 1000) == "x" * 200


def test_a_destination_may_have_its_own_line_and_its_own_time() -> None:
    to = destination(
        Channel.EMAIL, "w@h.example", template="$head $label $told_at", options={"time_zone": "Europe/Berlin"}
    )
    assert TEXTS.said(to, notification()).body() == "HIGH Bed 12 16:13:20 CEST"


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"template": "$name"}, TEMPLATE_COMPLAINT),
        ({"template": "x" * 501}, TEMPLATE_COMPLAINT),
        ({"options": {"time_zone": "../etc"}}, ZONE_COMPLAINT),
    ],
)
def test_a_template_or_zone_that_cannot_be_used_costs_nobody_an_alert_and_says_so(
    changed: dict[str, object], complaint: str
) -> None:
    plain = TEXTS.said(destination(Channel.EMAIL, "w@h.example"), notification())
    said = TEXTS.said(destination(Channel.EMAIL, "w@h.example", **changed), notification())
    assert said.lines == (*plain.lines, complaint)
    assert (said.title, said.priority) == (plain.title, plain.priority)


def test_a_heartbeat_and_a_test_are_no_pages_on_any_channel() -> None:
    for channel in Channel:
        to = destination(channel, "x")
        beat, test = (TEXTS.said(to, quiet(kind)) for kind in (NotificationKind.HEARTBEAT, NotificationKind.HANDSHAKE))
        assert "7 events" in beat.body()
        assert "No patient is meant" in test.body()
        assert not beat.is_page
        assert not test.is_page


def test_a_step_of_an_escalation_says_so_first() -> None:
    assert TEXTS.said(MAIL, notification(step="Step 2: physician on call")).body().startswith("Step 2: physician")
