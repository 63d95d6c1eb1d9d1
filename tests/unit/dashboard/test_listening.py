"""Where the dashboard listens, and how it says that it cannot."""

import socket

import pytest

from dashboard.service import listen
from dashboard.settings import DashboardSettings
from runtime.settings import Configuration
from vitals.errors import ConfigurationError


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "ward.example"])  # noqa: S104 - refused
def test_an_address_others_can_reach_is_refused_until_there_is_sign_in(host: str) -> None:
    with pytest.raises(ConfigurationError, match="no sign-in yet"):
        Configuration({"dashboard": {"host": host}}).section("dashboard", DashboardSettings)


def test_an_operator_who_keeps_others_out_by_other_means_says_so() -> None:
    settings = DashboardSettings(host="0.0.0.0", exposed_by_operator=True)  # noqa: S104 - what is tested
    assert settings.exposed_by_operator


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_is_taken(host: str) -> None:
    with listen(host, 0) as listening:
        assert listening.getsockname()[0] == "127.0.0.1"


def test_a_taken_port_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(ConfigurationError, match="is taken"):
        listen("127.0.0.1", other.getsockname()[1])
