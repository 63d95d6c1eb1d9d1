"""The learned risk as the API gives it."""

from pydantic import BaseModel


class RiskEntry(BaseModel):
    """How likely an adult is to get worse, as the version in force tells it, and what brought it.

    It ranks and adds: no early-warning score is lower and no alarm later for it.
    """

    probability: float
    """In [0, 1]."""
    threshold: float | None
    """From which probability on alerts are told of it; null: of this version they never are."""
    horizon_s: float | None
    """Within this time; null of what Wardlight came with, which was not learned here."""
    log_odds: float | None
    """Of the probability: `usual`, `parts` and `others` together. These four are null where the parts are not known."""
    usual: float | None
    """Of the average moment the model has learned from."""
    parts: dict[str, float] | None
    """In log-odds, the strongest first: by sign, or `age_years`, `is_male`, `shock_index`, …; above 0 raises the risk."""
    others: float | None
    """All the rest together."""
    unmeasured: list[str]
    """Those of `parts` whose value is not known now: what weighs is that it was not measured of late."""
