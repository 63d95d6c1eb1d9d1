"""A small certificate authority for the doors of the MQTT broker: made, issuing, rotating and revoking. All calls block.

Two roots: `devices` signs what comes from outside, `services` signs the broker, other servers and our own services. What the
broker mounts lies in `broker/`, apart from the roots' keys. A certificate stands in the register before it is given out, so
that there is none which cannot be revoked.
"""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from cryptography import x509

from runtime.clock import Clock
from vitals.errors import ConfigurationError, Conflict, InvalidArgument, NotFound
from vitals.topics import is_level
from wardlight import authority_register as register
from wardlight import certificates
from wardlight.authority_register import Entry, Kind, Root

CERTIFICATE_DAYS: Final = 397
ROOT_DAYS: Final = 3650
BROKER: Final = "broker"
"""The directory that the broker mounts."""
OURS: Final = ("wardlight", "subscriber", "simulators", "charting")
"""What accounts of the broker's access list, and devices of our own, begin with: no device may be called so."""
OURS_BY_KIND: Final = {Kind.SERVICE: "wardlight", Kind.SUBSCRIBER: "subscriber"}


class Issued(NamedTuple):
    """A certificate that was made, and where it lies."""

    entry: Entry
    directory: Path
    has_key: bool
    """Whether the key was made here; not where a request brought its own."""


class Authority:
    """The authority in one directory; every change is made alone, and first written into the register."""

    def __init__(self, directory: Path, *, clock: Clock, passphrase: bytes | None = None) -> None:
        self._directory = directory
        self._clock = clock
        self._passphrase = passphrase

    def init(self, hosts: Sequence[str], *, days: int = CERTIFICATE_DAYS) -> Issued:
        """Make both roots and the broker's certificate for `hosts`; raises Conflict where there is an authority already."""
        with register.alone(self._directory):
            if (self._directory / register.FILE).exists():
                raise Conflict(f"There is an authority in {self._directory} already.")
            for root in Root:
                signer = certificates.new_root(f"Wardlight {root}", now=self._now(), days=ROOT_DAYS)
                key = certificates.pem_of_key(signer.key, self._passphrase)
                register.replace(self._directory / root / "key.pem", key)
                certificate = certificates.pem_of(signer.certificate)
                register.replace(self._directory / root / "certificate.pem", certificate, is_public=True)
                register.replace(self._directory / BROKER / f"{root}.pem", certificate, is_public=True)
            self._publish(())
            return self._sign([], Kind.BROKER, hosts[0], hosts=hosts, days=days, request=None)

    def issue(
        self,
        kind: Kind,
        name: str,
        *,
        hosts: Sequence[str] = (),
        days: int = CERTIFICATE_DAYS,
        request: bytes | None = None,
    ) -> Issued:
        """A first certificate for `name`; with `request` for the key that it asks for, which then never was here.

        Raises InvalidArgument for a name that this kind cannot have, Conflict where the name has one that is valid.
        """
        check_name(kind, name)
        with register.alone(self._directory):
            entries = register.read(self._directory)
            for entry in entries:
                if entry.name == name and (entry.kind != kind or entry.is_valid(self._clock.now_ms())):
                    raise Conflict(
                        f"{name} is a {entry.kind} with a certificate of its own: rotate that one, or take another name."
                    )
            return self._sign(entries, kind, name, hosts=hosts, days=days, request=request)

    def rotate(
        self, name: str, *, also: Sequence[str] = (), days: int = CERTIFICATE_DAYS, request: bytes | None = None
    ) -> Issued:
        """A further certificate for `name`, of a server with hosts `also`; the former ones count until they are revoked or end.

        Raises NotFound where it never had one.
        """
        with register.alone(self._directory):
            entries = register.read(self._directory)
            former = [entry for entry in entries if entry.name == name]
            if not former:
                raise NotFound(f"{name} has no certificate: issue one.")
            kind, hosts = former[-1].kind, former[-1].hosts
            if also and not hosts:
                raise InvalidArgument(f"{name} is a {kind}, which has no hosts.")
            joined = tuple(dict.fromkeys((*hosts, *also)))
            return self._sign(entries, kind, name, hosts=joined, days=days, request=request)

    def revoke(self, name: str, *, reason: str, but_newest: bool = False, serial: str | None = None) -> list[Entry]:
        """Revoke every valid certificate of `name`, or all `but_newest`, or the one with `serial`; and publish the lists.

        Publishes also where nothing is left to revoke, so that a command that was cut short can be repeated.
        Raises NotFound where there is no such certificate.
        """
        with register.alone(self._directory):
            entries, now_ms = register.read(self._directory), self._clock.now_ms()
            named = [entry for entry in entries if entry.name == name and serial in {None, entry.serial}]
            if not named:
                raise NotFound(f"{name} has no such certificate: look at `wardlight authority list`.")
            spared = named[-1] if but_newest else None
            revoked = {
                entry.serial: msgspec.structs.replace(entry, revoked_at_ms=now_ms, reason=reason)
                for entry in named
                if entry is not spared and entry.is_valid(now_ms)
            }
            entries = [revoked.get(entry.serial, entry) for entry in entries]
            register.write(self._directory, entries)
            self._publish(entries)
            return list(revoked.values())

    def entries(self) -> list[Entry]:
        """Every certificate, oldest first; raises ConfigurationError where there is no authority."""
        return register.read(self._directory)

    def _sign(
        self, entries: list[Entry], kind: Kind, name: str, *, hosts: Sequence[str], days: int, request: bytes | None
    ) -> Issued:
        if request is None:
            key = certificates.new_key()
            private, public = certificates.pem_of_key(key), key.public_key()
        else:
            private, public = None, certificates.key_of_request(request)
        certificate = certificates.new_certificate(
            self._signer(kind.root), public, name=name, hosts=hosts, now=self._now(), days=days
        )
        entry = Entry(
            name=name,
            kind=kind,
            serial=f"{certificate.serial_number:x}",
            hosts=tuple(hosts),
            issued_at_ms=self._clock.now_ms(),
            ends_at_ms=round(certificate.not_valid_after_utc.timestamp() * 1000),
        )
        register.write(self._directory, [*entries, entry])
        place = self.place_of(kind, name)
        if private is None:
            (place / "key.pem").unlink(missing_ok=True)
        else:
            register.replace(place / "key.pem", private)
        register.replace(place / "certificate.pem", certificates.pem_of(certificate), is_public=True)
        if kind is not Kind.BROKER:
            root = (self._directory / Root.SERVICES / "certificate.pem").read_bytes()
            register.replace(place / "authority.pem", root, is_public=True)
        return Issued(entry, place, has_key=private is not None)

    @property
    def broker_place(self) -> Path:
        """What the broker mounts: its certificate and key, both roots' certificates, and both lists."""
        return self._directory / BROKER

    def place_of(self, kind: Kind, name: str) -> Path:
        """Where the newest certificate of `name` lies, with its key and what to hold the broker's against."""
        return self.broker_place if kind is Kind.BROKER else self._directory / "issued" / f"{kind}s" / name

    def _signer(self, root: Root) -> certificates.Signer:
        directory = self._directory / root
        try:
            key, certificate = (directory / "key.pem").read_bytes(), (directory / "certificate.pem").read_bytes()
        except OSError as error:
            raise ConfigurationError(
                f"The key of the authority is not in {directory} ({error.strerror}): bring it from where it is kept."
            ) from error
        return certificates.Signer(
            certificates.key_of_pem(key, self._passphrase), x509.load_pem_x509_certificate(certificate)
        )

    def _publish(self, entries: Sequence[Entry]) -> None:
        """Write both roots' lists of what is revoked, for the broker; what has ended needs no list to be refused."""
        now_ms = self._clock.now_ms()
        for root in Root:
            file = self._directory / BROKER / f"{root}.crl"
            before = x509.load_pem_x509_crl(file.read_bytes()) if file.exists() else None
            revoked = [
                certificates.Revocation(int(entry.serial, 16), _moment(entry.revoked_at_ms))
                for entry in entries
                if entry.kind.root is root and entry.revoked_at_ms is not None and now_ms < entry.ends_at_ms
            ]
            made = certificates.new_list(self._signer(root), revoked, before=before, now=self._now())
            register.replace(file, certificates.pem_of(made), is_public=True)

    def _now(self) -> dt.datetime:
        return _moment(self._clock.now_ms())


def check_name(kind: Kind, name: str) -> None:
    """Raises InvalidArgument where `name` cannot be the name of this kind: by it the broker decides what somebody may do."""
    if kind in {Kind.BROKER, Kind.SERVER}:
        return
    if not is_level(name):
        raise InvalidArgument(f"{name!r} cannot be the name of a {kind}: use 1-64 letters, digits, '.', '_' or '-'.")
    if kind is Kind.DEVICE:
        if name.lower().startswith(OURS):
            raise InvalidArgument(f"No device can be called {name}: names of our own begin with {', '.join(OURS)}.")
        return
    begin = OURS_BY_KIND[kind]
    if name != begin and not name.startswith(f"{begin}-"):
        raise InvalidArgument(f"A {kind} is called {begin}, or {begin}- and more; not {name}.")


def _moment(at_ms: int) -> dt.datetime:
    """X.509 knows whole seconds."""
    return dt.datetime.fromtimestamp(at_ms // 1000, tz=dt.UTC)
