"""What tests over a real log and database wait for, and read whole."""

from collections.abc import Callable
from typing import Any

from runtime.bus import Delivered, Incoming
from storage.session import Connection
from tests.support.ward_scene import WardScene
from vitals.topics import LogTopic

WAIT_S_MAX = 60.0
LOOK_EVERY_S = 0.05


async def awaited(scene: WardScene, look: Callable[[Connection], Any]) -> Any:
    """What `look` finds in the database, once it finds something."""
    until_s = scene.clock.monotonic_s() + WAIT_S_MAX
    while True:
        with scene.database.snapshot() as conn:
            found = look(conn)
        if found:
            return found
        assert scene.clock.monotonic_s() < until_s, "what was awaited never came"
        await scene.clock.sleep(LOOK_EVERY_S)


async def everything(scene: WardScene, topic: LogTopic) -> list[Incoming]:
    """All records of a topic."""
    reader = await scene.bus.reader(group=None, topics=[topic])
    try:
        ends = await scene.bus.ends([topic])
        while isinstance(await reader.poll(records_max=1, timeout_s=1), Delivered):
            pass
        await reader.seek(dict.fromkeys(ends, 0))
        found: list[Incoming] = []
        while len(found) < sum(ends.values()):
            polled = await reader.poll(records_max=500, timeout_s=1)
            assert isinstance(polled, Delivered)
            found += polled.records
        return found
    finally:
        await reader.close()
