"""What an outgoing request may reach, and what no setting opens."""

import ipaddress

import pytest

from runtime.address_guard import AddressGuard, AddressKind, AddressRefused, AllowedHost, kind_of


def allowed(address: str, *entries: str, host: str = "pager.example", port: int = 443, scheme: str = "https") -> bool:
    guard = AddressGuard([AllowedHost.parse(entry) for entry in entries])
    try:
        guard.check_name(scheme=scheme, host=host, port=port)
        guard.check(scheme=scheme, host=host, port=port, address=ipaddress.ip_address(address))
    except AddressRefused:
        return False
    return True


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("93.184.216.34", "public"),
        ("2606:4700::1111", "public"),
        ("10.1.2.3", "private"),
        ("192.168.0.1", "private"),
        ("172.16.0.1", "private"),
        ("100.64.0.1", "private"),
        ("fd12::1", "private"),
        ("127.0.0.1", "loopback"),
        ("127.8.8.8", "loopback"),
        ("::1", "loopback"),
        ("169.254.10.1", "link-local"),
        ("fe80::1", "link-local"),
        ("169.254.169.254", "never"),
        ("fd00:ec2::254", "never"),
        ("100.100.100.200", "never"),
        ("168.63.129.16", "never"),
        ("0.0.0.0", "never"),  # noqa: S104 - nothing is bound
        ("0.1.2.3", "never"),
        ("::", "never"),
        ("224.0.0.1", "never"),
        ("ff02::1", "never"),
        ("255.255.255.255", "never"),
        ("240.0.0.1", "never"),
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:169.254.169.254", "never"),
        ("64:ff9b::a9fe:a9fe", "never"),
        ("64:ff9b::10.0.0.1", "private"),
        ("2002:7f00:1::", "loopback"),
        ("::127.0.0.1", "loopback"),
    ],
)
def test_an_address_is_what_it_reaches_however_it_is_written(address: str, kind: str) -> None:
    assert kind_of(ipaddress.ip_address(address)) is AddressKind(kind)


def test_public_addresses_are_open_by_https_on_its_port_only() -> None:
    assert allowed("93.184.216.34")
    assert not allowed("93.184.216.34", port=8443)
    assert not allowed("93.184.216.34", port=80, scheme="http")
    assert allowed("93.184.216.34", "pager.example:8443", port=8443)
    assert allowed("93.184.216.34", "http://pager.example", port=80, scheme="http")


@pytest.mark.parametrize("address", ["10.1.2.3", "127.0.0.1", "169.254.1.1", "fd12::1"])
def test_nothing_inside_is_reached_unless_the_setting_opens_it(address: str) -> None:
    assert not allowed(address)
    network = f"{address}/32" if "." in address else f"{address}/128"
    assert allowed(address, network)
    assert not allowed(address, network, port=8443)
    port = f"[{network}]:*" if ":" in address else f"{network}:*"
    assert allowed(address, port, port=8443)


def test_a_name_may_mean_a_private_address_but_never_this_machine() -> None:
    assert allowed("10.1.2.3", "pager.example")
    assert allowed("10.1.2.3", "*.example")
    assert not allowed("10.1.2.3", "other.example")
    assert not allowed("10.1.2.3", "*.example", host="example")
    assert not allowed("127.0.0.1", "pager.example")
    assert not allowed("169.254.1.1", "pager.example")
    assert allowed("127.0.0.1", "localhost", host="localhost")


@pytest.mark.parametrize("address", ["169.254.169.254", "fd00:ec2::254", "224.0.0.1", "0.0.0.1"])
def test_no_setting_opens_a_clouds_metadata_or_what_is_nobodys_address(address: str) -> None:
    assert not allowed(address, "0.0.0.0/0:*", "[::/0]:*", "pager.example:*")
    guard = AddressGuard([], trusting=True)
    with pytest.raises(AddressRefused):
        guard.check(scheme="https", host="x", port=443, address=ipaddress.ip_address(address))


def test_an_entry_for_plain_http_does_not_open_https_and_the_other_way_round() -> None:
    assert allowed("10.1.2.3", "http://10.0.0.0/8:8080", port=8080, scheme="http")
    assert not allowed("10.1.2.3", "http://10.0.0.0/8:8080", port=8080)
    assert not allowed("10.1.2.3", "10.0.0.0/8:8080", port=8080, scheme="http")


def test_other_schemes_are_refused_for_good() -> None:
    with pytest.raises(AddressRefused) as refused:
        AddressGuard([]).check_name(scheme="file", host="x", port=0)
    assert refused.value.is_final


def test_a_name_that_resolves_badly_now_may_be_tried_again_and_a_written_address_not() -> None:
    guard = AddressGuard([])
    for host, is_final in (("pager.example", False), ("127.0.0.1", True)):
        with pytest.raises(AddressRefused) as refused:
            guard.check(scheme="https", host=host, port=443, address=ipaddress.ip_address("127.0.0.1"))
        assert refused.value.is_final is is_final
        assert f"'{host}' to notifications.hosts_allowed" in str(refused.value)


@pytest.mark.parametrize(
    "text", ["", "10.0.0.0/33", "a b", "pager.example:0", "pager.example:x", "http://", "a..b", "x/y"]
)
def test_an_entry_that_means_nothing_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="'"):
        AllowedHost.parse(text)
