"""The priority of each kind that has one only; bands of limits carry their own. Pure.

A kind that is not named here goes by what its machine finds (consciousness, PEWS, lost signs, irregular data, batteries and
system faults know several levels); where a rulebook or a change names such a kind, all of it has the one priority.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from vitals.alert import AlertKind, Priority

DEFAULT_PRIORITIES: Final[Mapping[AlertKind, Priority]] = MappingProxyType(
    {
        AlertKind.NEWS2_SINGLE_RED: Priority.LOW,
        AlertKind.NEWS2_URGENT: Priority.MEDIUM,
        AlertKind.NEWS2_EMERGENCY: Priority.HIGH,
        AlertKind.UNUSUAL_PATTERN: Priority.LOW,
        AlertKind.DETERIORATION_RISK: Priority.MEDIUM,
        AlertKind.BASELINE_SHIFT: Priority.LOW,
        AlertKind.LOST_CONTACT: Priority.MEDIUM,
        AlertKind.CLOCK_WRONG: Priority.MEDIUM,
        AlertKind.LEDGER_IMBALANCE: Priority.LOW,
    }
)
"""By harm and onset (IEC 60601-1-8 clause 6.1.2); NEWS2 after its bands of response (RCP 2017, chart 4). Our choice."""


def default_priorities() -> dict[AlertKind, Priority]:
    """A copy of them, for a record of its own."""
    return dict(DEFAULT_PRIORITIES)
