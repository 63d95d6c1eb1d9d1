"""How many notifications the alarms make, once many of one ward in a short time are told together. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from alerts.outbox_grouping import FloodRule, Stream, load_of
from evaluation.alarm_load_beds import SIMULATED
from evaluation.alarm_load_run import BedLoad
from vitals.delivery import URGENCY


def notifications_of(loads: Sequence[BedLoad], rule: FloodRule | None = None) -> Mapping[str, int]:
    """By set, how many notifications its alarms make for somebody who hears them all, by the rule of the outbox."""
    made: defaultdict[str, list[tuple[Stream, int, int]]] = defaultdict(list)
    for load in loads:
        ward = SIMULATED if load.source == SIMULATED else load.name
        made[load.source] += [((load.source, ward), URGENCY[signal.priority], signal.at_ms) for signal in load.signals]
    return {source: load_of(each, rule or FloodRule()).notifications for source, each in made.items()}
