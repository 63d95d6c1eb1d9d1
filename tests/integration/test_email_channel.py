"""E-mail to a real SMTP server with STARTTLS and a password, and to servers that mean no good."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from alerts.notification import Accepted, Channel, DeliveryFault, Notification, Place, Undelivered
from tests.support.channel_scene import PATIENT, notification, sending, step
from tests.support.mail_server import MailServer

pytestmark = [pytest.mark.integration, pytest.mark.asyncio]
TO = "ward@hospital.example"


async def send(settings: dict[str, Any], told: Notification | None = None) -> Accepted:
    async with sending(**settings) as sender:
        return await sender(Channel.EMAIL, TO, told)


async def fault_of(settings: dict[str, Any]) -> tuple[str, bool]:
    with pytest.raises(Undelivered) as failed:
        await send(settings)
    return failed.value.code.value, failed.value.retryable


@asynccontextmanager
async def speaking(*lines: bytes, every_s: float = 0.0) -> AsyncIterator[dict[str, Any]]:
    """A server that says these lines, one for each it hears (the first at once), and then nothing more."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for line in lines:
                for byte in line:
                    writer.write(bytes([byte]))
                    await writer.drain()
                    await asyncio.wait({asyncio.ensure_future(asyncio.Event().wait())}, timeout=every_s)
                await reader.readline()
            await reader.read()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield {"smtp_host": "localhost", "smtp_port": server.sockets[0].getsockname()[1]}
    finally:
        server.close()


async def test_a_letter_arrives_encrypted_and_signed_in_and_is_promised_not_delivered(tmp_path: Path) -> None:
    async with MailServer(tmp_path).listening() as server:
        accepted = await send(server.settings())
    (letter,) = server.letters
    assert (letter["To"], letter["Subject"]) == (TO, "HIGH: SpO2 low, Bed 12, North")
    assert letter.get_content().startswith("SpO2 84 % for 40 s, limit 88 %\r\n")
    assert accepted == Accepted(is_delivered=False, reference=letter["Message-ID"])
    assert server.sessions_in_the_clear == 0


async def test_a_name_that_would_add_headers_arrives_as_text(tmp_path: Path) -> None:
    bad = "Bed\r\nBcc: all@hospital.example\r\n\r\nsent by me"
    async with MailServer(tmp_path).listening() as server:
        await send(server.settings(), notification(step(), places={PATIENT: Place(bad, bad)}))
    (letter,) = server.letters
    assert letter["Bcc"] is None
    assert letter["Subject"].startswith("HIGH: SpO2 low, Bed Bcc: all@hospital.example sent by me")


async def test_a_wrong_password_and_a_refused_mailbox_are_told_apart(tmp_path: Path) -> None:
    async with MailServer(tmp_path).listening() as server:
        assert await fault_of(server.settings(smtp_password="wrong")) == ("unauthorized", False)
        server.refusal = "550 No such mailbox, says secret"
        assert await fault_of(server.settings()) == ("gone", False)
        server.refusal = "451 Greylisted"
        assert await fault_of(server.settings()) == ("server_error", True)
    assert server.letters == []


async def test_nothing_is_sent_to_a_server_that_cannot_prove_who_it_is_or_offers_no_encryption(tmp_path: Path) -> None:
    async with MailServer(tmp_path).listening() as server:
        assert await fault_of(server.settings(ca_file=None)) == ("tls_failed", True)
        assert await fault_of(server.settings(smtp_security="tls")) == ("tls_failed", True)
    assert server.letters == []
    async with speaking(b"220 hello\r\n", b"250 hello\r\n", b"221 bye\r\n") as stripped:
        assert await fault_of(stripped) == ("tls_failed", True)


async def test_a_server_that_hangs_or_trickles_is_hung_up_on() -> None:
    bounds = {"smtp_message_s": 0.4, "smtp_operation_s": 0.3, "smtp_threads_max": 1}
    async with speaking(b"") as mute:
        assert await fault_of({**mute, **bounds}) == ("timed_out", True)
    async with speaking(b"220-slow\r\n" * 100, every_s=0.02) as trickling, sending(**trickling, **bounds) as sender:
        for _ in range(3):
            with pytest.raises(Undelivered) as failed:
                await sender(Channel.EMAIL, TO)
            assert failed.value.code is DeliveryFault.TIMED_OUT, "the one thread is free again each time"


async def test_no_mail_server_is_a_reason_too() -> None:
    assert await fault_of({}) == ("misconfigured", False)
    async with speaking(b"220 hello\r\n") as gone:
        pass
    assert await fault_of(gone) == ("unreachable", True)
