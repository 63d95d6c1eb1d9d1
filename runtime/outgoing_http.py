"""The one door for requests that Wardlight makes to other servers: pooled, bounded in time and size, guarded where it may go.

An address is looked up, judged and connected to in one step (`runtime.address_guard`); TLS is proven against the name.
Redirects are answers like any other and never followed; proxies and .netrc of the environment play no part.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Protocol

import httpcore
import httpx

from runtime.address_guard import AddressGuard, AddressRefused, IPAddress
from runtime.blocking import DaemonDoor, Door
from vitals.errors import ConfigurationError


class OutgoingFault(StrEnum):
    """Why no answer came."""

    ADDRESS_INVALID = "address_invalid"
    ADDRESS_REFUSED = "address_refused"
    NAME_UNKNOWN = "name_unknown"
    NOT_CONNECTED = "not_connected"
    TLS_FAILED = "tls_failed"
    TIMED_OUT = "timed_out"
    ANSWER_INVALID = "answer_invalid"


class NoAnswer(Exception):
    """The request brought no answer; whether it arrived is not known unless the fault says that nothing was connected."""

    def __init__(self, fault: OutgoingFault, sentence: str, *, is_final: bool = False) -> None:
        super().__init__(sentence)
        self.fault = fault
        self.is_final = is_final
        """Whether the address itself can never work."""


@dataclass(frozen=True)
class Answer:
    """Status, headers (names in lower case) and the beginning of the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_whole: bool
    """Whether the body ended within its bounds of size and time."""


@dataclass(frozen=True, kw_only=True)
class OutgoingLimits:
    """Bounds of every request."""

    connect_s: float = 5.0
    request_s: float = 15.0
    """From the look-up of the name to the answer's headers."""
    answer_s: float = 2.0
    """For the body after that: the status has said what counts."""
    answer_bytes_max: int = 16_384
    connections_max: int = 50
    kept_s: float = 30.0
    """How long an idle connection is kept for the next request."""
    resolver_threads_max: int = 8


class Resolver(Protocol):
    """Looks a name up."""

    async def __call__(self, host: str, port: int) -> Sequence[IPAddress]:
        """Its addresses, best first; raises OSError where there is none."""
        ...


class SystemResolver:
    """What the machine itself would connect to, asked in a thread of its own."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def __call__(self, host: str, port: int) -> Sequence[IPAddress]:
        found = await self._door.run(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        return [*dict.fromkeys(ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found)]


class OutgoingHttp:
    """One per process, for every destination; `close` ends its connections."""

    def __init__(
        self,
        guard: AddressGuard,
        *,
        limits: OutgoingLimits | None = None,
        ca_file: Path | None = None,
        resolver: Resolver | None = None,
    ) -> None:
        self._guard = guard
        self._limits = OutgoingLimits() if limits is None else limits
        door = DaemonDoor(name="outgoing-names", threads_max=self._limits.resolver_threads_max)
        look_up = SystemResolver(door) if resolver is None else resolver
        trust = _trust(ca_file)
        self._pools = {
            scheme: httpcore.AsyncConnectionPool(
                ssl_context=trust,
                max_connections=self._limits.connections_max,
                keepalive_expiry=self._limits.kept_s,
                network_backend=_GuardedNetwork(scheme, guard, look_up),
            )
            for scheme in ("https", "http")
        }

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        """The server's answer, whatever its status; raises NoAnswer, whose sentence shows no more of `url` than its host."""
        target = self._checked(url)
        pool = self._pools[target.scheme]
        sent: list[tuple[bytes | str, bytes | str]] = [("Host", target.netloc), ("Accept-Encoding", "identity")]
        sent += (headers or {}).items()
        if body or method != "GET":
            sent.append(("Content-Length", str(len(body))))
        request = httpcore.Request(
            method,
            httpcore.URL(scheme=target.raw_scheme, host=target.raw_host, port=target.port, target=target.raw_path),
            headers=sent,
            content=body,
            extensions={"timeout": {"connect": self._limits.connect_s, "pool": self._limits.connect_s}},
        )
        try:
            async with asyncio.timeout(self._limits.request_s):
                response = await pool.handle_async_request(request)
        except (AddressRefused, TimeoutError, OSError, *_LIBRARY_FAULTS) as error:
            raise _no_answer(error, target.host) from error
        return await self._read(response)

    async def close(self) -> None:
        """End every connection."""
        for pool in self._pools.values():
            await pool.aclose()

    def _checked(self, url: str) -> httpx.URL:
        try:
            target = httpx.URL(url)
        except (httpx.InvalidURL, ValueError, TypeError) as error:
            raise NoAnswer(OutgoingFault.ADDRESS_INVALID, "The address is no URL.", is_final=True) from error
        if not target.host or target.userinfo:
            sentence = (
                "The address has no host." if not target.host else "The address must not hold a name and password."
            )
            raise NoAnswer(OutgoingFault.ADDRESS_INVALID, sentence, is_final=True)
        try:
            self._guard.check_name(scheme=target.scheme, host=_plain_name(target.host), port=_port(target))
        except AddressRefused as error:
            raise NoAnswer(OutgoingFault.ADDRESS_REFUSED, str(error), is_final=error.is_final) from error
        return target

    async def _read(self, response: httpcore.Response) -> Answer:
        body, is_whole = bytearray(), False
        try:
            async with asyncio.timeout(self._limits.answer_s):
                async for chunk in response.aiter_stream():
                    body += chunk[: self._limits.answer_bytes_max + 1 - len(body)]
                    if len(body) > self._limits.answer_bytes_max:
                        break
                else:
                    is_whole = True
        except (TimeoutError, OSError, *_LIBRARY_FAULTS):
            pass
        finally:
            await response.aclose()
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        return Answer(response.status, headers, bytes(body[: self._limits.answer_bytes_max]), is_whole)


class _GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to addresses that the guard has judged, and to nothing else."""

    def __init__(self, scheme: str, guard: AddressGuard, resolver: Resolver) -> None:
        self._scheme = scheme
        self._guard = guard
        self._resolver = resolver
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - of the interface
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        refused: AddressRefused | None = None
        failed: Exception | None = None
        async with asyncio.timeout(timeout):
            for address in await self._resolver(host, port):
                try:
                    self._guard.check(scheme=self._scheme, host=_plain_name(host), port=port, address=address)
                    return await self._network.connect_tcp(str(address), port, timeout, local_address, socket_options)
                except AddressRefused as error:
                    refused = error
                except (httpcore.ConnectError, OSError) as error:
                    failed = error
        raise failed or refused or socket.gaierror(socket.EAI_NONAME, "no address")

    async def connect_unix_socket(
        self,
        path: str,  # noqa: ARG002 - of the interface
        timeout: float | None = None,  # noqa: ARG002, ASYNC109
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore.AsyncNetworkStream:
        raise httpcore.UnsupportedProtocol("no address leads to a file")

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)


_LIBRARY_FAULTS = (
    httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol,
    httpcore.ConnectionNotAvailable,
)  # fmt: skip


def _no_answer(error: BaseException, host: str) -> NoAnswer:
    if isinstance(error, AddressRefused):
        return NoAnswer(OutgoingFault.ADDRESS_REFUSED, str(error), is_final=error.is_final)
    if isinstance(error, (TimeoutError, httpcore.TimeoutException)):
        return NoAnswer(OutgoingFault.TIMED_OUT, f"{host} does not answer in time.")
    if isinstance(error, socket.gaierror):
        return NoAnswer(OutgoingFault.NAME_UNKNOWN, f"{host} has no address.")
    if isinstance(error, (httpcore.ProtocolError, httpcore.UnsupportedProtocol)):
        return NoAnswer(OutgoingFault.ANSWER_INVALID, f"What {host} answers is not HTTP.")
    trouble = _tls_trouble(error)
    if trouble is not None:
        return NoAnswer(OutgoingFault.TLS_FAILED, f"{host} cannot be trusted: {trouble}.")
    return NoAnswer(OutgoingFault.NOT_CONNECTED, f"{host} cannot be reached, or breaks off.")


def _tls_trouble(error: BaseException | None) -> str | None:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return str(error.verify_message).rstrip(".")
        if isinstance(error, ssl.SSLError):
            return str(error.reason or "it does not speak TLS").replace("_", " ").lower()
        error = error.__cause__ or error.__context__
    return None


@cache
def _trust(ca_file: Path | None) -> ssl.SSLContext:
    """Read once per process: reading the machine's authorities takes 20 ms."""
    trust = ssl.create_default_context()
    if ca_file is not None:
        try:
            trust.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(f"Cannot read certificate authorities from {ca_file}: {error}.") from error
    return trust


def _plain_name(host: str) -> str:
    return host.rstrip(".").lower()


def _port(target: httpx.URL) -> int:
    if target.port is not None:
        return target.port
    return 443 if target.scheme == "https" else 80
