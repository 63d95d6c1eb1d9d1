"""The bridge: nothing acknowledged or receipted before the log has it, nothing dropped while it has not."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence

import pytest

from ingest.service import Ingest
from ingest.settings import IngestSettings
from runtime.blocking import InlineDoor
from runtime.bus import Delivered, Incoming, Outgoing
from runtime.clock import LoopClock
from runtime.local_bus import LocalBus
from runtime.telemetry import Telemetry
from runtime.virtual_loop import run_virtual
from storage import devices, patients
from storage.session import Database
from tests.support.fresh_database import lay_schema
from tests.support.memory_mqtt import MemoryBroker, MemoryMqtt
from vitals.age import AgeBand
from vitals.codec import decode, decode_readings_record
from vitals.errors import Unavailable
from vitals.reading import DeviceId, PatientId, Reading, Receipt, RefusedSigns, Rejection, RejectionReason, WardId
from vitals.sex import Sex
from vitals.sign import Sign
from vitals.topics import LogTopic, accepted_topic, readings_topic

EPOCH_MS = 1_767_225_600_000
WARD = WardId("north")
W1 = DeviceId("w1")


class FlakyBus(LocalBus):
    """A log in memory that can stop confirming: what it is handed then is refused, or stored and not confirmed."""

    is_down = False
    stores_without_confirming = False
    commit_s = 0.0
    commits_to_fail = 0
    attempts = 0

    async def publish(self, records: Sequence[Outgoing]) -> None:
        self.attempts += 1
        if self.is_down and not self.stores_without_confirming:
            raise Unavailable("The log does not answer.")
        await super().publish(records)
        if self.is_down:
            raise Unavailable("The log stored it, and its answer was lost.")

    async def _commit(self, records: Sequence[Outgoing]) -> None:
        await LoopClock(epoch_ms=EPOCH_MS).sleep(self.commit_s)
        if self.commits_to_fail:
            self.commits_to_fail -= 1
            raise Unavailable("The disk was full for a moment.")
        await super()._commit(records)


class Scene:
    """A broker in memory, one device session, a flaky log, and ingest."""

    def __init__(self, bus: FlakyBus, settings: IngestSettings) -> None:
        self.clock = LoopClock(epoch_ms=EPOCH_MS)
        self.bus = bus
        self.broker = MemoryBroker(seed=1)
        self.database = Database("sqlite://")
        lay_schema(self.database)
        self.telemetry = Telemetry()
        self.device: MemoryMqtt = self.broker.session("device")
        self.session: MemoryMqtt = self.broker.session("ingest")
        self.settings = settings
        self.ingest = self.new_ingest()

    def new_ingest(self) -> Ingest:
        return Ingest(
            session=self.session,
            bus=self.bus,
            database=self.database,
            door=InlineDoor(),
            clock=self.clock,
            settings=self.settings,
            telemetry=self.telemetry,
        )

    def assign(self, device_id: DeviceId, patient: str, from_ms: int = 0) -> None:
        """Make a patient and a device worn by them."""
        with self.database.transaction() as conn:
            record = patients.Patient(
                patient_id=PatientId(patient), ward_id=WARD, bed=patient, name=patient, spo2_scale=1, admitted_at_ms=0
            )
            patients.add(conn, record)
            devices.add(conn, devices.Device(device_id, WARD, 0))
            devices.assign(conn, device_id, PatientId(patient), from_ms)

    async def send(self, *sequences: int, device: DeviceId = W1, **fields: object) -> None:
        for sequence in sequences:
            body = {"measured_at": EPOCH_MS, "signs": {"heart_rate_bpm": 70}, "boot": "b1", "sequence": sequence}
            await self.device.publish(readings_topic(device), json.dumps({**body, **fields}).encode())

    async def heard(self, *, runs: int = 1) -> list[Receipt]:
        """The device's next receipts."""
        receipts: list[Receipt] = []
        while len(receipts) < runs:
            messages = await self.device.take(runs)
            self.device.acknowledge(messages)
            receipts += [decode(Receipt, message.payload) for message in messages]
        return receipts

    async def logged(self, topic: LogTopic) -> list[Incoming]:
        reader = await self.bus.reader(group=None, topics=[topic.value])
        await reader.poll(records_max=1000, timeout_s=0)
        await reader.seek({})
        polled = await reader.poll(records_max=1000, timeout_s=0)
        await reader.close()
        assert isinstance(polled, Delivered)
        return list(polled.records)

    async def readings(self) -> list[Reading]:
        records = [decode_readings_record(record.value) for record in await self.logged(LogTopic.READINGS)]
        return [record for record in records if isinstance(record, Reading)]

    async def rejections(self) -> list[Rejection]:
        return [decode(Rejection, record.value) for record in await self.logged(LogTopic.REJECTED)]

    def is_ready(self) -> bool:
        return self.telemetry.is_ready

    def value(self, name: str, **labels: str) -> float:
        return self.telemetry.value(f"wardlight_ingest_{name}", **labels)


@contextlib.asynccontextmanager
async def scene(**settings: object) -> AsyncIterator[Scene]:
    clock = LoopClock(epoch_ms=EPOCH_MS)
    bus = await FlakyBus.open(None, partitions=1, door=InlineDoor(), clock=clock)
    assert isinstance(bus, FlakyBus)
    made = Scene(bus, IngestSettings.model_validate({"enroll_ward": WARD, **settings}))
    await made.device.open()
    await made.device.subscribe([accepted_topic(W1)])
    await made.session.open()
    running = asyncio.create_task(made.ingest.run())
    await clock.sleep(0.1)
    try:
        yield made
    finally:
        made.ingest.stop()
        await running
        await made.session.close()
        await made.device.close()
        await bus.close()


def test_a_reading_is_in_the_log_under_its_patient_before_it_is_receipted() -> None:
    async def course() -> None:
        async with scene() as ward:
            ward.assign(W1, "p1")
            await ward.send(0, 1, 2)
            receipts = await ward.heard()
            assert receipts[0].from_sequence == 0
            readings = await ward.readings()
            assert [reading.reading_id for reading in readings][:1] == ["w1/b1/0"]
            assert {reading.patient_id for reading in readings} == {"p1"}
            assert readings[0].received_at_ms >= EPOCH_MS

    run_virtual(course())


@pytest.mark.parametrize("stores_without_confirming", [False, True])
def test_while_the_log_does_not_confirm_nothing_is_acknowledged_and_afterwards_nothing_is_missing(
    *, stores_without_confirming: bool
) -> None:
    async def course() -> None:
        async with scene(publishes_in_flight_max=2, batch_messages_max=1) as ward:
            ward.assign(W1, "p1")
            ward.bus.is_down = True
            ward.bus.stores_without_confirming = stores_without_confirming
            await ward.send(*range(10))
            await ward.clock.sleep(180)
            assert len(ward.session.inbox) == 10
            assert ward.value("accepted_total") == 0
            assert not ward.is_ready()
            ward.bus.is_down = False
            received: set[int] = set()
            while len(received) < 10:
                for receipt in await ward.heard():
                    received |= set(range(receipt.from_sequence, receipt.through_sequence + 1))
            assert len(ward.session.inbox) == 0
            ids = [reading.reading_id for reading in await ward.readings()]
            assert set(ids) == {f"w1/b1/{sequence}" for sequence in range(10)}
            firsts = list(dict.fromkeys(ids))
            assert firsts == sorted(firsts)
            assert ward.is_ready()
            assert ward.value("log_outages_total") == 1
            assert ward.value("log_outage_seconds_total") > 100

    run_virtual(course())


@pytest.mark.parametrize("in_flight", [2, 3, 4])
@pytest.mark.parametrize("apart_s", [0, 0.03, 0.05])
def test_a_commit_that_fails_leaves_the_readings_of_a_device_in_their_order(in_flight: int, apart_s: float) -> None:
    async def course() -> None:
        async with scene(publishes_in_flight_max=in_flight, batch_messages_max=1) as ward:
            ward.assign(W1, "p1")
            ward.bus.commit_s, ward.bus.commits_to_fail = 0.05, 1
            for sequence in range(8):
                await ward.send(sequence)
                await ward.clock.sleep(apart_s)
            await ward.clock.sleep(60)
            assert [reading.sequence for reading in await ward.readings()] == list(range(8))

    run_virtual(course())


def test_an_unassigned_device_is_refused_with_all_it_takes_to_replay_it() -> None:
    async def course() -> None:
        async with scene() as ward:
            await ward.send(7)
            (receipt,) = await ward.heard()
            assert receipt.rejected == RejectionReason.UNASSIGNED
            (rejection,) = await ward.rejections()
            assert rejection.reason is RejectionReason.UNASSIGNED
            assert rejection.payload_bytes == len(rejection.payload)
            for way in ("wardlight devices add", "wardlight devices assign", "then replay."):
                assert way in rejection.detail
            ward.assign(W1, "p1")
            await ward.clock.sleep(ward.settings.directory_refresh_s * 3)
            await ward.device.publish(readings_topic(W1), rejection.payload)
            (receipt,) = await ward.heard()
            assert receipt.rejected is None
            assert [reading.reading_id for reading in await ward.readings()] == ["w1/b1/7"]

    run_virtual(course())


def test_what_calls_itself_a_demo_is_refused_and_comes_back_where_demos_are_let_in() -> None:
    async def course() -> None:
        async with scene(origins_allowed="real") as ward:
            ward.assign(W1, "p1")
            await ward.send(7, origin="demo")
            (receipt,) = await ward.heard()
            assert receipt.rejected == RejectionReason.WRONG_SHAPE
            assert await ward.readings() == []
            (rejection,) = await ward.rejections()
        async with scene(origins_allowed="real, demo") as trial:
            trial.assign(W1, "p1")
            await trial.device.publish(readings_topic(W1), rejection.payload)
            (receipt,) = await trial.heard()
            assert receipt.rejected is None
            assert [reading.origin for reading in await trial.readings()] == ["demo"]

    run_virtual(course())


def test_where_it_is_asked_for_a_stranger_is_enrolled() -> None:
    async def course() -> None:
        async with scene(enroll_unassigned=True) as ward:
            await ward.send(0)
            (receipt,) = await ward.heard()
            assert receipt.rejected is None
            (reading,) = await ward.readings()
            with ward.database.snapshot() as conn:
                assert patients.get(conn, reading.patient_id).name == "w1"

    run_virtual(course())


def test_one_bad_sign_is_rejected_beside_the_accepted_reading() -> None:
    async def course() -> None:
        async with scene() as ward:
            ward.assign(W1, "p1")
            await ward.send(0, signs={"heart_rate_bpm": 70, "spo2_percent": 9999})
            (receipt,) = await ward.heard()
            assert receipt.rejected is None
            (reading,) = await ward.readings()
            assert list(reading.signs.values()) == [70.0]
            (rejection,) = await ward.rejections()
            assert rejection.reason is RejectionReason.IMPLAUSIBLE
            assert "spo2_percent is 9999" in rejection.detail
            assert ward.value("accepted_total") == 1
            assert ward.value("rejected_total", reason="implausible") == 1

    run_virtual(course())


def test_a_large_refused_message_keeps_its_beginning_and_its_length() -> None:
    async def course() -> None:
        async with scene(payload_bytes_kept=100) as ward:
            ward.assign(W1, "p1")
            await ward.device.publish(readings_topic(W1), b"\x00" * 1_000_000)
            await ward.send(0)
            await ward.heard()
            (rejection,) = await ward.rejections()
            assert rejection.reason is RejectionReason.TOO_LARGE
            assert (len(rejection.payload), rejection.payload_bytes) == (100, 1_000_000)

    run_virtual(course())


def test_a_message_whose_key_is_half_a_character_is_rejected_not_fatal() -> None:
    async def course() -> None:
        async with scene() as ward:
            ward.assign(W1, "p1")
            await ward.device.publish(
                readings_topic(W1), b'{"measured_at":1767225600000,"signs":{"\\ud800":1,"heart_rate_bpm":1}}'
            )
            await ward.send(0)
            await ward.heard()
            (rejection,) = await ward.rejections()
            assert rejection.reason is RejectionReason.UNKNOWN_SIGN

    run_virtual(course())


def test_stopping_while_the_log_is_down_lets_go_of_nothing_and_the_next_ingest_carries_on() -> None:
    async def course() -> None:
        async with scene() as ward:
            ward.assign(W1, "p1")
            ward.bus.is_down = True
            await ward.send(0, 1)
            await ward.clock.sleep(5)
            first = ward.session
            ward.ingest.stop()
            await ward.clock.sleep(5)
            assert len(first.inbox) == 2
            await first.kill()
            ward.bus.is_down = False
            ward.session = ward.broker.session("ingest")
            await ward.session.open()
            ward.ingest = ward.new_ingest()
            running = asyncio.create_task(ward.ingest.run())
            (receipt,) = await ward.heard()
            assert (receipt.from_sequence, receipt.through_sequence) == (0, 1)
            ward.ingest.stop()
            await running

    run_virtual(course())


@pytest.mark.parametrize("others", [{}, {"temperature_celsius": 37.0}])
def test_alerts_hear_of_vital_signs_that_were_refused_as_impossible(others: dict[str, float]) -> None:
    async def course() -> None:
        async with scene() as ward:
            ward.assign(W1, "p1")
            await ward.send(0, signs={"respiratory_rate_bpm": 0, "steps_count": -1, **others})
            assert (await ward.heard())[0].rejected == (None if others else RejectionReason.IMPLAUSIBLE)
            records = [decode_readings_record(record.value) for record in await ward.logged(LogTopic.READINGS)]
            (refused,) = [record for record in records if isinstance(record, RefusedSigns)]
            assert (refused.patient_id, refused.reading_id) == ("p1", "w1/b1/0")
            assert refused.signs == {Sign.RESPIRATORY_RATE: 0}
            assert len(records) == 1 + bool(others)
            assert len(await ward.rejections()) == 1

    run_virtual(course())


@pytest.mark.parametrize(
    ("birth_date", "band", "years"),
    [
        ("2025-11-21", AgeBand.UNDER_3_MONTHS, 0),
        ("2000-01-01", None, 26),
        ("1920-01-01", None, 90),
        (None, None, None),
    ],
)
def test_a_reading_carries_age_and_sex_and_of_a_child_more_is_possible(
    birth_date: str | None, band: AgeBand | None, years: int | None
) -> None:
    async def course() -> None:
        async with scene() as ward:
            ward.assign(W1, "p1")
            with ward.database.transaction() as conn:
                patients.set_birth_date(conn, PatientId("p1"), birth_date, EPOCH_MS)
                patients.set_sex(conn, PatientId("p1"), Sex.FEMALE)
            await ward.send(0, signs={"respiratory_rate_bpm": 85, "heart_rate_bpm": 150})
            await ward.heard()
            (told,) = await ward.readings()
            assert told.age_band is band
            assert (told.age_years, told.sex) == (years, Sex.FEMALE)
            assert (Sign.RESPIRATORY_RATE in told.signs) is (band is not None)
            assert len(await ward.rejections()) == (0 if band is not None else 1)

    run_virtual(course())


def test_alerts_hear_of_a_device_whose_clock_is_far_ahead() -> None:
    async def course() -> None:
        async with scene() as ward:
            ward.assign(W1, "p1")
            await ward.send(0, measured_at=EPOCH_MS + 600_000)
            assert (await ward.heard())[0].rejected == RejectionReason.TIME_IN_FUTURE
            (record,) = [decode_readings_record(each.value) for each in await ward.logged(LogTopic.READINGS)]
            assert isinstance(record, RefusedSigns)
            assert (record.patient_id, record.from_future, record.signs) == ("p1", True, {Sign.HEART_RATE: 70})

    run_virtual(course())
