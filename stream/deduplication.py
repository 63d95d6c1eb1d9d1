"""Which readings of one patient were already assessed: exact for devices that count, a recent memory for others."""

import msgspec

from vitals.lateness import event_ms
from vitals.reading import Reading
from vitals.sequences import SeenSequences

DEVICES_MAX = 8
"""Devices remembered per patient; the one whose newest reading is oldest is forgotten first."""
BOOTS_MAX = 4
"""Boots remembered per device; the longest known is forgotten first."""
RECENT_IDS_MAX = 256
"""Ids remembered of readings without a sequence, and as many of what people did."""


class SeenDevice(msgspec.Struct):
    """One device of a patient; mutable."""

    newest_ms: int
    """The latest event time processed."""
    boots: dict[str, SeenSequences] = {}


class SeenReadings(msgspec.Struct):
    """What was seen of one patient; mutable, bounded by the maxima above and by SeenSequences' own.

    A reading forgotten here and delivered again is assessed again, as late and under the same id. So is one of a number
    among which gaps were forgotten: better twice than never.
    """

    devices: dict[str, SeenDevice] = {}
    recent_ids: dict[str, None] = {}
    person_ids: dict[str, None] = {}
    """Of what people did: charted readings and withdrawals, apart from devices, which come far more often."""

    def device_newest_ms(self, device_id: str) -> int | None:
        """The latest event time of a device; None where it is not known."""
        device = self.devices.get(device_id)
        return None if device is None else device.newest_ms

    def add(self, reading: Reading) -> bool:
        """Remember a reading; False if it was already there."""
        device = self.devices.get(reading.device_id)
        if device is None:
            device = self._meet(reading)
        # The copy that a correction made has its own id, beside the sequence of its origin.
        if reading.boot is None or reading.sequence is None or reading.correction_id is not None:
            new = _add_id(self.recent_ids, reading.reading_id)
        else:
            sequences = device.boots.get(reading.boot)
            if sequences is None:
                sequences = self._begin_boot(device, reading.boot)
            new = sequences.add(reading.sequence) or reading.sequence <= sequences.joined_through
        if new and reading.measured_at_ms > device.newest_ms:
            device.newest_ms = max(device.newest_ms, event_ms(reading))
        return new

    def add_person(self, record_id: str) -> bool:
        """Remember what a person did; False if it was already there."""
        return _add_id(self.person_ids, record_id)

    def _meet(self, reading: Reading) -> SeenDevice:
        if len(self.devices) >= DEVICES_MAX:
            del self.devices[min(self.devices, key=lambda known: self.devices[known].newest_ms)]
        device = self.devices[reading.device_id] = SeenDevice(event_ms(reading))
        return device

    def _begin_boot(self, device: SeenDevice, boot: str) -> SeenSequences:
        if len(device.boots) >= BOOTS_MAX:
            del device.boots[next(iter(device.boots))]
        sequences = device.boots[boot] = SeenSequences()
        return sequences


def _add_id(ids: dict[str, None], new_id: str) -> bool:
    if new_id in ids:
        return False
    if len(ids) >= RECENT_IDS_MAX:
        del ids[next(iter(ids))]
    ids[new_id] = None
    return True
