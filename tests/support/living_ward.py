"""A ward of `ward_scene` on which alerts are raised, recorded and shown by the real services, by rules that suit a test's patience."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from alerts.service import Alerts
from alerts.settings import AlertsSettings
from runtime.settings import MqttSettings
from storage.retention import RetentionSettings
from storage.service import Recorder
from storage.settings import RecorderSettings
from tests.support.ward_scene import WardScene
from tests.support.whole_path import free_port
from vitals.reading import DeviceId, PatientId, Reading
from vitals.sign import Sign

ACKNOWLEDGED_S = 60
"""How long an acknowledgement of high priority holds there: the least that a rulebook may say."""
SPEED = 6.0
"""How fast time passes for such a ward, so that nobody waits a minute."""


QUICK_RULES = f"""format: 1
name: For the patience of a test
sources:
  clear_s: "a test's patience"
  life: "a test's patience"
limits:
  - kind: spo2-low
    sign: spo2_percent
    side: low
    source: "a test's patience"
    depths:
      - {{limit: 88, delay_s: 1, priority: medium}}
      - {{limit: 80, delay_s: 1, priority: high}}
clear_s: 3
life:
  high: {{latches: true, latched_s: null, acknowledged_s: {ACKNOWLEDGED_S}, acknowledged_s_max: 3600}}
"""
"""What differs from the program's own rulebook: saturation alarms within a second, and lives of seconds."""


@contextlib.asynccontextmanager
async def living(scene: WardScene, directory: Path) -> AsyncIterator[None]:
    """The alert service and the recorder at work, without a broker; stopped at the end of the block."""
    rules_file = directory / "rules.yaml"
    rules_file.write_text(QUICK_RULES, encoding="utf-8")
    stopping = asyncio.Event()
    ports: dict[str, Any] = {
        "bus": scene.bus,
        "database": scene.database,
        "door": scene.door,
        "clock": scene.clock,
        "telemetry": scene.telemetry,
    }
    services = (
        Alerts(
            mqtt=MqttSettings(host="127.0.0.1", port=free_port()),
            settings=AlertsSettings(rules_file=rules_file),
            **ports,
        ),
        Recorder(settings=RecorderSettings(), retention=RetentionSettings(), **ports),
    )
    tasks = [asyncio.create_task(service.serve(stopping)) for service in services]
    try:
        yield
    finally:
        stopping.set()
        await asyncio.gather(*tasks)


class Oximeter:
    """Sends a patient's saturation each half second, whatever it is set to; nothing else."""

    def __init__(self, scene: WardScene, bed: int) -> None:
        self._scene = scene
        self._bed = bed
        self._count = 0
        self.spo2_percent = 97.0

    @contextlib.asynccontextmanager
    async def worn(self) -> AsyncIterator["Oximeter"]:
        """Sends until the end of the block."""
        task = asyncio.create_task(self._send())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _send(self) -> None:
        while True:
            self._count += 1
            now_ms = self._scene.clock.now_ms()
            await self._scene.publish(
                Reading(
                    reading_id=f"watch-{self._bed}/o1/{self._count}",
                    patient_id=PatientId(f"p{self._bed}"),
                    device_id=DeviceId(f"watch-{self._bed}"),
                    measured_at_ms=now_ms,
                    received_at_ms=now_ms,
                    signs={Sign.SPO2: self.spo2_percent},
                    boot="o1",
                    sequence=self._count,
                )
            )
            await self._scene.clock.sleep(0.5)
