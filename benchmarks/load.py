"""What the benchmarks feed: readings of a ward of healthy patients, seeded, as records and as devices send them."""

import random
from collections.abc import Iterator, Sequence

import msgspec

from runtime.bus import Incoming, Outgoing, partition_of
from vitals import codec
from vitals.identity import sequenced_reading_id
from vitals.reading import DeviceId, DeviceReading, Origin, PatientId, Reading
from vitals.sign import Sign
from vitals.topics import LogTopic, readings_topic

SEED = 1
USUAL: dict[Sign, tuple[float, float]] = {
    Sign.HEART_RATE: (75.0, 3.0),
    Sign.RESPIRATORY_RATE: (15.0, 1.0),
    Sign.SPO2: (97.0, 0.7),
    Sign.TEMPERATURE: (36.8, 0.1),
    Sign.SYSTOLIC: (122.0, 4.0),
}
"""Usual value and spread of each sign a reading carries."""


class Message(msgspec.Struct, frozen=True):
    """One MQTT message."""

    topic: str
    payload: bytes


def device_ids(count: int) -> list[DeviceId]:
    """Names of so many devices."""
    return [DeviceId(f"bench-{number:03}") for number in range(count)]


def messages(devices: Sequence[DeviceId], count: int, *, boot: str, now_ms: int) -> Iterator[Message]:
    """`count` messages, device after device in turn, the newest measured at `now_ms`, 1 Hz per device."""
    source = random.Random(SEED)
    rounds = -(-count // len(devices))
    for number in range(count):
        sequence, device = divmod(number, len(devices))
        reading = DeviceReading(
            measured_at=now_ms - (rounds - 1 - sequence) * 1000,
            signs={sign.value: value for sign, value in _signs(source).items()},
            boot=boot,
            sequence=sequence,
            origin=Origin.DEMO,
        )
        yield Message(readings_topic(devices[device]), codec.encode(reading))


def records(patients: int, count: int, *, boot: str, from_ms: int, every_s: float, partitions: int) -> list[Incoming]:
    """`count` records of topic `readings` as a reader delivers them, patient after patient in turn."""
    source = random.Random(SEED)
    ends = [0] * partitions
    made: list[Incoming] = []
    for number in range(count):
        sequence, patient = divmod(number, patients)
        at_ms = from_ms + round(sequence * every_s * 1000)
        device_id = DeviceId(f"bench-{patient:03}")
        key = f"patient-{patient:03}".encode()
        reading = Reading(
            reading_id=sequenced_reading_id(device_id, boot, sequence),
            patient_id=PatientId(key.decode()),
            device_id=device_id,
            measured_at_ms=at_ms,
            received_at_ms=at_ms,
            signs=_signs(source),
            boot=boot,
            sequence=sequence,
            origin=Origin.DEMO,
        )
        partition = partition_of(key, partitions)
        made.append(Incoming(LogTopic.READINGS.value, partition, ends[partition], key, codec.encode(reading)))
        ends[partition] += 1
    return made


def outgoing(record: Incoming) -> Outgoing:
    """The record as its publisher handed it over."""
    return Outgoing(record.topic, record.key, record.value)


def _signs(source: random.Random) -> dict[Sign, float]:
    return {sign: round(source.gauss(usual, spread), 1) for sign, (usual, spread) in USUAL.items()}
