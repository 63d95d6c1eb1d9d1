"""What works behind the screen of a `ward_scene`: recorder, stream and the alert engine, on the scene's own ports."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from alerts import worker as alerts_worker
from alerts.settings import AlertsSettings
from alerts.worker import AlertsHandler
from runtime.worker import Worker, WorkerLimits
from storage.service import Recorder
from storage.settings import RecorderSettings
from stream.service import build_worker
from stream.settings import StreamSettings
from tests.support.ward_scene import WardScene


@contextlib.asynccontextmanager
async def working(scene: WardScene) -> AsyncIterator[None]:
    """Whatever is published on the scene's log is stored, assessed and judged, until the block ends."""
    shared: dict[str, Any] = {
        "bus": scene.bus,
        "database": scene.database,
        "door": scene.door,
        "clock": scene.clock,
        "telemetry": scene.telemetry,
    }
    engine = Worker(
        name=alerts_worker.GROUP,
        topics=alerts_worker.TOPICS,
        bus=scene.bus,
        handler=AlertsHandler(settings=AlertsSettings(), **shared),
        clock=scene.clock,
        limits=WorkerLimits(),
    )
    workers = (
        engine,
        Recorder(settings=RecorderSettings(commit_interval_s=0.1), **shared).worker,
        build_worker(settings=StreamSettings(remember_every_s=0.5), **shared),
    )
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for worker in workers:
            worker.stop()
        await asyncio.gather(*tasks)
