"""Escalation: ladders, on-call schedules, how people want to be reached, the steps that were taken, and who has seen what."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: str | None = None
depends_on: str | None = None

IDENTIFIER = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the six tables."""
    op.create_table(
        "ladders",
        sa.Column("ward_id", IDENTIFIER, nullable=False),
        sa.Column("priority", IDENTIFIER, nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("record", sa.Text()),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("by_person", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("ward_id", "priority", "version", name="pk_ladders"),
    )
    _schedules()
    op.create_table(
        "contacts",
        sa.Column("person_id", IDENTIFIER, nullable=False),
        sa.Column("destination_id", IDENTIFIER, nullable=False),
        sa.Column("priorities", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("by_person", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("person_id", "destination_id", name="pk_contacts"),
        sa.ForeignKeyConstraint(["person_id"], ["people.person_id"], name="fk_contacts_person_id"),
        sa.ForeignKeyConstraint(["destination_id"], ["destinations.destination_id"], name="fk_contacts_destination_id"),
    )
    _steps()


def _schedules() -> None:
    op.create_table(
        "schedules",
        sa.Column("schedule_id", IDENTIFIER, nullable=False),
        sa.Column("ward_id", IDENTIFIER, nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("by_person", sa.Text(), nullable=False),
        sa.Column("removed_at_ms", sa.BigInteger()),
        sa.PrimaryKeyConstraint("schedule_id", name="pk_schedules"),
    )
    op.create_table(
        "schedule_overrides",
        sa.Column("override_id", IDENTIFIER, nullable=False),
        sa.Column("schedule_id", IDENTIFIER, nullable=False),
        sa.Column("login", IDENTIFIER, nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text()),
        sa.Column("made_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("by_person", sa.Text(), nullable=False),
        sa.Column("removed_at_ms", sa.BigInteger()),
        sa.PrimaryKeyConstraint("override_id", name="pk_schedule_overrides"),
        sa.ForeignKeyConstraint(["schedule_id"], ["schedules.schedule_id"], name="fk_schedule_overrides_schedule_id"),
    )
    op.create_index("ix_schedule_overrides_schedule_id_until_ms", "schedule_overrides", ["schedule_id", "until_ms"])


def _steps() -> None:
    op.create_table(
        "ladder_steps",
        sa.Column("episode_id", IDENTIFIER, nullable=False),
        sa.Column("round_id", IDENTIFIER, nullable=False),
        sa.Column("step", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("step_id", IDENTIFIER, nullable=False),
        sa.Column("patient_id", IDENTIFIER, nullable=False),
        sa.Column("ward_id", IDENTIFIER, nullable=False),
        sa.Column("priority", sa.Text(), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("reached", sa.Text(), nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.Column("missing", sa.Text(), nullable=False),
        sa.Column("rung", sa.Integer(), nullable=False),
        sa.Column("ladder_ward_id", IDENTIFIER, nullable=False),
        sa.Column("ladder_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("episode_id", "round_id", "step", name="pk_ladder_steps"),
    )
    op.create_index("ix_ladder_steps_at_ms", "ladder_steps", ["at_ms"])
    op.create_table(
        "sightings",
        sa.Column("episode_id", IDENTIFIER, nullable=False),
        sa.Column("person_id", IDENTIFIER, nullable=False),
        sa.Column("by_person", sa.Text(), nullable=False),
        sa.Column("first_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("episode_id", "person_id", name="pk_sightings"),
    )


def downgrade() -> None:
    """Take them away; who was told of what is gone then."""
    for table in ("sightings", "ladder_steps", "contacts", "schedule_overrides", "schedules", "ladders"):
        op.drop_table(table)
