"""Settings of the ways out: where requests may go, the mail server, bounds. Part of table `[notifications]`."""

from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, field_validator

from runtime.address_guard import AllowedHost
from runtime.outgoing_http import OutgoingLimits
from runtime.settings import Section


class ChannelSettings(Section):
    """What every channel goes by."""

    hosts_allowed: tuple[str, ...] = ()
    """Where notifications may go besides public addresses by https: names or networks, `10.20.0.0/16`,
    `pager.hospital.example:8443`, `http://10.0.0.7:8080`. A hospital's own servers have private addresses: name them here."""
    ca_file: Path | None = None
    """Certificate authorities to trust besides the machine's own."""
    connect_s: float = Field(default=5.0, gt=0, le=60)
    request_s: float = Field(default=8.0, gt=0, le=120)
    """From looking a name up to the answer's headers; shorter than `attempt_timeout_s`, so that it is said what was slow."""
    answer_s: float = Field(default=2.0, gt=0, le=60)
    """How long the rest of an answer is listened to."""
    answer_bytes_max: int = Field(default=16_384, ge=1024, le=1_000_000)
    connections_max: int = Field(default=50, ge=1, le=1000)
    """Open at once, over all destinations."""
    time_zone: str = "UTC"
    """Where times are read that stand in texts, unless a destination's option `time_zone` names its own."""
    smtp_host: str | None = None
    """The mail server; without one there is no e-mail."""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_security: Literal["starttls", "tls"] = "starttls"
    """Required either way: nothing is sent in the clear."""
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_from: str = "wardlight@localhost"
    smtp_operation_s: float = Field(default=8.0, gt=0, le=60)
    """For each answer of the mail server;"""
    smtp_message_s: float = Field(default=9.0, gt=0, le=300)
    """and for one message as a whole."""
    smtp_threads_max: int = Field(default=4, ge=1, le=32)
    """Messages handed to the mail server at once."""

    apprise_services: tuple[str, ...] = ()
    """Services of the library apprise that destinations of channel `apprise` may use, by their schemes (`tgram`, `pover`,
    `twilio`); none by default: the library can also reach this machine itself."""
    apprise_processes_max: int = Field(default=2, ge=1, le=32)
    """Messages that it sends at once, each in a process of its own."""

    @field_validator("hosts_allowed", "apprise_services", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        """An environment has no lists: there it is words between commas."""
        return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value

    @field_validator("hosts_allowed")
    @classmethod
    def _readable(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        for entry in entries:
            AllowedHost.parse(entry)
        return entries

    @field_validator("time_zone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"{name!r} is no time zone such as Europe/Berlin") from error
        return name

    @field_validator("smtp_host", "smtp_user", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        """An environment can set a name to nothing, and then there is none."""
        return None if value == "" else value

    def outgoing_limits(self) -> OutgoingLimits:
        """The bounds of HTTP."""
        return OutgoingLimits(
            connect_s=self.connect_s,
            request_s=self.request_s,
            answer_s=self.answer_s,
            answer_bytes_max=self.answer_bytes_max,
            connections_max=self.connections_max,
        )
