"""Settings of ingest: the `[ingest]` table."""

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from ingest.decoder import DecoderLimits
from ingest.patient_directory import DirectoryLimits
from runtime.mqtt_inbox import SessionLimits
from runtime.settings import Section, listed
from vitals.reading import Origin

Origins = Annotated[tuple[Origin, ...], BeforeValidator(listed)]


class IngestSettings(Section):
    """What ingest accepts, and how much it may hold."""

    client_id: str = Field(default="wardlight-ingest", min_length=1, max_length=64)
    """The MQTT session's fixed name; two processes with one name cut each other off."""
    batch_messages_max: int = Field(default=500, ge=1, le=10_000)
    """Messages published to the log together; ingest takes what has arrived and never waits for more."""
    publishes_in_flight_max: int = Field(default=4, ge=1, le=100)
    """Batches handed to the log and not yet confirmed."""
    held_messages_max: int = Field(default=4000, ge=1, le=65_535)
    """High-water mark: with so many messages unacknowledged, the socket is not read."""
    held_bytes_max: int = Field(default=64 * 2**20, ge=1)
    """High-water mark in payload bytes."""
    payload_bytes_max: int = Field(default=65_536, ge=1)
    payload_bytes_kept: int = Field(default=65_536, ge=0, le=2 * 2**20)
    """How much of a refused message is kept; a message longer than that cannot be replayed."""
    future_s_max: float = Field(default=120.0, ge=0)
    """How far a device's clock may be ahead."""
    age_days_max: float = Field(default=30.0, gt=0)
    """How long ago a measurement may be."""
    origins_allowed: Origins = Field(default=tuple(Origin), min_length=1)
    """Which origins a device may call its readings; of others all is refused. Where patients are real, name `real` alone: the
    word is the device's own, alarms of the others are marked as nobody's, and a replay has no age at which it is history."""
    enroll_unassigned: bool = False
    """Make a patient for each unknown device, named after it; for trying things out."""
    enroll_ward: str = Field(default="ward", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    """The ward of such patients."""
    directory_devices_max: int = Field(default=10_000, ge=1)
    """Devices whose assignments are remembered."""
    directory_refresh_s: float = Field(default=0.5, gt=0)
    """How often the database is asked whether any assignment changed."""
    receipt_every_s: float = Field(default=0.1, gt=0)
    """The least time between two receipts to one device; runs are joined meanwhile."""
    receipt_runs_max: int = Field(default=100_000, ge=1)
    """Runs waiting to be receipted; beyond that the oldest is dropped, and its device sends again."""
    backoff_s_max: float = Field(default=5.0, gt=0)
    """Cap of the pause between attempts while log or database do not answer."""

    @model_validator(mode="after")
    def _directory_holds_a_batch(self) -> Self:
        if self.directory_devices_max < self.batch_messages_max:
            raise ValueError("ingest.directory_devices_max must not be below ingest.batch_messages_max")
        return self

    @property
    def decoder(self) -> DecoderLimits:
        """The part that the decoder needs."""
        return DecoderLimits(
            payload_bytes_max=self.payload_bytes_max,
            future_ms_max=round(self.future_s_max * 1000),
            age_ms_max=round(self.age_days_max * 86_400_000),
            origins_allowed=frozenset(self.origins_allowed),
        )

    @property
    def directory(self) -> DirectoryLimits:
        """The part that the patient directory needs."""
        return DirectoryLimits(devices_max=self.directory_devices_max, refresh_s=self.directory_refresh_s)

    @property
    def session(self) -> SessionLimits:
        """The part that the MQTT session needs."""
        return SessionLimits(held_messages_max=self.held_messages_max, held_bytes_max=self.held_bytes_max)
