"""The smallest bridge that receipts: remembers what arrived and in which order it first did, and forgets no reading."""

import asyncio
import contextlib
from collections import defaultdict

from runtime.mqtt import MqttPort
from vitals.codec import decode, encode
from vitals.errors import Unavailable
from vitals.reading import DeviceId, DeviceReading, Receipt
from vitals.topics import READINGS_FILTER, accepted_topic, device_of


class ReceiptingBridge:
    """Takes every reading from an open session, and vouches for it at once."""

    def __init__(self, session: MqttPort) -> None:
        self._session = session
        self.first_seen: dict[DeviceId, list[DeviceReading]] = defaultdict(list)
        """Per device its readings in the order in which each first arrived."""
        self.ids: set[str] = set()
        self.messages = 0
        self._vouching: set[asyncio.Task[None]] = set()
        """Beside the taking: a session above its high-water mark reads no answers until more is taken."""

    async def run(self) -> None:
        """Serve until cancelled or the session is closed."""
        await self._session.subscribe([READINGS_FILTER])
        while messages := await self._session.take(500):
            runs: dict[tuple[DeviceId, str], list[int]] = defaultdict(list)
            for message in messages:
                device_id = device_of(message.topic)
                reading = decode(DeviceReading, message.payload)
                assert device_id is not None
                assert reading.boot is not None
                assert reading.sequence is not None
                self.messages += 1
                runs[device_id, reading.boot].append(reading.sequence)
                reading_id = f"{device_id}/{reading.boot}/{reading.sequence}"
                if reading_id not in self.ids:
                    self.ids.add(reading_id)
                    self.first_seen[device_id].append(reading)
            self._session.acknowledge(messages)
            vouching = asyncio.create_task(self._vouch(runs))
            self._vouching.add(vouching)
            vouching.add_done_callback(self._vouching.discard)

    async def _vouch(self, runs: dict[tuple[DeviceId, str], list[int]]) -> None:
        receipts = [
            (accepted_topic(device_id), Receipt(boot=boot, from_sequence=first, through_sequence=last))
            for (device_id, boot), sequences in runs.items()
            for first, last in _unbroken(sorted(set(sequences)))
        ]
        await asyncio.gather(*(self._publish(topic, receipt) for topic, receipt in receipts))

    async def _publish(self, topic: str, receipt: Receipt) -> None:
        """A receipt that does not get through is not repeated: its device asks again."""
        with contextlib.suppress(Unavailable):
            await self._session.publish(topic, encode(receipt))

    def out_of_order(self) -> dict[DeviceId, list[int]]:
        """Devices of which a reading first arrived after a later one."""
        seen = {
            device_id: [reading.sequence for reading in readings if reading.sequence is not None]
            for device_id, readings in self.first_seen.items()
        }
        return {device_id: sequences for device_id, sequences in seen.items() if sequences != sorted(sequences)}


def _unbroken(sequences: list[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for sequence in sequences:
        if runs and runs[-1][1] == sequence - 1:
            runs[-1] = (runs[-1][0], sequence)
        else:
            runs.append((sequence, sequence))
    return runs
