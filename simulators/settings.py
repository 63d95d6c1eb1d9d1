"""Settings of the simulators: who lies in the ward, how fast devices speak, and the bounds they keep."""

from pydantic import Field

from runtime.settings import Section
from simulators.scenarios import DEMO_MIX


class SimulatorSettings(Section):
    """Section `simulators`."""

    beds: int = Field(default=24, ge=1, le=10_000)
    rate_hz: float = Field(default=1.0, gt=0, le=1000)
    """Readings per second and device."""
    seed: int = Field(default=1, ge=0)
    """The same seed makes the same ward."""
    scenario: str = DEMO_MIX
    """`demo` or `mix`, or the name of one scenario for every bed; mild and grave, slow and fast are drawn by the seed."""
    onset_s: float | None = Field(default=None, ge=0)
    """When that one scenario begins; its own default where absent. `demo` and `mix` have their own times."""
    time_scale: float = Field(default=1.0, gt=0)
    """How many seconds of that one scenario pass in one second. `demo` and `mix` have their own scales."""
    onsets_within_s: float = Field(default=86_400.0, gt=0)
    """Over how long the onsets of `mix` are spread."""
    device_rounds: bool = True
    """Whether devices report consciousness and oxygen as a nurse would enter them; otherwise people have to chart them."""
    burst: int = Field(default=1, ge=1, le=1000)
    """So many readings come a second apart, then a pause, at the same rate on the whole."""
    bursting_every: int = Field(default=1, ge=1)
    """Which devices measure in such bursts: one bed in so many."""
    average_s: float = Field(default=0.0, ge=0, le=3600)
    """A reading is the mean over this long before it, as slow wearables report; 0 is the moment itself."""
    day_s: float | None = Field(default=None, ge=0, lt=86_400)
    """Time of day, in seconds after midnight UTC, at which the courses start; the present one where absent."""
    device_prefix: str = "sim"
    """Devices are named `<prefix>-001` and so on."""
    connecting_max: int = Field(default=16, ge=1, le=1000)
    """Connections being made at a time."""
    connections_max: int = Field(default=500, ge=1, le=10_000)
    """Connections of one replay; beyond it several recorded patients share one, as behind a gateway."""
    kept_readings_max: int = Field(default=100_000, ge=1)
    """What one device's memory holds unreceipted; beyond it the oldest is lost, and counted."""
    in_flight_max: int = Field(default=100, ge=1)
    """Readings of one device that are sent and not yet receipted."""
    receipt_timeout_s: float = Field(default=30.0, gt=0)
    """After this long without a receipt everything unreceipted is sent again."""
    probe_timeout_s: float = Field(default=2.0, gt=0)
    """After a new connection one reading is sent until something is receipted; it is repeated after this long, then after
    twice as long and so on."""
    burst_max: int = Field(default=200, ge=1)
    """Readings made in one turn of the event loop, also when catching up."""
    behind_s_max: float = Field(default=60.0, gt=0)
    """A simulation further behind than this (a suspended machine) skips moments instead of making them up, and counts them."""
    drain_s: float = Field(default=30.0, ge=0)
    """How long the end waits for receipts that are still out."""
    replay_kept_max: int = Field(default=5000, ge=1)
    """Readings of one replay that are unreceipted before it pauses."""
    replay_rows_max: int = Field(default=20_000_000, ge=1)
    """Rows of one replay; they are held as columns in memory."""
