"""How every client of Kafka shows who it is and whom it believes: made of the section `log`, the same for all of them."""

import ssl
from collections.abc import Mapping
from typing import Any, Final

from runtime.settings import LogSettings
from vitals.errors import ConfigurationError

MECHANISM: Final = "SCRAM-SHA-512"
"""The password itself never travels, and the broker keeps only what it takes to check it."""


def client_options(settings: LogSettings) -> Mapping[str, Any]:
    """Arguments that every client of aiokafka takes; raises ConfigurationError where a file of `log` cannot be used.

    The files are read at each call, so that a client made after they were renewed uses the new ones.
    """
    options: dict[str, Any] = {"bootstrap_servers": settings.bootstrap}
    if settings.security == "plaintext":
        return options
    options["security_protocol"] = settings.security.upper()
    options["ssl_context"] = _context(settings)
    if settings.username is not None and settings.password is not None:
        options["sasl_mechanism"] = MECHANISM
        options["sasl_plain_username"] = settings.username
        options["sasl_plain_password"] = settings.password.get_secret_value()
    return options


def _context(settings: LogSettings) -> ssl.SSLContext:
    """TLS 1.2 or newer; the server's certificate is held against its authority and its name, and no setting stops that."""
    try:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=settings.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"log.ca_file {settings.ca_file} is no PEM file of certificates: {error}.") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.certificate_file is not None and settings.key_file is not None:
        try:
            context.load_cert_chain(settings.certificate_file, settings.key_file, password=_no_passphrase)
        except (OSError, ssl.SSLError, ValueError) as error:
            raise ConfigurationError(
                f"log.certificate_file {settings.certificate_file} and log.key_file {settings.key_file} are not a"
                f" certificate and its key: {error}."
            ) from error
    return context


def _no_passphrase() -> str:
    """Instead of a question on the terminal, at which a service would wait for ever."""
    raise ValueError("the key has a passphrase, which a service cannot be asked for")
