"""What an HTTP server's answer means for a notification."""

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

from alerts.notification import DeliveryFault, Undelivered
from runtime.outgoing_http import Answer, NoAnswer, OutgoingFault, OutgoingHttp

RETRY_AFTER_S_MAX: Final = 3600.0
"""A server may ask for a pause of so much; more is passed over, since an alert would be forgotten on its word."""

_FAULTS: Final[Mapping[OutgoingFault, DeliveryFault]] = {
    OutgoingFault.ADDRESS_INVALID: DeliveryFault.MISCONFIGURED,
    OutgoingFault.ADDRESS_REFUSED: DeliveryFault.ADDRESS_FORBIDDEN,
    OutgoingFault.NAME_UNKNOWN: DeliveryFault.UNREACHABLE,
    OutgoingFault.NOT_CONNECTED: DeliveryFault.UNREACHABLE,
    OutgoingFault.TLS_FAILED: DeliveryFault.TLS_FAILED,
    OutgoingFault.TIMED_OUT: DeliveryFault.TIMED_OUT,
    OutgoingFault.ANSWER_INVALID: DeliveryFault.ANSWER_INVALID,
}
_CLIENT_FAULTS: Final[Mapping[int, tuple[DeliveryFault, bool]]] = {
    401: (DeliveryFault.UNAUTHORIZED, True),
    403: (DeliveryFault.UNAUTHORIZED, True),
    404: (DeliveryFault.GONE, True),
    408: (DeliveryFault.TIMED_OUT, True),
    410: (DeliveryFault.GONE, False),
    413: (DeliveryFault.TOO_LARGE, False),
    425: (DeliveryFault.SERVER_ERROR, True),
    429: (DeliveryFault.RATE_LIMITED, True),
}
"""4xx: the fault, and whether the same may be taken later; any other is refused for good.

A server that is being deployed answers 401, 403 or 404 for a minute, and a lost page is worse than a repeated attempt.
410 is said on purpose: by Standard Webhooks it asks for no more.
"""
_MOVED_FOR_NOW: Final = frozenset({302, 303, 307})


async def handed_over(
    http: OutgoingHttp,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes,
    now_ms: int,
    also: frozenset[int] = frozenset(),
) -> Answer:
    """POST; the answer where its status is a success or one of `also`; raises Undelivered with what the server says."""
    try:
        answer = await http.request("POST", url, headers={"User-Agent": "Wardlight", **headers}, body=body)
    except NoAnswer as error:
        raise Undelivered(_FAULTS[error.fault], str(error), retryable=not error.is_final) from error
    if answer.status in range(200, 300) or answer.status in also:
        return answer
    code, retryable = judged(answer.status)
    sentence = f"It answers {answer.status}."
    if answer.status in range(300, 400):
        sentence = f"It answers {answer.status}, a redirect, which is never followed: give the address it leads to."
    raise Undelivered(code, sentence, retryable=retryable, retry_after_s=_retry_after_s(answer, now_ms))


def judged(status: int) -> tuple[DeliveryFault, bool]:
    """What a status that is no success means, and whether the same may be taken later."""
    if status in range(500, 600):
        return DeliveryFault.SERVER_ERROR, True
    if status in range(400, 500):
        return _CLIENT_FAULTS.get(status, (DeliveryFault.REFUSED, False))
    if status in range(300, 400):
        return DeliveryFault.REFUSED, status in _MOVED_FOR_NOW
    return DeliveryFault.ANSWER_INVALID, True


def _retry_after_s(answer: Answer, now_ms: int) -> float | None:
    """Seconds or an HTTP date (RFC 9110, 10.2.3); None where it says nothing that makes sense."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        seconds = float(text)
    else:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError):
            return None
        seconds = moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - now_ms / 1000
    return min(seconds, RETRY_AFTER_S_MAX) if seconds > 0 else None
