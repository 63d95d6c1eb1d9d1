"""Which alerts a simulated storm owes people, said from docs/alerts.md and the log alone, not by the engine.

It asks only for what the documents leave no doubt about: a run of readings of now, in order, none further than 15 s from
the next, all beyond a limit for its delay; a score that is certain for its delay; what a person charted.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.support.month_checkers import TELLING
from tests.support.month_oracle import RANKS, SCORE_LEVELS
from vitals.alert import AlertKind, Priority, Transition
from vitals.assessment import Assessment
from vitals.lateness import CLOCK_SKEW_MS_MAX, LIVE_AGE_MS_MAX, event_ms
from vitals.limits import HARD_LIMITS
from vitals.reading import DeviceId, PatientId, Reading
from vitals.sign import CONSCIOUSNESS_LETTERS, Sign

GAP_MS_MAX = 15_000
CHARTED_PRIORITIES = {"C": Priority.MEDIUM, "V": Priority.MEDIUM, "P": Priority.HIGH, "U": Priority.HIGH}
LOST_CONTACT_MS = 120_000
LOST_CONTACT_CERTAIN_MS = LOST_CONTACT_MS + 20_000
"""Silence after which a contact known by its rhythm is lost for certain: the documented time, ticks, and an arrival delayed."""
SETTLED_READINGS = 12
_LIMITS = {
    sign: tuple(rule for rule in HARD_LIMITS if rule.sign is sign) for sign in {rule.sign for rule in HARD_LIMITS}
}


class Due(NamedTuple):
    """An alert of one of these kinds, at least this urgent, must stand at this event time, by a record logged then."""

    patient_id: PatientId
    kinds: frozenset[AlertKind]
    priority: Priority
    event_ms: int
    logged_s: float
    why: str


@dataclass
class _Heard:
    """What is known of one patient."""

    newest_ms: int = -1
    of_device: dict[DeviceId, int] = field(default_factory=dict)
    of_sign: dict[Sign, int] = field(default_factory=dict)
    since_ms: dict[tuple[AlertKind, float], int] = field(default_factory=dict)
    """Since when a sign has been beyond a depth without any doubt."""
    assessed_ms: int = -1
    scores_since_ms: dict[int, int] = field(default_factory=dict)
    received_ms: int | None = None
    gaps_ms: list[int] = field(default_factory=list)
    longest_gap_ms: int = 0
    beyond: set[AlertKind] = field(default_factory=set)
    """Limit kinds that any reading ever was beyond."""


class StormOracle:
    """Hears what the log holds, in its order, and says what is due."""

    def __init__(self) -> None:
        self._heard: dict[PatientId, _Heard] = {}
        self._known: set[str] = set()

    def hear(self, reading: Reading, logged_s: float) -> Iterator[Due]:
        """What must stand once the engine has this reading."""
        if reading.reading_id in self._known:
            return
        self._known.add(reading.reading_id)
        heard = self._heard.setdefault(reading.patient_id, _Heard())
        if reading.charted is not None:
            yield from self._charted(reading, logged_s)
            return
        self._contact(heard, reading)
        at_ms = event_ms(reading)
        is_late = (
            reading.received_at_ms - reading.measured_at_ms > LIVE_AGE_MS_MAX
            or at_ms < heard.of_device.get(reading.device_id, -1)
            or at_ms < heard.newest_ms - CLOCK_SKEW_MS_MAX
        )
        for sign, value in reading.signs.items():
            for rule in _LIMITS.get(sign, ()):
                if rule.is_beyond(value, rule.depths[0].limit):
                    heard.beyond.add(rule.kind)
        if is_late:
            return
        heard.of_device[reading.device_id] = at_ms
        heard.newest_ms = max(heard.newest_ms, at_ms)
        for sign, value in reading.signs.items():
            yield from self._sign(heard, reading, sign, value, at_ms, logged_s)

    def assess(self, assessment: Assessment, logged_s: float) -> Iterator[Due]:
        """What must stand once the engine has this assessment."""
        name = f"assessed {assessment.reading_id}"
        if name in self._known or assessment.late or assessment.as_of_ms is not None:
            return
        self._known.add(name)
        heard = self._heard.setdefault(assessment.patient_id, _Heard())
        at_ms = event_ms(assessment)
        is_joined = 0 <= at_ms - heard.assessed_ms <= GAP_MS_MAX
        if at_ms < heard.assessed_ms:
            heard.scores_since_ms.clear()
            return
        heard.assessed_ms = at_ms
        low = assessment.adult_news2.low
        for index, least in ((1, 5), (2, 7)):
            kind, priority, delay_ms = SCORE_LEVELS[index]
            if low < least:
                heard.scores_since_ms.pop(index, None)
                continue
            since_ms = heard.scores_since_ms.get(index) if is_joined else None
            since_ms = heard.scores_since_ms[index] = at_ms if since_ms is None else since_ms
            if at_ms - since_ms >= delay_ms:
                kinds = frozenset(name for name, _, _ in SCORE_LEVELS[index:])
                why = f"{kind} by {assessment.reading_id}"
                yield Due(assessment.patient_id, kinds, priority, at_ms, logged_s, why)

    def silent(self, now_ms: int, logged_s: float, undisturbed_since_ms: int) -> Iterator[Due]:
        """Contacts that are lost for certain by now, while nothing has been amiss since they were last heard."""
        for patient_id, heard in self._heard.items():
            last_ms = heard.received_ms
            if last_ms is None or len(heard.gaps_ms) < SETTLED_READINGS or undisturbed_since_ms > last_ms:
                continue
            if now_ms - last_ms > LOST_CONTACT_CERTAIN_MS and max(heard.gaps_ms[-SETTLED_READINGS:]) < 15_000:
                lost = frozenset({AlertKind.LOST_CONTACT})
                yield Due(patient_id, lost, Priority.MEDIUM, now_ms, logged_s, f"silent since {last_ms}")

    def has_ground(self, step: Transition, now_ms: int) -> bool:
        """Whether anything in the log could have raised this: a limit that was passed, a silence long enough."""
        heard = self._heard.get(step.patient_id)
        if step.kind is AlertKind.LOST_CONTACT:
            last_ms = 0 if heard is None or heard.received_ms is None else heard.received_ms
            longest_ms = 0 if heard is None else heard.longest_gap_ms
            return max(now_ms - last_ms, longest_ms) >= LOST_CONTACT_MS
        if any(rule.kind is step.kind for rule in HARD_LIMITS):
            return heard is not None and step.kind in heard.beyond
        return True

    def _charted(self, reading: Reading, logged_s: float) -> Iterator[Due]:
        letter = reading.signs.get(Sign.CONSCIOUSNESS)
        priority = None if letter is None else CHARTED_PRIORITIES.get(CONSCIOUSNESS_LETTERS[int(letter)])
        if priority is not None:
            kinds = frozenset({AlertKind.CONSCIOUSNESS})
            why = f"charted {reading.reading_id}"
            yield Due(reading.patient_id, kinds, priority, event_ms(reading), logged_s, why)

    def _contact(self, heard: _Heard, reading: Reading) -> None:
        if heard.received_ms is not None:
            gap_ms = reading.received_at_ms - heard.received_ms
            heard.gaps_ms.append(gap_ms)
            heard.longest_gap_ms = max(heard.longest_gap_ms, gap_ms)
        heard.received_ms = max(reading.received_at_ms, heard.received_ms or 0)

    def _sign(
        self, heard: _Heard, reading: Reading, sign: Sign, value: float, at_ms: int, logged_s: float
    ) -> Iterator[Due]:
        last_ms = heard.of_sign.get(sign)
        if last_ms is not None and at_ms < last_ms:
            for rule in _LIMITS.get(sign, ()):  # two devices, two clocks: there is doubt
                for depth in rule.depths:
                    heard.since_ms.pop((rule.kind, depth.limit), None)
            return
        heard.of_sign[sign] = at_ms
        is_joined = last_ms is not None and at_ms - last_ms <= GAP_MS_MAX
        for rule in _LIMITS.get(sign, ()):
            for depth in rule.depths:
                key = rule.kind, depth.limit
                if not rule.is_beyond(value, depth.limit):
                    heard.since_ms.pop(key, None)
                    continue
                since_ms = heard.since_ms.get(key) if is_joined else None
                since_ms = heard.since_ms[key] = at_ms if since_ms is None else since_ms
                if at_ms - since_ms >= depth.delay_s * 1000:
                    why = f"{sign} {value:g} by {reading.reading_id} since {since_ms}"
                    yield Due(reading.patient_id, frozenset({rule.kind}), depth.priority, at_ms, logged_s, why)


def is_met(due: Due, episodes: "dict[str, list[Transition]]") -> bool:
    """Whether one of these episodes, steps by episode in the order of their progress, stood then and was as urgent."""
    return any(_stood(due, steps) for steps in episodes.values())


def _stood(due: Due, steps: list[Transition]) -> bool:
    first = steps[0]
    if first.patient_id != due.patient_id or first.kind not in due.kinds:
        return False
    if min(step.at_ms for step in steps) > due.event_ms:
        return False
    if any(not step.is_open and step.at_ms < due.event_ms for step in steps):
        return False
    urgent = any(RANKS[step.priority] >= RANKS[due.priority] and step.at_ms <= due.event_ms for step in steps)
    told = any(step.transition in TELLING and step.suppression is None for step in steps)
    return urgent and (told or any(_is_owned_up_to(step) for step in steps))


def _is_owned_up_to(step: Transition) -> bool:
    """Whether it says who, or what, keeps it quiet."""
    suppression = step.suppression
    return suppression is not None and (suppression.kind is not None or suppression.silence_id is not None)
