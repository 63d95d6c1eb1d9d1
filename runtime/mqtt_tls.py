"""TLS under an MQTT connection: whom we believe, how we show who we are, and what went wrong, each in one sentence.

The broker's certificate is held against its authority and its name, TLS is 1.2 or newer, and no setting stops that. Files are
read at each connection, so a certificate that was renewed serves from the next one on.
"""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from runtime.settings import MqttSettings
from vitals.errors import ConfigurationError, CredentialsRefused, Unavailable, UntrustedServer

ENDS_SOON_DAYS: Final = 30.0
"""From so many days before the end of our own certificate on, each connection says so in the log."""
_DAY_MS: Final = 86_400_000

_EXPIRED, _NOT_YET = 10, 9
_UNKNOWN_AUTHORITY: Final = frozenset({18, 19, 20, 21})
_OTHER_NAME: Final = frozenset({62, 64})
"""OpenSSL's X509_V_ERR codes."""

_CUT: Final = ("connection reset", "closed the connection", "connection lost", "unexpected eof", "eof occurred")
"""How a connection ends before anything was understood."""

_SAID_OF_OURS: Final[Mapping[str, str]] = {
    "certificate expired": "says that {ours} has ended: issue a new one",
    "certificate revoked": "says that {ours} is revoked: issue a new one",
    "unknown ca": "does not know the authority of {ours}, or has no valid list of what that authority revoked: issue one"
    " of the authority it knows, or renew that list",
    "certificate required": "asks for a certificate: set mqtt.certificate_file and mqtt.key_file",
    "handshake failure": "refuses {ours}, or TLS as we speak it: set mqtt.certificate_file and mqtt.key_file to what it asks for",
    "protocol version": "speaks no version of TLS that we do, 1.2 or newer: bring it up to date",
    "bad certificate": "refuses {ours}: issue a new one",
    "certificate unknown": "refuses {ours}: issue a new one",
    "unsupported certificate": "refuses {ours}, which was issued for another purpose: issue a new one",
}
"""What a TLS alert from the broker means for whoever runs us."""


def tls_context(settings: MqttSettings) -> ssl.SSLContext | None:
    """Whom to believe and who we are; None without TLS. Raises ConfigurationError where a file cannot be used."""
    if not settings.tls:
        return None
    try:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=settings.ca_file)
    except OSError as error:
        raise ConfigurationError(f"Setting mqtt.ca_file: cannot use {settings.ca_file} ({error}).") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.certificate_file is not None and settings.key_file is not None:
        try:
            context.load_cert_chain(settings.certificate_file, settings.key_file, password=_no_passphrase)
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"Settings mqtt.certificate_file and mqtt.key_file: {settings.certificate_file} and {settings.key_file}"
                f" are not a certificate and its key that can be read ({error})."
            ) from error
    return context


def distrusted(settings: MqttSettings, error: ssl.SSLCertVerificationError) -> UntrustedServer:
    """Why we do not believe that this is the broker; trying again helps only once somebody mended it."""
    authority = f"that of mqtt.ca_file ({settings.ca_file})" if settings.ca_file else "one that this machine trusts"
    match error.verify_code:
        case code if code == _EXPIRED:
            why = "its certificate has ended: renew it there"
        case code if code == _NOT_YET:
            why = "its certificate is not valid yet: set the clocks of both machines"
        case code if code in _UNKNOWN_AUTHORITY:
            why = f"the authority of its certificate is not {authority}: correct mqtt.ca_file"
        case code if code in _OTHER_NAME:
            why = (
                f"its certificate is for other names than {settings.host}: correct mqtt.host, or issue one that has it"
            )
        case _:
            why = f"{error.verify_message}: look at its certificate"
    return UntrustedServer(f"Cannot trust the MQTT broker at {settings.host}:{settings.port}: {why}.")


def refused(settings: MqttSettings, cause: str) -> Unavailable | None:
    """What TLS made of a connection that ended with `cause`, which may be an alert of the broker; None where it is not about TLS."""
    where, said = f"the MQTT broker at {settings.host}:{settings.port}", cause.lower()
    if any(each in said for each in _CUT):
        what = "may speak no TLS, or refuse who we say we are" if settings.tls else "may speak TLS alone"
        return Unavailable(
            f"Cannot use {where}: it ended the connection without a word ({cause}); that port {what}: look into its log, or"
            " correct mqtt.port and mqtt.tls."
        )
    if not settings.tls:
        return None
    if "wrong version number" in said or "record layer failure" in said:
        return Unavailable(f"Cannot use {where}: it speaks no TLS at this port; correct mqtt.port, or set mqtt.tls.")
    ours = (
        f"our certificate ({settings.certificate_file})"
        if settings.certificate_file
        else "a client without certificate"
    )
    for alert, meaning in _SAID_OF_OURS.items():
        if f"alert {alert}" in said:
            return CredentialsRefused(f"Cannot use {where}: it {meaning.format(ours=ours)}.")
    return None


def days_left(certificate_file: Path, *, now_ms: int) -> float | None:
    """Days until the certificate ends, below 0 afterwards; None where it cannot be read."""
    from cryptography import x509

    try:
        ends = x509.load_pem_x509_certificate(certificate_file.read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        return None
    return (ends.timestamp() * 1000 - now_ms) / _DAY_MS


def _no_passphrase() -> str:
    """Instead of a question on the terminal, at which a service would wait for ever."""
    raise ValueError("the key has a passphrase, which a service cannot be asked for")
