"""One patient's alert episodes as the screen shows them: pure, stepped by transitions, idempotent by their ids."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from vitals.alert import AlertKind, Order, Priority, Reason, Transition, TransitionKind, order_of
from vitals.reading import Origin, PatientId, WardId
from vitals.sign import Sign

PRIORITY_ORDER: tuple[Priority, ...] = (Priority.HIGH, Priority.MEDIUM, Priority.LOW)


@dataclass(frozen=True, kw_only=True)
class EpisodeNow:
    """One episode; *active* and *acknowledged* are kept apart (ISA-18.2), the label is derived from them."""

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


@dataclass
class EpisodeBook:
    """Open episodes by id, and the last ended ones so that a repeated record cannot reopen them."""

    resolved_kept: int
    open: dict[str, EpisodeNow] = field(default_factory=dict)
    resolved: OrderedDict[str, EpisodeNow] = field(default_factory=OrderedDict)

    def adopt(self, episode: EpisodeNow) -> None:
        """Take an episode over from a snapshot."""
        if episode.active:
            self.open[episode.episode_id] = episode
        else:
            self._close(episode)

    def apply(self, transition: Transition) -> bool:
        """Step the episode this transition belongs to; False where the step is known, or behind what is known."""
        before = self.get(transition.episode_id)
        if before is not None and order_of(transition) <= before.order:
            return False
        self.adopt(_stepped(before, transition))
        return True

    def get(self, episode_id: str) -> EpisodeNow | None:
        """The episode, open or lately ended."""
        return self.open.get(episode_id) or self.resolved.get(episode_id)

    def active(self) -> Sequence[EpisodeNow]:
        """Open episodes, the most urgent first; among equals unacknowledged before acknowledged, then newest first."""
        return sorted(
            self.open.values(),
            key=lambda episode: (PRIORITY_ORDER.index(episode.priority), episode.acknowledged, -episode.raised_at_ms),
        )

    def ended_since(self, at_ms: int) -> Sequence[EpisodeNow]:
        """Episodes that ended at or after `at_ms`, newest first."""
        ended = [episode for episode in self.resolved.values() if (episode.resolved_at_ms or 0) >= at_ms]
        return sorted(ended, key=lambda episode: -(episode.resolved_at_ms or 0))

    def _close(self, episode: EpisodeNow) -> None:
        self.open.pop(episode.episode_id, None)
        self.resolved[episode.episode_id] = episode
        if len(self.resolved) > self.resolved_kept:
            self.resolved.popitem(last=False)


def _stepped(before: EpisodeNow | None, transition: Transition) -> EpisodeNow:
    """The episode after `transition`, which carries its whole state except who acknowledged it earlier."""
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
    )
    if transition.transition is TransitionKind.ACKNOWLEDGED:
        after = replace(after, acknowledged_by=transition.by, acknowledged_at_ms=transition.at_ms)
    elif before is not None and transition.acknowledged:
        after = replace(after, acknowledged_by=before.acknowledged_by, acknowledged_at_ms=before.acknowledged_at_ms)
    if not transition.active:
        after = replace(after, resolved_at_ms=transition.at_ms, resolved_by=transition.by)
    return after
