"""What a subscription is told of: one transition against one wish. Pure."""

from datetime import datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from vitals.alert import Priority, Transition, TransitionKind
from vitals.notification import QuietHours, Subscription, SubscriptionState, Wanted, Withheld

PAGING: Final = frozenset(
    {TransitionKind.RAISED, TransitionKind.ESCALATED, TransitionKind.REALARMED, TransitionKind.UNSUPPRESSED}
)
"""What is news by itself."""
FOLLOWING: Final = frozenset({TransitionKind.RESOLVED, TransitionKind.RETRACTED, TransitionKind.ACKNOWLEDGED})
"""What whoever was told of the episode is told too."""
ENDINGS: Final = frozenset({TransitionKind.RESOLVED, TransitionKind.RETRACTED})


class Known(NamedTuple):
    """What a subscription had of this episode before."""

    counted: bool = False
    sent: bool = False
    """Whether any of it was sent, rather than counted and kept."""


class Verdict(NamedTuple):
    """The event is the subscription's; `withheld` says why it is not sent, where it is not."""

    withheld: Withheld | None


def heard_at_ms(step: Transition) -> int:
    """When what caused this step reached us."""
    return step.at_ms if step.heard_ms is None else step.heard_ms


def judge(subscription: Subscription, step: Transition, known: Known, *, now_ms: int) -> Verdict | None:
    """Whether the subscription counts this step as an event, and sends it; None where it does not concern it.

    Whether its owner may see the ward is asked before. What happened before the subscription was made is none of its.
    """
    if subscription.state is SubscriptionState.OFF or heard_at_ms(step) < subscription.created_at_ms:
        return None
    if not _concerns(subscription.wanted, step, known):
        return None
    return Verdict(_withheld(subscription, step, known, now_ms))


def _concerns(wanted: Wanted, step: Transition, known: Known) -> bool:
    if wanted.transitions is not None:
        if step.transition not in wanted.transitions or not _selects(wanted, step):
            return False
        hears_quiet = TransitionKind.SUPPRESSED in wanted.transitions
        return hears_quiet or step.suppression is None or step.transition in FOLLOWING
    if step.transition in FOLLOWING:
        return known.counted
    if step.suppression is not None or not _selects(wanted, step):
        return False
    if step.transition is TransitionKind.MOVED:
        return step.is_open and not known.counted
    return step.transition in PAGING


def _selects(wanted: Wanted, step: Transition) -> bool:
    return (
        (wanted.wards is None or step.ward_id in wanted.wards)
        and (wanted.patients is None or step.patient_id in wanted.patients)
        and (wanted.kinds is None or step.kind in wanted.kinds)
        and (wanted.priorities is None or step.priority in wanted.priorities)
    )


def _withheld(subscription: Subscription, step: Transition, known: Known, now_ms: int) -> Withheld | None:
    if subscription.activated_at_ms is None:
        return Withheld.NOT_ACTIVE
    if step.priority is Priority.HIGH:
        return None
    if subscription.state is not SubscriptionState.ACTIVE:
        return Withheld.NOT_ACTIVE
    if is_quiet(subscription.quiet, now_ms):
        return Withheld.QUIET_HOURS
    if subscription.wanted.transitions is None and step.transition in FOLLOWING and not known.sent:
        return Withheld.NOT_TOLD
    return None


def is_quiet(quiet: QuietHours | None, now_ms: int) -> bool:
    """Whether this moment lies in the quiet hours, by the clocks of their time zone; never where nobody knows that zone."""
    if quiet is None:
        return False
    try:
        zone = ZoneInfo(quiet.time_zone)
    except (KeyError, ValueError, OSError):
        return False
    local = datetime.fromtimestamp(now_ms / 1000, zone)
    minute = local.hour * 60 + local.minute
    if quiet.from_min <= quiet.until_min:
        return quiet.from_min <= minute < quiet.until_min
    return minute >= quiet.from_min or minute < quiet.until_min
