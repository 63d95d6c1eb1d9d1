"""The door of the web application: which requests may pass at all, and the headers every answer carries.

What it keeps out is the browser of somebody who is signed in, used against them: pages of other sites that guess our
address (DNS rebinding: the Host check), post forms to it (content type and origin), frame it, or smuggle script into it
through a patient's name (content security policy). Who asks, and whether they may, is for the gate behind it.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any
from urllib.parse import unquote_plus, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.body_shape import NUL, fault_of
from vitals.errors import ErrorCode

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
"""Methods that change something."""
_JSON_TYPES = frozenset({"application/json", "application/fhir+json"})
"""Types that no form of another site can send."""
_BODY_LEFT = frozenset({408, 413})
"""Answers given before the body was read: what else comes over that connection is not worth waiting for."""
_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
SECURITY_HEADERS = {
    "content-security-policy": _CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "permissions-policy": "accelerometer=(), camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
STRICT_TRANSPORT = {"strict-transport-security": "max-age=31536000"}
"""For a year no browser asks us without TLS; sent where this process ends TLS (a proxy in front says its own)."""


class Guard:
    """ASGI middleware: refuses foreign hosts, foreign origins, other content types than JSON, large bodies and slow ones."""

    def __init__(
        self, app: ASGIApp, *, hosts: Iterable[str], body_bytes_max: int, body_s: float, is_tls: bool = False
    ) -> None:
        self._app = app
        self._hosts = frozenset(hosts)
        self._body_bytes_max = body_bytes_max
        self._body_s = body_s
        self._answered_with = SECURITY_HEADERS | STRICT_TRANSPORT if is_tls else SECURITY_HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        sender = _with_headers(send, self._answered_with)
        headers = Headers(scope=scope)
        refusal = _of_address(scope) or self._refusal(scope["method"], headers)
        if refusal is not None:
            await _refuse(sender, *refusal)
            return
        if scope["method"] not in CHANGING:
            await self._app(scope, receive, sender)
            return
        try:
            async with asyncio.timeout(self._body_s):
                body = await self._body(receive)
        except TimeoutError:
            late = f"Send the whole body within {self._body_s:g} s."
            await _refuse(sender, 408, ErrorCode.INVALID_ARGUMENT, late)
            return
        if body is None:
            await _refuse(sender, 413, ErrorCode.INVALID_ARGUMENT, f"Send at most {self._body_bytes_max} bytes.")
            return
        fault = fault_of(body)
        if fault is not None:
            # The gate refuses it, which is put on record.
            scope["body_fault"], body = fault, body if fault.is_readable else b""
        scope["body"] = body
        await self._app(scope, _replayed(body, receive), sender)

    def _refusal(self, method: str, headers: Headers) -> tuple[int, ErrorCode, str] | None:
        host = _name_of(f"//{headers.get('host', '')}")
        if host not in self._hosts:
            return 421, ErrorCode.INVALID_ARGUMENT, "This server answers only to its own name, such as 127.0.0.1."
        if method not in CHANGING:
            return None
        if not _is_bare(method, headers) and not _is_json(headers):
            return 415, ErrorCode.INVALID_ARGUMENT, "Send JSON, with content type application/json."
        origin = headers.get("origin")
        foreign = origin is not None and urlsplit(origin).netloc != headers.get("host")
        if foreign or headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            return 403, ErrorCode.INVALID_ARGUMENT, "Changes are taken from this server's own pages only."
        return None

    async def _body(self, receive: Receive) -> bytes | None:
        parts = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return bytes(parts)
            parts += message.get("body", b"")
            if len(parts) > self._body_bytes_max:
                return None
            if not message.get("more_body", False):
                return bytes(parts)


def _of_address(scope: Scope) -> tuple[int, ErrorCode, str] | None:
    if NUL in scope["path"] or NUL in unquote_plus(scope["query_string"].decode("latin-1"), errors="replace"):
        return 422, ErrorCode.INVALID_ARGUMENT, "The address holds the character NUL: leave it out."
    return None


def _is_bare(method: str, headers: Headers) -> bool:
    """A DELETE without a body, which no browser sends from another site without asking this server first."""
    return method == "DELETE" and headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers


def _is_json(headers: Headers) -> bool:
    return headers.get("content-type", "").partition(";")[0].strip().lower() in _JSON_TYPES


def is_loopback_host(host: str) -> bool:
    """Whether a Host header names this machine itself."""
    return _name_of(f"//{host}") in LOOPBACK_NAMES


def is_trusted_address(url: str) -> bool:
    """Whether what is sent there stays between us: HTTPS, or this machine itself."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback_host(parts.netloc))


def _name_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _with_headers(send: Send, added: Mapping[str, str]) -> Send:
    async def sender(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in added.items():
                headers[name] = value
            headers.setdefault("cache-control", "no-store")
        await send(message)

    return sender


def _replayed(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> MutableMapping[str, Any]:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


async def _refuse(send: Send, status: int, code: ErrorCode, message: str) -> None:
    body = json.dumps({"code": code, "message": message}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status in _BODY_LEFT:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
