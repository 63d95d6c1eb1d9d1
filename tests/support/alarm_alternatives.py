"""`python -m tests.support.alarm_alternatives DIRECTORY`: what other rules would tell, of the recordings exam_e4 and of benign courses.

The figures of docs/alerts.md, "How many alerts that is": the engine that runs live, with the simulated nurse of `wardlight
alarm-load`; of medium and high priority, per patient-day.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from alerts.exertion import ExertionRule
from alerts.irregular import IrregularRule
from alerts.rules import AlertRules
from alerts.watchdog import ContactRule
from evaluation import alarm_load_run
from evaluation.alarm_load_beds import Bed, SimulatedBed
from evaluation.alarm_load_recordings import read_beds
from runtime.lifecycle import EXIT_OK
from vitals.alert import AlertKind, Priority
from vitals.limits import HARD_LIMITS, LimitDepth, LimitRule

_MEDIUM, _HIGH = Priority.MEDIUM, Priority.HIGH
_EARLIER = ((130, 300, _MEDIUM), (150, 60, _MEDIUM), (180, 15, _HIGH))
_GRADED = ((130, 300, _MEDIUM), (150, 120, _MEDIUM), (165, 60, _MEDIUM), (180, 15, _HIGH))
_ALTERNATIVES = (
    ("150 after 60 s, ends after 60 s", _EARLIER, 60),
    ("150 after 60 s, ends after 120 s", _EARLIER, 120),
    ("150 after 60 s, ends after 300 s", _EARLIER, 300),
    ("150 after 60 s, ends after 600 s", _EARLIER, 600),
    ("150 after 120 s, 165 after 60 s, ends after 60 s", _GRADED, 60),
    ("150 after 120 s, 165 after 60 s, ends after 300 s", _GRADED, 300),
    ("150 after 120 s, 165 after 60 s, ends after 600 s", _GRADED, 600),
)
_MIMICS = frozenset({"exercise", "motion-artefact"})
_WEEK_H, _BEDS = 168.0, 48


def heart_rate_rules(depths: Sequence[tuple[float, float, Priority]], clear_s: float) -> AlertRules:
    """The default rules with another upper limit of the heart rate."""

    def changed(rule: LimitRule) -> LimitRule:
        if rule.kind is not AlertKind.HEART_RATE_HIGH:
            return rule
        return msgspec.structs.replace(rule, depths=tuple(LimitDepth(*depth) for depth in depths), clear_s=clear_s)

    return AlertRules(limits=tuple(map(changed, HARD_LIMITS)))


def told(bed: Bed, rules: AlertRules) -> Counter[tuple[str, str]]:
    """How often each kind was told in one bed, by kind and priority."""
    load = alarm_load_run.replay(bed, rules)
    return Counter((signal.kind.value, signal.priority.value) for signal in load.signals)


def of_recordings(beds: Sequence[Bed]) -> Iterator[str]:
    """A line for each alternative of the fast heart rate."""
    hours = sum(bed.hours for bed in beds)
    for name, depths, clear_s in _ALTERNATIVES:
        counts = sum((told(bed, heart_rate_rules(depths, clear_s)) for bed in beds), Counter[tuple[str, str]]())
        graver = sum(count for (_, priority), count in counts.items() if priority != Priority.LOW.value)
        yield f"{name}: told {graver}, {graver / hours * 24:.1f} per patient-day"


def of_mimics() -> Iterator[str]:
    """A line for each benign bed of the simulated week, with the rules against mimics and without."""
    without = AlertRules(
        exertion=ExertionRule(delay_s=0),
        irregular=IrregularRule(poor_below_percent=0),
        contact=ContactRule(first_burst_s=0),
    )
    for number in range(_BEDS):
        bed = SimulatedBed(beds=_BEDS, bed=number, seed=1, hours=_WEEK_H, every_s=60, onsets_within=1 / 7)
        if bed.course().name in _MIMICS:
            for name, rules in (("without", without), ("with", AlertRules())):
                counts = {" ".join(key): count for key, count in sorted(told(bed, rules).items())}
                yield f"{bed.name} {bed.course().name} {name}: {counts}"


def main(arguments: Sequence[str]) -> int:
    """Print everything; an exit code."""
    beds = read_beds([Path(place) for place in arguments])
    lines: Iterable[str] = (*of_recordings(beds), *of_mimics())
    for line in lines:
        sys.stdout.write(f"{line}\n")
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
