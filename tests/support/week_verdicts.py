"""Held against the truth of its beds: what a simulated ward told in time, what it missed, and what it told falsely."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from simulators.truth import TruthRecord
from storage.episodes import Episode
from tests.support.scenario_trial import OPINIONS
from vitals.alert import AlertKind
from vitals.reading import DeviceId, PatientId


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One bed's course and what became of it."""

    device_id: str
    scenario: str
    missed: tuple[AlertKind, ...]
    """What must alarm and did not in time."""
    false: tuple[AlertKind, ...]
    """What must not and did, or anything before the onset; one entry an episode."""
    raised: int
    due: int
    """How many must alarm."""


def patient_of(device_id: DeviceId) -> PatientId:
    """The patient who wears a bed's first device."""
    return PatientId(f"patient-{device_id}")


def judged(truths: Iterable[TruthRecord], found: Iterable[Episode], *, through_s: float) -> Iterable[Verdict]:
    """Each bed's truth against its episodes; what was not due before the end is not asked for."""
    by_patient: dict[PatientId, list[Episode]] = {}
    for episode in found:
        by_patient.setdefault(episode.patient_id, []).append(episode)
    for record in truths:
        truth, onset_s = record.truth, record.truth.onset_s or 0.0
        raised_s = [
            (episode.kind, (episode.raised_at_ms - record.started_at_ms) / 1000)
            for episode in by_patient.get(patient_of(record.device_id), [])
            if episode.kind not in OPINIONS and episode.raised_at_ms < record.started_at_ms + round(through_s * 1000)
        ]
        due = [must for must in truth.must_alarm if onset_s + must.within_s <= through_s]
        yield Verdict(
            device_id=record.device_id,
            scenario=truth.scenario,
            missed=tuple(must.kind for must in due if not must.is_met_by(raised_s, onset_s=onset_s)),
            false=tuple(kind for kind, at_s in raised_s if kind in truth.must_not_alarm or at_s < onset_s),
            raised=len(raised_s),
            due=len(due),
        )


def summary(verdicts: Iterable[Verdict]) -> list[tuple[str, int, int, int, Counter[str]]]:
    """Per scenario: beds, alarms due, alarms missed, and false episodes by kind."""
    rows: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        rows.setdefault(verdict.scenario, []).append(verdict)
    return [
        (
            scenario,
            len(beds),
            sum(bed.due for bed in beds),
            sum(len(bed.missed) for bed in beds),
            Counter(kind.value for bed in beds for kind in bed.false),
        )
        for scenario, beds in rows.items()
    ]
