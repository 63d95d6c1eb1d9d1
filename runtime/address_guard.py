"""Where an outgoing request may go, so that an address somebody typed reaches no neighbour it must not (SSRF). Pure.

Judged is the address that a name resolved to, by whoever connects to it: a name that says something else a moment later
(DNS rebinding) gains nothing. Public addresses are open on port 443 of https; everything else only as allowed.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_METADATA: Final = frozenset(
    ipaddress.ip_address(text)
    for text in ("169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254")
)
"""Where clouds tell a machine its own secrets: AWS, GCP and Azure, ECS, Alibaba, Azure's host, Oracle, AWS by IPv6."""


class AddressKind(StrEnum):
    """What an address is to somebody outside."""

    PUBLIC = "public"
    PRIVATE = "private"
    """Private, shared (RFC 6598) or otherwise not routed."""
    LOOPBACK = "loopback"
    LINK_LOCAL = "link-local"
    NEVER = "never"
    """Metadata of a cloud, multicast, broadcast, unspecified, reserved: no setting opens it."""


class AddressRefused(Exception):
    """The guard does not let a request go there; the sentence says which setting would."""

    def __init__(self, sentence: str, *, is_final: bool) -> None:
        super().__init__(sentence)
        self.is_final = is_final
        """Whether it follows from the address as written, so that trying again cannot help; not so, where a name resolved badly."""


@dataclass(frozen=True)
class AllowedHost:
    """One entry of the setting: a name or network, the scheme and the port it opens."""

    scheme: str
    name: str | None
    network: IPNetwork | None
    port: int | None
    """None opens every port."""

    @classmethod
    def parse(cls, text: str) -> "AllowedHost":
        """`[http://]NAME-or-NETWORK[:PORT|:*]`, IPv6 with a port in brackets; raises ValueError with a sentence."""
        scheme, rest = ("http", text.removeprefix("http://")) if text.startswith("http://") else ("https", text)
        host, port_text = _split_port(rest.removeprefix("https://").strip())
        if port_text == "*":
            port = None
        elif port_text == "":
            port = _DEFAULT_PORTS[scheme]
        elif port_text.isascii() and port_text.isdigit() and 1 <= int(port_text) <= 65535:
            port = int(port_text)
        else:
            raise ValueError(f"{text!r}: a port is a number from 1 to 65535, or * for every port")
        if "/" in host or _is_address(host):
            try:
                return cls(scheme, None, ipaddress.ip_network(host, strict=False), port)
            except ValueError as error:
                raise ValueError(f"{text!r}: {host!r} is no network such as 10.20.0.0/16") from error
        name = host.rstrip(".").lower()
        if not name or any(not (part.isascii() and part.replace("-", "").isalnum()) for part in _labels(name)):
            raise ValueError(f"{text!r}: {host!r} is no host name such as pager.hospital.example")
        return cls(scheme, name, None, port)

    def opens(self, *, scheme: str, host: str, port: int, address: IPAddress) -> bool:
        """Whether a request to `host` at this address is what the entry allows."""
        if scheme != self.scheme or self.port not in {None, port}:
            return False
        if self.network is not None:
            return address in self.network
        return self.is_of(host) and _kind_a_name_opens(self.name) >= {kind_of(address)}

    def is_of(self, host: str) -> bool:
        """Whether a named entry speaks of this host; `*.x` of every host below x."""
        if self.name is None:
            return False
        return host.endswith(self.name[1:]) if self.name.startswith("*.") else host == self.name


class AddressGuard:
    """Decides from the setting's entries; `trusting` lets everything pass but what is never right."""

    def __init__(self, allowed: Sequence[AllowedHost], *, trusting: bool = False) -> None:
        self._allowed = tuple(allowed)
        self._trusting = trusting

    def check_name(self, *, scheme: str, host: str, port: int) -> None:
        """Before any look-up: raises AddressRefused where no address behind the name could be right."""
        if scheme not in _DEFAULT_PORTS:
            raise AddressRefused(f"Only https addresses are told; {scheme}: is none.", is_final=True)
        if self._trusting or (scheme == "https" and port == _DEFAULT_PORTS[scheme]):
            return
        for entry in self._allowed:
            if (
                entry.scheme == scheme
                and entry.port in {None, port}
                and (entry.network is not None or entry.is_of(host))
            ):
                return
        why = "Plain http" if scheme == "http" else f"Port {port}"
        raise AddressRefused(f"{why} of {host} is not allowed: {_remedy(scheme, host, port)}.", is_final=True)

    def check(self, *, scheme: str, host: str, port: int, address: IPAddress) -> None:
        """After the look-up, of the address that will be connected to; raises AddressRefused."""
        kind = kind_of(address)
        if kind is AddressKind.NEVER:
            raise AddressRefused(f"{host} is {address}, where no notification may ever go.", is_final=_is_address(host))
        if self._trusting or any(
            entry.opens(scheme=scheme, host=host, port=port, address=_plain(address)) for entry in self._allowed
        ):
            return
        if kind is AddressKind.PUBLIC and scheme == "https" and port == _DEFAULT_PORTS["https"]:
            return
        raise AddressRefused(
            f"{host} is {address} ({kind}), which is not allowed: {_remedy(scheme, host, port)}.",
            is_final=_is_address(host),
        )


def kind_of(address: IPAddress) -> AddressKind:
    """What an address is; one that carries an IPv4 address inside is judged by that."""
    inner = _inner(address)
    if inner is not None:
        return kind_of(inner)
    if address in _METADATA or address.is_multicast or address.is_unspecified or str(address) == "255.255.255.255":
        return AddressKind.NEVER
    if address.is_loopback:
        return AddressKind.LOOPBACK
    if address.is_link_local:
        return AddressKind.LINK_LOCAL
    if address.is_reserved or (address.version == 4 and int(address) < 1 << 24):
        return AddressKind.NEVER
    return AddressKind.PUBLIC if address.is_global else AddressKind.PRIVATE


def _inner(address: IPAddress) -> ipaddress.IPv4Address | None:
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64 or (int(address) >> 32 == 0 and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (None if teredo is None else teredo[1])


def _plain(address: IPAddress) -> IPAddress:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return address if mapped is None else mapped


def _kind_a_name_opens(name: str | None) -> frozenset[AddressKind]:
    """A name may mean a private address; this machine itself, only where it says so."""
    if name == "localhost":
        return frozenset({AddressKind.LOOPBACK})
    return frozenset({AddressKind.PUBLIC, AddressKind.PRIVATE})


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _labels(name: str) -> list[str]:
    return name.removeprefix("*.").split(".")


def _split_port(text: str) -> tuple[str, str]:
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host, rest.removeprefix(":")
    if text.count(":") == 1:
        host, _, port = text.partition(":")
        return host, port
    return text, ""


def _remedy(scheme: str, host: str, port: int) -> str:
    shown = f"[{host}]" if ":" in host else host
    entry = ("http://" if scheme == "http" else "") + shown + ("" if port == _DEFAULT_PORTS[scheme] else f":{port}")
    return f"whoever runs Wardlight can add {entry!r} to notifications.hosts_allowed"
