"""One simulated patient before the real alert engine: what it raises, second by second, without any service between.

Devices out of reach deliver late, clocks run free, and ingest's own gates (possible values, times from the future) hold;
NEWS2 is scored from what is fresh, on the SpO2 scale that was charted.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from alerts.engine import PatientAlerts
from alerts.place import Place
from alerts.policy import FixedPolicy
from alerts.rules import AlertRules
from alerts.state import PatientState
from simulators.bedside import Bedside, Measured, Sampling
from simulators.physiology import healthy
from simulators.scenarios import Scenario
from simulators.truth import Truth
from tests.support.alert_timetable import PATIENT, START_MS, WARD
from vitals.alert import AlertKind, TransitionKind
from vitals.assessment import Assessment
from vitals.lateness import LIVE_AGE_MS_MAX
from vitals.limits import WITHIN_LIMITS
from vitals.news2 import score
from vitals.reading import DeviceId, Origin, Reading, RefusedSigns, Tick
from vitals.sign import CONSCIOUSNESS_LETTERS, Sign, is_possible

Arriving = Reading | RefusedSigns | Assessment | Tick

OPINIONS = frozenset(
    {
        AlertKind.UNUSUAL_PATTERN,
        AlertKind.BASELINE_SHIFT,
        AlertKind.DETERIORATION_RISK,
        AlertKind.IRREGULAR_DATA,
        AlertKind.LOW_BATTERY,
    }
)
"""What truth does not judge (`simulators.scenarios.course.JUDGED_KINDS`)."""
SEED = 11
DEVICE = DeviceId("d")
FUTURE_MS_MAX = 120_000
"""What ingest takes, by default."""
FRESH_S = 3600.0
"""How long a value counts for NEWS2 here."""


@dataclass
class Trial:
    """What one course raised."""

    truth: Truth
    raised_s: list[tuple[AlertKind, float]] = field(default_factory=list)
    """Kind, and second of the course at which it was told."""

    def missed(self) -> list[AlertKind]:
        """What must alarm and did not in time."""
        onset_s = self.truth.onset_s or 0.0
        return [must.kind for must in self.truth.must_alarm if not must.is_met_by(self.raised_s, onset_s=onset_s)]

    def false(self) -> list[tuple[AlertKind, float]]:
        """What must not alarm and did, or anything before the onset, except what a model thinks."""
        onset_s = self.truth.onset_s or 0.0
        return [
            (kind, at_s)
            for kind, at_s in self.raised_s
            if kind not in OPINIONS and (kind in self.truth.must_not_alarm or at_s < onset_s)
        ]

    def first_s(self, *kinds: AlertKind) -> float:
        """When one of these was first told, in seconds since the onset; infinity if never."""
        onset_s = self.truth.onset_s or 0.0
        return min((at_s - onset_s for kind, at_s in self.raised_s if kind in kinds), default=float("inf"))


def tried(
    course: Scenario, *, for_s: float, bed: int = 0, every_s: float = 1.0, day_s: float = 36_000, average_s: float = 0.0
) -> Trial:
    """Run a course for so long with a reading every `every_s` through the alert engine with default rules."""
    sampling = Sampling(rate_hz=1 / every_s, phase_s=0, day_s=day_s, cuff_phase_s=bed % 60, average_s=average_s)
    bedside = Bedside(physiology=healthy(seed=SEED, bed=bed), scenario=course, sampling=sampling, has_rounds=True)
    engine = PatientAlerts(PatientState(PATIENT), FixedPolicy(AlertRules()), lambda _: Place(WARD))
    trial = Trial(course.truth(every_s))
    for record in _records(course, bedside, trial.truth, every_s=every_s, for_s=for_s):
        now_ms = record.at_ms if isinstance(record, Tick) else record.received_at_ms
        for transition in engine.step(record):
            if transition.transition is TransitionKind.RAISED:
                trial.raised_s.append((transition.kind, (now_ms - START_MS) / 1000))
    return trial


def _records(course: Scenario, bedside: Bedside, truth: Truth, *, every_s: float, for_s: float) -> Iterator[Arriving]:
    known: dict[Sign, tuple[float, float]] = {}
    kept: list[tuple[int, float]] = []
    tick_every = max(1, round(10 / every_s))
    for number in range(round(for_s / every_s)):
        second = number * every_s
        away = course.device.out_of_reach
        kept.append((number, second))
        if away is None or not away.covers(second):
            for measured_number, measured_s in kept:
                signs = bedside.reading(measured_number)
                if signs:
                    yield from _arrived(course, truth, measured_number, measured_s, second, signs, known)
            kept.clear()
        if number % tick_every == 0:
            yield Tick(_ms(second))


def _arrived(
    course: Scenario,
    truth: Truth,
    number: int,
    measured_s: float,
    now_s: float,
    written: Measured,
    known: dict[Sign, tuple[float, float]],
) -> Iterator[Arriving]:
    measured_ms, now_ms = _ms(measured_s + course.device.clock_error_s(measured_s)), _ms(now_s)
    signs = {Sign(name): _number(value) for name, value in written.items()}
    refused = {sign: value for sign, value in signs.items() if not is_possible(sign, value)}
    reading_id = f"d/b/{number}"
    if measured_ms > now_ms + FUTURE_MS_MAX:
        limited = {sign: value for sign, value in signs.items() if sign in WITHIN_LIMITS}
        yield RefusedSigns(reading_id, PATIENT, DEVICE, measured_ms, now_ms, limited, from_future=True)
        return
    if refused:
        yield RefusedSigns(f"{reading_id}/refused", PATIENT, DEVICE, measured_ms, now_ms, refused)
    accepted = {sign: value for sign, value in signs.items() if sign not in refused}
    reading = Reading(reading_id, PATIENT, DEVICE, measured_ms, now_ms, accepted, "b", number, Origin.DEMO)
    yield reading
    known.update({sign: (measured_s, value) for sign, value in accepted.items()})
    fresh = {sign: value for sign, (at_s, value) in known.items() if measured_s - at_s <= FRESH_S}
    scale = max((entry.spo2_scale or 1 for entry in truth.charted if entry.at_s <= measured_s), default=1)
    late = now_s - measured_s > LIVE_AGE_MS_MAX / 1000
    yield Assessment(
        reading_id=reading_id,
        patient_id=PATIENT,
        measured_at_ms=measured_ms,
        received_at_ms=now_ms,
        news2=score(fresh, spo2_scale=scale),
        drivers=(),
        warming_up=True,
        model_version="none",
        late=late,
    )


def _number(value: float | bool | str) -> float:  # noqa: FBT001
    return float(CONSCIOUSNESS_LETTERS.index(value)) if isinstance(value, str) else float(value)


def _ms(second: float) -> int:
    return START_MS + round(second * 1000)
