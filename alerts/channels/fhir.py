"""FHIR R4 rest-hook: notification Bundles of the topic-based backport (`vitals.fhir_subscription`)."""

from typing import Final

import msgspec

from alerts.channels.answers import handed_over
from alerts.channels.texts import place_of
from alerts.notification import Accepted, DeliveryFault, Destination, Notification, Undelivered
from runtime.clock import Clock
from runtime.outgoing_http import OutgoingHttp
from vitals.fhir_headers import header_lines
from vitals.fhir_subscription import (
    BASE_OPTION,
    CONTENT_OPTION,
    MEDIA_TYPE,
    Content,
    FhirEvent,
    FhirStatus,
    notification_bundle,
)
from vitals.notification import SubscriptionState
from vitals.outside import outside_text

_BASE_UNKNOWN: Final = "urn:wardlight:fhir"


class FhirChannel:
    """Taken means delivered. The secret holds the headers that the subscriber wants to see, a line each."""

    def __init__(self, http: OutgoingHttp, *, clock: Clock) -> None:
        self._http = http
        self._clock = clock

    async def send(self, destination: Destination, notification: Notification) -> Accepted:
        """See `ChannelAdapter`."""
        wanted = {} if destination.secret is None else _headers(destination.secret.reveal())
        headers = {
            **wanted,
            "Content-Type": MEDIA_TYPE,
            "Idempotency-Key": notification.notification_id,
        }
        body = msgspec.json.encode(_bundle(destination, notification))
        now_ms = self._clock.now_ms()
        await handed_over(self._http, destination.address, headers=headers, body=body, now_ms=now_ms)
        return Accepted(is_delivered=True)


def _bundle(destination: Destination, notification: Notification) -> dict[str, object]:
    numbers = notification.numbers or (notification.number,) * len(notification.transitions)
    events = [
        FhirEvent(number, step, place_of(step, notification.places), outside_text(step))
        for step, number in zip(notification.transitions, numbers, strict=True)
    ]
    status = FhirStatus(
        subscription_id=notification.subscription_id or "none",
        state=notification.subscription_state or SubscriptionState.ACTIVE,
        kind=notification.kind,
        events=notification.number,
    )
    return notification_bundle(
        status,
        events,
        content=_content(destination),
        base=destination.options.get(BASE_OPTION, _BASE_UNKNOWN),
        identity=notification.notification_id,
        at_ms=notification.created_ms,
    )


def _content(destination: Destination) -> Content:
    try:
        return Content(destination.options.get(CONTENT_OPTION, Content.ID_ONLY))
    except ValueError as error:
        sentence = f"The option content is one of {', '.join(Content)}."
        raise Undelivered(DeliveryFault.MISCONFIGURED, sentence, retryable=False) from error


def _headers(text: str) -> dict[str, str]:
    try:
        return header_lines(text.splitlines())
    except ValueError as error:
        raise Undelivered(DeliveryFault.MISCONFIGURED, str(error), retryable=False) from error
