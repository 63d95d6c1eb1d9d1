"""The lives of aiokafka's clients: started to the end, and bidden goodbye within a deadline.

A start that is cancelled while it waits for its first metadata leaks its connection (aiokafka 0.14: `bootstrap` knows
no cancellation). So a start goes on by itself when nobody waits for it any more, and its client is then stopped.
"""

import asyncio
from typing import Any

import structlog
from aiokafka.errors import KafkaError

log = structlog.get_logger()


class KafkaClients:
    """Starts and stops clients of aiokafka: producers, consumers, administrators."""

    def __init__(self, bootstrap: str, *, close_s_max: float) -> None:
        self._bootstrap = bootstrap
        self._close_s_max = close_s_max
        self._unwanted: set[asyncio.Task[None]] = set()
        """Starts nobody waits for; each is bounded by its client's request timeout."""

    async def start(self, client: Any) -> None:  # noqa: ANN401 - aiokafka has no types
        """Start it; where that fails or is cancelled, the client is stopped, if need be later."""
        starting = asyncio.create_task(client.start(), name="kafka-start")
        try:
            await asyncio.shield(starting)
        except BaseException:
            if starting.done():
                await self.stop(client)
            else:
                self._stop_once_started(client, starting)
            raise

    async def stop(self, client: Any) -> None:  # noqa: ANN401
        """Stop it, for at most `close_s_max`: in an outage its farewells are not heard."""
        try:
            async with asyncio.timeout(self._close_s_max):
                await (client.stop() if hasattr(client, "stop") else client.close())
        except (KafkaError, TimeoutError, OSError) as error:
            log.warning("kafka_goodbye_unheard", bootstrap=self._bootstrap, error=repr(error))

    async def close(self) -> None:
        """Wait for what is still being stopped, for at most as long as one request and one goodbye may take."""
        if self._unwanted:
            await asyncio.wait(self._unwanted)

    def _stop_once_started(self, client: Any, starting: asyncio.Task[None]) -> None:  # noqa: ANN401
        async def finish() -> None:
            await asyncio.wait({starting})
            if not starting.cancelled() and starting.exception() is not None:
                log.warning("kafka_start_abandoned", bootstrap=self._bootstrap, error=repr(starting.exception()))
            await self.stop(client)

        task = asyncio.create_task(finish(), name="kafka-stop")
        self._unwanted.add(task)
        task.add_done_callback(self._unwanted.discard)
