"""The ward as the screen shows it: a pure read model, stepped by records of the log.

Idempotent: a record applied twice, or applied after a snapshot that already held it, changes nothing. Latest values go
by measurement time, so a late reading fills the trend and never moves a tile back.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from dashboard.charted_now import ChartedBook
from dashboard.episodes import EpisodeBook, EpisodeNow
from dashboard.taking_back import take_back
from dashboard.ward_limits import WardLimits
from vitals.alert import Transition
from vitals.assessment import Assessment
from vitals.fault import is_system
from vitals.reading import Charted, DeviceId, Origin, PatientId, Reading, WardId, Withdrawn
from vitals.sign import Sign
from vitals.validity import charted_for_ms

TREND_SIGNS: tuple[Sign, ...] = (Sign.HEART_RATE, Sign.RESPIRATORY_RATE, Sign.SPO2)
"""Signs drawn as a line on a tile."""
INTERVALS_KEPT = 5
"""A median of five outlives two gaps."""


@dataclass(frozen=True, kw_only=True)
class Bed:
    """Who lies where."""

    patient_id: PatientId
    ward_id: WardId
    bed: str
    name: str
    spo2_scale: int = 1
    device_ids: tuple[DeviceId, ...] = ()
    """Worn now, by the register."""


@dataclass(kw_only=True)
class SignNow:
    """The newest value of one sign and how often it comes."""

    sign: Sign
    value: float
    measured_at_ms: int
    seen_at_ms: int
    """When it was true on this server's clock: what its age is counted from."""
    reading_id: str
    """Of the reading, or of the entry, that says it."""
    intervals_ms: deque[int] = field(default_factory=lambda: deque(maxlen=INTERVALS_KEPT))
    charted: Charted | None = None
    """Where a person said it."""

    def stale_after_ms(self, limits: WardLimits) -> int:
        """The age from which this value must not be shown as current; of a charted one, what it was said to hold for."""
        if self.charted is not None:
            return charted_for_ms(self.sign, self.charted.valid_for_s)
        return limits.stale_after(self.intervals_ms, self.sign)


@dataclass(frozen=True)
class Sample:
    """One point of a sign's trend."""

    measured_at_ms: int
    reading_id: str
    value: float


@dataclass(kw_only=True)
class PatientNow:
    """Everything the screen shows of one patient."""

    patient_id: PatientId
    bed: Bed | None = None
    """None until the register names the patient."""
    signs: dict[Sign, SignNow] = field(default_factory=dict)
    trend: dict[Sign, dict[int, Sample]] = field(default_factory=dict)
    """Per sign and bucket start (measurement time) the newest value in it."""
    newest: Reading | None = None
    """The newest of a device."""
    seen_at_ms: int | None = None
    intervals_ms: deque[int] = field(default_factory=lambda: deque(maxlen=INTERVALS_KEPT))
    assessment: Assessment | None = None
    episodes: EpisodeBook
    charted: ChartedBook = field(default_factory=ChartedBook)
    recent_ids: OrderedDict[str, None] = field(default_factory=OrderedDict)

    @property
    def origin(self) -> Origin:
        """Of the newest reading."""
        return Origin.REAL if self.newest is None else self.newest.origin

    @property
    def device_id(self) -> DeviceId | None:
        """That sent the newest reading."""
        return None if self.newest is None else self.newest.device_id

    def stale_after_ms(self, limits: WardLimits) -> int:
        """The age from which the whole patient counts as without data."""
        return limits.stale_after(self.intervals_ms)


@dataclass(frozen=True, kw_only=True)
class Seed:
    """What a snapshot knows of one patient."""

    bed: Bed
    newest: Reading | None = None
    signs: Mapping[Sign, SignNow] = field(default_factory=dict)
    trend: Mapping[Sign, Mapping[int, Sample]] = field(default_factory=dict)
    assessment: Assessment | None = None
    episodes: Iterable[EpisodeNow] = ()
    charted: Iterable[Reading] = ()
    withdrawn: Iterable[Withdrawn] = ()


@dataclass(kw_only=True)
class Change:
    """What happened to one patient since the last `take_changes`."""

    trend_from_ms: int | None = None
    """Earliest trend bucket touched."""
    samples: list[Reading] = field(default_factory=list)
    samples_dropped: bool = False
    """More came than `samples_max`."""
    assessment: Assessment | None = None
    alerts_changed: bool = False
    charting_changed: bool = False


class Ward:
    """All patients of the house, and what changed since someone last asked."""

    def __init__(self, limits: WardLimits) -> None:
        self.limits = limits
        self.patients: dict[PatientId, PatientNow] = {}
        self.left_out = 0
        """Records of patients beyond `patients_max`."""
        self.system = EpisodeBook(resolved_kept=limits.resolved_kept)
        """Alerts about Wardlight itself, whatever part of it."""
        self._system_changed = False
        self._changes: dict[PatientId, Change] = {}

    @property
    def unknown(self) -> frozenset[PatientId]:
        """Patients of whom records came and whom the register has not named yet."""
        return frozenset(patient_id for patient_id, patient in self.patients.items() if patient.bed is None)

    def adopt(self, seed: Seed) -> None:
        """Begin a patient with what a snapshot knows."""
        patient = self._patient(seed.bed.patient_id)
        if patient is None:
            return
        patient.bed = seed.bed
        patient.newest = seed.newest
        patient.seen_at_ms = None if seed.newest is None else seen_at_ms(seed.newest)
        patient.signs = dict(seed.signs)
        patient.trend = {sign: dict(buckets) for sign, buckets in seed.trend.items()}
        patient.assessment = seed.assessment
        for episode in seed.episodes:
            patient.episodes.adopt(episode)
        for order in seed.withdrawn:
            patient.charted.withdraw(order)
        for entry in seed.charted:
            self._apply_charted(patient, entry)

    def forget(self, patient_ids: Iterable[PatientId]) -> None:
        """Drop those of these patients whom the register still does not name: they have left."""
        for patient_id in self.unknown.intersection(patient_ids):
            del self.patients[patient_id]
            self._changes.pop(patient_id, None)

    def place(self, beds: Iterable[Bed]) -> frozenset[PatientId]:
        """Take over the register as it is now; the patients it no longer names, who leave the model."""
        listed = {bed.patient_id: bed for bed in beds}
        departed = frozenset(
            patient_id for patient_id, patient in self.patients.items() if patient.bed and patient_id not in listed
        )
        for patient_id in departed:
            del self.patients[patient_id]
            self._changes.pop(patient_id, None)
        for patient_id, bed in listed.items():
            patient = self._patient(patient_id)
            if patient is not None and patient.bed != bed:
                patient.bed = bed
                self._change(patient_id).trend_from_ms = 0
        return departed

    def apply_reading(self, reading: Reading) -> bool:
        """Take one reading in; False where it is already there."""
        patient = self._patient(reading.patient_id)
        if patient is not None and reading.charted is not None:
            changed = self._apply_charted(patient, reading)
            if changed:
                self._change(reading.patient_id).charting_changed = True
            return changed
        if patient is None or reading.reading_id in patient.recent_ids:
            return False
        patient.recent_ids[reading.reading_id] = None
        if len(patient.recent_ids) > self.limits.recent_readings_max:
            patient.recent_ids.popitem(last=False)
        change = self._change(reading.patient_id)
        self._apply_newest(patient, reading)
        for sign, value in reading.signs.items():
            self._apply_sign(patient, reading, sign, value)
        self._apply_trend(patient, reading, change)
        if len(change.samples) < self.limits.samples_max:
            change.samples.append(reading)
        else:
            change.samples_dropped = True
        return True

    def apply_withdrawn(self, withdrawn: Withdrawn) -> bool:
        """Forget what was taken back; False where that is done already."""
        patient = self._patient(withdrawn.patient_id)
        if patient is not None and withdrawn.reading_id is None:
            take_back(patient, withdrawn)
            change = self._change(withdrawn.patient_id)
            change.trend_from_ms, change.samples_dropped = 0, True
            return True
        if patient is None or not patient.charted.withdraw(withdrawn):
            return False
        self._change(withdrawn.patient_id).charting_changed = True
        for sign, shown in list(patient.signs.items()):
            if shown.reading_id == withdrawn.reading_id:
                del patient.signs[sign]
                before = patient.charted.last(sign)
                if before is not None:
                    self._show_charted(patient, before, sign)
        return True

    def apply_assessment(self, assessment: Assessment) -> bool:
        """Take one assessment in, unless it is late or older than the one shown."""
        patient = self._patient(assessment.patient_id)
        if patient is None or assessment.late:
            return False
        shown = patient.assessment
        if shown is not None and _standing(assessment) <= _standing(shown):
            return False
        patient.assessment = assessment
        self._change(assessment.patient_id).assessment = assessment
        return True

    def apply_transition(self, transition: Transition) -> bool:
        """Step the subject's episodes; False where this step is already known."""
        if is_system(transition.patient_id):
            changed = self.system.apply(transition)
            self._system_changed |= changed
            return changed
        patient = self._patient(transition.patient_id)
        if patient is None or not patient.episodes.apply(transition):
            return False
        self._change(transition.patient_id).alerts_changed = True
        return True

    def take_changes(self, *, of_alerts: bool = False) -> Mapping[PatientId, Change]:
        """What changed since it was taken, or only patients whose alerts did; patients without a bed are left for later."""
        ready = {
            patient_id: change
            for patient_id, change in self._changes.items()
            if self.patients[patient_id].bed is not None and (change.alerts_changed or not of_alerts)
        }
        for patient_id in ready:
            del self._changes[patient_id]
        return ready

    def take_system_change(self) -> bool:
        """Whether alerts about Wardlight itself changed since the last call."""
        changed, self._system_changed = self._system_changed, False
        return changed

    def episode(self, episode_id: str) -> EpisodeNow | None:
        """An alert that is open or lately ended, whoever it is about."""
        books = (self.system, *(patient.episodes for patient in self.patients.values()))
        return next((found for book in books if (found := book.get(episode_id)) is not None), None)

    def listed(self) -> Iterable[PatientNow]:
        """Patients that the register names."""
        return (patient for patient in self.patients.values() if patient.bed is not None)

    def _patient(self, patient_id: PatientId) -> PatientNow | None:
        patient = self.patients.get(patient_id)
        if patient is None:
            if len(self.patients) >= self.limits.patients_max:
                self.left_out += 1
                return None
            patient = PatientNow(patient_id=patient_id, episodes=EpisodeBook(resolved_kept=self.limits.resolved_kept))
            self.patients[patient_id] = patient
        return patient

    def _change(self, patient_id: PatientId) -> Change:
        return self._changes.setdefault(patient_id, Change())

    def _apply_newest(self, patient: PatientNow, reading: Reading) -> None:
        newest = patient.newest
        if newest is None or _order(reading) > _order(newest):
            if newest is not None and reading.measured_at_ms > newest.measured_at_ms:
                patient.intervals_ms.append(reading.measured_at_ms - newest.measured_at_ms)
            patient.newest = reading
            patient.seen_at_ms = seen_at_ms(reading)

    def _apply_sign(self, patient: PatientNow, reading: Reading, sign: Sign, value: float) -> None:
        shown = patient.signs.get(sign)
        if shown is None:
            patient.signs[sign] = SignNow(
                sign=sign,
                value=value,
                measured_at_ms=reading.measured_at_ms,
                seen_at_ms=seen_at_ms(reading),
                reading_id=reading.reading_id,
            )
        elif _is_newer(reading, shown):
            interval_ms = reading.measured_at_ms - shown.measured_at_ms
            if shown.charted is None and interval_ms > 0:
                shown.intervals_ms.append(interval_ms)
            shown.charted = None
            shown.reading_id = reading.reading_id
            shown.value = value
            shown.measured_at_ms = reading.measured_at_ms
            shown.seen_at_ms = seen_at_ms(reading)

    def _apply_charted(self, patient: PatientNow, reading: Reading) -> bool:
        """A person is no device: an entry is neither contact nor part of the trend."""
        if not patient.charted.add(reading):
            return False
        for sign in reading.signs:
            last = patient.charted.last(sign)
            if last is not None:
                self._show_charted(patient, last, sign)
        return True

    def _show_charted(self, patient: PatientNow, reading: Reading, sign: Sign) -> None:
        shown = patient.signs.get(sign)
        if shown is not None and shown.measured_at_ms > reading.measured_at_ms:
            return
        patient.signs[sign] = SignNow(
            sign=sign,
            value=reading.signs[sign],
            measured_at_ms=reading.measured_at_ms,
            seen_at_ms=seen_at_ms(reading),
            reading_id=reading.reading_id,
            charted=reading.charted,
        )
        if shown is not None:
            patient.signs[sign].intervals_ms = shown.intervals_ms

    def _apply_trend(self, patient: PatientNow, reading: Reading, change: Change) -> None:
        newest_ms = reading.measured_at_ms if patient.newest is None else patient.newest.measured_at_ms
        oldest_ms = newest_ms - self.limits.trend_window_ms
        if reading.measured_at_ms < oldest_ms:
            return
        order = _order(reading)
        start_ms = reading.measured_at_ms // self.limits.trend_bucket_ms * self.limits.trend_bucket_ms
        for sign in TREND_SIGNS:
            value = reading.signs.get(sign)
            if value is None:
                continue
            buckets = patient.trend.setdefault(sign, {})
            held = buckets.get(start_ms)
            if held is not None and (held.measured_at_ms, held.reading_id) >= order:
                continue
            buckets[start_ms] = Sample(*order, value)
            if held is None:
                for old in [bucket for bucket in buckets if bucket < oldest_ms - self.limits.trend_bucket_ms]:
                    del buckets[old]
            if change.trend_from_ms is None or start_ms < change.trend_from_ms:
                change.trend_from_ms = start_ms


def seen_at_ms(record: Reading | Assessment) -> int:
    """When this was true on our clock: a recording's own time is not ours, and a device's clock may run ahead.

    What people moved NEWS2 by stands from the moment they said it.
    """
    if record.origin is Origin.REPLAY or (isinstance(record, Assessment) and record.as_of_ms is not None):
        return record.received_at_ms
    return min(record.measured_at_ms, record.received_at_ms)


def _standing(assessment: Assessment) -> tuple[int, int, str]:
    return assessment.stands_at_ms, assessment.received_at_ms, assessment.reading_id


def _order(reading: Reading) -> tuple[int, str]:
    return reading.measured_at_ms, reading.reading_id


def _is_newer(reading: Reading, shown: SignNow) -> bool:
    """Of two devices in the same millisecond the greater id, as SQL has it; what a person said of that moment stands."""
    if shown.charted is not None:
        return reading.measured_at_ms > shown.measured_at_ms
    return _order(reading) > (shown.measured_at_ms, shown.reading_id)
