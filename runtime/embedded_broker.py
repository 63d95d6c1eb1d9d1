"""An MQTT 3.1.1 broker inside our own process, for trying Wardlight out: the one file that imports amqtt.

It lets anyone in, hence listens on the loopback interface only. It keeps no session across connections and nothing on
disk, so it gives no durability: a clinic runs Mosquitto.
"""

import asyncio
import contextlib
import logging
import os

from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType
from amqtt.errors import NoDataError

from vitals.errors import ConfigurationError, InvalidArgument

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_LISTENER = "default"
_ANYONE = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}


class _BoundedReader(StreamReaderAdapter):  # type: ignore[misc]
    """Ends the connection of a client that announces a packet larger than `packet_bytes_max`."""

    def __init__(self, reader: asyncio.StreamReader, packet_bytes_max: int) -> None:
        super().__init__(reader)
        self._packet_bytes_max = packet_bytes_max
        self._ended = False

    async def read(self, n: int = -1) -> bytes:
        self._ended = self._ended or n > self._packet_bytes_max
        if self._ended:
            raise NoDataError("The packet is too large.")
        data: bytes = await super().read(n)
        return data


class EmbeddedBroker:
    """amqtt on one loopback port, with at most `connections_max` clients and `packet_bytes_max` in one packet."""

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 1883,
        connections_max: int = 1000,
        packet_bytes_max: int = 4 * 2**20,
    ) -> None:
        if host not in _LOOPBACK:
            raise InvalidArgument(f"The embedded broker lets anyone in: it listens on 127.0.0.1, not on {host}.")
        self.host = host
        self.port = port
        self._connections_max = connections_max
        self._packet_bytes_max = packet_bytes_max
        self._connections: set[asyncio.StreamWriter] = set()
        self._broker: Broker | None = None
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; with port 0 on a free one, then found in `port`. Raises ConfigurationError where the port is taken."""
        logging.getLogger("amqtt").setLevel(logging.CRITICAL)
        logging.getLogger("transitions").setLevel(logging.ERROR)
        listener = ListenerConfig(type=ListenerType.EXTERNAL, bind=f"{self.host}:{self.port}")
        self._broker = Broker(BrokerConfig(listeners={_LISTENER: listener}, plugins=dict(_ANYONE)))
        try:
            await self._broker.start()
            self._server = await asyncio.start_server(self._serve, self.host, self.port)
        except OSError as error:
            await self.stop()
            cause = os.strerror(error.errno) if error.errno else str(error)
            raise ConfigurationError(
                f"The embedded MQTT broker cannot listen on {self.host}:{self.port} ({cause}): choose another mqtt.port."
            ) from error
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close every connection and stop listening."""
        if self._server is not None:
            self._server.close()
        if self._broker is not None:
            await self._broker.shutdown()
            self._broker = None
        for writer in tuple(self._connections):
            writer.close()
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        broker = self._broker
        if broker is None or len(self._connections) >= self._connections_max:
            writer.close()
            return
        self._connections.add(writer)
        try:
            with contextlib.suppress(OSError):
                await broker.external_connected(
                    _BoundedReader(reader, self._packet_bytes_max), StreamWriterAdapter(writer), _LISTENER
                )
        finally:
            self._connections.discard(writer)
            writer.close()
