"""A person ended a technical alert: no other of that kind before what it was about has been right again. Pure."""

from alerts.episode import Episode
from alerts.state import PatientState
from alerts.unjudged import LOST_KINDS, SignWatch
from vitals.alert import AlertKind


def dismiss(state: PatientState, episode: Episode) -> None:
    """Take note that `episode` was ended by order; nothing where it is of no such kind."""
    kind = episode.kind
    if kind is AlertKind.LOST_CONTACT:
        state.contact.dismissed = True
    elif kind is AlertKind.IRREGULAR_DATA:
        state.irregular.dismissed = True
    elif kind is AlertKind.LOW_BATTERY:
        state.batteries.dismissed = True
    elif kind is AlertKind.CLOCK_WRONG:
        state.clocks.dismissed = True
    elif episode.sign is not None and LOST_KINDS.get(episode.sign) is kind:
        state.watches.setdefault(episode.sign, SignWatch()).dismissed = True
