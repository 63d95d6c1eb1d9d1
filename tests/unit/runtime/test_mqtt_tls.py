"""What goes wrong under TLS is said in one sentence; nobody is asked for a passphrase; a certificate's end is seen coming."""

import shutil
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from runtime.mqtt_tls import days_left, tls_context
from runtime.mqtt_wire import unreachable
from runtime.settings import Configuration, MqttSettings
from tests.support.small_authority import DAY_MS, DatedClock, tls_settings
from vitals.errors import ConfigurationError, CredentialsRefused, Unavailable, UntrustedServer
from wardlight.authority import Authority
from wardlight.authority_register import Kind

NOW_MS = 1_790_000_000_000
TLS = MqttSettings(host="ward.example", port=8883, tls=True)


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("authority") / "made"
    authority = Authority(directory, clock=DatedClock(NOW_MS))
    authority.init(["ward.example"])
    authority.issue(Kind.DEVICE, "watch-1")
    return directory


@pytest.fixture
def settings(tmp_path: Path, made_once: Path) -> MqttSettings:
    shutil.copytree(made_once, tmp_path / "authority")
    authority = Authority(tmp_path / "authority", clock=DatedClock(NOW_MS))
    return tls_settings(authority, Kind.DEVICE, "watch-1", port=8883)


def failed(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, "something else"
    return error


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (10, "has ended: renew it"),
        (9, "not valid yet: set the clocks"),
        (18, "correct mqtt.ca_file"),
        (20, "correct mqtt.ca_file"),
        (62, "for other names than ward.example: correct mqtt.host"),
        (64, "for other names than ward.example: correct mqtt.host"),
        (26, "something else"),
    ],
)
def test_a_broker_that_is_not_believed_is_said_to_be_so_and_may_be_mended(code: int, said: str) -> None:
    error = unreachable(TLS, failed(code))
    assert isinstance(error, UntrustedServer)
    assert error.retriable
    assert str(error).startswith("Cannot trust the MQTT broker at ward.example:8883: ")
    assert said in str(error)


@pytest.mark.parametrize(
    ("alert", "said"),
    [
        ("[SSL: SSLV3_ALERT_CERTIFICATE_EXPIRED] sslv3 alert certificate expired (_ssl.c:2580)", "has ended"),
        ("[SSL: SSLV3_ALERT_CERTIFICATE_REVOKED] ssl/tls alert certificate revoked (_ssl.c:2580)", "is revoked"),
        ("[SSL: TLSV1_ALERT_UNKNOWN_CA] tlsv1 alert unknown ca (_ssl.c:2580)", "does not know the authority"),
        ("[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required", "mqtt.certificate_file"),
        ("[SSL: SSLV3_ALERT_HANDSHAKE_FAILURE] sslv3 alert handshake failure", "mqtt.certificate_file"),
        ("[SSL: TLSV1_ALERT_PROTOCOL_VERSION] tlsv1 alert protocol version", "1.2 or newer"),
    ],
)
def test_what_the_broker_says_of_our_certificate_becomes_what_to_do(
    settings: MqttSettings, alert: str, said: str
) -> None:
    for mine in (TLS, settings):
        error = unreachable(mine, alert)
        assert isinstance(error, CredentialsRefused)
        assert said in str(error)
        assert "SSL" not in str(error)


def test_a_port_without_tls_and_what_is_not_about_tls_are_told_apart() -> None:
    wrong = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1016)")
    assert "speaks no TLS at this port" in str(unreachable(TLS, wrong))
    assert "Connection refused" in str(unreachable(TLS, ConnectionRefusedError(111, "x")))
    cut = ConnectionResetError(104, "Connection reset by peer")
    assert "may speak no TLS, or refuse who we say we are" in str(unreachable(TLS, cut))
    assert "may speak TLS alone" in str(unreachable(MqttSettings(), cut))
    plain = unreachable(MqttSettings(), "alert unknown ca")
    assert type(plain) is Unavailable


def test_nothing_older_than_tls_1_2_and_no_name_unchecked(settings: MqttSettings) -> None:
    context = tls_context(settings)
    assert context is not None
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert tls_context(MqttSettings()) is None


def _gone(settings: MqttSettings) -> None:
    assert settings.certificate_file is not None
    settings.certificate_file.unlink()


def _of_another(settings: MqttSettings) -> None:
    _write_key(settings, serialization.NoEncryption())


def _with_passphrase(settings: MqttSettings) -> None:
    _write_key(settings, serialization.BestAvailableEncryption(b"sesame"))


def _write_key(settings: MqttSettings, encryption: serialization.KeySerializationEncryption) -> None:
    assert settings.key_file is not None
    key = ec.generate_private_key(ec.SECP256R1())
    settings.key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    )


@pytest.mark.parametrize("break_it", [_gone, _of_another, _with_passphrase])
def test_a_certificate_that_cannot_be_used_is_a_mistake_in_the_settings(
    settings: MqttSettings, break_it: Callable[[MqttSettings], None]
) -> None:
    break_it(settings)
    with pytest.raises(ConfigurationError, match=r"mqtt\.certificate_file and mqtt\.key_file"):
        tls_context(settings)


def test_an_authority_that_cannot_be_read_is_a_mistake_in_the_settings(tmp_path: Path) -> None:
    for file in (tmp_path / "none.pem", Path(__file__)):
        with pytest.raises(ConfigurationError, match=r"mqtt\.ca_file"):
            tls_context(TLS.model_copy(update={"ca_file": file}))


def test_the_end_of_ones_own_certificate_is_seen_coming(settings: MqttSettings) -> None:
    assert settings.certificate_file is not None
    assert days_left(settings.certificate_file, now_ms=NOW_MS + 390 * DAY_MS) == pytest.approx(7, abs=0.01)
    assert days_left(settings.certificate_file, now_ms=NOW_MS + 400 * DAY_MS) == pytest.approx(-3, abs=0.01)
    assert days_left(Path(__file__), now_ms=NOW_MS) is None


@pytest.mark.parametrize(
    "given",
    [
        {"TLS": "true", "CERTIFICATE_FILE": "c.pem"},
        {"TLS": "true", "KEY_FILE": "k.pem"},
        {"CA_FILE": "a.pem"},
        {"CERTIFICATE_FILE": "c.pem", "KEY_FILE": "k.pem"},
    ],
)
def test_what_would_protect_nobody_is_refused(given: dict[str, str]) -> None:
    environment = {f"WARDLIGHT_MQTT__{name}": value for name, value in given.items()}
    with pytest.raises(ConfigurationError, match="mqtt"):
        Configuration.read(file=None, environment=environment).section("mqtt", MqttSettings)


def test_each_device_has_files_of_its_own() -> None:
    shared = MqttSettings(tls=True, certificate_file=Path("d/{device}/c.pem"), key_file=Path("d/{device}/k.pem"))
    mine = shared.of_device("sim-001")
    assert (mine.certificate_file, mine.key_file) == (Path("d/sim-001/c.pem"), Path("d/sim-001/k.pem"))
    assert MqttSettings().of_device("sim-001") == MqttSettings()
