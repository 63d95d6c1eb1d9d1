"""One message by apprise, in a process of its own: `python -m alerts.channels.apprise_process`, order on stdin, outcome on stdout.

The library bounds neither time nor memory and looks names up itself (ADR 0023). So it runs where it can be killed, with a
bound on memory, and where whatever it resolves goes by the guard: this process has no other work.
"""

import os
import re
import resource
import socket
import sys
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Any, Final

import msgspec

from runtime.address_guard import AddressGuard, AddressRefused, AllowedHost

ADDRESS_SPACE_BYTES_MAX: Final = 1 << 30
_STATUS: Final = re.compile(r"error=(\d{3})\b")
"""How the library words an HTTP status in its log, the only place where it says one."""


class Order(msgspec.Struct, frozen=True):
    """What to send."""

    url: str
    title: str
    body: str
    is_page: bool
    hosts_allowed: tuple[str, ...]
    schemes: tuple[str, ...]


class Outcome(msgspec.Struct, frozen=True):
    """What came of it."""

    accepted: bool
    is_known: bool = True
    """Whether the library can send to such an address, and the settings allow its service."""
    status: int | None = None
    refused: str | None = None
    """What the guard refused, in its words."""


def main() -> None:
    """Send one message; whatever goes wrong inside the library is its business, and no success."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES_MAX, ADDRESS_SPACE_BYTES_MAX))
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    answers = os.dup(sys.stdout.fileno())
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    os.write(answers, msgspec.json.encode(_sent(order)))


def _sent(order: Order) -> Outcome:
    scheme = order.url.partition("://")[0].lower()
    if scheme not in order.schemes:
        return Outcome(accepted=False, is_known=False)
    refusals = _guard_names([AllowedHost.parse(entry) for entry in order.hosts_allowed])
    import apprise

    asset = apprise.AppriseAsset(
        http_redirects=False, secure_logging=True, app_id="Wardlight", storage_mode=apprise.PersistentStoreMode.MEMORY
    )
    service = apprise.Apprise(asset=asset)
    if not service.add(order.url):
        return Outcome(accepted=False, is_known=False)
    kind = apprise.NotifyType.FAILURE if order.is_page else apprise.NotifyType.INFO
    with service.notify(title=order.title, body=order.body, notify_type=kind, body_format="text") as result:
        said = " ".join(str(line) for line in result.logs())
        found = _STATUS.search(said)
        return Outcome(
            accepted=bool(result),
            status=None if found is None else int(found[1]),
            refused=refusals[-1] if refusals else None,
        )


def _guard_names(allowed: Sequence[AllowedHost]) -> list[str]:
    """From now on names resolve to nothing but addresses that the guard lets pass; returns what it refuses.

    The library asks for the address that it then connects to, so nothing can change in between.
    """
    guard, refusals = AddressGuard(allowed), list[str]()
    look_up: Callable[..., list[Any]] = socket.getaddrinfo

    def guarded(host: Any, port: Any, *args: Any, **kwargs: Any) -> list[Any]:  # noqa: ANN401 - as the original
        passed = []
        for entry in look_up(host, port, *args, **kwargs):
            address, number = ip_address(str(entry[4][0]).partition("%")[0]), int(entry[4][1])
            try:
                _check(guard, host=str(host).rstrip(".").lower(), port=number, address=address)
            except AddressRefused as error:
                refusals.append(str(error))
            else:
                passed.append(entry)
        if not passed:
            raise socket.gaierror(socket.EAI_NONAME, "refused")
        return passed

    socket.getaddrinfo = guarded
    return refusals


def _check(guard: AddressGuard, *, host: str, port: int, address: Any) -> None:  # noqa: ANN401 - IPAddress
    """By https or, where that is allowed, plain http: which of both the library means it does not say here."""
    try:
        guard.check(scheme="https", host=host, port=port, address=address)
    except AddressRefused:
        guard.check_name(scheme="http", host=host, port=port)
        guard.check(scheme="http", host=host, port=port, address=address)


if __name__ == "__main__":
    main()
