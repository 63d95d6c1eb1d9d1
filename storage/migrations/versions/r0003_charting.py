"""Charting: what people observe, beside what devices measure."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None

IDENTIFIER = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
READINGS: tuple[tuple[str, sa.types.TypeEngine[str] | sa.types.TypeEngine[float]], ...] = (
    ("charted", sa.Text()),
    ("correction_id", IDENTIFIER),
    ("oxygen_flow_l_per_min", sa.Double()),
    ("pain_score", sa.Double()),
    ("withdrawn_by", IDENTIFIER),
)


def upgrade() -> None:
    """Add the columns of charted readings, their index, and what was withdrawn.

    The SpO2 scale follows from charted entries from now on; a scale that stands in no entry is set back to 1.
    """
    for name, kind in READINGS:
        op.add_column("readings", sa.Column(name, kind, nullable=True))
    op.create_index(
        "ix_readings_patient_id_charted",
        "readings",
        ["patient_id", "measured_at_ms"],
        sqlite_where=sa.text("charted IS NOT NULL"),
        postgresql_where=sa.text("charted IS NOT NULL"),
    )
    op.create_table(
        "withdrawals",
        sa.Column("correction_id", IDENTIFIER, nullable=False),
        sa.Column("patient_id", IDENTIFIER, nullable=False),
        sa.Column("device_id", IDENTIFIER, nullable=False),
        sa.Column("from_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("by_person", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("reading_id", IDENTIFIER, nullable=True),
        sa.PrimaryKeyConstraint("correction_id", "patient_id", "device_id", "from_ms", name="pk_withdrawals"),
    )
    op.execute("UPDATE patients SET spo2_scale = 1")


def downgrade() -> None:
    """Take it away again, charted entries included: without these columns nobody could tell them from measurements."""
    op.execute("DELETE FROM readings WHERE charted IS NOT NULL OR withdrawn_by IS NOT NULL")
    op.drop_table("withdrawals")
    op.drop_index("ix_readings_patient_id_charted", "readings")
    for name, _ in reversed(READINGS):
        op.drop_column("readings", name)
