"""Alert episodes of one subject as the screen shows them: pure, stepped by transitions, idempotent by their ids."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from vitals.alert import (
    Acknowledgement,
    AlertKind,
    Order,
    Priority,
    Reason,
    Suppression,
    Transition,
    TransitionKind,
    order_of,
)
from vitals.fault import FAULT_KINDS
from vitals.reading import Origin, PatientId, WardId
from vitals.sign import Sign

TECHNICAL_KINDS = frozenset(
    {
        AlertKind.LOST_CONTACT,
        AlertKind.LEDGER_IMBALANCE,
        AlertKind.IRREGULAR_DATA,
        AlertKind.LOW_BATTERY,
        AlertKind.CLOCK_WRONG,
        AlertKind.HEART_RATE_LOST,
        AlertKind.RESPIRATORY_RATE_LOST,
        AlertKind.SPO2_LOST,
        AlertKind.TEMPERATURE_LOST,
        AlertKind.SYSTOLIC_LOST,
        *FAULT_KINDS,
    }
)
"""What a person may end by hand; the engine decides by its own list (`alerts.life`), and a test holds both equal."""
PRIORITY_ORDER: tuple[Priority, ...] = (Priority.HIGH, Priority.MEDIUM, Priority.LOW)


@dataclass(frozen=True, kw_only=True)
class EpisodeNow:
    """One episode; *active*, *acknowledged* and *latched* are kept apart (ISA-18.2), the label is derived from them."""

    episode_id: str
    patient_id: PatientId
    ward_id: WardId
    kind: AlertKind
    priority: Priority
    reason: Reason
    text: str
    onset_ms: int
    raised_at_ms: int
    order: Order
    """Of the furthest step known: what a step must exceed to change anything."""
    active: bool
    acknowledged: bool
    acknowledged_by: str | None = None
    acknowledged_at_ms: int | None = None
    resolved_at_ms: int | None = None
    resolved_by: str | None = None
    sign: Sign | None = None
    value: float | None = None
    limit: float | None = None
    origin: Origin = Origin.REAL
    retracted: bool = False
    """It was never this patient's: a correction took it back."""
    retrospective: bool = False
    """Found afterwards by a correction; it paged nobody."""
    correction_id: str | None = None
    latched: bool = False
    """Open although its condition has ended, since nobody has seen it."""
    suppression: Suppression | None = None
    """Set while it is told to nobody."""
    acknowledgements: tuple[Acknowledgement, ...] = ()
    """Who has it in hand, and until when."""
    round: int = 0
    """How often it was told anew at its present priority."""
    last_transition: TransitionKind = TransitionKind.RAISED
    last_at_ms: int = 0
    rules_version: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it concerns anyone still: active, or latched."""
        return self.active or self.latched

    @property
    def urgency(self) -> tuple[bool, int, int, int]:
        """What comes first on a screen has the least: by priority, and what is told to nobody after all else.

        Of one priority what nobody has in hand comes first, then what is latched, then what somebody has in hand.
        """
        stage = 2 if self.acknowledged else 0 if self.active else 1
        return self.suppression is not None, PRIORITY_ORDER.index(self.priority), stage, -self.raised_at_ms


@dataclass
class EpisodeBook:
    """Open episodes by id, and the last ended ones so that a repeated record cannot reopen them."""

    resolved_kept: int
    open: dict[str, EpisodeNow] = field(default_factory=dict)
    resolved: OrderedDict[str, EpisodeNow] = field(default_factory=OrderedDict)

    def adopt(self, episode: EpisodeNow) -> None:
        """Take an episode over from a snapshot."""
        if episode.is_open:
            self.open[episode.episode_id] = episode
        else:
            self._close(episode)

    def apply(self, transition: Transition) -> bool:
        """Step the episode this transition belongs to; False where the step is known, or behind what is known."""
        before = self.get(transition.episode_id)
        if before is not None and order_of(transition) <= before.order:
            return False
        self.adopt(episode_after(before, transition))
        return True

    def get(self, episode_id: str) -> EpisodeNow | None:
        """The episode, open or lately ended."""
        return self.open.get(episode_id) or self.resolved.get(episode_id)

    def standing(self) -> Sequence[EpisodeNow]:
        """Open episodes, the most urgent first (`EpisodeNow.urgency`); equal ones by id, in whatever order they came."""
        return sorted(self.open.values(), key=lambda episode: (episode.urgency, episode.episode_id))

    def ended_since(self, at_ms: int) -> Sequence[EpisodeNow]:
        """Episodes that ended at or after `at_ms`, newest first."""
        ended = [episode for episode in self.resolved.values() if (episode.resolved_at_ms or 0) >= at_ms]
        return sorted(ended, key=lambda episode: (-(episode.resolved_at_ms or 0), episode.episode_id))

    def _close(self, episode: EpisodeNow) -> None:
        self.open.pop(episode.episode_id, None)
        self.resolved[episode.episode_id] = episode
        if len(self.resolved) > self.resolved_kept:
            self.resolved.popitem(last=False)


def episode_after(before: EpisodeNow | None, transition: Transition) -> EpisodeNow:
    """The episode after `transition`, which carries its whole state except who acknowledged it before that ran out."""
    after = EpisodeNow(
        episode_id=transition.episode_id,
        patient_id=transition.patient_id,
        ward_id=transition.ward_id,
        kind=transition.kind,
        priority=transition.priority,
        reason=transition.reason,
        text=transition.text,
        onset_ms=transition.onset_ms,
        raised_at_ms=transition.raised_at_ms,
        order=order_of(transition),
        active=transition.active,
        acknowledged=transition.acknowledged,
        sign=transition.sign,
        value=transition.value,
        limit=transition.limit,
        origin=transition.origin,
        retracted=transition.transition is TransitionKind.RETRACTED,
        retrospective=transition.retrospective,
        correction_id=transition.correction_id,
        latched=transition.latched,
        suppression=transition.suppression,
        acknowledgements=transition.acknowledgements,
        round=transition.round,
        last_transition=transition.transition,
        last_at_ms=transition.at_ms,
        rules_version=transition.rules_version,
    )
    if transition.acknowledgements:
        last = max(transition.acknowledgements, key=lambda one: one.at_ms)
        after = replace(after, acknowledged_by=last.by, acknowledged_at_ms=last.at_ms)
    elif transition.transition is TransitionKind.ACKNOWLEDGED:
        after = replace(after, acknowledged_by=transition.by, acknowledged_at_ms=transition.at_ms)
    elif before is not None and transition.acknowledged:
        after = replace(after, acknowledged_by=before.acknowledged_by, acknowledged_at_ms=before.acknowledged_at_ms)
    if not transition.is_open:
        after = replace(after, resolved_at_ms=transition.at_ms, resolved_by=transition.by)
    return after
