"""Settings: frozen, read once at start, from a TOML file and the environment (`WARDLIGHT_MQTT__PORT=1884`).

Each room declares its own section (`ingest/settings.py` …) as a Section; a service asks for the sections it needs.
The environment wins over the file, the file over defaults. A key that no section knows is an error, not silence; so is a
variable whose section and key one underscore parts.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from vitals.errors import ConfigurationError

SectionT = TypeVar("SectionT", bound="Section")

ENVIRONMENT_PREFIX = "WARDLIGHT_"
DEVICE_PLACE = "{device}"
"""Where a device's id goes into the names of its certificate files."""
_OF_ANOTHER_CONTAINER = re.compile(
    r"^SERVICE_(HOST|PORT)|^PORT_\d+_(TCP|UDP|SCTP)|^PORT=(tcp|udp|sctp)://", re.IGNORECASE
)
"""What Kubernetes puts into every container where a service is called such as `wardlight-mqtt`: where that one is."""
SECTION_NAMES = frozenset(
    {
        "process",
        "mqtt",
        "log",
        "database",
        "telemetry",
        "ingest",
        "stream",
        "alerts",
        "recorder",
        "ledger",
        "retention",
        "dashboard",
        "people",
        "simulators",
        "watchdog",
        "notifications",
        "ladders",
        "trainer",
        "roles",
    }
)


def listed(value: object) -> object:
    """From the environment a list comes as words between commas; for validation before that of the items."""
    return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value


class Section(BaseModel):
    """One room's settings; frozen, unknown keys refused. `name` of a subclass is its table in the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class MqttSettings(Section):
    """Where the MQTT broker is and how to speak to it."""

    host: str = "127.0.0.1"
    port: int = Field(default=1883, ge=1, le=65535)
    username: str | None = None
    password: SecretStr | None = None
    tls: bool = False
    """TLS 1.2 or newer; the broker's certificate is always held against its authority and its name."""
    ca_file: Path | None = None
    """Certificate authority of the broker, with `tls`, as PEM; the system's own where there is none."""
    certificate_file: Path | None = None
    """Our own certificate and its chain, with `tls`, where the broker asks for one; for simulated devices one each, with
    `{device}` in the place of the device id."""
    key_file: Path | None = None
    """The certificate's key, without a passphrase."""
    protocol: Literal["5", "3.1.1"] = "5"
    """MQTT version; the embedded broker speaks 3.1.1 only."""
    keepalive_s: int = Field(default=30, ge=1, le=3600)
    connect_timeout_s: float = Field(default=10.0, gt=0)
    first_connection_s: float = Field(default=10.0, ge=0)
    """How long a service that starts tries to reach the broker before it says so and ends; once connected it never gives up."""
    reconnect_s_max: float = Field(default=5.0, gt=0)
    """Cap of the pause between attempts to connect."""
    publish_outstanding_max: int = Field(default=200, ge=1, le=65535)
    """Publishes sent and not yet answered; an MQTT 5 broker may ask for fewer."""
    session_expiry_s: int = Field(default=7 * 24 * 3600, ge=0)
    """How long the broker keeps our session while we are away (MQTT 5; a 3.1.1 broker keeps it by its own rule)."""
    keeps_sessions: bool = True
    """Off for the embedded broker: it loses the subscriptions of a lasting session whose client comes back too quickly."""

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        """What is given and would not be used is a mistake: somebody believes that it protects them."""
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file belong together")
        if not self.tls and (self.ca_file is not None or self.certificate_file is not None):
            raise ValueError("ca_file, certificate_file and key_file need tls = true")
        return self

    def of_device(self, device_id: str) -> "MqttSettings":
        """The same with this device's own files, where their names have a place for its id."""
        given = {"ca_file": self.ca_file, "certificate_file": self.certificate_file, "key_file": self.key_file}
        filled = {
            name: Path(str(file).replace(DEVICE_PLACE, device_id)) for name, file in given.items() if file is not None
        }
        return self.model_copy(update=filled)


class LogSettings(Section):
    """Which log, and its bounds."""

    kind: Literal["local", "kafka"] = "local"
    bootstrap: str = "127.0.0.1:9092"
    """Kafka's `host:port[,host:port…]`."""
    security: Literal["plaintext", "ssl", "sasl_ssl"] = "plaintext"
    """How Kafka is spoken to; the server's certificate is always held against its name. `sasl_ssl`: with SCRAM-SHA-512."""
    username: str | None = None
    """This service's principal, with `sasl_ssl`."""
    password: SecretStr | None = None
    ca_file: Path | None = None
    """Certificate authority of Kafka, as PEM; the system's own where there is none."""
    certificate_file: Path | None = None
    """Our own certificate and its chain, where Kafka asks for one."""
    key_file: Path | None = None
    """The certificate's key, without a passphrase."""
    topic_prefix: str = ""
    """Before every topic name in Kafka; for sharing one cluster."""
    instance_id: str | None = None
    """This process's fixed name in its Kafka groups (static membership): back within the session, it keeps its partitions."""
    partitions: int = Field(default=12, ge=1, le=1000)
    replication: int = Field(default=1, ge=1, le=7)
    directory: Path = Path("data")
    """Where the local log's file lies."""
    retention_h: int = Field(default=7 * 24, ge=1)
    publish_records_max: int = Field(default=2000, ge=1)
    """Records in one group commit of the local log; more wait for the next."""

    @model_validator(mode="after")
    def _security_is_whole(self) -> Self:
        """What is given and would not be used is a mistake: somebody believes that it protects them."""
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password belong together")
        if (self.security == "sasl_ssl") != (self.username is not None):
            raise ValueError("security = sasl_ssl and username with password belong together")
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file belong together")
        if self.security == "plaintext" and (self.ca_file is not None or self.certificate_file is not None):
            raise ValueError("ca_file and certificate_file need security = ssl or sasl_ssl")
        return self


class DatabaseSettings(Section):
    """The patient database, as an SQLAlchemy URL: `sqlite:///data/ward.db` or `postgresql+psycopg://…`."""

    url: SecretStr = SecretStr("sqlite:///data/ward.db")
    keys_file: Path | None = None
    """The keys of names and secrets, a file of its own (docs/operations.md). Where it is absent, SQLite has one beside its
    file, made at the first start; a PostgreSQL has none, and nobody can be admitted."""
    threads_max: int = Field(default=4, ge=1, le=64)
    """Connections and threads a service uses for SQL."""


class ProcessSettings(Section):
    """Bounds of a process as a whole."""

    shutdown_s: float = Field(default=20.0, gt=0, le=600)
    """One deadline for everything a shutdown does."""
    niceness: int = Field(default=10, ge=0, le=19)
    """How far scorer, trainer and recorder step back, and the dashboard half as far, for ingest and alerts where processors are short; 0 not at all."""


class TelemetrySettings(Section):
    """Metrics and health over HTTP; off where there is no port."""

    port: int | None = Field(default=None, ge=0, le=65535)
    host: str = "127.0.0.1"
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"


class Configuration:
    """File and environment, read once; hands out validated sections."""

    def __init__(self, tables: Mapping[str, Mapping[str, Any]]) -> None:
        self._tables = tables

    @classmethod
    def read(cls, *, file: Path | None, environment: Mapping[str, str] | None = None) -> "Configuration":
        """Merge `file` (TOML, optional) and the environment; raises ConfigurationError naming the key at fault."""
        tables: dict[str, dict[str, Any]] = {name: _table(name, value) for name, value in _from_file(file).items()}
        for name, value in (os.environ if environment is None else environment).items():
            if not name.startswith(ENVIRONMENT_PREFIX):
                continue
            if "__" not in name:
                _refuse_meant_for_a_section(name, value)
                continue
            section, _, key = name.removeprefix(ENVIRONMENT_PREFIX).lower().partition("__")
            tables.setdefault(section, {})[key] = value
        unknown = tables.keys() - SECTION_NAMES
        if unknown:
            raise ConfigurationError(
                f"Unknown settings section {min(unknown)!r}; known are {', '.join(sorted(SECTION_NAMES))}."
            )
        return cls(tables)

    def overridden(self, name: str, values: Mapping[str, Any]) -> "Configuration":
        """The same with these values in section `name`, which win over file and environment; None leaves a key as it is."""
        given = {key: value for key, value in values.items() if value is not None}
        return Configuration({**self._tables, name: {**self._tables.get(name, {}), **given}})

    def section(self, name: str, model: type[SectionT]) -> SectionT:
        """The section `name` validated as `model`; raises ConfigurationError naming key and cause."""
        if name not in SECTION_NAMES:
            raise KeyError(name)
        try:
            return model.model_validate(dict(self._tables.get(name, {})))
        except ValidationError as error:
            first = error.errors()[0]
            where = tuple(map(str, first["loc"]))
            if first["type"] == "extra_forbidden":
                raise ConfigurationError(_no_such_setting(name, where, model)) from error
            said = first["msg"].removeprefix("Value error, ")
            raise ConfigurationError(f"Setting {'.'.join([name, *where])}: {said}.") from error


def _no_such_setting(section: str, where: tuple[str, ...], model: type[BaseModel]) -> str:
    """One sentence, with the setting of the section whose name is most like it, where one is."""
    tables, mistyped = where[:-1], where[-1]
    fields = model.model_fields
    for table in tables:
        inner = fields[table].annotation if table in fields else None
        fields = inner.model_fields if isinstance(inner, type) and issubclass(inner, BaseModel) else {}
    alike = difflib.get_close_matches(mistyped, fields, n=1)
    begin = ".".join([section, *tables])
    # Its name came from outside: in one line, whatever it holds.
    said = f"There is no setting {begin}.{mistyped if mistyped.isprintable() else ascii(mistyped)}"
    return f"{said}; did you mean {begin}.{alike[0]}?" if alike else f"{said}."


def _refuse_meant_for_a_section(name: str, value: str) -> None:
    """Other variables of ours begin with no section's name; one that does has lost an underscore, and would be no setting."""
    section, _, key = name.removeprefix(ENVIRONMENT_PREFIX).partition("_")
    if section.lower() in SECTION_NAMES and key and not _OF_ANOTHER_CONTAINER.search(f"{key}={value}"):
        meant = f"{ENVIRONMENT_PREFIX}{section}__{key}"
        raise ConfigurationError(f"The environment variable {name} is no setting; did you mean {meant}?")


def _table(name: str, value: object) -> dict[str, Any]:
    """What stands at the top of a settings file, if it is a section."""
    if isinstance(value, dict):
        return dict(value)
    if name in SECTION_NAMES:
        raise ConfigurationError(f"{name!r} is a section: write [{name}] on a line of its own, and its settings below.")
    raise ConfigurationError(
        f"{name!r} stands outside every section: write it below the line of its section, such as [mqtt]."
    )


def _from_file(file: Path | None) -> Mapping[str, object]:
    if file is None:
        return {}
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"Cannot read the settings file {file}: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The settings file {file} is not valid TOML: {error}.") from error
