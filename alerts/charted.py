"""What people chart raises at once: nobody's observation at a bedside is an artefact to be waited out. Pure.

Charted consciousness has an episode of its own. A charted score pages by itself only where what people charted reaches
the level alone; what devices measured beside it keeps its delays (`alerts.rules`). A charted reading is no contact of a
device, and no value of it steps a limit: the person stands at the bed.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec

from alerts import wording
from alerts.episode import Finding
from alerts.rules import NOTHING, SCORE_LEVELS, Judgement, ScoreLevel, has_fallen
from alerts.state import Machine, PatientState, StandingConsciousness
from vitals.alert import AlertKind, Priority, Reason
from vitals.assessment import Assessment
from vitals.lateness import event_ms
from vitals.news2 import RED
from vitals.reading import CHARTING, Charted, Reading, Withdrawn
from vitals.sign import Sign
from vitals.validity import charted_for_ms

CONSCIOUSNESS_KEPT = 8
"""Charted observations remembered per patient, so that what stood before a withdrawn one stands again."""
CONSCIOUSNESS_PRIORITY: Mapping[int, Priority] = MappingProxyType(
    {1: Priority.MEDIUM, 2: Priority.MEDIUM, 3: Priority.HIGH, 4: Priority.HIGH}
)
"""By ACVPU: new confusion and reacting to voice, to pain only, not at all. Each scores 3 in NEWS2 (RCP 2017), an urgent
review; who does not react to voice may lose the airway at any moment: death, at once (IEC 60601-1-8, 6.1.2). Our choice."""


def observe(state: PatientState, reading: Reading, charted: Charted) -> bool:
    """Remember charted consciousness; whether it speaks of now."""
    value = reading.signs.get(Sign.CONSCIOUSNESS)
    if value is None:
        return False
    at_ms = event_ms(reading)
    if reading.received_at_ms - at_ms > charted_for_ms(Sign.CONSCIOUSNESS, charted.valid_for_s):
        return False
    state.consciousness.append(StandingConsciousness(at_ms, int(value), reading.reading_id, charted.by))
    state.consciousness.sort(key=_observed)
    del state.consciousness[:-CONSCIOUSNESS_KEPT]
    return True


def forget(state: PatientState, withdrawn: Withdrawn) -> bool:
    """Forget what was withdrawn; whether there was any."""
    kept = [standing for standing in state.consciousness if standing.reading_id != withdrawn.reading_id]
    forgotten = len(kept) < len(state.consciousness)
    state.consciousness = kept
    return forgotten


def judge_consciousness(machine: Machine, observed: Sequence[StandingConsciousness]) -> Judgement:
    """What the last observation says: anything but alert at once, until alert is charted."""
    if not observed:
        return NOTHING
    last = observed[-1]
    priority = CONSCIOUSNESS_PRIORITY.get(last.value)
    text = wording.consciousness(last.value, last.by)
    if priority is None:
        return Judgement(ended_text=text) if machine.is_active else NOTHING
    if not machine.wants(priority, float(last.value)):
        return NOTHING
    value = float(last.value)
    return Judgement(
        Finding(
            priority, Reason.CONSCIOUSNESS_CHARTED, last.at_ms, text, Sign.CONSCIOUSNESS, value, limit=0.0, depth=value
        )
    )


def judge_charted_score(assessment: Assessment) -> tuple[int, Finding] | None:
    """The highest level of NEWS2 that charted inputs reach alone, by its index; None where they reach none."""
    summary, at_ms = assessment.adult_news2, assessment.stands_at_ms
    points = [summary.points[sign] for sign in assessment.charted if sign in summary.points]
    reached = [index for index, level in enumerate(SCORE_LEVELS) if _reaches(level, points)]
    if not reached:
        return None
    level = SCORE_LEVELS[reached[-1]]
    text = wording.news2(summary)
    if level.kind is AlertKind.NEWS2_SINGLE_RED:
        text = f"{text} (one input alone scores {RED})"
    return reached[-1], Finding(
        level.priority, Reason.SCORE_REACHED, at_ms, text, value=float(summary.low), limit=float(level.threshold)
    )


def judge_charted_fall(level: ScoreLevel, known: Mapping[Sign, int], assessment: Assessment) -> Judgement:
    """Whether the open episode's score has fallen by what people did alone.

    So it is where all that scores now was charted, or where it rested on what was withdrawn.
    """
    by_people = bool(assessment.forgotten) or set(assessment.adult_news2.points) <= set(assessment.charted)
    if not by_people or not has_fallen(level, known):
        return NOTHING
    return Judgement(ended_text=wording.news2(assessment.adult_news2))


def rest_on_people(machine: Machine) -> None:
    """What people charted suffices by itself: an alert that devices raised is no matter of their faults any more."""
    if machine.episode is not None and machine.is_active:
        machine.episode = msgspec.structs.replace(machine.episode, device_id=CHARTING)


def _reaches(level: ScoreLevel, points: Sequence[int]) -> bool:
    return RED in points if level.kind is AlertKind.NEWS2_SINGLE_RED else sum(points) >= level.threshold


def _observed(standing: StandingConsciousness) -> int:
    return standing.at_ms
