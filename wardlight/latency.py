"""How long readings take through the ward of this process, as exact samples beside the metrics."""

import asyncio
from array import array
from collections.abc import Sequence

import numpy as np

from runtime.telemetry import Telemetry

STORED = "wardlight_recorder_reading_to_stored_seconds"
ALERTED = "wardlight_alerts_reading_to_alert_seconds"
SAMPLES_MAX = 1_000_000
"""Samples kept per measure; later ones are only in the metrics."""


class LatencyTelemetry(Telemetry):
    """Telemetry that also keeps each sample of the two latencies that the account reports."""

    def __init__(self) -> None:
        super().__init__()
        self._samples = {STORED: array("d"), ALERTED: array("d")}
        self._ready = asyncio.Event()

    def observe(self, name: str, value: float, **labels: str) -> None:
        super().observe(name, value, **labels)
        samples = self._samples.get(name)
        if samples is not None and len(samples) < SAMPLES_MAX:
            samples.append(value)

    def ready(self, component: str) -> None:
        super().ready(component)
        if self.is_ready:
            self._ready.set()

    async def became_ready(self) -> None:
        """Wait until every declared component was ready at once."""
        await self._ready.wait()

    def percentiles_ms(self, name: str) -> dict[str, float | None]:
        """Median and 99th percentile in milliseconds; None where nothing was measured."""
        return percentiles_ms(self._samples[name])


def percentiles_ms(seconds: Sequence[float]) -> dict[str, float | None]:
    """`p50` and `p99` of durations in seconds, in milliseconds to a tenth."""
    if not len(seconds):
        return {"p50": None, "p99": None}
    p50, p99 = np.percentile(np.asarray(seconds), [50, 99]) * 1000
    return {"p50": round(float(p50), 1), "p99": round(float(p99), 1)}
