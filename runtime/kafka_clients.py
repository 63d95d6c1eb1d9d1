"""The lives of aiokafka's clients: started to the end, bidden goodbye within a deadline, and why they cannot connect.

A start that is cancelled while it waits for its first metadata leaks its connection (aiokafka 0.14: `bootstrap` knows
no cancellation). So a start goes on by itself when nobody waits for it any more, and its client is then stopped.

Why a connection failed, aiokafka only logs: callers learn of "no bootstrap", "node not ready" or a timeout, whether
Kafka is down or has refused our password. So once they fail, `explain` connects by itself and looks.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import structlog
from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnsupportedSaslMechanismError,
)

from runtime.settings import LogSettings
from vitals.errors import AccessDenied, CredentialsRefused, Unavailable, UntrustedServer

log = structlog.get_logger()

LOOK_S_MAX: Final = 3.0
"""How long the look for a failure's cause may take."""
_FORBIDDEN: Final = (
    TopicAuthorizationFailedError,
    GroupAuthorizationFailedError,
    ClusterAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)
_UNKNOWN_HERE: Final = (SaslAuthenticationFailed, UnsupportedSaslMechanismError, IllegalSaslStateError)


class KafkaClients:
    """Starts and stops clients of aiokafka (producers, consumers, administrators), all with the same `options`."""

    def __init__(self, settings: LogSettings, *, options: Callable[[], Mapping[str, Any]], close_s_max: float) -> None:
        self._settings = settings
        self.options = options
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
            log.warning("kafka_goodbye_unheard", bootstrap=self._settings.bootstrap, error=repr(error))

    async def close(self) -> None:
        """Wait for what is still being stopped, for at most as long as one request and one goodbye may take."""
        if self._unwanted:
            await asyncio.wait(self._unwanted)

    async def explain(self, error: Exception) -> Unavailable:
        """What this failure of a client means, as an error of ours; takes at most `LOOK_S_MAX`."""
        known = self._known(error)
        if known is None and self._settings.security != "plaintext":
            known = await self._look()
        return known or Unavailable(
            f"Kafka at {self._settings.bootstrap} does not answer ({error!r}): check that it runs, that log.bootstrap"
            " names it, and that log.security is what it speaks."
        )

    async def _look(self) -> Unavailable | None:
        """Connect to each address until one says why it refuses us; None where none does."""
        hosts = collect_hosts(self._settings.bootstrap)
        options = {key: value for key, value in self.options().items() if key != "bootstrap_servers"}
        for host, port, _ in hosts:
            try:
                async with asyncio.timeout(LOOK_S_MAX / len(hosts)):
                    connection = await create_conn(host, port, request_timeout_ms=int(LOOK_S_MAX * 1000), **options)
                connection.close()
            except (KafkaError, TimeoutError, OSError, ValueError) as error:
                known = self._known(error)
                if known is not None:
                    return known
        return None

    def _known(self, error: BaseException) -> Unavailable | None:
        at, user = f"Kafka at {self._settings.bootstrap}", f"log.username {self._settings.username!r}"
        if isinstance(error, _FORBIDDEN):
            return AccessDenied(f"{at} does not let {user} do this ({_what(error)}): run deploy/kafka-access again.")
        if isinstance(error, _UNKNOWN_HERE):
            return CredentialsRefused(
                f"{at} refuses {user} with this password: set log.password to the present one, or make it known to Kafka."
            )
        if isinstance(error, ssl.SSLCertVerificationError):
            return UntrustedServer(
                f"{at} has not shown to be Kafka ({error.verify_message}): check log.ca_file, and that its certificate"
                " names the host as log.bootstrap does."
            )
        if isinstance(error, ssl.SSLError):
            return UntrustedServer(
                f"{at} agrees on no TLS with us ({error.reason}): check log.security and its certificates."
            )
        if isinstance(error, ValueError):
            return UntrustedServer(
                f"{at} does not know our password itself ({error}): it is not the Kafka it should be."
            )
        return None

    def _stop_once_started(self, client: Any, starting: asyncio.Task[None]) -> None:  # noqa: ANN401
        async def finish() -> None:
            await asyncio.wait({starting})
            if not starting.cancelled() and starting.exception() is not None:
                log.warning(
                    "kafka_start_abandoned", bootstrap=self._settings.bootstrap, error=repr(starting.exception())
                )
            await self.stop(client)

        task = asyncio.create_task(finish(), name="kafka-stop")
        self._unwanted.add(task)
        task.add_done_callback(self._unwanted.discard)


def _what(error: BaseException) -> str:
    """Which topic or group, as far as aiokafka says."""
    named: Iterable[object] = (
        error.args[0] if error.args and isinstance(error.args[0], set | list | tuple) else error.args
    )
    names = ", ".join(sorted(map(str, named)))
    return f"{type(error).__name__.removesuffix('AuthorizationFailedError').lower()} {names}".strip()
