"""Settings of the stream service."""

from typing import Annotated

from pydantic import AfterValidator, Field

from runtime.settings import Section
from stream.context import zone_of
from vitals.errors import InvalidArgument
from vitals.lateness import LIVE_AGE_MS_MAX

RECORDS_MAX = 500


def _known_zone(name: str) -> str:
    try:
        zone_of(name)
    except InvalidArgument as error:
        raise ValueError(str(error).removesuffix(".")) from error
    return name


class StreamSettings(Section):
    """Table `[stream]`."""

    live_age_ms_max: int = Field(default=LIVE_AGE_MS_MAX, ge=1000)
    """A real device's reading older than this when received is late."""
    live_patients_max: int = Field(default=2000, ge=RECORDS_MAX)
    """Patients whose models are in memory (less than 0.1 MB each); others wait as snapshots (less than 40 kB each)."""
    records_max: int = Field(default=RECORDS_MAX, ge=1, le=RECORDS_MAX)
    """Records per poll."""
    poll_timeout_s: float = Field(default=0.2, gt=0, le=10)
    gather_s: float = Field(default=0.025, ge=0, le=5)
    """How long Kafka may hold readings back, so that more are scored at once."""
    remember_every_s: float = Field(default=5.0, ge=0, le=300)
    """How often snapshots and positions are stored; what came since is replayed after a crash."""
    snapshots_max: int = Field(default=100, ge=1)
    """Snapshots of live patients per time; others keep the remembered position back and have their turn next."""
    patient_days: float = Field(default=60, ge=1, le=3650)
    """So long after the end of a stay its models are kept; longer than the log reaches back, and than devices may be late."""
    example_every_s: float = Field(default=1800.0, ge=0, le=86_400)
    """At most one example of each patient in this time is handed to the trainer."""
    switches_kept_max: int = Field(default=200, ge=1, le=100_000)
    """Per partition, places at which another version of the risk model came to score; beyond these only those stay that a
    replay of what the log still holds needs."""
    bring_max: int = Field(default=50, ge=1)
    """Patients whose models are built or restored in one blocking call."""
    time_zone: Annotated[str, AfterValidator(_known_zone)] = "UTC"
    """Of the house, as in the IANA database (Europe/Berlin): when it is night. Another one lets all models warm up anew."""
    unusual_per_day_max: float = Field(default=0.5, ge=0.05, le=24)
    """The alert budget: unusual-pattern alerts a patient and day, at most. Another one lets all models warm up anew."""
