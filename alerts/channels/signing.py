"""How a webhook is signed: the format of Standard Webhooks, symmetric, so that its libraries verify ours. Pure.

Signed is `{id}.{timestamp}.{body}` with HMAC-SHA256: the id is what a receiver recognises a repetition by, the time is
that of the attempt, so that an old request played again is refused by whoever looks at it.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what a secret begins with, not one
KEY_BYTES_MIN: Final = 24
"""What Standard Webhooks asks for; a shorter secret is refused."""
REPLAY_WINDOW_S: Final = 300
"""How far a receiver should let the timestamp be from its own clock."""


def signing_key(secret: str) -> bytes:
    """The key in a secret: base64 after `whsec_`, else the text itself; raises ValueError where it is too short or broken."""
    if secret.startswith(SECRET_PREFIX):
        try:
            key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
        except binascii.Error as error:
            raise ValueError("The secret after whsec_ is not base64.") from error
    else:
        key = secret.encode()
    if len(key) < KEY_BYTES_MIN:
        raise ValueError(f"The secret is too short: {KEY_BYTES_MIN} bytes at least.")
    return key


def signature(key: bytes, *, notification_id: str, timestamp_s: int, body: bytes) -> str:
    """Header `webhook-signature`: version and signature."""
    signed = f"{notification_id}.{timestamp_s}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def signed_headers(secret: str, *, notification_id: str, timestamp_s: int, body: bytes) -> Mapping[str, str]:
    """The three headers of a signed request; raises ValueError for a secret that cannot sign."""
    return {
        "webhook-id": notification_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": signature(
            signing_key(secret), notification_id=notification_id, timestamp_s=timestamp_s, body=body
        ),
    }
