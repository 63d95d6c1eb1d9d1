"""Settings are read once, the environment wins over the file, and a mistake is named."""

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from runtime.settings import (
    Configuration,
    DatabaseSettings,
    LogSettings,
    MqttSettings,
    ProcessSettings,
    Section,
    TelemetrySettings,
)
from vitals.errors import ConfigurationError


def read(file: Path | None = None, **environment: str) -> Configuration:
    """The configuration of this file and environment."""
    return Configuration.read(file=file, environment=environment)


def written(directory: Path, content: str) -> Path:
    """A settings file."""
    file = directory / "ward.toml"
    file.write_text(content, encoding="utf-8")
    return file


def test_without_file_and_environment_there_are_defaults() -> None:
    assert read().section("mqtt", MqttSettings) == MqttSettings()


def test_the_environment_wins_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    file = written(tmp_path, '[mqtt]\nhost = "broker"\nport = 1884\n')
    mqtt = read(file, WARDLIGHT_MQTT__PORT="1885").section("mqtt", MqttSettings)
    assert (mqtt.host, mqtt.port, mqtt.keepalive_s) == ("broker", 1885, MqttSettings().keepalive_s)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("WARDLIGHT_MQTT_PASSWORD", "WARDLIGHT_MQTT__PASSWORD"),
        ("WARDLIGHT_DASHBOARD_PORT", "WARDLIGHT_DASHBOARD__PORT"),
        ("WARDLIGHT_DATABASE_KEYS_FILE", "WARDLIGHT_DATABASE__KEYS_FILE"),
    ],
)
def test_a_variable_that_lost_an_underscore_is_refused_with_what_was_meant(name: str, meant: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name} is no setting; did you mean {meant}\\?$") as told:
        read(None, **{name: "8080"})
    assert "8080" not in str(told.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WARDLIGHT_MQTT_SERVICE_HOST", "10.0.0.7"),
        ("WARDLIGHT_MQTT_SERVICE_PORT_TLS", "8883"),
        ("WARDLIGHT_MQTT_PORT", "tcp://10.0.0.7:8883"),
        ("WARDLIGHT_MQTT_PORT_8883_TCP_ADDR", "10.0.0.7"),
        ("WARDLIGHT_TOKEN", "wl_1"),
        ("WARDLIGHT_URL", "http://127.0.0.1:8080"),
        ("WARDLIGHT_NEW_PASSWORD", "sesame"),
        ("WARDLIGHT_AUTHORITY_PASSPHRASE", "sesame"),
    ],
)
def test_variables_of_commands_and_of_kubernetes_are_left_alone(name: str, value: str) -> None:
    assert read(None, **{name: value}).section("mqtt", MqttSettings) == MqttSettings()


def test_variables_without_a_section_are_not_settings() -> None:
    assert read(WARDLIGHT_TEST_SEED="1", PATH="/bin").section("log", LogSettings) == LogSettings()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[mqqt]\nport = 1\n", "Unknown settings section 'mqqt'"),
        ("[mqtt]\nprot = 1\n", r"There is no setting mqtt\.prot; did you mean mqtt\.port\?$"),
        ("[mqtt]\nquarrel = 1\n", r"There is no setting mqtt\.quarrel\.$"),
        ('[mqtt]\n"ho\\nst" = 1\n', r"There is no setting mqtt\.'ho\\nst'; did you mean mqtt\.host\?$"),
        ("[mqtt]\nport = 70000\n", r"Setting mqtt\.port: .*65535"),
        ("[mqtt\n", "not valid TOML"),
        ("port = 8080\n", r"^'port' stands outside every section: .* \[mqtt\]\.$"),
        ("ports = [1, 2]\n", r"^'ports' stands outside every section"),
        ("mqtt = 1\n", r"^'mqtt' is a section: write \[mqtt\]"),
        ("[[mqtt]]\nport = 1\n", r"^'mqtt' is a section: write \[mqtt\]"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_it(tmp_path: Path, content: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        read(written(tmp_path, content)).section("mqtt", MqttSettings)


class _Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    delay_s: int = 1


class _Outer(Section):
    heart: _Inner = _Inner()


def test_a_mistyped_setting_within_a_table_of_a_section_is_named_whole(tmp_path: Path) -> None:
    file = written(tmp_path, "[alerts.heart]\ndelay = 1\n")
    with pytest.raises(
        ConfigurationError, match=r"no setting alerts\.heart\.delay; did you mean alerts\.heart\.delay_s\?"
    ):
        read(file).section("alerts", _Outer)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"Cannot read the settings file .*nowhere\.toml"):
        read(tmp_path / "nowhere.toml")


def test_a_section_that_does_not_exist_is_a_programmers_error() -> None:
    with pytest.raises(KeyError):
        read().section("misspelt", MqttSettings)


@pytest.mark.parametrize("model", [MqttSettings, LogSettings, DatabaseSettings, ProcessSettings, TelemetrySettings])
def test_settings_are_frozen(model: type[Section]) -> None:
    name = next(iter(model.model_fields))
    with pytest.raises(ValidationError):
        setattr(model(), name, None)


def test_passwords_do_not_appear_when_settings_are_printed() -> None:
    mqtt = read(WARDLIGHT_MQTT__PASSWORD="sesame").section("mqtt", MqttSettings)
    database = read(WARDLIGHT_DATABASE__URL="postgresql://w:sesame@h/d").section("database", DatabaseSettings)
    assert "sesame" not in f"{mqtt!r}{mqtt}{database!r}{database}"
