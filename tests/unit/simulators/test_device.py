"""One device on one connection: what it writes, which receipts it heeds, and what it does when the broker refuses."""

import asyncio

import msgspec

from runtime.clock import LoopClock
from runtime.virtual_loop import run_virtual
from simulators.device import Device
from simulators.link import Link
from simulators.outbox import Outbox
from tests.support.builders import EPOCH_MS
from tests.support.memory_mqtt import MemoryBroker, MemoryMqtt
from vitals.codec import decode, encode
from vitals.errors import Unavailable
from vitals.reading import DeviceId, DeviceReading, Origin, Receipt, RejectionReason
from vitals.topics import accepted_topic, readings_topic


def device(name: str = "d1") -> Device:
    outbox = Outbox(readings_max=100, in_flight_max=10, receipt_timeout_s=30, probe_timeout_s=2)
    return Device(DeviceId(name), boot="b1", origin=Origin.DEMO, outbox=outbox)


def sent(one: Device) -> list[DeviceReading]:
    return [decode(DeviceReading, payload) for payload in one.outbox.take(100, 0.0)]


def test_a_device_writes_boot_sequence_origin_and_its_own_time() -> None:
    one = device()
    one.measure(EPOCH_MS, {"heart_rate_bpm": 71, "consciousness_acvpu": "A", "supplemental_oxygen": False})
    payload = next(one.outbox.take(1, 0.0))
    assert msgspec.json.decode(payload) == {
        "measured_at": EPOCH_MS,
        "signs": {"heart_rate_bpm": 71, "consciousness_acvpu": "A", "supplemental_oxygen": False},
        "boot": "b1",
        "sequence": 0,
        "origin": "demo",
    }


def test_a_receipt_for_another_boot_frees_nothing() -> None:
    one = device()
    one.measure(EPOCH_MS, {"heart_rate_bpm": 71})
    assert len(sent(one)) == 1
    assert one.receive(Receipt(boot="older", from_sequence=0, through_sequence=0)) == 0
    assert (one.outbox.unreceipted, one.foreign_receipts) == (1, 1)


def test_ids_say_what_was_published_accepted_and_refused() -> None:
    one = device()
    for number in range(4):
        one.measure(EPOCH_MS + number, {"heart_rate_bpm": 71})
    sent(one)
    one.receive(Receipt(boot="b1", from_sequence=0, through_sequence=0))
    sent(one)
    one.receive(Receipt(boot="b1", from_sequence=2, through_sequence=2, rejected=RejectionReason.IMPLAUSIBLE))
    assert list(one.published_ids()) == [f"d1/b1/{number}" for number in range(4)]
    assert list(one.receipted_ids()) == ["d1/b1/0"]
    assert list(one.refused_ids()) == ["d1/b1/2"]


def test_malformed_receipts_are_counted_and_change_nothing() -> None:
    async def main() -> None:
        broker, one = MemoryBroker(seed=1), device()
        link = Link(broker.session("d1", clean=True, will=one.will), [one], clock=LoopClock(epoch_ms=EPOCH_MS))
        await link.open()
        one.measure(EPOCH_MS, {"heart_rate_bpm": 71})
        link.offer(one)
        clock = LoopClock(epoch_ms=EPOCH_MS)
        for payload in (b"", b"{}", b"\xff", b'{"boot":"b1","from_sequence":0,"through_sequence":"all"}'):
            broker.publish(accepted_topic(one.device_id), payload, retain=False)
        await clock.sleep(1)
        assert (link.malformed_receipts, one.outbox.unreceipted) == (4, 1)
        good = Receipt(boot="b1", from_sequence=0, through_sequence=0)
        broker.publish(accepted_topic(one.device_id), encode(good), retain=False)
        await clock.sleep(1)
        assert one.outbox.unreceipted == 0
        await link.close()

    run_virtual(main())


class RefusingSession(MemoryMqtt):
    """A broker that refuses readings until `refusing` is taken back."""

    refusing = True

    def begin_publish(self, topic: str, payload: bytes, *, retain: bool = False) -> asyncio.Future[None]:
        if not self.refusing or topic != readings_topic(DeviceId("d1")):
            return super().begin_publish(topic, payload, retain=retain)
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        answer.set_exception(Unavailable("The MQTT broker refused a message (Not authorized)."))
        return answer


def test_a_refused_reading_is_kept_counted_and_tried_again() -> None:
    async def main() -> None:
        broker, one, clock = MemoryBroker(seed=1), device(), LoopClock(epoch_ms=EPOCH_MS)
        session = RefusingSession(broker, "d1", clean=True, will=None)
        link = Link(session, [one], clock=clock)
        await link.open()
        await clock.sleep(0.5)
        one.measure(EPOCH_MS, {"heart_rate_bpm": 71})
        link.offer(one)
        await clock.sleep(3)
        assert (link.publish_failures, one.outbox.unreceipted) == (1, 1)
        session.refusing = False
        link.retry_overdue(clock.monotonic_s())
        assert one.outbox.redelivered == 1
        await link.close()

    run_virtual(main())
