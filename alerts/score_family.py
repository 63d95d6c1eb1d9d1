"""A patient who is scored otherwise from now on: known to be a child, or sixteen by now. Pure.

The score of before is never told again, so nothing it says could end its alert. One assessment of the other family ends
what is active of it; unseen and high, it latches as any other.
"""

from typing import Final

from alerts.casebook import Casebook
from alerts.episode import Cause
from vitals.alert import AlertKind, Reason, Transition
from vitals.assessment import Assessment

NEWS2_KINDS: Final[tuple[AlertKind, ...]] = (
    AlertKind.NEWS2_SINGLE_RED,
    AlertKind.NEWS2_URGENT,
    AlertKind.NEWS2_EMERGENCY,
)
ADULT_KINDS: Final[tuple[AlertKind, ...]] = (*NEWS2_KINDS, AlertKind.DETERIORATION_RISK)
"""Of a child NEWS2 says nothing, and no risk was learned."""
CHILD_KINDS: Final[tuple[AlertKind, ...]] = (AlertKind.PEWS_HIGH,)
SCORED_KINDS: Final = frozenset((*NEWS2_KINDS, *CHILD_KINDS))
"""Raised by a score to which people's entries add."""


def end_other_family(book: Casebook, assessment: Assessment, cause: Cause) -> list[Transition]:
    """End the active alerts of the scores that this assessment's patient does not get."""
    state = book.state
    if assessment.pews is None:
        kinds, text = CHILD_KINDS, "Scored as an adult now, by NEWS2"
        state.pews_points = {}
    else:
        kinds, text = ADULT_KINDS, "Scored as a child now, by PEWS"
        state.news2_points = {}
    return [
        transition
        for kind in kinds
        if (machine := state.machines.get(kind)) is not None
        for transition in book.close(machine, Reason.RULES_CHANGED, text, cause)
    ]
