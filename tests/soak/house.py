"""A house under watch: Mosquitto, Kafka, PostgreSQL and every service as its own process, with a fleet beside it."""

import contextlib
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from runtime.settings import MqttSettings
from tests.support.kafka_server import KafkaServer, running_kafka
from tests.support.mosquitto_server import running_mosquitto
from tests.support.postgres_server import private_server
from tests.support.processes import ServiceProcess
from tests.support.whole_path import free_port, hospital_environment

SERVICES: Mapping[str, tuple[str, ...]] = {
    "ingest": ("ingest",),
    "stream": ("stream",),
    "trainer": ("stream", "trainer"),
    "alerts": ("alerts",),
    "recorder": ("storage",),
    "dashboard": ("dashboard",),
}


@dataclass(frozen=True, kw_only=True)
class House:
    """Where everything of one house is."""

    mqtt: MqttSettings
    kafka: KafkaServer
    database_url: str
    dashboard_port: int
    services: Mapping[str, ServiceProcess]
    telemetry_ports: Mapping[str, int]

    @property
    def log_directory(self) -> Path:
        """Where Kafka's partitions lie."""
        return self.kafka.directory / "log"


@dataclass
class _Starting:
    """Services as they are started, so that what runs is stopped whatever happens."""

    environment: Mapping[str, str]
    directory: Path
    services: dict[str, ServiceProcess] = field(default_factory=dict)
    telemetry_ports: dict[str, int] = field(default_factory=dict)

    def start(self, name: str) -> None:
        port = free_port()
        environment = {**self.environment, "WARDLIGHT_TELEMETRY__PORT": str(port)}
        service = ServiceProcess(SERVICES[name], environment, self.directory / f"{name}.log")
        service.start()
        self.services[name], self.telemetry_ports[name] = service, port


@contextlib.contextmanager
def running_house(directory: Path) -> Iterator[tuple[House, _Starting]]:
    """Servers on free loopback ports; the caller admits patients, then starts services by `start`; all stopped at the end."""
    with private_server() as postgres, running_kafka() as kafka, running_mosquitto() as broker:
        mqtt, url, dashboard_port = broker.settings(), postgres.create_database(), free_port()
        environment = hospital_environment(
            mqtt, bootstrap=kafka.bootstrap, database_url=url, prefix=f"soak-{secrets.token_hex(4)}-"
        )
        environment |= {
            "WARDLIGHT_DASHBOARD__PORT": str(dashboard_port),
            "WARDLIGHT_DASHBOARD__SIGN_IN": "guest",
        }
        starting = _Starting(environment, directory)
        house = House(
            mqtt=mqtt,
            kafka=kafka,
            database_url=url,
            dashboard_port=dashboard_port,
            services=starting.services,
            telemetry_ports=starting.telemetry_ports,
        )
        try:
            yield house, starting
        finally:
            for service in starting.services.values():
                service.stop()
