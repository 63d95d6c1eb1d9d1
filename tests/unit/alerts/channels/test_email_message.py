"""Letters: readable on a phone, told apart by machines, and not to be bent by any name."""

import smtplib
import ssl
from email import message_from_bytes
from email.message import EmailMessage

import pytest

from alerts.channels.email import undelivered
from alerts.channels.email_message import letter
from alerts.channels.texts import Texts
from alerts.notification import Channel, DeliveryFault, Notification, NotificationKind, Place, Undelivered
from tests.support.channel_scene import AT_MS, PATIENT, destination, notification, quiet, step
from vitals.alert import Priority, TransitionKind

TEXTS = Texts.load()


def written(told: Notification | None = None, *, address: str = "ward@hospital.example") -> EmailMessage:
    told = notification() if told is None else told
    said = TEXTS.said(destination(Channel.EMAIL, address), told)
    return letter(said, told, sender="wardlight@hospital.example", address=address, now_ms=AT_MS)


def test_a_letter_is_plain_text_with_its_subject_importance_and_links() -> None:
    message = written()
    assert message["Subject"] == "HIGH: SpO2 low, Bed 12, North"
    assert (message["Importance"], message["X-Priority"], message["Priority"]) == ("high", "1", "urgent")
    assert (message["Auto-Submitted"], message.get_content_type()) == ("auto-generated", "text/plain")
    assert message.get_content().splitlines() == [
        "SpO2 84 % for 40 s, limit 88 %",
        "Bed 12, North",
        "Since 14:12:40 UTC, told at 14:13:20 UTC",
        "",
        "Open: https://ward.example/patients/p-7",
        "Seen, thank you: https://ward.example/seen/abc",
        "",
        "Not for sole reliance: a message may be late or lost.",
    ]
    assert max(map(len, message.get_content().splitlines())) <= 78


def test_a_repeated_letter_has_the_same_id_and_letters_of_one_alert_are_one_conversation() -> None:
    first, again = written(), written(notification(attempt=2))
    over = written(notification(step(transition=TransitionKind.RESOLVED, active=False), notification_id="n-2"))
    assert first["Message-ID"] == again["Message-ID"] != over["Message-ID"]
    assert first["Message-ID"].endswith("@hospital.example>")
    assert first["References"] == over["In-Reply-To"]


@pytest.mark.parametrize(
    ("told", "importance"),
    [
        (notification(step(priority=Priority.MEDIUM)), "normal"),
        (notification(step(priority=Priority.LOW)), "low"),
        (notification(step(transition=TransitionKind.RESOLVED)), "low"),
        (quiet(NotificationKind.HEARTBEAT), "low"),
    ],
)
def test_only_what_asks_for_somebody_is_important(told: Notification, importance: str) -> None:
    message = written(told)
    assert message["Importance"] == importance
    assert message["Priority"] is None


@pytest.mark.parametrize("bad", ["x\r\nBcc: all@hospital.example\r\n\r\nsent", "x\nSubject: y", "x\u2028Bcc: y"])
def test_no_name_adds_a_header_or_a_line(bad: str) -> None:
    told = notification(step(text=bad), places={PATIENT: Place(bad, bad)}, notification_id=bad)
    clean = set(written().keys())
    message = message_from_bytes(written(told).as_bytes())
    assert set(message.keys()) == clean
    assert "\n" not in message["Message-ID"]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a",
        "a@",
        "@b",
        "a@b@c",
        "a@b, c@d",
        "A <a@b>",
        "a@b\r\nBcc: c@d",
        "a b@c",
        "ä@b",
        "x" * 251 + "@b.c",
        '"a"@b',
    ],
)
def test_an_address_is_one_mailbox_or_refused_for_good(address: str) -> None:
    with pytest.raises(Undelivered) as failed:
        written(address=address)
    assert (failed.value.code, failed.value.retryable) == (DeliveryFault.MISCONFIGURED, False)


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (smtplib.SMTPRecipientsRefused({"a": (550, b"secret")}), "gone", False),
        (smtplib.SMTPRecipientsRefused({"a": (451, b"greylisted")}), "server_error", True),
        (smtplib.SMTPRecipientsRefused({"a": (554, b"")}), "refused", False),
        (smtplib.SMTPAuthenticationError(535, b"secret"), "unauthorized", False),
        (smtplib.SMTPAuthenticationError(454, b""), "server_error", True),
        (smtplib.SMTPDataError(552, b""), "too_large", False),
        (smtplib.SMTPSenderRefused(553, b"", "me"), "refused", False),
        (smtplib.SMTPNotSupportedError("STARTTLS"), "tls_failed", True),
        (ssl.SSLCertVerificationError("x"), "tls_failed", True),
        (smtplib.SMTPServerDisconnected("x"), "unreachable", True),
        (ConnectionRefusedError(), "unreachable", True),
        (TimeoutError(), "timed_out", True),
    ],
)
def test_what_a_mail_server_says_becomes_a_reason_that_repeats_nothing_of_it(
    error: Exception,
    code: str,
    retryable: bool,  # noqa: FBT001
) -> None:
    told = undelivered(error)
    assert (told.code, told.retryable) == (DeliveryFault(code), retryable)
    assert "secret" not in told.sentence
