"""A server of the test's own on a free loopback port, that keeps what it was asked and answers as it is told to."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

OK: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass(frozen=True)
class Asked:
    """One request, whole; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


def answer(status: int, *, headers: Mapping[str, str] | None = None, body: bytes = b"") -> bytes:
    """An HTTP answer as bytes."""
    lines = [f"HTTP/1.1 {status} Status", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


Responder = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


class Endpoint:
    """Answers with `answers`, the last of them for ever, or by `responder` where one is given."""

    def __init__(self, *, answers: list[bytes] | None = None, responder: Responder | None = None) -> None:
        self.asked: list[Asked] = []
        self.answers = [OK] if answers is None else answers
        self.connections = 0
        self.port = 0
        self._responder = responder
        self._news = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()

    def url(self, path: str = "/hook", *, scheme: str = "http", host: str = "127.0.0.1") -> str:
        """Its address."""
        return f"{scheme}://{host}:{self.port}{path}"

    async def until(self, count: int) -> list[Asked]:
        """Waits until so many requests have come."""
        while len(self.asked) < count:
            self._news.clear()
            await self._news.wait()
        return self.asked

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            while request := await _read(reader):
                self.asked.append(request)
                self._news.set()
                if self._responder is not None:
                    await self._responder(request, writer)
                else:
                    writer.write(self.answers[min(len(self.asked), len(self.answers)) - 1])
                    await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    @contextlib.asynccontextmanager
    async def listening(
        self, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
    ) -> AsyncIterator["Endpoint"]:
        """The endpoint, taking requests."""
        server = await asyncio.start_server(self._serve, host, 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for writer in [*self._writers]:
                writer.close()


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").rstrip().split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Asked(method, path, headers, await reader.readexactly(int(headers.get("content-length", 0))))
