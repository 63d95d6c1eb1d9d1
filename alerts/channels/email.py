"""E-mail by SMTP, in a thread of its own, encrypted or not at all."""

import asyncio
import contextlib
import smtplib
import socket
import ssl
from email.message import EmailMessage
from typing import Any, Final

from alerts.channels.email_message import letter
from alerts.channels.settings import ChannelSettings
from alerts.channels.texts import Texts
from alerts.notification import Accepted, DeliveryFault, Destination, Notification, Undelivered
from runtime.blocking import Door
from runtime.clock import Clock

_FINAL: Final = 500
_TOO_LARGE: Final = 552
_NO_MAILBOX: Final = frozenset({550, 551, 553})


class EmailChannel:
    """Hands letters to the mail server of the settings. Taken is not delivered: a mail server only promises to try.

    The server is chosen by whoever runs Wardlight, so no guard asks where it is; a destination is a mailbox only.
    """

    def __init__(self, settings: ChannelSettings, *, clock: Clock, texts: Texts, door: Door) -> None:
        self._settings = settings
        self._clock = clock
        self._texts = texts
        self._door = door

    async def send(self, destination: Destination, notification: Notification) -> Accepted:
        """See `ChannelAdapter`."""
        settings = self._settings
        if settings.smtp_host is None:
            raise Undelivered(
                DeliveryFault.MISCONFIGURED, "There is no mail server: set notifications.smtp_host.", retryable=False
            )
        said = self._texts.said(destination, notification)
        now_ms = self._clock.now_ms()
        message = letter(said, notification, sender=settings.smtp_from, address=destination.address, now_ms=now_ms)
        post = _Post(settings, settings.smtp_host)
        try:
            async with asyncio.timeout(settings.smtp_message_s):
                await self._door.run(post.send, message)
        except TimeoutError as error:
            raise Undelivered(DeliveryFault.TIMED_OUT, "The mail server is too slow.", retryable=True) from error
        finally:
            post.hang_up()
        return Accepted(reference=message["Message-ID"])


class _Post:
    """One letter on its way; `hang_up`, from another thread, ends it whatever the server does."""

    def __init__(self, settings: ChannelSettings, host: str) -> None:
        self._settings = settings
        self._host = host
        self.server: smtplib.SMTP | None = None
        self._is_over = False

    def send(self, message: EmailMessage) -> None:
        """Blocks until the server has taken it; raises Undelivered."""
        settings = self._settings
        try:
            server = self._encrypted()
            if settings.smtp_user is not None and settings.smtp_password is not None:
                server.login(settings.smtp_user, settings.smtp_password.get_secret_value())
            server.send_message(message)
            with contextlib.suppress(smtplib.SMTPException, OSError):
                server.quit()
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise undelivered(error) from error
        finally:
            if self.server is not None:
                self.server.close()

    def hang_up(self) -> None:
        """Cut the connection where there still is one."""
        self._is_over = True
        line = None if self.server is None else self.server.sock
        if line is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(line, socket.SHUT_RDWR)

    def _encrypted(self) -> smtplib.SMTP:
        """A connection that is encrypted and proven to be the server's."""
        settings, trust = self._settings, ssl.create_default_context()
        if settings.ca_file is not None:
            trust.load_verify_locations(settings.ca_file)
        if self._is_over:
            raise TimeoutError
        arguments: dict[str, Any] = {
            "host": self._host,
            "port": settings.smtp_port,
            "timeout": settings.smtp_operation_s,
            "local_hostname": socket.gethostname(),
        }
        if settings.smtp_security == "tls":
            return _TlsLine(self, context=trust, **arguments)
        server = _Line(self, **arguments)
        server.starttls(context=trust)
        return server


class _Line(smtplib.SMTP):
    """Known to its post before it connects, so that a server that never greets can be hung up on."""

    def __init__(self, post: _Post, **arguments: Any) -> None:  # noqa: ANN401 - smtplib's own
        post.server = self
        super().__init__(**arguments)


class _TlsLine(smtplib.SMTP_SSL):
    """As `_Line`, encrypted from the first byte."""

    def __init__(self, post: _Post, **arguments: Any) -> None:  # noqa: ANN401 - smtplib's own
        post.server = self
        super().__init__(**arguments)


def undelivered(error: Exception) -> Undelivered:
    """What went wrong, in the words of receipts; nothing the server said is repeated."""
    hidden = error.__context__ if isinstance(error, smtplib.SMTPServerDisconnected) else None
    match hidden or error:
        case smtplib.SMTPRecipientsRefused() as refused:
            found = _by_code(next(iter(refused.recipients.values()))[0], "the mailbox", gone=True)
        case smtplib.SMTPNotSupportedError():
            found = (DeliveryFault.TLS_FAILED, "The mail server lacks encryption, or a way to sign in.", True)
        case smtplib.SMTPAuthenticationError() as refused if refused.smtp_code >= _FINAL:
            found = (DeliveryFault.UNAUTHORIZED, "The mail server wants other credentials.", False)
        case smtplib.SMTPResponseException() as refused:
            found = _by_code(refused.smtp_code, "the message", gone=False)
        case ssl.SSLError() as distrust:
            reason = getattr(distrust, "verify_message", "") or "it does not speak TLS"
            found = (DeliveryFault.TLS_FAILED, f"The mail server cannot be trusted: {reason.rstrip('.')}.", True)
        case TimeoutError():
            found = (DeliveryFault.TIMED_OUT, "The mail server does not answer in time.", True)
        case _:
            found = (DeliveryFault.UNREACHABLE, "The mail server cannot be reached, or breaks off.", True)
    fault, sentence, retryable = found
    return Undelivered(fault, sentence, retryable=retryable)


def _by_code(code: int, what: str, *, gone: bool) -> tuple[DeliveryFault, str, bool]:
    if code == _TOO_LARGE:
        return DeliveryFault.TOO_LARGE, f"The mail server answers {code}: too large.", False
    if code < _FINAL:
        return DeliveryFault.SERVER_ERROR, f"The mail server answers {code} for now.", True
    fault = DeliveryFault.GONE if gone and code in _NO_MAILBOX else DeliveryFault.REFUSED
    return fault, f"The mail server refuses {what} ({code}).", False
