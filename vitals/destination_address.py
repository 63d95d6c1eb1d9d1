"""How the address of a destination must look, and how much of it is shown. Pure; whether anybody is there, an attempt tells."""

from typing import Final
from urllib.parse import urlsplit

from vitals.errors import InvalidArgument
from vitals.notification import Channel

ADDRESS_MAX: Final = 2000
_SECRET_PATHS: Final = frozenset({Channel.SLACK, Channel.TEAMS})
"""Channels whose address alone lets anybody send: of theirs the host is shown only."""
_EMAIL_MAX: Final = 254
_SCHEME_MAX: Final = 40


def check_address(channel: Channel, address: str) -> None:
    """Raises InvalidArgument where this cannot be an address of the channel.

    >>> check_address(Channel.EMAIL, "ward@hospital.example")
    >>> check_address(Channel.WEBHOOK, "hospital.example/hook")
    Traceback (most recent call last):
    vitals.errors.InvalidArgument: The address of a webhook is a URL such as https://pager.hospital.example/hook.
    """
    if channel is Channel.EMAIL:
        local, at, domain = address.rpartition("@")
        is_plain = address.isascii() and address.isprintable() and not set(address) & set(" ,;:<>()[]\\\"'")
        if not (at and local and domain and is_plain and "@" not in local and len(address) <= _EMAIL_MAX):
            raise InvalidArgument("The address of an e-mail is one mailbox, such as ward@hospital.example.")
        return
    if channel is Channel.APPRISE:
        if not (address.isascii() and address.isalnum() and len(address) <= _SCHEME_MAX):
            raise InvalidArgument(
                "The address of apprise is its service's scheme, such as tgram; the secret is the rest."
            )
        return
    try:
        parts = urlsplit(address)
        is_url = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url = False
    if not is_url or not address.isascii() or not address.isprintable() or " " in address or len(address) > ADDRESS_MAX:
        raise InvalidArgument(f"The address of a {channel.value} is a URL such as https://pager.hospital.example/hook.")
    if parts.username is not None or parts.password is not None:
        raise InvalidArgument("No names or passwords in an address: give what signs in as the secret.")


def shown_address(channel: Channel, address: str) -> str:
    """The address without what only its owner should know.

    >>> shown_address(Channel.SLACK, "https://hooks.slack.example/services/T0/B0/x")
    'https://hooks.slack.example/…'
    >>> shown_address(Channel.WEBHOOK, "https://pager.example/hook?key=1")
    'https://pager.example/hook?…'
    """
    if channel in (Channel.EMAIL, Channel.APPRISE):
        return address
    parts = urlsplit(address)
    if channel in _SECRET_PATHS:
        return f"{parts.scheme}://{parts.netloc}/…"
    return f"{parts.scheme}://{parts.netloc}{parts.path}{'?…' if parts.query else ''}"
