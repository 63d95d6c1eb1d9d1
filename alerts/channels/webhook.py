"""Webhook: JSON by POST, signed, with an id by which a repetition is recognised."""

from typing import Final

from alerts.channels.answers import handed_over
from alerts.channels.signing import signed_headers
from alerts.channels.webhook_body import body_of
from alerts.notification import Accepted, DeliveryFault, Destination, Notification, Undelivered
from runtime.clock import Clock
from runtime.outgoing_http import OutgoingHttp

_HAD_ALREADY: Final = frozenset({409})
"""A receiver that knows the id and says so has it."""


class WebhookChannel:
    """Taken means delivered: whom it is for is the program that answers."""

    def __init__(self, http: OutgoingHttp, *, clock: Clock) -> None:
        self._http = http
        self._clock = clock

    async def send(self, destination: Destination, notification: Notification) -> Accepted:
        """See `ChannelAdapter`."""
        now_ms = self._clock.now_ms()
        body = body_of(notification)
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": notification.notification_id,
            "Wardlight-Event-Number": str(notification.number),
            "Wardlight-Attempt": str(notification.attempt),
            **_signed(destination, notification.notification_id, now_ms // 1000, body),
        }
        await handed_over(self._http, destination.address, headers=headers, body=body, now_ms=now_ms, also=_HAD_ALREADY)
        return Accepted(is_delivered=True)


def _signed(destination: Destination, notification_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    if destination.secret is None:
        raise Undelivered(DeliveryFault.MISCONFIGURED, "A webhook needs a secret, which signs.", retryable=False)
    try:
        secret = destination.secret.reveal()
        return {**signed_headers(secret, notification_id=notification_id, timestamp_s=timestamp_s, body=body)}
    except ValueError as error:
        raise Undelivered(DeliveryFault.MISCONFIGURED, str(error), retryable=False) from error
