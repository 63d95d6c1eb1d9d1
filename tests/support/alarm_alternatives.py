"""`python -m tests.support.alarm_alternatives DIRECTORY`: what other rules would tell, of the recordings exam_e4 and of benign courses.

The figures of docs/alerts.md, "How many alerts that is": the engine that runs live, with the simulated nurse of `wardlight
alarm-load`; of medium and high priority, per patient-day.
"""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import msgspec

from alerts.exertion import ExertionRule
from alerts.irregular import IrregularRule
from alerts.rules import AlertRules
from alerts.watchdog import ContactRule
from evaluation import alarm_load_run
from evaluation.alarm_load_beds import Bed, SimulatedBed, arrivals, patient_of
from evaluation.alarm_load_recordings import read_beds
from runtime.lifecycle import EXIT_OK
from stream.charted import assess_charted
from stream.pipeline import PatientPipeline, PipelineParameters
from stream.scoring import PatientState, assess
from vitals.alert import AlertKind, Priority
from vitals.limits import HARD_LIMITS, LimitDepth, LimitRule
from vitals.reading import Reading, Tick

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


def told(bed: Bed, rules: AlertRules, *, with_scores: bool) -> Counter[tuple[str, str]]:
    """How often each kind was told in one bed, by kind and priority."""
    engine = alarm_load_run._Engine(rules, bed, washes=False)
    scorer = PatientState(patient_of(bed), PatientPipeline(PipelineParameters()))
    for record in arrivals(bed):
        engine.step(record, record.at_ms if isinstance(record, Tick) else record.received_at_ms)
        if with_scores and isinstance(record, Reading):
            of_people = record.charted is not None
            assessment = assess_charted(scorer, record) if of_people else assess(scorer, record)
            if assessment is not None:
                engine.step(assessment, assessment.received_at_ms)
    return Counter((signal.kind.value, signal.priority.value) for signal in engine.signals)


def of_recordings(beds: Sequence[Bed]) -> Iterator[str]:
    """A line for each alternative of the fast heart rate."""
    hours = sum(bed.hours for bed in beds)
    for name, depths, clear_s in _ALTERNATIVES:
        rules = heart_rate_rules(depths, clear_s)
        counts = sum((told(bed, rules, with_scores=False) for bed in beds), Counter[tuple[str, str]]())
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
                counts = {" ".join(key): count for key, count in sorted(told(bed, rules, with_scores=True).items())}
                yield f"{bed.name} {bed.course().name} {name}: {counts}"


def main(arguments: Sequence[str]) -> int:
    """Print everything; an exit code."""
    beds = read_beds([Path(place) for place in arguments])
    for line in chain(of_recordings(beds), of_mimics()):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
