"""Links by which whoever holds a notification says that they have seen it, once, without signing in."""

import hmac
from typing import Final

from storage.signing import Signer
from vitals.errors import Forbidden

_PURPOSE: Final = "seen"
_MAC_HEX: Final = 40
TOKEN_MAX: Final = 200


def seen_token(signer: Signer, notification_id: str, until_ms: int) -> str:
    """What the link carries: which notification, until when it is good, and this installation's signature."""
    body = f"{notification_id}.{until_ms}"
    return f"{body}.{_mac(signer, body)}"


def notification_of(signer: Signer, token: str, *, now_ms: int) -> str:
    """The notification that the token stands for; raises Forbidden where it is not ours, or too old."""
    body, _, mac = token[:TOKEN_MAX].rpartition(".")
    notification_id, _, until = body.rpartition(".")
    if not hmac.compare_digest(mac.encode(), _mac(signer, body).encode()):
        raise Forbidden("This link was not made here.")
    if now_ms >= int(until):
        raise Forbidden("This link is too old: sign in to see the alert.")
    return notification_id


def _mac(signer: Signer, body: str) -> str:
    return signer.seal(_PURPOSE, body.encode()).hex()[:_MAC_HEX]
