"""Our reading of PUBLISH packets, held against paho's own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt import _packet
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.exception import MalformedPacket

from runtime.mqtt_publish import read_publish

PROPERTIES = st.sampled_from(
    [
        b"\x00",
        b"\x02\x01\x01",
        b"\x05\x02\x00\x00\x00\x3c",
        b"\x86\x01\x26\x00\x01a\x00\x80" + b"b" * 128,
    ]
)
"""Lengths and properties: none, payload format, message expiry, a user property longer than one length byte tells."""


def packet_of(topic: bytes, mid: int, properties: bytes, payload: bytes, *, qos: int) -> bytes:
    return len(topic).to_bytes(2) + topic + (mid.to_bytes(2) if qos else b"") + properties + payload


@given(
    topic=st.text(min_size=1, max_size=50),
    mid=st.integers(1, 65535),
    properties=PROPERTIES,
    payload=st.binary(max_size=200),
    qos=st.sampled_from([0, 1]),
    dup=st.booleans(),
    retain=st.booleans(),
)
def test_a_packet_reads_as_paho_reads_it(
    *, topic: str, mid: int, properties: bytes, payload: bytes, qos: int, dup: bool, retain: bool
) -> None:
    command = 0x30 | dup << 3 | qos << 1 | retain
    for version, given_properties in ((MQTTProtocolVersion.MQTTv5, properties), (MQTTProtocolVersion.MQTTv311, b"")):
        packet = packet_of(topic.encode(), mid, given_properties, payload, qos=qos)
        theirs = _packet.decode_publish(command, packet, version)
        ours = read_publish(command, packet, has_properties=bool(given_properties), connection=3)
        assert ours is not None
        assert (ours.topic, ours.payload, ours.qos, ours.mid) == (topic, theirs.payload, theirs.qos, theirs.mid)
        assert (ours.retain, ours.redelivered, ours.connection) == (theirs.retain, theirs.dup, 3)


@given(packet=st.binary(max_size=12), command=st.sampled_from([0x30, 0x32]), has_properties=st.booleans())
def test_what_paho_takes_for_malformed_is_never_a_crash(*, packet: bytes, command: int, has_properties: bool) -> None:
    read_publish(command, packet, has_properties=has_properties, connection=1)


@pytest.mark.parametrize("packet", [b"", b"\x00", b"\x00\x05abc", b"\x00\x01a\x00", b"\x00\x01a\x00\x01\x09\x01"])
def test_a_truncated_packet_is_malformed_to_both(packet: bytes) -> None:
    assert read_publish(0x32, packet, has_properties=True, connection=1) is None
    with pytest.raises(MalformedPacket):
        _packet.decode_publish(0x32, packet, MQTTProtocolVersion.MQTTv5)


def test_a_topic_that_is_not_utf_8_names_nothing() -> None:
    message = read_publish(0x30, b"\x00\x01\xff", has_properties=False, connection=1)
    assert message is not None
    assert message.topic == "\ufffd"
