"""One bed through the engine that runs live, with what the scorer says of it, beside the same without one of its means. Pure.

A simulated nurse takes in hand what is told, so that latched alerts are let go and acknowledgements run out as on a ward;
and washes the patient once a day, with the lesser alerts silenced meanwhile (simulated beds only).
"""

import heapq
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from alerts.partition import PartitionAlerts
from alerts.place import Place
from alerts.policy import FixedPolicy
from alerts.rules import AlertRules
from evaluation.alarm_load_beds import START_MS, Bed, SimulatedBed, arrivals, patient_of
from evaluation.alarm_load_thresholds import Activation, PlainThresholds
from stream.charted import assess_charted
from stream.pipeline import PatientPipeline, PipelineParameters
from stream.scoring import PatientState, assess
from vitals.alert import Action, AlertKind, Command, Priority, Reason, Suppression, Transition, TransitionKind
from vitals.assessment import Assessment
from vitals.reading import PatientId, Reading, RefusedSigns, Tick, WardId

NURSE = "Simulated nurse"
WARD = WardId("ward")
TELLING = frozenset(
    {TransitionKind.RAISED, TransitionKind.ESCALATED, TransitionKind.REALARMED, TransitionKind.UNSUPPRESSED}
)
"""What is told to people, where nothing suppresses it."""
ACKNOWLEDGED_AFTER_S: Mapping[Priority, float] = MappingProxyType(
    {Priority.HIGH: 60.0, Priority.MEDIUM: 180.0, Priority.LOW: 900.0}
)
"""How soon the nurse has taken an alert in hand; our choice: the ladder's second and third step, and a round for the rest."""
WASH_FROM_S, WASH_S, WASHED_IN_TURN = 6 * 3600.0, 1800.0, 12
"""Each day from 06:00 to 12:00 patients are washed and turned, one after another, half an hour each, and alerts below high are
silenced meanwhile; our choice."""
DAY_S = 86_400.0

FULL, NO_DELAY, NO_HYSTERESIS = "full", "delay", "hysteresis"
"""The rules as they are, without any delay before an alert, and without any time or margin before its end."""
_DELAYS, _ENDINGS = ("delay_s",), ("clear_s", "clear_margin", "clear_margins")


class Signal(msgspec.Struct, frozen=True):
    """An alert told to people."""

    at_ms: int
    kind: AlertKind
    priority: Priority
    step: TransitionKind
    episode_id: str


class Held(msgspec.Struct, frozen=True):
    """An episode that people were told of, and when its condition ended."""

    episode_id: str
    ended_ms: int | None
    """None where it still held at the end."""


class BedLoad(msgspec.Struct, kw_only=True):
    """Everything that one bed's replay tells."""

    name: str
    source: str
    hours: float
    scenario: str | None = None
    signals: list[Signal]
    held: list[Held]
    suppressed: dict[str, int]
    """What would have been told and was not, by reason."""
    without: dict[str, int]
    """How much would have been told without delays, or without hysteresis."""
    plain: list[Activation]
    plain_held_heart_rate: int


class WashingPolicy(FixedPolicy):
    """The same rules for everybody, and the silence while a patient is washed."""

    def __init__(self, rules: AlertRules, *, bed: int | None) -> None:
        """`bed` says whose turn it is when; None: nobody washes."""
        super().__init__(rules)
        self._from_s = None if bed is None else WASH_FROM_S + bed % WASHED_IN_TURN * WASH_S

    def silence(
        self,
        patient_id: PatientId,  # noqa: ARG002 - the same for all
        ward_id: WardId,  # noqa: ARG002
        kind: AlertKind,  # noqa: ARG002
        priority: Priority,
        at_ms: int,
    ) -> Suppression | None:
        """See `Policy`."""
        day, second = divmod((at_ms - START_MS) / 1000, DAY_S)
        if self._from_s is None or priority is Priority.HIGH or not self._from_s <= second < self._from_s + WASH_S:
            return None
        begins_ms = START_MS + round((day * DAY_S + self._from_s) * 1000)
        return Suppression(Reason.SILENCED, begins_ms, NURSE, f"wash-{day:g}", begins_ms + round(WASH_S * 1000))


def replay(bed: Bed, rules: AlertRules | None = None, *, told: Callable[[float], None] | None = None) -> BedLoad:
    """Send all that arrives from a bed through the engine and its variants; `told` hears the share done now and then."""
    whole = AlertRules() if rules is None else rules
    variants = {
        FULL: _Engine(whole, bed),
        NO_DELAY: _Engine(without(whole, _DELAYS), bed),
        NO_HYSTERESIS: _Engine(without(whole, _ENDINGS), bed),
    }
    plain, scorer = PlainThresholds(), _Scorer(patient_of(bed))
    for count, record in enumerate(arrivals(bed)):
        at_ms = record.at_ms if isinstance(record, Tick) else record.received_at_ms
        assessment = None
        if isinstance(record, Reading):
            plain.step(record)
            assessment = scorer.assess(record)
        for engine in variants.values():
            engine.step(record, at_ms)
            if assessment is not None:
                engine.step(assessment, at_ms)
        if told is not None and count % 4096 == 0:
            told((at_ms - START_MS) / 3_600_000 / max(bed.hours, 1e-9))
    full = variants[FULL]
    return BedLoad(
        name=bed.name,
        source=bed.source,
        hours=bed.hours,
        scenario=bed.course().name if isinstance(bed, SimulatedBed) else None,
        signals=full.signals,
        held=list(full.held()),
        suppressed=full.suppressed,
        without={name: len(variants[name].signals) for name in (NO_DELAY, NO_HYSTERESIS)},
        plain=plain.activations,
        plain_held_heart_rate=plain.held_heart_rate,
    )


def without(rules: Any, names: tuple[str, ...]) -> Any:  # noqa: ANN401 - any record of the rules
    """The same rules with every number of such a name at 0, however deep it lies.

    >>> without(AlertRules(clear_s=60), ("clear_s",)).clear_s
    0.0
    """
    if isinstance(rules, msgspec.Struct):
        changed = {
            field: _nothing(value) if field.endswith(names) else without(value, names)
            for field, value in msgspec.structs.asdict(rules).items()
        }
        return msgspec.structs.replace(rules, **changed)
    if isinstance(rules, tuple) and not hasattr(rules, "_fields"):
        return tuple(without(each, names) for each in rules)
    return rules


def _nothing(value: Any) -> Any:  # noqa: ANN401 - a number, or numbers by name
    if isinstance(value, Mapping):
        return dict.fromkeys(value, 0.0)
    return 0.0 if isinstance(value, int | float) else value


class _Scorer:
    """What the scorer says of each reading."""

    def __init__(self, patient_id: PatientId) -> None:
        self._state = PatientState(patient_id, PatientPipeline(PipelineParameters()))

    def assess(self, reading: Reading) -> Assessment | None:
        if reading.charted is not None:
            return assess_charted(self._state, reading)
        return assess(self._state, reading)


class _Engine:
    """The engine with its nurse, and what it told."""

    def __init__(self, rules: AlertRules, bed: Bed, *, washes: bool = True) -> None:
        policy = WashingPolicy(rules, bed=bed.bed if washes and isinstance(bed, SimulatedBed) else None)
        self._partition = PartitionAlerts(policy, lambda _: Place(WARD), patients_max=2)
        self._patient_id = patient_of(bed)
        self._orders: list[tuple[int, str, str]] = []
        """When the nurse acknowledges what, the next first."""
        self._episodes: dict[str, int | None] = {}
        """Those that people heard of, and when their condition ended."""
        self.signals: list[Signal] = []
        self.suppressed: dict[str, int] = {}

    def step(self, record: Reading | RefusedSigns | Assessment | Tick, at_ms: int) -> None:
        while self._orders and self._orders[0][0] <= at_ms:
            self._take(self._partition.step(self._acknowledgement(*heapq.heappop(self._orders))))
        if isinstance(record, Tick):
            self._take(self._partition.tick(record))
        else:
            self._take(self._partition.step(record))

    def held(self) -> Iterator[Held]:
        """Every episode told of, in the order of telling."""
        return (Held(episode_id, ended_ms) for episode_id, ended_ms in self._episodes.items())

    def _take(self, transitions: tuple[Transition, ...]) -> None:
        for step in transitions:
            if step.transition in TELLING and not step.retrospective:
                self._tell(step)
            if step.episode_id in self._episodes:
                self._episodes[step.episode_id] = None if step.active else self._episodes[step.episode_id] or step.at_ms

    def _tell(self, step: Transition) -> None:
        if step.suppression is not None:
            reason = step.suppression.reason.value
            self.suppressed[reason] = self.suppressed.get(reason, 0) + 1
            return
        self.signals.append(Signal(step.at_ms, step.kind, step.priority, step.transition, step.episode_id))
        self._episodes.setdefault(step.episode_id, None)
        seen_ms = step.at_ms + round(ACKNOWLEDGED_AFTER_S[step.priority] * 1000)
        heapq.heappush(self._orders, (seen_ms, step.transition_id, step.episode_id))

    def _acknowledgement(self, at_ms: int, transition_id: str, episode_id: str) -> Command:
        return Command(
            f"seen/{transition_id}",
            self._patient_id,
            episode_id,
            Action.ACKNOWLEDGE,
            NURSE,
            at_ms,
            person_id="simulated-nurse",
        )
