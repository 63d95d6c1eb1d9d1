"""All connections of one simulation or replay: opened a few at a time, watched, drained, closed and accounted for."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from runtime.clock import Clock
from runtime.mqtt import Will
from simulators.device import Device
from simulators.link import Link, Session
from vitals.errors import WardError

Connect = Callable[[str, Will | None], Session]
"""Makes a session, not yet open, for a client id and its last will."""

_ALONE = "device-"
_WATCH_EVERY_S = 1.0
_DRAIN_LOOK_S = 0.05


@dataclass(frozen=True, kw_only=True)
class DevicesReport:
    """What became of the readings of all devices; each reading is counted once, except in `redelivered`."""

    devices: int
    made: int
    published: int
    """Handed to the network at least once."""
    receipted: int
    """Vouched for as accepted."""
    refused: int
    """Vouched for as rejected, and kept there."""
    unreceipted: int
    """Still kept by their devices."""
    lost_on_device: int
    """Pushed out of a full device's memory; should be 0."""
    redelivered: int
    """How often a reading was sent again."""


class Links:
    """Every device of a run and the connections that carry them."""

    def __init__(self, devices: Sequence[Device], *, connect: Connect, clock: Clock, connections_max: int) -> None:
        self.devices = tuple(devices)
        self._clock = clock
        self._links: list[Link] = []
        self._of: dict[str, Link] = {}
        self._watched_s = clock.monotonic_s()
        for group in _groups(self.devices, connections_max):
            first = group[0]
            is_alone = len(group) == 1
            client_id = f"{_ALONE if is_alone else 'gateway-'}{first.device_id}"
            link = Link(connect(client_id, first.will if is_alone else None), group, clock=clock)
            self._links.append(link)
            self._of.update({device.device_id: link for device in group})

    async def open(self, *, connecting_max: int) -> None:
        """Connect all, at most `connecting_max` at a time; where one fails, none stays and its error is raised."""
        turn = asyncio.Semaphore(connecting_max)
        failed: list[WardError] = []

        async def open_one(link: Link) -> Link | None:
            async with turn:
                if failed:
                    return None
                try:
                    await link.open()
                except WardError as error:
                    failed.append(error)
                    return None
                return link

        opened = await asyncio.gather(*map(open_one, self._links))
        if failed:
            await asyncio.gather(*(link.close() for link in opened if link is not None))
            raise failed[0]

    async def close(self) -> None:
        """Disconnect all in order."""
        await asyncio.gather(*(link.close() for link in self._links))

    def offer(self, device: Device) -> None:
        """The device has something new to send."""
        self._of[device.device_id].offer(device)

    def leave(self, device: Device, *, powered: bool) -> None:
        """The device goes out of reach, or without power: nothing is sent for it; while powered it hears nothing either."""
        self._of[device.device_id].leave(device, powered=powered)

    def come_back(self, device: Device) -> None:
        """The device is in reach again: all it kept goes out, oldest first."""
        self._of[device.device_id].come_back(device)

    def watch(self) -> None:
        """Send again what is overdue; cheap to call often, looks once a second."""
        now_s = self._clock.monotonic_s()
        if now_s - self._watched_s >= _WATCH_EVERY_S:
            self._watched_s = now_s
            for link in self._links:
                link.retry_overdue(now_s)

    async def drain(self, *, within_s: float) -> bool:
        """Wait until everything is receipted; False where that took longer than `within_s`."""
        deadline_s = self._clock.monotonic_s() + within_s
        while self.unreceipted:
            if self._clock.monotonic_s() >= deadline_s:
                return False
            self.watch()
            await self._clock.sleep(_DRAIN_LOOK_S)
        return True

    @property
    def unreceipted(self) -> int:
        """Readings kept by all devices together."""
        return sum(device.outbox.unreceipted for device in self.devices)

    def published_ids(self) -> Iterator[str]:
        """Ids of all readings handed to the network."""
        return (reading_id for device in self.devices for reading_id in device.published_ids())

    def receipted_ids(self) -> Iterator[str]:
        """Ids of all readings receipted as accepted."""
        return (reading_id for device in self.devices for reading_id in device.receipted_ids())

    def refused_ids(self) -> Iterator[str]:
        """Ids of all readings receipted as rejected."""
        return (reading_id for device in self.devices for reading_id in device.refused_ids())

    def report(self) -> DevicesReport:
        """The counts as they stand."""
        boxes = [box for device in self.devices for box in device.boots.values()]
        return DevicesReport(
            devices=len(self.devices),
            made=sum(box.next_sequence for box in boxes),
            published=sum(len_of for box in boxes for len_of in _lengths(box.published.firsts, box.published.lasts)),
            receipted=sum(len_of for box in boxes for len_of in _lengths(box.receipted.firsts, box.receipted.lasts)),
            refused=sum(len_of for box in boxes for len_of in _lengths(box.refused.firsts, box.refused.lasts)),
            unreceipted=sum(box.unreceipted for box in boxes),
            lost_on_device=sum(box.lost_on_device for box in boxes),
            redelivered=sum(box.redelivered for box in boxes),
        )


def device_of_client(client_id: str) -> str | None:
    """The device that connects under this client id; None where several share the connection."""
    return client_id.removeprefix(_ALONE) if client_id.startswith(_ALONE) else None


def _groups(devices: Sequence[Device], connections_max: int) -> Iterator[Sequence[Device]]:
    """Each device alone, or all dealt out evenly where there are too many."""
    count = min(len(devices), connections_max)
    for index in range(count):
        yield devices[index::count]


def _lengths(firsts: Sequence[int], lasts: Sequence[int]) -> Iterator[int]:
    return (last - first + 1 for first, last in zip(firsts, lasts, strict=True))
