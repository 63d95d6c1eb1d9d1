"""Stays: moves between beds and wards, and corrections of whom a device measured."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None

IDENTIFIER = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    """Add moves (each known patient's present place as their admission), corrections, and what episodes say of both."""
    op.create_table(
        "moves",
        sa.Column("patient_id", IDENTIFIER, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("ward_id", IDENTIFIER, nullable=False),
        sa.Column("bed", sa.Text(), nullable=True),
        sa.Column("by_person", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.patient_id"], name="fk_moves_patient_id"),
        sa.PrimaryKeyConstraint("patient_id", "number", name="pk_moves"),
    )
    op.execute(
        "INSERT INTO moves (patient_id, number, at_ms, ward_id, bed)"
        " SELECT patient_id, 0, admitted_at_ms, ward_id, bed FROM patients"
    )
    op.create_table(
        "corrections",
        sa.Column("correction_id", IDENTIFIER, nullable=False),
        sa.Column("device_id", IDENTIFIER, nullable=False),
        sa.Column("wrong_patient_id", IDENTIFIER, nullable=False),
        sa.Column("right_patient_id", IDENTIFIER, nullable=True),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("person_id", IDENTIFIER, nullable=False),
        sa.Column("by_person", sa.Text(), nullable=False),
        sa.Column("requested_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("done_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("readings", sa.BigInteger(), nullable=False),
        sa.Column("retracted", sa.BigInteger(), nullable=False),
        sa.Column("found", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["devices.device_id"], name="fk_corrections_device_id"),
        sa.ForeignKeyConstraint(["wrong_patient_id"], ["patients.patient_id"], name="fk_corrections_wrong_patient_id"),
        sa.ForeignKeyConstraint(["right_patient_id"], ["patients.patient_id"], name="fk_corrections_right_patient_id"),
        sa.PrimaryKeyConstraint("correction_id", name="pk_corrections"),
    )
    op.create_index("ix_corrections_requested_at_ms", "corrections", ["requested_at_ms"])
    op.add_column("assessments", sa.Column("withdrawn_by", IDENTIFIER, nullable=True))
    op.add_column("episodes", sa.Column("move", sa.BigInteger(), nullable=False, server_default=sa.text("0")))
    op.add_column("episodes", sa.Column("device_id", IDENTIFIER, nullable=True))
    op.add_column("episodes", sa.Column("retrospective", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("episodes", sa.Column("correction_id", IDENTIFIER, nullable=True))


def downgrade() -> None:
    """Take it away again: episodes that only a correction found go with it, since nothing else could tell them apart."""
    op.execute(
        "DELETE FROM transitions WHERE episode_id IN (SELECT episode_id FROM episodes WHERE correction_id IS NOT NULL)"
    )
    op.execute("DELETE FROM episodes WHERE correction_id IS NOT NULL")
    for name in ("correction_id", "retrospective", "device_id", "move"):
        op.drop_column("episodes", name)
    op.execute("DELETE FROM assessments WHERE withdrawn_by IS NOT NULL")
    op.drop_column("assessments", "withdrawn_by")
    op.drop_index("ix_corrections_requested_at_ms", "corrections")
    op.drop_table("corrections")
    op.drop_table("moves")
