"""Reading one PUBLISH packet of MQTT 3.1.1 or 5.

paho builds a table of all properties for every MQTT 5 message, which we read none of: measured, half of all the time it
takes to receive one.
"""

from runtime.mqtt import Received

_DUP, _RETAIN = 0x08, 0x01
_MORE = 0x80
_LENGTH_BYTES_MAX = 4


def qos_of(command: int) -> int:
    """Quality of service in a PUBLISH's first byte."""
    return (command >> 1) & 3


def read_publish(command: int, packet: bytes | bytearray, *, has_properties: bool, connection: int) -> Received | None:
    """The message in `packet`, which begins after the remaining length; None where it is malformed.

    A topic that is not UTF-8 is replaced by U+FFFD, which names no topic of ours.
    """
    qos = qos_of(command)
    topic_end = 2 + (packet[0] << 8 | packet[1]) if len(packet) >= 2 else len(packet)
    start = topic_end + 2 if qos else topic_end
    if len(packet) < max(2, start):
        return None
    mid = packet[topic_end] << 8 | packet[topic_end + 1] if qos else 0
    if has_properties:
        after = _after_properties(packet, start)
        if after is None:
            return None
        start = after
    try:
        topic = packet[2:topic_end].decode()
    except UnicodeDecodeError:
        topic = "\ufffd"
    return Received(
        topic=topic,
        payload=bytes(packet[start:]),
        qos=qos,
        retain=bool(command & _RETAIN),
        redelivered=bool(command & _DUP),
        mid=mid,
        connection=connection,
    )


def _after_properties(packet: bytes | bytearray, start: int) -> int | None:
    """Where the payload begins: behind the properties, whose length stands at `start`, seven bits to a byte."""
    length = 0
    for place in range(_LENGTH_BYTES_MAX):
        if start + place >= len(packet):
            return None
        byte = packet[start + place]
        length |= (byte & ~_MORE) << (7 * place)
        if byte < _MORE:
            end = start + place + 1 + length
            return end if end <= len(packet) else None
    return None
