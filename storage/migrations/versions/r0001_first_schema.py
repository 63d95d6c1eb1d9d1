"""The first schema: registry, claims and positions, states, readings, assessments, rejections, episodes."""

import secrets

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None

IDENTIFIER = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
SIGNS = (
    "heart_rate_bpm",
    "respiratory_rate_bpm",
    "spo2_percent",
    "temperature_celsius",
    "systolic_mmhg",
    "diastolic_mmhg",
    "mean_pressure_mmhg",
    "consciousness_acvpu",
    "supplemental_oxygen",
    "skin_temperature_celsius",
    "hrv_sdnn_ms",
    "steps_count",
    "glucose_mmol_per_l",
    "battery_percent",
    "signal_quality_percent",
)


def upgrade() -> None:
    """Create every table, the registry's one row, and this installation's signing key."""
    _create_instance()
    _create_registry()
    _create_claims()
    _create_readings()
    _create_assessments_and_rejections()
    _create_episodes()


def _create_instance() -> None:
    instance = op.create_table(
        "instance",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_instance"),
    )
    op.bulk_insert(instance, [{"name": "signing_key", "value": secrets.token_bytes(32)}])
    registry = op.create_table(
        "registry",
        sa.Column("registry_id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("registry_id", name="pk_registry"),
    )
    op.bulk_insert(registry, [{"registry_id": 1, "version": 0}])


def _create_registry() -> None:
    op.create_table(
        "patients",
        sa.Column("patient_id", IDENTIFIER, nullable=False),
        sa.Column("ward_id", IDENTIFIER, nullable=False),
        sa.Column("bed", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("spo2_scale", sa.SmallInteger(), nullable=False),
        sa.Column("admitted_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("discharged_at_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("patient_id", name="pk_patients"),
    )
    _create_unique_where("uq_patients_ward_id_bed", "patients", ["ward_id", "bed"], "discharged_at_ms IS NULL")
    op.create_table(
        "devices",
        sa.Column("device_id", IDENTIFIER, nullable=False),
        sa.Column("ward_id", IDENTIFIER, nullable=False),
        sa.Column("added_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", name="pk_devices"),
    )
    op.create_table(
        "assignments",
        sa.Column("device_id", IDENTIFIER, nullable=False),
        sa.Column("from_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=True),
        sa.Column("patient_id", IDENTIFIER, nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["devices.device_id"], name="fk_assignments_device_id"),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.patient_id"], name="fk_assignments_patient_id"),
        sa.PrimaryKeyConstraint("device_id", "from_ms", name="pk_assignments"),
    )
    op.create_index("ix_assignments_patient_id", "assignments", ["patient_id"])
    _create_unique_where("uq_assignments_device_id_open", "assignments", ["device_id"], "until_ms IS NULL")


def _create_claims() -> None:
    op.create_table(
        "claims",
        sa.Column("consumer_group", IDENTIFIER, nullable=False),
        sa.Column("partition", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("consumer_group", "partition", name="pk_claims"),
    )
    op.create_table(
        "positions",
        sa.Column("consumer_group", IDENTIFIER, nullable=False),
        sa.Column("topic", IDENTIFIER, nullable=False),
        sa.Column("partition", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("consumer_group", "topic", "partition", name="pk_positions"),
    )
    op.create_table(
        "states",
        sa.Column("consumer_group", IDENTIFIER, nullable=False),
        sa.Column("partition", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key", IDENTIFIER, nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("blob", sa.LargeBinary(), nullable=False),
        sa.Column("pipeline_hash", sa.Text(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("consumer_group", "partition", "key", name="pk_states"),
    )


def _create_readings() -> None:
    op.create_table(
        "readings",
        sa.Column("reading_id", IDENTIFIER, nullable=False),
        sa.Column("patient_id", IDENTIFIER, nullable=False),
        sa.Column("device_id", IDENTIFIER, nullable=False),
        sa.Column("measured_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("received_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("boot", IDENTIFIER, nullable=True),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("origin", sa.Text(), nullable=False),
        *(sa.Column(sign, sa.Double(), nullable=True) for sign in SIGNS),
        sa.PrimaryKeyConstraint("reading_id", name="pk_readings"),
    )
    op.create_index(
        "ix_readings_patient_id_measured_at_ms_reading_id", "readings", ["patient_id", "measured_at_ms", "reading_id"]
    )


def _create_assessments_and_rejections() -> None:
    op.create_table(
        "assessments",
        sa.Column("reading_id", IDENTIFIER, nullable=False),
        sa.Column("patient_id", IDENTIFIER, nullable=False),
        sa.Column("measured_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("news2_low", sa.SmallInteger(), nullable=False),
        sa.Column("news2_high", sa.SmallInteger(), nullable=False),
        sa.Column("news2_total", sa.SmallInteger(), nullable=True),
        sa.Column("anomaly", sa.Double(), nullable=True),
        sa.Column("flagged", sa.Boolean(), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("reading_id", name="pk_assessments"),
    )
    op.create_index(
        "ix_assessments_patient_id_measured_at_ms_reading_id",
        "assessments",
        ["patient_id", "measured_at_ms", "reading_id"],
    )
    op.create_table(
        "rejections",
        sa.Column("rejection_id", IDENTIFIER, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("received_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("payload_bytes", sa.BigInteger(), nullable=False),
        sa.Column("replayed_at_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("rejection_id", name="pk_rejections"),
    )
    op.create_index("ix_rejections_received_at_ms", "rejections", ["received_at_ms"])


def _create_episodes() -> None:
    op.create_table(
        "episodes",
        sa.Column("episode_id", IDENTIFIER, nullable=False),
        sa.Column("patient_id", IDENTIFIER, nullable=False),
        sa.Column("ward_id", IDENTIFIER, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("priority", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("acknowledged", sa.Boolean(), nullable=False),
        sa.Column("onset_ms", sa.BigInteger(), nullable=False),
        sa.Column("raised_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("resolved_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("last_transition_id", IDENTIFIER, nullable=False),
        sa.Column("last_transition", sa.Text(), nullable=False),
        sa.Column("last_reason", sa.Text(), nullable=False),
        sa.Column("last_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_progress", sa.SmallInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sign", sa.Text(), nullable=True),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("limit_value", sa.Double(), nullable=True),
        sa.Column("by_person", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("episode_id", name="pk_episodes"),
    )
    op.create_index("ix_episodes_patient_id_raised_at_ms", "episodes", ["patient_id", "raised_at_ms"])
    op.create_index("ix_episodes_raised_at_ms", "episodes", ["raised_at_ms"])
    _create_unique_where(
        "uq_episodes_patient_id_kind_open", "episodes", ["patient_id", "kind"], "resolved_at_ms IS NULL"
    )
    op.create_table(
        "transitions",
        sa.Column("transition_id", IDENTIFIER, nullable=False),
        sa.Column("episode_id", IDENTIFIER, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("progress", sa.SmallInteger(), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["episode_id"], ["episodes.episode_id"], name="fk_transitions_episode_id"),
        sa.PrimaryKeyConstraint("transition_id", name="pk_transitions"),
    )
    op.create_index("ix_transitions_episode_id", "transitions", ["episode_id"])


def _create_unique_where(name: str, table: str, columns: list[str], condition: str) -> None:
    op.create_index(
        name, table, columns, unique=True, sqlite_where=sa.text(condition), postgresql_where=sa.text(condition)
    )
