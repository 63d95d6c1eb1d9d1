"""When a child's early-warning score is told. Pure."""

import msgspec

from vitals.pews import ALARMING_FROM, HIGH_FROM


class PewsRule(msgspec.Struct, frozen=True, kw_only=True):
    """When a child's score is told."""

    medium_from: int = ALARMING_FROM
    """Our choice."""
    medium_delay_s: float = 120.0
    high_from: int = HIGH_FROM
    """Parshuram 2009: 82 % sensitivity, 93 % specificity."""
    high_delay_s: float = 60.0
    """Delays as those of NEWS2 (`AlertRules`); our choice."""
    clear_s: float = 300.0
    """How long the score must be below `medium_from`."""
