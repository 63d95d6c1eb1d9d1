"""Every table, for SQLite and PostgreSQL alike. Times are BIGINT epoch milliseconds; absent is NULL.

`readings` and `assessments` carry no foreign key: it would cost the recorder a look-up per row, and a reading whose
patient ingest resolved is history whatever becomes of the registry.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    column,
    false,
)
from sqlalchemy.dialects import postgresql

from vitals.sign import Sign

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Identifier = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
"""Text compared byte by byte in both databases: one order everywhere, and cheap to index."""

instance = Table(
    "instance",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)
"""Facts of this installation: `signing_key`."""

registry = Table(
    "registry",
    metadata,
    Column("registry_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
)
"""One row, updated first by whoever changes patients, devices or assignments: a version for caches, and their lock."""

patients = Table(
    "patients",
    metadata,
    Column("patient_id", Identifier, primary_key=True),
    Column("ward_id", Identifier, nullable=False),
    Column("bed", Text),
    Column("spo2_scale", SmallInteger, nullable=False),
    Column("admitted_at_ms", BigInteger, nullable=False),
    Column("discharged_at_ms", BigInteger),
    Column("sex", Text),
    Column("born_about", Text),
    Index(
        "uq_patients_ward_id_bed",
        "ward_id",
        "bed",
        unique=True,
        sqlite_where=column("discharged_at_ms").is_(None),
        postgresql_where=column("discharged_at_ms").is_(None),
    ),
)

devices = Table(
    "devices",
    metadata,
    Column("device_id", Identifier, primary_key=True),
    Column("ward_id", Identifier, nullable=False),
    Column("added_at_ms", BigInteger, nullable=False),
)

assignments = Table(
    "assignments",
    metadata,
    Column("device_id", Identifier, ForeignKey("devices.device_id"), primary_key=True),
    Column("from_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("until_ms", BigInteger),
    Column("patient_id", Identifier, ForeignKey("patients.patient_id"), nullable=False, index=True),
    Index(
        "uq_assignments_device_id_open",
        "device_id",
        unique=True,
        sqlite_where=column("until_ms").is_(None),
        postgresql_where=column("until_ms").is_(None),
    ),
)
"""Whom a device measured, from `from_ms` up to but without `until_ms`."""

claims = Table(
    "claims",
    metadata,
    Column("consumer_group", Identifier, primary_key=True),
    Column("partition", BigInteger, primary_key=True, autoincrement=False),
    Column("epoch", BigInteger, nullable=False),
)

positions = Table(
    "positions",
    metadata,
    Column("consumer_group", Identifier, primary_key=True),
    Column("topic", Identifier, primary_key=True),
    Column("partition", BigInteger, primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False),
)
"""Offset of the next record to read; moves only together with what was made of the records before it."""

states = Table(
    "states",
    metadata,
    Column("consumer_group", Identifier, primary_key=True),
    Column("partition", BigInteger, primary_key=True, autoincrement=False),
    Column("key", Identifier, primary_key=True),
    Column("offset", BigInteger, nullable=False),
    Column("blob", LargeBinary, nullable=False),
    Column("pipeline_hash", Text, nullable=False),
    Column("signature", LargeBinary, nullable=False),
)

READING_COLUMNS: Final = (
    "reading_id",
    "patient_id",
    "device_id",
    "measured_at_ms",
    "received_at_ms",
    "boot",
    "sequence",
    "origin",
    "charted",
    "correction_id",
)
SIGN_COLUMNS: Final = tuple(sign.value for sign in Sign)

readings = Table(
    "readings",
    metadata,
    Column("reading_id", Identifier, primary_key=True),
    Column("patient_id", Identifier, nullable=False),
    Column("device_id", Identifier, nullable=False),
    Column("measured_at_ms", BigInteger, nullable=False),
    Column("received_at_ms", BigInteger, nullable=False),
    Column("boot", Identifier),
    Column("sequence", BigInteger),
    Column("origin", Text, nullable=False),
    Column("charted", Text),
    Column("correction_id", Identifier),
    *(Column(sign.value, Double) for sign in Sign),
    Column("withdrawn_by", Identifier),
    Index("ix_readings_patient_id_measured_at_ms_reading_id", "patient_id", "measured_at_ms", "reading_id"),
    Index(
        "ix_readings_patient_id_charted",
        "patient_id",
        "measured_at_ms",
        sqlite_where=column("charted").is_not(None),
        postgresql_where=column("charted").is_not(None),
    ),
)
"""`charted` is the JSON of `vitals.reading.Charted`; `withdrawn_by` is the `correction_id` in `withdrawals` that took it back."""

withdrawals = Table(
    "withdrawals",
    metadata,
    Column("correction_id", Identifier, primary_key=True),
    Column("patient_id", Identifier, primary_key=True),
    Column("device_id", Identifier, primary_key=True),
    Column("from_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("until_ms", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("by_person", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("reading_id", Identifier),
)
"""What was taken back, when, by whom and why; `reading_id` where it was one charted entry alone.

One correction may take back several ranges of several devices and patients.
"""

assessments = Table(
    "assessments",
    metadata,
    Column("reading_id", Identifier, primary_key=True),
    Column("patient_id", Identifier, nullable=False),
    Column("measured_at_ms", BigInteger, nullable=False),
    Column("news2_low", SmallInteger),
    Column("news2_high", SmallInteger),
    Column("news2_total", SmallInteger),
    Column("anomaly", Double),
    Column("flagged", Boolean, nullable=False),
    Column("record", LargeBinary, nullable=False),
    Column("withdrawn_by", Identifier),
    Index("ix_assessments_patient_id_measured_at_ms_reading_id", "patient_id", "measured_at_ms", "reading_id"),
)
"""`record` is the whole assessment as the log carried it; the columns beside it are what queries sum up or sort by.

`withdrawn_by` is that of the reading it is about.
"""

rejections = Table(
    "rejections",
    metadata,
    Column("rejection_id", Identifier, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("device_id", Text, nullable=False),
    Column("received_at_ms", BigInteger, nullable=False, index=True),
    Column("payload", LargeBinary, nullable=False),
    Column("payload_bytes", BigInteger, nullable=False),
    Column("replayed_at_ms", BigInteger),
    Column("boot", Identifier),
    Column("sequence", BigInteger),
    Column("in_part", Boolean, nullable=False, server_default=false()),
)

episodes = Table(
    "episodes",
    metadata,
    Column("episode_id", Identifier, primary_key=True),
    Column("patient_id", Identifier, nullable=False),
    Column("ward_id", Identifier, nullable=False),
    Column("kind", Text, nullable=False),
    Column("priority", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("acknowledged", Boolean, nullable=False),
    Column("onset_ms", BigInteger, nullable=False),
    Column("raised_at_ms", BigInteger, nullable=False),
    Column("resolved_at_ms", BigInteger),
    Column("origin", Text, nullable=False),
    Column("last_transition_id", Identifier, nullable=False),
    Column("last_transition", Text, nullable=False),
    Column("last_reason", Text, nullable=False),
    Column("last_at_ms", BigInteger, nullable=False),
    Column("last_progress", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("sign", Text),
    Column("value", Double),
    Column("limit_value", Double),
    Column("by_person", Text),
    Column("move", BigInteger, nullable=False, server_default="0"),
    Column("device_id", Identifier),
    Column("retrospective", Boolean, nullable=False, server_default=false()),
    Column("correction_id", Identifier),
    Column("latched", Boolean, nullable=False, server_default=false()),
    Column("suppression", Text),
    Column("acknowledgements", Text, nullable=False, server_default="[]"),
    Column("round", Integer, nullable=False, server_default="0"),
    Column("heard_ms", BigInteger),
    Column("rules_version", Text),
    Index("ix_episodes_patient_id_raised_at_ms", "patient_id", "raised_at_ms"),
    Index("ix_episodes_raised_at_ms", "raised_at_ms"),
    Index(
        "uq_episodes_patient_id_kind_open",
        "patient_id",
        "kind",
        unique=True,
        sqlite_where=column("resolved_at_ms").is_(None),
        postgresql_where=column("resolved_at_ms").is_(None),
    ),
)

transitions = Table(
    "transitions",
    metadata,
    Column("transition_id", Identifier, primary_key=True),
    Column("episode_id", Identifier, ForeignKey("episodes.episode_id"), nullable=False, index=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("progress", Integer, nullable=False),
    Column("record", LargeBinary, nullable=False),
)
"""Every step of every episode; `record` is the whole transition as the log carries it."""
