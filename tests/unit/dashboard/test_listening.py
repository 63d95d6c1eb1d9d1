"""Where the dashboard listens, and how it says that it cannot."""

import socket

import pytest

from dashboard.service import listen
from dashboard.settings import DashboardSettings
from runtime.settings import Configuration
from vitals.errors import ConfigurationError

REACHABLE = ["0.0.0.0", "192.168.1.5", "::", "ward.example"]  # noqa: S104 - what is tested


@pytest.mark.parametrize("host", REACHABLE)
def test_guests_are_let_in_on_this_machine_only(host: str) -> None:
    with pytest.raises(ConfigurationError, match="guests are let in on this one only"):
        Configuration({"dashboard": {"host": host, "sign_in": "guest"}}).section("dashboard", DashboardSettings)


@pytest.mark.parametrize("host", REACHABLE)
def test_with_sign_in_any_address_may_be_listened_on(host: str) -> None:
    assert DashboardSettings(host=host).sign_in == "required"


def test_names_of_hosts_come_as_a_list_or_between_commas() -> None:
    for given in (["ward.example", "board.example"], "ward.example, board.example"):
        settings = Configuration({"dashboard": {"allowed_hosts": given}}).section("dashboard", DashboardSettings)
        assert settings.allowed_hosts == ("ward.example", "board.example")


def test_a_certificate_without_its_key_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="belong together"):
        Configuration({"dashboard": {"tls_cert_file": "a.pem"}}).section("dashboard", DashboardSettings)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_is_taken(host: str) -> None:
    with listen(host, 0) as listening:
        assert listening.getsockname()[0] == "127.0.0.1"


def test_a_taken_port_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(ConfigurationError, match="is taken"):
        listen("127.0.0.1", other.getsockname()[1])
