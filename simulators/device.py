"""A wearable: its identity, its memory, and the bytes it sends. The network is `simulators.link`."""

from collections.abc import Callable, Iterator

from runtime.mqtt import Will
from simulators.outbox import Outbox
from vitals.codec import encode
from vitals.identity import sequenced_reading_id
from vitals.reading import DeviceId, DeviceReading, Origin, Receipt
from vitals.sequences import SeenSequences
from vitals.topics import accepted_topic, readings_topic, status_topic

ONLINE = b'{"status":"online"}'
OFFLINE = b'{"status":"offline"}'

Measured = dict[str, float | bool | str]
"""Sign names to values as a device writes them."""


class Device:
    """One device: in each boot it counts its readings from 0, and it keeps each until it is receipted."""

    def __init__(self, device_id: DeviceId, *, boot: str, origin: Origin, outbox: Outbox) -> None:
        self.device_id = device_id
        self.boot = boot
        self.outbox = outbox
        """Of the present boot."""
        self.boots: dict[str, Outbox] = {boot: outbox}
        """Every boot so far and what became of its readings."""
        self._origin = origin
        self.readings_topic = readings_topic(device_id)
        self.accepted_topic = accepted_topic(device_id)
        self.status_topic = status_topic(device_id)
        self.foreign_receipts = 0
        """Receipts for another boot: nothing was let go."""

    @property
    def will(self) -> Will:
        """What the broker says of this device once it vanishes."""
        return Will(topic=self.status_topic, payload=OFFLINE, retain=True)

    def measure(self, measured_at_ms: int, signs: Measured) -> None:
        """Keep one reading for sending; `signs` is not empty."""
        outbox = self.outbox
        reading = DeviceReading(
            measured_at=measured_at_ms,
            signs=signs,
            boot=self.boot,
            sequence=outbox.next_sequence,
            origin=self._origin,
        )
        outbox.add(encode(reading))

    def reboot(self, boot: str, outbox: Outbox) -> None:
        """Begin anew as a device does that was without power: what was unreceipted is never sent again."""
        self.boot, self.outbox = boot, outbox
        self.boots[boot] = outbox

    def receive(self, receipt: Receipt) -> int:
        """Let go of exactly what the receipt names; how many readings that were."""
        if receipt.boot != self.boot:
            self.foreign_receipts += 1
            return 0
        return self.outbox.receive(
            from_sequence=receipt.from_sequence,
            through_sequence=receipt.through_sequence,
            refused=receipt.rejected is not None,
        )

    def published_ids(self) -> Iterator[str]:
        """Ids of the readings handed to the network at least once."""
        return self._ids(lambda outbox: outbox.published)

    def receipted_ids(self) -> Iterator[str]:
        """Ids of the readings receipted as accepted."""
        return self._ids(lambda outbox: outbox.receipted)

    def refused_ids(self) -> Iterator[str]:
        """Ids of the readings receipted as rejected."""
        return self._ids(lambda outbox: outbox.refused)

    def _ids(self, of: Callable[[Outbox], SeenSequences]) -> Iterator[str]:
        for boot, outbox in self.boots.items():
            sequences = of(outbox)
            for first, last in zip(sequences.firsts, sequences.lasts, strict=True):
                for sequence in range(first, last + 1):
                    yield sequenced_reading_id(self.device_id, boot, sequence)
