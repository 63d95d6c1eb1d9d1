"""Readings: one device message (or charting entry), one moment, one or many signs."""

from enum import StrEnum
from typing import NewType

import msgspec

from vitals.age import AgeBand
from vitals.sex import Sex
from vitals.sign import Sign
from vitals.whole_numbers import AgeYears, Counted, EpochMs

PatientId = NewType("PatientId", str)
"""Random surrogate id; never derived from a name or number."""
DeviceId = NewType("DeviceId", str)
WardId = NewType("WardId", str)


class Origin(StrEnum):
    """What kind of data this is (after ISO/IEEE 11073-10207 GenerationMode), shown wherever it is not real."""

    REAL = "real"
    DEMO = "demo"
    """Made by a simulator."""
    REPLAY = "replay"
    """A recording published again; its own time is the live time."""


class DeviceReading(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a device publishes: JSON on `wardlight/v1/devices/{device_id}/readings`.

    `measured_at` is epoch milliseconds or an RFC 3339 string; `signs` maps sign names to numbers (consciousness also
    to a letter of ACVPU, supplemental oxygen also to true/false). `boot` and `sequence` come together or not at all:
    `sequence` counts from 0 within one `boot`.
    """

    measured_at: int | str
    signs: dict[str, float | bool | str]
    boot: str | None = None
    sequence: int | None = None
    origin: Origin = Origin.REAL


PROBE = DeviceId("wardlight-probe")
"""Under this name the watchdog publishes as a device does; what it says is never anybody's reading."""
CHARTING = DeviceId("charting")
"""What stands for the device in a reading that a person charted."""


class Charted(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who observed a charted reading, and what they said beside its numbers."""

    person_id: str
    by: str
    """The person's name, as it is shown."""
    valid_for_s: Counted | None = None
    """For how long the observation stands for the present; each sign's usual time where there is none."""
    note: str | None = None
    spo2_scale: Counted | None = None
    """NEWS2 SpO2 scale from `measured_at_ms` on."""
    spo2_scale_by: str | None = None
    """The clinician who prescribed scale 2; always there with it."""


class Reading(msgspec.Struct, frozen=True, omit_defaults=True, tag="reading"):
    """One accepted reading on log topic `readings`: strictly decoded, plausible, and its patient resolved.

    Times are epoch milliseconds: `measured_at_ms` by the device or the person who charts, `received_at_ms` by the
    service that took it in. A charted reading may hold no sign at all: then it is a note or a change of scale.
    """

    reading_id: str
    patient_id: PatientId
    device_id: DeviceId
    measured_at_ms: EpochMs
    received_at_ms: EpochMs
    signs: dict[Sign, float]
    boot: str | None = None
    sequence: Counted | None = None
    origin: Origin = Origin.REAL
    charted: Charted | None = None
    """Set where a person charted it; its device is `CHARTING` then."""
    correction_id: str | None = None
    """Set in the copy that a correction made of a reading that another patient had been given."""
    age_band: AgeBand | None = None
    """Of a child, as of the measurement; None for adults, and where no date of birth is known."""
    age_years: AgeYears | None = None
    """Completed years as of the measurement, at most 90; None where no date of birth is known."""
    sex: Sex | None = None
    """As the registry has it; None where nobody said."""


class Receipt(msgspec.Struct, frozen=True, omit_defaults=True):
    """What ingest tells a device on `…/accepted`: sequences `from_sequence` to `through_sequence` of `boot` are safe.

    It names exactly the run it vouches for, so it is true whatever ingest has forgotten in a crash: a device lets go of
    that run and of nothing else. `rejected` is set where the run is safe in `rejected`, not in `readings`. Devices are
    seldom renewed: they pass over fields and reasons they do not know, or they would keep what is safe for ever.
    """

    boot: str
    from_sequence: int
    through_sequence: int
    rejected: str | None = None
    """A RejectionReason, maybe one that a newer release came up with."""


class Tick(msgspec.Struct, frozen=True, omit_defaults=True, tag="tick"):
    """Time as a record: the partition's owner in `alerts` publishes one into `readings` each second, so that a replay sees it too."""

    at_ms: EpochMs
    probe: bool = False
    """Written by ingest for a message of device `PROBE`, to show that the way into the log is open; tells nobody the time."""


class Withdrawn(msgspec.Struct, frozen=True, omit_defaults=True, tag="withdrawn"):
    """Readings that were never this patient's, on log topic `readings`: they stay on record and count for nothing.

    Meant are the readings of `patient_id` from `device_id`, measured in [from_ms, until_ms), that stand before this
    record in the log; or, where `reading_id` is set, that one alone (an entry charted in error).
    """

    correction_id: str
    patient_id: PatientId
    device_id: DeviceId
    from_ms: EpochMs
    until_ms: EpochMs
    at_ms: EpochMs
    """When it was ordered."""
    by: str
    reason: str
    reading_id: str | None = None

    def means(self, reading: Reading) -> bool:
        """Whether it takes this reading back, if that stands before it in the log."""
        if reading.patient_id != self.patient_id or reading.device_id != self.device_id:
            return False
        if self.reading_id is not None:
            return reading.reading_id == self.reading_id
        return self.from_ms <= reading.measured_at_ms < self.until_ms


class RefusedSigns(msgspec.Struct, frozen=True, omit_defaults=True, tag="refused"):
    """Vital signs that ingest refused, as impossible or for their time, on log topic `readings`; others pass it over.

    A rejected extreme may be a real crisis, so alerts must hear that there was a value, and that nothing watches it.
    """

    reading_id: str
    """Of the reading it was, or would have been, part of."""
    patient_id: PatientId
    device_id: DeviceId
    measured_at_ms: EpochMs
    received_at_ms: EpochMs
    signs: dict[Sign, float]
    """The refused values of signs that have hard limits; finite. May be empty where `from_future`."""
    origin: Origin = Origin.REAL
    from_future: bool = False
    """The whole message was refused, since its time lies too far ahead: what is wrong is the device's clock."""


class Unaccounted(msgspec.Struct, frozen=True, omit_defaults=True, tag="unaccounted"):
    """What the ledger cannot account for, on log topic `readings`, keyed by patient; whoever wants readings passes it over.

    Told when it changes: the whole account of the patient's devices, 0 once it balances again, or concerns the patient no more.
    """

    patient_id: PatientId
    at_ms: EpochMs
    readings: int
    """Lost on their way, settled: neither accepted nor refused, not stored, or not assessed."""
    device_ids: tuple[DeviceId, ...] = ()
    """Of which devices, in order."""
    since_ms: EpochMs = 0
    """When the first of them was found."""
    device_off: bool = False
    """0 only because the devices that miss readings are on this patient no more."""


class Rejection(msgspec.Struct, frozen=True, omit_defaults=True):
    """One refused message on log topic `rejected`, with everything needed to replay it once the cause is mended."""

    rejection_id: str
    reason: "RejectionReason"
    detail: str
    """One sentence for people, at most 300 characters."""
    device_id: str
    """As the MQTT topic named it; at most 64 characters."""
    received_at_ms: EpochMs
    payload: bytes
    """The original bytes, cut to `payload_bytes_kept`; base64 in JSON."""
    payload_bytes: int
    """The original length; greater than len(payload) where it was cut, and then it cannot be replayed."""
    boot: str | None = None
    """With `sequence`, where they could be read: which of the device's readings it was."""
    sequence: Counted | None = None
    in_part: bool = False
    """Only some signs were refused; the others were accepted as a reading."""


class RejectionReason(StrEnum):
    """Why ingest refused a message; bounded, used as metric label."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    WRONG_SHAPE = "wrong_shape"
    UNKNOWN_SIGN = "unknown_sign"
    NO_SIGNS = "no_signs"
    NOT_A_NUMBER = "not_a_number"
    IMPLAUSIBLE = "implausible"
    BAD_TIME = "bad_time"
    TIME_IN_FUTURE = "time_in_future"
    TOO_OLD = "too_old"
    BAD_IDENTITY = "bad_identity"
    BAD_TOPIC = "bad_topic"
    UNASSIGNED = "unassigned"
