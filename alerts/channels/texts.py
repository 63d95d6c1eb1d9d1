"""What a notification says to people, by template: ward, bed, kind, priority, value and time, and nothing personal. Pure.

Everything that goes in from outside (names of wards and beds, texts) is one line of printable characters afterwards, so
that no name can add a header, a line or a hidden character.
"""

import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from importlib import resources
from string import Template
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from alerts.notification import Channel, Destination, Notification, NotificationKind, Place
from vitals.alert import AlertKind, Priority, Transition, TransitionKind
from vitals.outside import one_line, outside_text
from vitals.reading import Origin, PatientId

TEMPLATE_CHARACTERS_MAX: Final = 500
FOOT: Final = "Not for sole reliance: a message may be late or lost."

_URGENCY: Final[Mapping[Priority, int]] = {Priority.HIGH: 0, Priority.MEDIUM: 1, Priority.LOW: 2}
_PAGES: Final = {
    TransitionKind.RAISED: "",
    TransitionKind.ESCALATED: ", worse",
    TransitionKind.REALARMED: ", again",
    TransitionKind.UNSUPPRESSED: ", told again",
}
_HEADS: Final = {
    TransitionKind.ACKNOWLEDGED: "In hand",
    TransitionKind.MOVED: "Moved here",
    TransitionKind.LATCHED: "Passed, not seen",
    TransitionKind.SUPPRESSED: "Kept quiet",
    TransitionKind.RESOLVED: "Over",
    TransitionKind.RETRACTED: "Withdrawn",
    TransitionKind.FOUND: "Found afterwards",
}
_NAMES: Final = {"spo2": "SpO2", "news2": "NEWS2", "pews": "PEWS"}


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The templates of one channel."""

    title: str
    line: str
    title_many: str
    line_many: str
    heartbeat_title: str
    heartbeat: str
    handshake_title: str
    handshake: str


class Said(msgspec.Struct, frozen=True):
    """A notification as people read it."""

    title: str
    lines: tuple[str, ...]
    """The most urgent first; what there is no room for is cut from the end."""
    is_page: bool
    """Whether it asks for somebody; not so what ends, a heartbeat or a test."""
    priority: Priority | None
    """The highest of its alerts; None without alerts."""

    def body(self, *, bytes_max: int | None = None) -> str:
        """The lines, as many as there is room for, and how many are missing."""
        for kept in range(len(self.lines), 0, -1):
            missing = len(self.lines) - kept
            rest = (f"and {missing} more",) if missing else ()
            text = "\n".join((*self.lines[:kept], *rest))
            if bytes_max is None or len(text.encode()) <= bytes_max:
                return text
        return f"{len(self.lines)} alerts" if len(self.lines) > 1 else ""


TEMPLATE_COMPLAINT: Final = (
    "(This destination's own template cannot be used: it is too long, or names an unknown field.)"
)
ZONE_COMPLAINT: Final = "(This destination's option time_zone is no time zone such as Europe/Berlin.)"


class Texts:
    """Fills templates; `zone` is where the times are read, unless a destination's option `time_zone` names its own."""

    def __init__(self, words: Mapping[Channel, Words], *, zone: tzinfo = UTC) -> None:
        self._words = words
        self._zone = zone

    @classmethod
    def load(cls, *, zone: tzinfo = UTC) -> "Texts":
        """With the templates that come with Wardlight."""
        tables = tomllib.loads(resources.files("alerts.channels").joinpath("templates.toml").read_text("utf-8"))
        default = tables["default"]
        words = {channel: msgspec.convert({**default, **tables.get(channel, {})}, Words) for channel in Channel}
        return cls(words, zone=zone)

    def said(self, destination: Destination, notification: Notification) -> Said:
        """What to write.

        A template or time zone of the destination that cannot be used costs nobody an alert: it is told in the words that
        come with Wardlight, with a line that says what to mend.
        """
        words = self._words[destination.channel]
        if notification.kind is not NotificationKind.EVENT or not notification.transitions:
            return _without_alerts(words, notification)
        zone, complaints = self._zone_of(destination)
        steps = sorted(notification.transitions, key=lambda step: (not is_page(step), _URGENCY[step.priority]))
        fields = [_fields(step, notification.places, zone) for step in steps]
        count = {"count": str(len(steps))}
        is_one = len(steps) == 1
        title = _filled(words.title if is_one else words.title_many, {**fields[0], **count})
        line, own = words.line if is_one else words.line_many, destination.template
        if own is not None and not _can_fill(own, {**fields[0], **count}):
            complaints = (*complaints, TEMPLATE_COMPLAINT)
            own = None
        lines = [_filled(own or line, {**one, **count}).strip("\n") for one in fields]
        lines += complaints
        if notification.step is not None:
            lines.insert(0, one_line(notification.step))
        priority = min((step.priority for step in steps), key=_URGENCY.__getitem__)
        return Said(title, tuple(lines), any(map(is_page, steps)), priority)

    def _zone_of(self, destination: Destination) -> tuple[tzinfo, tuple[str, ...]]:
        name = destination.options.get("time_zone")
        if name is None:
            return self._zone, ()
        try:
            return ZoneInfo(name), ()
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return self._zone, (ZONE_COMPLAINT,)


def is_page(step: Transition) -> bool:
    """Whether a step asks for somebody."""
    return step.transition in _PAGES


def head(step: Transition) -> str:
    """The word it begins with: its priority, or what became of it.

    Priority is told in capitals only where somebody is asked for.
    """
    if step.transition in _PAGES:
        return step.priority.upper() + _PAGES[step.transition]
    return _HEADS[step.transition]


def kind_words(kind: AlertKind) -> str:
    """A kind as people say it.

    >>> kind_words(AlertKind.SPO2_LOW), kind_words(AlertKind.NEWS2_SINGLE_RED), kind_words(AlertKind.LOST_CONTACT)
    ('SpO2 low', 'NEWS2 single red', 'Lost contact')
    """
    words = " ".join(_NAMES.get(part, part) for part in kind.split("-"))
    return words if words[0].isupper() or words.startswith("SpO2") else words[0].upper() + words[1:]


def mark(step: Transition) -> str:
    """What stands before everything about values that are no patient's."""
    return "" if step.origin is Origin.REAL else f"{step.origin.upper()}, no patient: "


def place_of(step: Transition, places: Mapping[PatientId, Place]) -> Place:
    """How the subject is called outside; by the ward's id where nothing else is known."""
    return places.get(step.patient_id) or Place(step.ward_id, "unknown bed")


def _fields(step: Transition, places: Mapping[PatientId, Place], zone: tzinfo) -> dict[str, str]:
    place = place_of(step, places)
    return {
        "mark": mark(step),
        "head": head(step),
        "priority": step.priority.upper(),
        "kind": kind_words(step.kind),
        "label": one_line(place.label),
        "ward": one_line(place.ward_name),
        "text": outside_text(step),
        "told_at": _clock_time(step.at_ms, zone),
        "since": _clock_time(step.onset_ms, zone),
    }


def _clock_time(moment_ms: int, zone: tzinfo) -> str:
    return datetime.fromtimestamp(moment_ms / 1000, zone).strftime("%H:%M:%S %Z")


def _without_alerts(words: Words, notification: Notification) -> Said:
    fields = {"count": str(notification.number)}
    if notification.kind is NotificationKind.HANDSHAKE:
        return Said(words.handshake_title, (_filled(words.handshake, fields),), False, None)
    return Said(words.heartbeat_title, (_filled(words.heartbeat, fields),), False, None)


def _can_fill(template: str, fields: Mapping[str, str]) -> bool:
    if len(template) > TEMPLATE_CHARACTERS_MAX:
        return False
    try:
        Template(template).substitute(fields)
    except (KeyError, ValueError):
        return False
    return True


def _filled(template: str, fields: Mapping[str, str]) -> str:
    return Template(template).substitute(fields)
