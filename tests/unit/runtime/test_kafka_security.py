"""How clients of Kafka are told to show who they are: always with the server's name checked, never with half of it."""

import ssl
from pathlib import Path

import pytest

from runtime.kafka_security import MECHANISM, client_options
from runtime.settings import LogSettings
from vitals.errors import ConfigurationError


def log(**given: object) -> LogSettings:
    return LogSettings.model_validate({"kind": "kafka", **given})


def test_in_the_clear_nothing_is_shown() -> None:
    assert dict(client_options(log(bootstrap="a:1"))) == {"bootstrap_servers": "a:1"}


@pytest.mark.parametrize(
    "account", [{"security": "ssl"}, {"security": "sasl_ssl", "username": "stream", "password": "word"}]
)
def test_by_tls_the_servers_name_and_authority_are_always_checked(account: dict[str, str]) -> None:
    options = client_options(log(**account))
    context = options["ssl_context"]
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert options["security_protocol"] == account["security"].upper()
    assert options.get("sasl_mechanism") == (MECHANISM if "username" in account else None)


def test_a_password_is_in_no_print_of_the_settings() -> None:
    settings = log(security="sasl_ssl", username="stream", password="secret-word")
    assert "secret-word" not in f"{settings!r} {settings} {settings.model_dump_json()}"


def test_files_that_cannot_be_used_are_a_mistake_in_the_settings(tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.pem"
    text = tmp_path / "text.pem"
    text.write_text("no certificate")
    for given, said in (
        ({"ca_file": nothing}, "log.ca_file .*nothing.pem"),
        ({"ca_file": text}, "log.ca_file .*text.pem"),
        ({"certificate_file": text, "key_file": text}, "log.certificate_file .*text.pem"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            client_options(log(security="ssl", **given))
