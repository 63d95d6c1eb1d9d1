"""A real SMTP server of the test's own: STARTTLS and a password required, on a free loopback port."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "wardlight", "correct horse"


def loopback_certificate(directory: Path) -> tuple[Path, Path]:
    """A certificate for localhost and 127.0.0.1, and its key, as files; it vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    since = datetime(2020, 1, 1, tzinfo=UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(since)
        .not_valid_after(since + timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain, secret = directory / "loopback.pem", directory / "loopback.key"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    secret.write_bytes(private)
    return chain, secret


def server_tls(chain: Path, key: Path) -> ssl.SSLContext:
    """For a server that shows this certificate."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(chain, key)
    return tls


class MailServer:
    """Keeps every letter; `refusal` is what it says to RCPT instead of taking it."""

    def __init__(self, directory: Path) -> None:
        self.chain, self._key = loopback_certificate(directory)
        self.letters: list[EmailMessage] = []
        self.refusal: str | None = None
        self.port = 0
        self.sessions_in_the_clear = 0

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take the mailbox, or not."""
        if self.refusal is not None:
            return self.refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep the letter."""
        if session.ssl is None:
            self.sessions_in_the_clear += 1
        letter = message_from_bytes(cast("bytes", envelope.original_content), policy=policy.default)
        self.letters.append(letter)
        return "250 Taken"

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        known = isinstance(data, LoginPassword) and data == LoginPassword(USER.encode(), PASSWORD.encode())
        return AuthResult(success=known, handled=False)

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator["MailServer"]:
        """The server, taking letters."""
        loop = asyncio.get_running_loop()
        tls = server_tls(self.chain, self._key)

        def session() -> SMTP:
            return SMTP(
                self,
                tls_context=tls,
                require_starttls=True,
                authenticator=self._authenticate,
                auth_required=True,
                loop=loop,
                hostname="localhost",
            )

        server = await loop.create_server(session, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    def settings(self, **changed: Any) -> dict[str, Any]:
        """`ChannelSettings` that reach it."""
        values: dict[str, Any] = {
            "smtp_host": "localhost",
            "smtp_port": self.port,
            "smtp_user": USER,
            "smtp_password": PASSWORD,
            "smtp_from": "wardlight@hospital.example",
            "ca_file": self.chain,
        }
        return {**values, **changed}
