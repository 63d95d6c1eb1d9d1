"""What arrives from one bed, in the order of arrival: a simulated course with its truth, or a recorded patient.

Ingest's own gates hold (times from the future, impossible values), devices out of reach deliver late, and the ward's nurse
charts, so that the engine hears what it hears live. Pure: the same bed always says the same.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from simulators.bedside import CUFF_EVERY_S, Bedside, Measured, Sampling
from simulators.nurse import NAME, PERSON_ID, Nurse, observed
from simulators.physiology import healthy
from simulators.scenarios import Scenario, ward_mix
from simulators.truth import Truth
from vitals.charting import chart
from vitals.identity import sequenced_reading_id
from vitals.lateness import LIVE_AGE_MS_MAX
from vitals.limits import WITHIN_LIMITS
from vitals.reading import DeviceId, Origin, PatientId, Reading, RefusedSigns, Tick
from vitals.sign import Sign, is_possible

START_MS = 1_700_006_400_000
"""Second 0 of every bed: a midnight."""
FUTURE_MS_MAX = 120_000
"""What ingest takes, by default."""
TICK_S = 10.0
"""Time as records; live it is a second, which decides nothing else."""
SIMULATED = "simulated"

Arriving = Reading | RefusedSigns | Tick
Moment = tuple[float, dict[Sign, float]]


class SimulatedBed(NamedTuple):
    """One bed of a simulated ward at life's own pace."""

    beds: int
    bed: int
    seed: int
    hours: float
    every_s: float
    onsets_within: float = 0.4
    """Share of the time within which courses begin, so that what they bring is seen."""

    @property
    def name(self) -> str:
        """Which bed, for people."""
        return f"{SIMULATED}-{self.bed + 1}"

    @property
    def source(self) -> str:
        """The set it belongs to."""
        return SIMULATED

    def course(self) -> Scenario:
        """What happens in this bed."""
        within_s = self.hours * 3600 * self.onsets_within
        return ward_mix(self.beds, seed=self.seed, onsets_within_s=within_s)[self.bed]

    def truth(self) -> Truth:
        """What is true of it."""
        return self.course().truth(self.every_s)


class RecordedBed(NamedTuple):
    """One recorded patient."""

    source: str
    record: str
    moments: Sequence[Moment]
    """Seconds since the start of the record, in order, and what was measured."""

    @property
    def name(self) -> str:
        """Which record, for people."""
        return f"{self.source}-{self.record}"

    @property
    def hours(self) -> float:
        """From the first moment to the last."""
        return (self.moments[-1][0] - self.moments[0][0]) / 3600 if self.moments else 0.0


Bed = SimulatedBed | RecordedBed


def patient_of(bed: Bed) -> PatientId:
    """The patient in this bed."""
    return PatientId(f"patient-{bed.name}")


def arrivals(bed: Bed) -> Iterator[Arriving]:
    """All that arrives, with ticks in between, in the order of arrival."""
    records = _recorded(bed) if isinstance(bed, RecordedBed) else _simulated(bed)
    tick_ms = START_MS
    for record in records:
        while tick_ms <= record.received_at_ms:
            yield Tick(tick_ms)
            tick_ms += round(TICK_S * 1000)
        yield record
    end_ms = START_MS + round(bed.hours * 3_600_000)
    while tick_ms <= end_ms and isinstance(bed, SimulatedBed):
        yield Tick(tick_ms)
        tick_ms += round(TICK_S * 1000)


def _recorded(bed: RecordedBed) -> Iterator[Reading | RefusedSigns]:
    wire = _Wire(patient_of(bed), Origin.REPLAY)
    device, first_s = DeviceId(bed.name), bed.moments[0][0] if bed.moments else 0.0
    for number, (second, signs) in enumerate(bed.moments):
        at_ms = _ms(second - first_s)
        yield from wire.taken_in(device, "replay", number, measured_ms=at_ms, now_ms=at_ms, signs=signs)


def _simulated(bed: SimulatedBed) -> Iterator[Reading | RefusedSigns]:
    course, every_s = bed.course(), bed.every_s
    sampling = Sampling(rate_hz=1 / every_s, phase_s=0, day_s=0, cuff_phase_s=CUFF_EVERY_S * bed.bed / bed.beds)
    person = healthy(seed=bed.seed, bed=bed.bed)
    bedside = Bedside(physiology=person, scenario=course, sampling=sampling, has_rounds=False)
    nurse = Nurse(course.truth(every_s), phase_s=60.0 * bed.bed)
    wire, worn = _Wire(patient_of(bed), Origin.DEMO), _Worn(bed, course)
    kept: list[int] = []
    for number in range(round(bed.hours * 3600 / every_s)):
        now_s = number * every_s
        yield from _charted(nurse, patient_of(bed), now_s)
        kept.append(number)
        away = course.device.out_of_reach
        if away is not None and away.covers(now_s):
            continue
        for each in kept:
            signs = bedside.reading(each)
            if signs:
                device, boot, measured_ms = worn.at(each * every_s)
                yield from wire.taken_in(
                    device, boot, each, measured_ms=measured_ms, now_ms=_ms(now_s), signs=_by_sign(signs)
                )
        kept.clear()


def _charted(nurse: Nurse, patient_id: PatientId, now_s: float) -> Iterator[Reading]:
    for entry in nurse.due(until_s=now_s):
        yield chart(
            observed(entry, started_at_ms=START_MS),
            patient_id=patient_id,
            person_id=PERSON_ID,
            by=NAME,
            now_ms=_ms(now_s),
            age_ms_max=LIVE_AGE_MS_MAX,
        )


class _Worn:
    """Which device, in which boot, by which clock."""

    def __init__(self, bed: SimulatedBed, course: Scenario) -> None:
        self._name = bed.name
        self._course = course.device

    def at(self, second: float) -> tuple[DeviceId, str, int]:
        course = self._course
        swapped = course.swapped_s is not None and second >= course.swapped_s
        again = course.unpowered is not None and second >= course.unpowered.until_s
        error_s = course.clock_error_s(second)
        return DeviceId(f"{self._name}-spare" if swapped else self._name), "b2" if again else "b", _ms(second + error_s)


class _Wire:
    """What ingest makes of a device's message."""

    def __init__(self, patient_id: PatientId, origin: Origin) -> None:
        self._patient_id = patient_id
        self._origin = origin

    def taken_in(
        self,
        device: DeviceId,
        boot: str,
        number: int,
        *,
        measured_ms: int,
        now_ms: int,
        signs: dict[Sign, float],
    ) -> Iterator[Reading | RefusedSigns]:
        """The reading, and what of it was refused; nothing of a time from the future, and of nothing."""
        if measured_ms > now_ms + FUTURE_MS_MAX:
            return
        reading_id = sequenced_reading_id(device, boot, number)
        refused = {
            sign: value for sign, value in signs.items() if sign in WITHIN_LIMITS and not is_possible(sign, value)
        }
        if refused:
            yield RefusedSigns(reading_id, self._patient_id, device, measured_ms, now_ms, refused, self._origin)
        accepted = {sign: value for sign, value in signs.items() if is_possible(sign, value)}
        if accepted:
            yield Reading(
                reading_id, self._patient_id, device, measured_ms, now_ms, accepted, boot, number, self._origin
            )


def _by_sign(measured: Measured) -> dict[Sign, float]:
    return {Sign(name): float(value) for name, value in measured.items() if not isinstance(value, str)}


def _ms(second: float) -> int:
    return START_MS + round(second * 1000)
