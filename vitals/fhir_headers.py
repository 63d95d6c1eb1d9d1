"""Headers that a subscriber wants to be sent (R4 Subscription.channel.header). Pure."""

from collections.abc import Sequence
from typing import Final

HEADERS_MAX: Final = 10
HEADER_CHARACTERS_MAX: Final = 4000
_TOKEN: Final = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
_OURS: Final = frozenset(
    [
        "host",
        "content-length",
        "content-type",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "accept-encoding",
        "proxy-authorization",
        "proxy-connection",
        "idempotency-key",
        "user-agent",
    ]
)
"""Those decide how a request is read, or are ours to give."""


def header_lines(lines: Sequence[str]) -> dict[str, str]:
    """`Name: value` each; raises ValueError, which shows no value, for what cannot or must not be sent."""
    if len(lines) > HEADERS_MAX:
        raise ValueError(f"There are more than {HEADERS_MAX} headers.")
    found: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or set(name.lower()) - _TOKEN:
            raise ValueError("A header is written as `Name: value`.")
        if name.lower() in _OURS:
            raise ValueError(f"The header {name} is not a subscriber's to set.")
        if len(line) > HEADER_CHARACTERS_MAX or not (value.strip().isascii() and value.strip().isprintable()):
            raise ValueError(f"The value of the header {name} is too long, or not printable ASCII.")
        found[name] = value.strip()
    return found
