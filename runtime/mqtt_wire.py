"""The bytes under an MQTT client: an asyncio transport that looks like a non-blocking socket and keeps itself alive.

Reading can be paused without losing the connection: PINGREQ goes out from here on a timer of its own, whether or not
anything is read, and silence of the broker counts only while we listen. Measured with Mosquitto: a client that pauses
without this is cut off after 1.5 keep-alives.
"""

import asyncio
import os
import ssl
from collections.abc import Callable

from runtime.mqtt_tls import distrusted, refused
from runtime.settings import MqttSettings
from vitals.errors import Unavailable

PINGREQ = b"\xc0\x00"
"""MQTT's two-byte ping request, the same in every version."""

NO_ANSWER = "no answer in time"

TICKS_PER_KEEPALIVE = 2
SILENT_TICKS_MAX = 3
"""Ticks without one byte from the broker, while we listen and ping, after which the connection is dead: 1.5 keep-alives."""


class Wire(asyncio.Protocol):
    """One connection's bytes; `recv`, `send` and `close` are the part of a socket that paho uses.

    What is sent during one turn of the event loop leaves in one write. `on_bytes` is called when there is something to
    `recv`, `on_lost` exactly once with a short cause when the connection has ended.
    """

    def __init__(self, *, on_bytes: Callable[[], None], on_lost: Callable[[str], None]) -> None:
        self._on_bytes = on_bytes
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._chunk = b""
        self._at = 0
        self._out = bytearray()
        self._timer: asyncio.TimerHandle | None = None
        self._tick_s = 0.0
        self._wrote = False
        self._heard = False
        self._silent_ticks = 0
        self._cause = ""
        self._ending = False
        self.paused = False
        self.has_lasted = False
        """Whether the connection outlived its first keep-alive tick."""

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError(f"Expected a stream transport, got {type(transport).__name__}.")
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._heard = True
        self._chunk = self._chunk[self._at :] + data if self.has_bytes else data
        self._at = 0
        self._on_bytes()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._transport = None
        self._on_lost(self._cause or (str(exc) if exc is not None else "the broker closed the connection"))

    # What paho calls.

    def recv(self, buffer_size: int) -> bytes:
        """Up to `buffer_size` bytes; raises BlockingIOError when there are none."""
        start = self._at
        data = self._chunk[start : start + buffer_size]
        if not data:
            raise BlockingIOError
        self._at = start + len(data)
        return data

    def send(self, buffer: bytes | bytearray) -> int:
        """Takes all of it, always: whole packets stay whole, so that a ping can stand between any two."""
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out += buffer
        return len(buffer)

    def close(self) -> None:
        """Write what is still to be written, then end."""
        self._flush()
        self._ending = True
        if self._transport is not None:
            self._transport.close()

    def fileno(self) -> int:
        """Nobody may select on us."""
        return -1

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 - the shape of a socket
        """We never block."""

    # What the session calls.

    @property
    def has_bytes(self) -> bool:
        """Whether `recv` would give something."""
        return self._at < len(self._chunk)

    def pause(self) -> None:
        """Stop reading; the kernel's and the broker's buffers fill, and the broker stops sending."""
        if not self.paused and self._transport is not None and not self._ending:
            self.paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        if self.paused and self._transport is not None and not self._ending:
            self.paused = False
            self._silent_ticks = 0
            self._transport.resume_reading()

    def keep_alive(self, keepalive_s: float) -> None:
        """From now on ping so often that the broker never misses us; 0 means never."""
        if keepalive_s > 0:
            self._tick_s = keepalive_s / TICKS_PER_KEEPALIVE
            self._timer = self._loop.call_later(self._tick_s, self._tick)

    def abort(self, cause: str) -> None:
        """End at once, whatever is unwritten."""
        self._cause = self._cause or cause
        if self._transport is not None:
            self._transport.abort()

    def _flush(self) -> None:
        if self._out and self._transport is not None and not self._ending:
            self._wrote = True
            self._transport.write(bytes(self._out))
        self._out.clear()

    def _tick(self) -> None:
        self.has_lasted = True
        self._silent_ticks = 0 if self._heard or self.paused else self._silent_ticks + 1
        if self._silent_ticks >= SILENT_TICKS_MAX:
            self.abort(f"the broker was silent for {self._silent_ticks * self._tick_s:g} s")
            return
        if not self._wrote or not self._heard:
            self.send(PINGREQ)
        self._wrote = self._heard = False
        self._timer = self._loop.call_later(self._tick_s, self._tick)


async def open_wire(
    *,
    host: str,
    port: int,
    tls: ssl.SSLContext | None,
    on_bytes: Callable[[], None],
    on_lost: Callable[[str], None],
) -> Wire:
    """A connected wire; raises OSError."""
    loop = asyncio.get_running_loop()
    _, wire = await loop.create_connection(lambda: Wire(on_bytes=on_bytes, on_lost=on_lost), host, port, ssl=tls)
    return wire


def unreachable(settings: MqttSettings, cause: str | OSError) -> Unavailable:
    """One sentence that says what to do."""
    where = f"the MQTT broker at {settings.host}:{settings.port}"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return distrusted(settings, cause)
    if isinstance(cause, OSError):
        number = None if isinstance(cause, ssl.SSLError) else cause.errno
        cause = os.strerror(number) if number else str(cause)
    of_tls = refused(settings, cause)
    if of_tls is not None:
        return of_tls
    if "protocol" in cause.lower():
        return Unavailable(f"Cannot use {where} ({cause}): set mqtt.protocol to the version that it speaks.")
    if cause.startswith("refused"):
        return Unavailable(f"Cannot use {where} ({cause}): correct mqtt.username, mqtt.password or the client id.")
    if cause == NO_ANSWER:
        return Unavailable(f"Cannot use {where} ({cause}): check that it is an MQTT broker and speaks mqtt.protocol.")
    return Unavailable(f"Cannot reach {where} ({cause}): start it, or correct mqtt.host and mqtt.port.")
