"""Receipts name exactly what is safe, joined into runs."""

import asyncio
from typing import Self

import pytest

from ingest.receipts import Receipts
from runtime.clock import LoopClock
from runtime.telemetry import Telemetry
from tests.support.memory_mqtt import MemoryBroker, MemoryMqtt
from vitals.codec import decode
from vitals.reading import DeviceId, Receipt, RejectionReason
from vitals.topics import accepted_topic

W1, W2 = DeviceId("w1"), DeviceId("w2")


class Desk:
    """Receipts over a broker in memory, and a device that hears them."""

    def __init__(self, *, runs_max: int = 100) -> None:
        self.broker = MemoryBroker(seed=1)
        self.telemetry = Telemetry()
        self.ingest: MemoryMqtt = self.broker.session("ingest")
        self.device: MemoryMqtt = self.broker.session("device")
        self.receipts = Receipts(
            session=self.ingest,
            clock=LoopClock(epoch_ms=0),
            telemetry=self.telemetry,
            every_s=0.01,
            runs_max=runs_max,
        )

    async def __aenter__(self) -> Self:
        await self.ingest.open()
        await self.device.open()
        await self.device.subscribe([accepted_topic(W1), accepted_topic(W2)])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.ingest.close()
        await self.device.close()

    def safe(self, *sequences: int, device: DeviceId = W1, rejected: RejectionReason | None = None) -> None:
        self.receipts.add((device, "b1", sequence, rejected) for sequence in sequences)

    async def heard(self, count: int) -> list[tuple[str, int, int, str | None]]:
        """The next `count` receipts."""
        found: list[tuple[str, int, int, str | None]] = []
        while len(found) < count:
            messages = await self.device.take(count - len(found))
            self.device.acknowledge(messages)
            for message in messages:
                receipt = decode(Receipt, message.payload)
                device = message.topic.split("/")[3]
                found.append((device, receipt.from_sequence, receipt.through_sequence, receipt.rejected))
        return found


@pytest.mark.asyncio
async def test_neighbours_are_joined_and_gaps_stay_gaps() -> None:
    async with Desk() as desk:
        desk.safe(4, 5, 6, 9, 10)
        assert desk.receipts.tell() == 0
        assert await desk.heard(2) == [("w1", 4, 6, None), ("w1", 9, 10, None)]


@pytest.mark.asyncio
async def test_what_was_sent_twice_is_told_once() -> None:
    async with Desk() as desk:
        desk.safe(4, 5, 6, 5)
        desk.receipts.tell()
        desk.safe(7)
        desk.receipts.tell()
        assert await desk.heard(2) == [("w1", 4, 6, None), ("w1", 7, 7, None)]


@pytest.mark.asyncio
async def test_refused_and_accepted_are_never_in_one_run() -> None:
    async with Desk() as desk:
        desk.safe(1)
        desk.safe(2, rejected=RejectionReason.UNASSIGNED)
        desk.safe(3)
        desk.receipts.tell()
        assert sorted(await desk.heard(3), key=lambda run: run[1]) == [
            ("w1", 1, 1, None),
            ("w1", 2, 2, RejectionReason.UNASSIGNED),
            ("w1", 3, 3, None),
        ]


@pytest.mark.asyncio
async def test_a_receipt_lost_with_the_connection_is_told_again() -> None:
    async with Desk() as desk:
        desk.broker.up = False
        desk.safe(1, 2)
        desk.receipts.tell()
        desk.ingest.cut()
        desk.broker.up = True
        telling = asyncio.create_task(desk.receipts.run())
        await desk.ingest.connected(after=1)
        heard = await desk.heard(1)
        telling.cancel()
        assert heard[-1] == ("w1", 1, 2, None)


@pytest.mark.asyncio
async def test_while_not_connected_receipts_wait_and_grow_together() -> None:
    async with Desk() as desk:
        desk.ingest.cut()
        desk.safe(1)
        assert desk.receipts.tell() == 1
        desk.safe(2, 3)
        assert desk.receipts.waiting == 1


@pytest.mark.asyncio
async def test_beyond_the_bound_the_oldest_run_is_dropped_and_counted() -> None:
    async with Desk(runs_max=2) as desk:
        desk.ingest.cut()
        desk.safe(1, 3, 5)
        assert desk.receipts.waiting == 2
        assert desk.telemetry.value("wardlight_ingest_receipts_dropped_total") == 1


@pytest.mark.asyncio
async def test_after_a_quiet_time_a_receipt_goes_out_at_once() -> None:
    async with Desk() as desk:
        telling = asyncio.create_task(desk.receipts.run())
        desk.safe(1, device=W2)
        assert await desk.heard(1) == [("w2", 1, 1, None)]
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
        await desk.receipts.finish(timeout_s=1.0)
        assert desk.telemetry.value("wardlight_ingest_receipts_total") == 1
