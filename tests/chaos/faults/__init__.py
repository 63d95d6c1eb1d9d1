"""What can go wrong, by name: each fault is injected, lasts, and is healed; how it is survived is measured elsewhere."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.chaos.cluster import Cluster

LONG_S = 12.0
LONG_ENOUGH = 5
Heal = Callable[[], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that goes wrong."""

    name: str
    what: str
    """For people, in a few words."""
    inject: Callable[[Cluster, random.Random], Awaitable[Heal]]
    """Makes it happen, and returns what undoes it; raises Unavailable where this machine cannot do it."""
    hold_s: float = 0.0
    """How long it lasts, from the injection to the healing."""
    late_after_s: float = 60.0
    """An alert told longer than that after its reading was measured is late, and so is a path not whole that long after the healing."""
    course_max: int = 5
    """So many repetitions share one course of the ward at most."""
    enough: int = 20
    """Repetitions that a full campaign wants: `LONG_ENOUGH` of a fault that goes on for `LONG_S` or longer."""
