"""A certificate authority for one test, at whatever time it likes."""

import dataclasses
from pathlib import Path

from runtime.settings import MqttSettings
from wardlight.authority import Authority
from wardlight.authority_register import Kind

DAY_MS = 86_400_000


@dataclasses.dataclass
class DatedClock:
    """A clock that somebody sets; nobody waits by it."""

    at_ms: int
    speed: float = 1.0

    def now_ms(self) -> int:
        return self.at_ms

    def monotonic_s(self) -> float:
        return self.at_ms / 1000

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody sleeps here")


def tls_settings(authority: Authority, kind: Kind, name: str, *, port: int, host: str = "127.0.0.1") -> MqttSettings:
    """How `name` reaches a broker with the newest certificate it was issued."""
    return MqttSettings.model_validate(
        {
            "host": host,
            "port": port,
            "reconnect_s_max": 0.2,
            "first_connection_s": 0.0,
            "connect_timeout_s": 5.0,
            **files(authority.place_of(kind, name)),
        }
    )


def files(place: Path) -> dict[str, object]:
    """The settings that name a certificate, its key and whom to believe."""
    return {
        "tls": True,
        "ca_file": place / "authority.pem",
        "certificate_file": place / "certificate.pem",
        "key_file": place / "key.pem",
    }
