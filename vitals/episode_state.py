"""How an alert stands, in one word. Pure."""

from enum import StrEnum
from typing import Protocol

from vitals.alert import Suppression


class EpisodeState(StrEnum):
    """What one may ask for by a word."""

    OPEN = "open"
    """Active or latched."""
    ACTIVE = "active"
    """Active, told to people, and in nobody's hand."""
    ACKNOWLEDGED = "acknowledged"
    """Open, and somebody has it in hand."""
    LATCHED = "latched"
    """Its condition has ended, and nobody has seen it."""
    SUPPRESSED = "suppressed"
    """Open, and told to nobody."""
    ENDED = "ended"
    UNSEEN = "unseen"
    """Ended, and nobody ever acknowledged it at its last priority."""


class Standing(Protocol):
    """What of an alert its one word is made of."""

    @property
    def is_open(self) -> bool: ...
    @property
    def latched(self) -> bool: ...
    @property
    def acknowledged(self) -> bool: ...
    @property
    def suppression(self) -> Suppression | None: ...


def state_of(step: Standing) -> EpisodeState:
    """The one word that says most of an alert: suppressed before acknowledged before latched before active."""
    if not step.is_open:
        return EpisodeState.ENDED
    if step.suppression is not None:
        return EpisodeState.SUPPRESSED
    if step.acknowledged:
        return EpisodeState.ACKNOWLEDGED
    return EpisodeState.LATCHED if step.latched else EpisodeState.ACTIVE
