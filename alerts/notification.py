"""The port between the outbox and the channels: what is sent, where, and what comes of it.

The records live in `vitals.notification`, since the API and the database speak of them too. An adapter is one channel.
It gets one destination and one notification at a time, never two of one id at once from one process, and answers once.
"""

from collections.abc import Mapping
from typing import Protocol

from vitals.notification import (
    Accepted,
    Channel,
    DeliveryFault,
    Destination,
    Link,
    Notification,
    NotificationKind,
    Place,
    Secret,
    Undelivered,
)

__all__ = [
    "Accepted",
    "Channel",
    "ChannelAdapter",
    "Channels",
    "DeliveryFault",
    "Destination",
    "Link",
    "Notification",
    "NotificationKind",
    "Place",
    "Secret",
    "Undelivered",
]


class ChannelAdapter(Protocol):
    """One channel.

    It never blocks the loop: what blocks goes through a door of its own, so that a hanging server holds up nobody's SQL.
    Each attempt is cut off by its caller after `notifications.attempt_timeout_s`, by cancellation.
    """

    async def send(self, destination: Destination, notification: Notification) -> Accepted:
        """Hand over; returns once the server has taken it, raises Undelivered where it has not or may not have."""
        ...


Channels = Mapping[Channel, ChannelAdapter]
"""Which channels this process can send by."""
