"""Where a sign is going, as the API says it."""

from pydantic import BaseModel

from vitals.sign import Sign


class TrendEntry(BaseModel):
    """Where one sign is going; with a limit where it should be reached within the minutes given."""

    sign: Sign
    per_hour: float
    limit: float | None
    minutes: float | None
    minutes_low: float | None
    minutes_high: float | None
