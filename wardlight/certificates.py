"""X.509 as the small authority writes it: ECDSA P-256, signed straight by a root, one purpose each. Pure: time is passed in."""

import datetime as dt
import ipaddress
import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from vitals.errors import ConfigurationError, InvalidArgument

_HASH: Final = hashes.SHA256()
_CLOCKS: Final = dt.timedelta(hours=1)
"""How far a clock that is behind ours may be and still find a new certificate, or a new list, valid."""
_HOST: Final = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*")
_HOST_LETTERS_MAX: Final = 253
_ORGANIZATION: Final = "Wardlight"
_NO_USE: Final = {
    "content_commitment": False,
    "key_encipherment": False,
    "data_encipherment": False,
    "key_agreement": False,
    "encipher_only": False,
    "decipher_only": False,
}


class Signer(NamedTuple):
    """A root: what signs certificates and the list of those revoked."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


class Revocation(NamedTuple):
    """One certificate that counts no more, and since when."""

    serial: int
    at: dt.datetime


def new_key() -> ec.EllipticCurvePrivateKey:
    """A fresh key on P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def new_root(name: str, *, now: dt.datetime, days: int) -> Signer:
    """A root that signs certificates of its own only, none that sign further."""
    key = new_key()
    subject = _subject(name)
    until = now + dt.timedelta(days=days)
    builder = _begun(subject, subject, key.public_key(), now=now, until=until)
    usage = x509.KeyUsage(digital_signature=False, key_cert_sign=True, crl_sign=True, **_NO_USE)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return Signer(key, builder.add_extension(usage, critical=True).sign(key, _HASH))


def new_certificate(
    signer: Signer,
    public_key: ec.EllipticCurvePublicKey,
    *,
    name: str,
    hosts: Sequence[str],
    now: dt.datetime,
    days: int,
) -> x509.Certificate:
    """A certificate for `name`: of a server that answers at `hosts`, or, where there are none, of a client.

    Never outlives its root. Raises InvalidArgument for what is no host.
    """
    root = signer.certificate
    until = min(now + dt.timedelta(days=days), root.not_valid_after_utc)
    builder = _begun(_subject(name), root.subject, public_key, now=now, until=until)
    usage = x509.KeyUsage(digital_signature=True, key_cert_sign=False, crl_sign=False, **_NO_USE)
    purpose = ExtendedKeyUsageOID.SERVER_AUTH if hosts else ExtendedKeyUsageOID.CLIENT_AUTH
    signed_by = root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(signed_by), critical=False)
    )
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName(map(_host, hosts)), critical=False)
    return builder.sign(signer.key, _HASH)


def new_list(
    signer: Signer,
    revoked: Iterable[Revocation],
    *,
    before: x509.CertificateRevocationList | None,
    now: dt.datetime,
) -> x509.CertificateRevocationList:
    """The list of what counts no more, newer than the one `before` it, and valid for as long as its root.

    A broker refuses everybody once its list has ended, so this one does not end before everything else does.
    """
    root = signer.certificate
    since, number = now - _CLOCKS, 1
    if before is not None:
        since = max(since, before.last_update_utc + dt.timedelta(seconds=1))
        number = before.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number + 1
    signed_by = root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(root.subject)
        .last_update(since)
        .next_update(root.not_valid_after_utc)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(signed_by), critical=False)
    )
    for serial, at in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(signer.key, _HASH)


def key_of_request(pem: bytes) -> ec.EllipticCurvePublicKey:
    """The key that a certificate request asks for, proven by its signature; its names are not looked at. Raises InvalidArgument."""
    try:
        request = x509.load_pem_x509_csr(pem)
        key, is_signed = request.public_key(), request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InvalidArgument(f"That is no certificate request in PEM ({error}).") from error
    if not is_signed or not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise InvalidArgument("A certificate request must ask for a key on the curve P-256, and be signed with it.")
    return key


def pem_of_key(key: ec.EllipticCurvePrivateKey, passphrase: bytes | None = None) -> bytes:
    """The key as PKCS #8, encrypted where there is a passphrase."""
    encryption = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def key_of_pem(pem: bytes, passphrase: bytes | None) -> ec.EllipticCurvePrivateKey:
    """The key again; raises ConfigurationError where the passphrase is missing, wrong or superfluous."""
    try:
        key = serialization.load_pem_private_key(pem, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigurationError(
            f"The authority's key cannot be read ({error}): give its passphrase in WARDLIGHT_AUTHORITY_PASSPHRASE,"
            " or none where it has none."
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigurationError("The authority's key is none that this authority made.")
    return key


def pem_of(made: x509.Certificate | x509.CertificateRevocationList) -> bytes:
    """Certificate or list, as PEM."""
    return made.public_bytes(serialization.Encoding.PEM)


def _begun(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    *,
    now: dt.datetime,
    until: dt.datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCKS)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _subject(name: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, _ORGANIZATION), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    )


def _host(host: str) -> x509.GeneralName:
    """An address where it reads as one, a DNS name otherwise."""
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        if len(host) > _HOST_LETTERS_MAX or _HOST.fullmatch(host) is None:
            raise InvalidArgument(
                f"{host!r} is no host: give a name such as ward.example, or an address such as 10.0.0.5."
            ) from None
        return x509.DNSName(host)
