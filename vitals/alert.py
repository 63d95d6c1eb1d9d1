"""Alerts: episodes, their transitions, and the commands people give about them."""

from enum import StrEnum

import msgspec

from vitals.reading import DeviceId, Origin, PatientId, WardId
from vitals.sign import Sign
from vitals.whole_numbers import EpochMs


class Priority(StrEnum):
    """Urgency from harm and onset, after the table of IEC 60601-1-8 clause 6.1.2."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class AlertKind(StrEnum):
    """What an episode is about; one open episode per patient and kind. Part of the MQTT topic."""

    HEART_RATE_LOW = "heart-rate-low"
    HEART_RATE_HIGH = "heart-rate-high"
    RESPIRATORY_RATE_LOW = "respiratory-rate-low"
    RESPIRATORY_RATE_HIGH = "respiratory-rate-high"
    SPO2_LOW = "spo2-low"
    TEMPERATURE_LOW = "temperature-low"
    TEMPERATURE_HIGH = "temperature-high"
    SYSTOLIC_LOW = "systolic-low"
    SYSTOLIC_HIGH = "systolic-high"
    NEWS2_SINGLE_RED = "news2-single-red"
    NEWS2_URGENT = "news2-urgent"
    NEWS2_EMERGENCY = "news2-emergency"
    CONSCIOUSNESS = "consciousness"
    """A person charted new confusion, or that the patient reacts to voice or pain only, or not at all."""
    UNUSUAL_PATTERN = "unusual-pattern"
    LOST_CONTACT = "lost-contact"
    HEART_RATE_LOST = "heart-rate-lost"
    """The patient is heard, yet no limit can judge this sign: refused as impossible, late, or absent. So the next four."""
    RESPIRATORY_RATE_LOST = "respiratory-rate-lost"
    SPO2_LOST = "spo2-lost"
    TEMPERATURE_LOST = "temperature-lost"
    SYSTOLIC_LOST = "systolic-lost"
    LEDGER_IMBALANCE = "ledger-imbalance"
    """Readings of the patient's devices that cannot be accounted for; technical."""
    DETERIORATION_RISK = "deterioration-risk"
    """The learned risk of deterioration has reached its threshold; it adds to NEWS2 and never lowers it."""
    BASELINE_SHIFT = "baseline-shift"
    """A sign has left what is usual for this patient, and stayed away."""
    IRREGULAR_DATA = "irregular-data"
    """A chattering sensor or a poor signal: there are values, and they cannot be relied on; technical."""
    LOW_BATTERY = "low-battery"
    CLOCK_WRONG = "clock-wrong"
    """A device's clock is so wrong that its readings cannot alarm; technical."""
    PEWS_HIGH = "pews-high"
    """Bedside PEWS of a child has reached its threshold."""
    WORKER_DOWN = "worker-down"
    """A stage of Wardlight itself stands still; this and the next four are about no patient (`vitals.fault`)."""
    BACKLOG_GROWING = "backlog-growing"
    READINGS_REJECTED = "readings-rejected"
    DISK_FULL = "disk-full"
    DELIVERY_FAILED = "delivery-failed"


class TransitionKind(StrEnum):
    """What happened to an episode."""

    RAISED = "raised"
    ESCALATED = "escalated"
    """The priority rose while active; an earlier acknowledgement no longer covers it."""
    REALARMED = "realarmed"
    """To be told anew at the same priority: worse, back while latched, or its acknowledgement ran out."""
    ACKNOWLEDGED = "acknowledged"
    MOVED = "moved"
    """The patient was transferred to another ward, and the open alert with them; nothing else changed."""
    LATCHED = "latched"
    """The condition ended and nobody had seen it: it stays open, not active, until somebody has or its time is up."""
    SUPPRESSED = "suppressed"
    """Still open, recorded and shown, and told to nobody from now on; `suppression` says by whom and why."""
    UNSUPPRESSED = "unsuppressed"
    """What kept it quiet has ended, and it is open still: told anew."""
    RESOLVED = "resolved"
    RETRACTED = "retracted"
    """It was never this patient's: what it was raised by had been measured on somebody else."""
    FOUND = "found"
    """Found afterwards, by a correction: a whole episode in one step, over when it is told."""


class Reason(StrEnum):
    """Why a transition happened; the same word in log line, metric label, SQL row, MQTT payload and screen."""

    LIMIT_BREACHED = "limit_breached"
    LIMIT_BREACHED_DEEPER = "limit_breached_deeper"
    SCORE_REACHED = "score_reached"
    PATTERN_UNUSUAL = "pattern_unusual"
    CONSCIOUSNESS_CHARTED = "consciousness_charted"
    NO_READING = "no_reading"
    BACK_WITHIN_LIMIT = "back_within_limit"
    SCORE_FELL = "score_fell"
    PATTERN_USUAL = "pattern_usual"
    ALERT_AGAIN = "alert_again"
    """A person charted that the patient is alert."""
    CONTACT_REGAINED = "contact_regained"
    READINGS_UNACCOUNTED = "readings_unaccounted"
    """The ledger does not balance, and has not for longer than lags last."""
    ACCOUNT_BALANCED = "account_balanced"
    DEVICE_OFF = "device_off"
    """What the ledger misses stays missed, of a device that this patient wears no more."""
    PERSON = "person"
    """A person acknowledged or resolved it."""
    PATIENT_LEFT = "patient_left"
    SUPERSEDED = "superseded"
    """A higher kind of the same score took over."""
    TRANSFERRED = "transferred"
    WRONG_PATIENT = "wrong_patient"
    """A correction said that the device had been on another patient."""
    CHARTED_IN_ERROR = "charted_in_error"
    """Who charted the entry that raised it took it back."""
    FOUND_BY_CORRECTION = "found_by_correction"
    DEVICES_RELEASED = "devices_released"
    """The patient wears no device any more: silence is no alert."""
    BREACHED_AGAIN = "breached_again"
    """The condition came back while its alert stood latched."""
    ACKNOWLEDGEMENT_EXPIRED = "acknowledgement_expired"
    """It persists past the time for which anyone had taken it in hand."""
    LATCH_RESET = "latch_reset"
    """Somebody has now seen an alert whose condition had ended."""
    LATCH_EXPIRED = "latch_expired"
    SILENCED = "silenced"
    SILENCE_ENDED = "silence_ended"
    INHIBITED = "inhibited"
    """A technical fault makes it meaningless, and pages in its stead."""
    INHIBITION_ENDED = "inhibition_ended"
    ABSORPTION_ENDED = "absorption_ended"
    """The alert that said the same has ended, and this one holds still."""
    ABSORBED = "absorbed"
    """Another open alert of the patient says the same, at the same priority or a higher one."""
    RULES_CHANGED = "rules_changed"
    """By the rules in force now the condition is none."""
    RISK_REACHED = "risk_reached"
    RISK_FELL = "risk_fell"
    BASELINE_LEFT = "baseline_left"
    BASELINE_REGAINED = "baseline_regained"
    SIGNAL_IRREGULAR = "signal_irregular"
    SIGNAL_REGULAR = "signal_regular"
    BATTERY_LOW = "battery_low"
    BATTERY_CHARGED = "battery_charged"
    CLOCK_OFF = "clock_off"
    CLOCK_RIGHT = "clock_right"
    FAULT_FOUND = "fault_found"
    FAULT_GONE = "fault_gone"


class Suppression(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why an open episode is told to nobody, and who answers for that. It stays recorded, counted and on the screen."""

    reason: Reason
    """SILENCED, INHIBITED or ABSORBED."""
    since_ms: EpochMs
    by: str | None = None
    """Who silenced it."""
    silence_id: str | None = None
    until_ms: EpochMs | None = None
    """When the silence ends by itself."""
    kind: AlertKind | None = None
    """The open alert that inhibits or absorbs it."""


class Acknowledgement(msgspec.Struct, frozen=True, omit_defaults=True):
    """One person has taken an episode in hand, for a time; it binds nobody else."""

    person_id: str
    by: str
    at_ms: EpochMs
    until_ms: EpochMs
    """When it runs out: if the condition still holds then and nobody else has it in hand, it is told anew."""
    note: str | None = None


class Transition(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step in an episode's life, on log topic `alerts`, keyed by patient; carries the episode's whole state after it.

    An episode is open while it is active or latched.

    Ids are deterministic: `episode_id` from patient, kind and the log record that opened it; `transition_id` from the
    episode and the log record that caused the step. A replay repeats them, so every sink upserts.
    """

    transition_id: str
    episode_id: str
    patient_id: PatientId
    ward_id: WardId
    kind: AlertKind
    transition: TransitionKind
    reason: Reason
    priority: Priority
    at_ms: EpochMs
    """Event time of this step (measured_at of its cause, tick time, or command time)."""
    onset_ms: EpochMs
    """When the condition began."""
    raised_at_ms: EpochMs
    active: bool
    acknowledged: bool
    text: str
    """One line a nurse reads: value, limit, duration."""
    sign: Sign | None = None
    value: float | None = None
    limit: float | None = None
    by: str | None = None
    """Who, where a person did it."""
    origin: Origin = Origin.REAL
    move: int = 0
    """Number of the patient's last move (`storage.moves`) that the alert has followed; 0 where it followed none."""
    from_ward_id: WardId | None = None
    """Set in MOVED: the ward it left."""
    device_id: DeviceId | None = None
    """Whose reading raised or escalated it; None for silence, which no reading tells."""
    retrospective: bool = False
    """Found afterwards, in readings that a correction gave to their right patient: never open, pages nobody."""
    correction_id: str | None = None
    """The correction that retracted or found it."""
    latched: bool = False
    """Open although the condition has ended, since nobody has seen it."""
    suppression: Suppression | None = None
    """Set while it is told to nobody."""
    acknowledgements: tuple[Acknowledgement, ...] = ()
    """Who has it in hand now, one per person, in the order given."""
    round: int = 0
    """How often it was told anew at its present priority."""
    heard_ms: EpochMs | None = None
    """When the record that caused this step was received: what the way to whoever is told is measured from."""
    rules_version: str | None = None
    """Of the rules by which it was raised or escalated."""

    @property
    def is_open(self) -> bool:
        """Whether it concerns anyone still: active, or latched."""
        return self.active or self.latched


class Command(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a person orders about an episode, on log topic `commands`, keyed by patient; idempotent by `command_id`."""

    command_id: str
    patient_id: PatientId
    episode_id: str
    action: "Action"
    by: str
    at_ms: EpochMs
    note: str | None = None
    ward_id: WardId | None = None
    """Set in PATIENT_MOVED: the ward the patient lies on now."""
    move: int = 0
    """Set in PATIENT_MOVED: the number of the move; greater is later, whatever the clocks say."""
    person_id: str | None = None
    """Who, for the record of people; `by` is their name."""
    until_ms: EpochMs | None = None
    """With ACKNOWLEDGE: for how long the person takes it in hand, where not the time that the rules give."""


class Action(StrEnum):
    """What can be ordered."""

    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"
    """Technical conditions only: what the patient's signs say cannot be ordered away."""
    PATIENT_LEFT = "patient_left"
    """The patient was discharged: ends every episode of the patient; `episode_id` is empty."""
    PATIENT_MOVED = "patient_moved"
    """The patient lies on another ward: open episodes go along; `episode_id` is empty."""
    DEVICES_RELEASED = "devices_released"
    """The patient wears no device any more: silence is no alert until one is assigned; `episode_id` is empty."""
    DEVICE_ASSIGNED = "device_assigned"
    """The patient wears a device again: silence counts from now on; `episode_id` is empty."""


_ENDED, _RETRACTED = 100_000_000, 200_000_000
_PROGRESS: dict[Priority, int] = {Priority.LOW: 0, Priority.MEDIUM: 10_000_000, Priority.HIGH: 20_000_000}
_ROUNDS_MAX, _SEEN_MAX = 99_999, 99

Order = tuple[int, int, int, str]
"""Where a step stands in its episode: progress, move, time, id. Greater is further."""


def progress_of(step: Transition) -> int:
    """How far along its episode a step stands, apart from moves; never falls along a valid episode, whatever the clocks say.

    Retracted is beyond ended, and that beyond everything open; a higher priority is beyond a lower one; at one priority
    each new round is beyond the one before, and each acknowledgement beyond what it answers. The rest keeps what it finds.
    """
    if step.transition is TransitionKind.RETRACTED:
        level = _RETRACTED
    elif not step.is_open:
        level = _ENDED
    else:
        level = 0
    rounds = min(step.round, _ROUNDS_MAX)
    seen = min(max(len(step.acknowledgements), int(step.acknowledged)), _SEEN_MAX)
    return level + _PROGRESS[step.priority] + rounds * 100 + seen


def order_of(step: Transition) -> Order:
    """What decides which step is its episode's state: whoever keeps the greatest holds it, in whatever order steps arrive.

    Along a valid episode (progress, move) never falls, since moves are numbered by the registry; where neither grows
    (latched, suppressed) the engine's own time does, and the id makes the order total.
    """
    return progress_of(step), step.move, step.at_ms, step.transition_id
