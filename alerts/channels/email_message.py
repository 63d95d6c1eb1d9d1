"""An alert as a letter: plain text that a phone shows whole, headers that no name can bend. Pure."""

import hashlib
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

from alerts.channels.texts import FOOT, Said
from alerts.notification import DeliveryFault, Link, Notification, Undelivered
from vitals.alert import Priority

_IMPORTANCE: Final = {Priority.HIGH: ("high", "1"), Priority.MEDIUM: ("normal", "3"), Priority.LOW: ("low", "5")}
_LABELS: Final = {Link.OPEN: "Open", Link.SEEN: "Seen, thank you"}
ADDRESS_CHARACTERS_MAX: Final = 254
_POLICY: Final = SMTP.clone(max_line_length=200)


def letter(said: Said, notification: Notification, *, sender: str, address: str, now_ms: int) -> EmailMessage:
    """The message. Its id is the notification's: a mail program that gets it twice can tell.

    Letters of one alert refer to one another, so that they are shown as one conversation.
    """
    domain = _checked(sender).rpartition("@")[2]
    message = EmailMessage(policy=_POLICY)
    message["From"] = sender
    message["To"] = _checked(address)
    message["Subject"] = said.title
    message["Date"] = format_datetime(datetime.fromtimestamp(now_ms / 1000, UTC))
    message["Message-ID"] = message_id(notification.notification_id, domain)
    if len(notification.transitions) == 1:
        thread = message_id(notification.transitions[0].episode_id, domain)
        message["In-Reply-To"], message["References"] = thread, thread
    priority = said.priority if said.is_page else None
    importance, level = ("low", "5") if priority is None else _IMPORTANCE[priority]
    message["Importance"], message["X-Priority"] = importance, level
    if priority is Priority.HIGH:
        message["Priority"] = "urgent"
    message["Auto-Submitted"], message["X-Auto-Response-Suppress"] = "auto-generated", "All"
    message.set_content(_text(said, notification))
    return message


def message_id(identity: str, domain: str) -> str:
    """The same for the same identity, of characters that are safe there."""
    return f"<{hashlib.blake2b(identity.encode(), digest_size=16).hexdigest()}@{domain}>"


def _text(said: Said, notification: Notification) -> str:
    links = "\n".join(f"{_LABELS[link]}: {url}" for link, url in notification.links.items())
    return "\n\n".join(part for part in (said.body(), links, FOOT) if part) + "\n"


def _checked(address: str) -> str:
    """One mailbox, nothing else: no list, no name, no line break."""
    local, at, domain = address.rpartition("@")
    is_plain = address.isascii() and address.isprintable() and not set(address) & set(" ,;:<>()[]\\\"'")
    if at and local and domain and is_plain and "@" not in local and len(address) <= ADDRESS_CHARACTERS_MAX:
        return address
    raise Undelivered(
        DeliveryFault.MISCONFIGURED,
        "The address of an e-mail is one mailbox, such as ward@hospital.example.",
        retryable=False,
    )
