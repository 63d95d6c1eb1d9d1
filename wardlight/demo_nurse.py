"""The demo's nurse: charts, through the same log as everybody, what the stories' truths say she would see."""

import asyncio
from collections.abc import Sequence

from runtime.bus import Outgoing
from simulators.nurse import NAME, PERSON_ID, observed
from simulators.truth import ChartedTruth, TruthRecord
from storage.devices import patient_as_of
from storage.foundation import Foundation
from storage.session import in_snapshot
from vitals.charting import chart
from vitals.codec import encode
from vitals.errors import Unavailable
from vitals.lateness import LIVE_AGE_MS_MAX
from vitals.topics import LogTopic

_LOOK_EVERY_S = 1.0


async def chart_stories(base: Foundation, truths: Sequence[TruthRecord], stopping: asyncio.Event) -> None:
    """Chart each entry of these truths at its time, until `stopping`; what the log does not take is tried again.

    Rounds are not charted: the demo's devices report what is usual. A repetition has the id it had, and changes nothing.
    """
    waiting = sorted(
        (
            (truth.started_at_ms + round(entry.at_s * 1000), truth, entry)
            for truth in truths
            for entry in truth.truth.charted
        ),
        key=lambda due: due[0],
    )
    while waiting and not stopping.is_set():
        while waiting and waiting[0][0] <= base.clock.now_ms():
            _, truth, entry = waiting[0]
            try:
                await _chart(base, truth, entry)
            except Unavailable:
                break
            waiting.pop(0)
        await base.clock.sleep(_LOOK_EVERY_S)


async def _chart(base: Foundation, truth: TruthRecord, entry: ChartedTruth) -> None:
    said = observed(entry, started_at_ms=truth.started_at_ms)
    at_ms = truth.started_at_ms + round(entry.at_s * 1000)
    patient_id = await in_snapshot(base.door, base.database, patient_as_of, truth.device_id, at_ms)
    if patient_id is None:
        return
    reading = chart(
        said,
        patient_id=patient_id,
        person_id=PERSON_ID,
        by=NAME,
        now_ms=base.clock.now_ms(),
        age_ms_max=LIVE_AGE_MS_MAX,
    )
    await base.bus.publish([Outgoing(LogTopic.READINGS, patient_id.encode(), encode(reading))])
