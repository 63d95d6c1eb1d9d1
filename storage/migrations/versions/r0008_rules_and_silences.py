"""Rules of alerts: their versions, what is different for single wards and patients, and silences."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: str | None = None
depends_on: str | None = None

IDENTIFIER = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the tables, and the one row that counts what was decided."""
    decisions = op.create_table(
        "decisions",
        sa.Column("decisions_id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("decisions_id", name="pk_decisions"),
    )
    op.bulk_insert(decisions, [{"decisions_id": 1, "version": 0}])
    _create_rulebooks()
    _create_rule_changes()
    _create_silences()


def _create_rulebooks() -> None:
    op.create_table(
        "rulebooks",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", IDENTIFIER, nullable=False),
        sa.Column("yaml", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("person_id", IDENTIFIER, nullable=True),
        sa.Column("by_person", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ordered_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("effective_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_rulebooks"),
    )
    op.create_table(
        "rule_proposals",
        sa.Column("proposal_id", IDENTIFIER, nullable=False),
        sa.Column("yaml", sa.Text(), nullable=False),
        sa.Column("person_id", IDENTIFIER, nullable=False),
        sa.Column("by_person", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("proposed_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("state", IDENTIFIER, nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("proposal_id", name="pk_rule_proposals"),
    )
    op.create_index("ix_rule_proposals_state", "rule_proposals", ["state"])


def _create_rule_changes() -> None:
    op.create_table(
        "rule_changes",
        sa.Column("change_id", IDENTIFIER, nullable=False),
        sa.Column("ward_id", IDENTIFIER, nullable=True),
        sa.Column("patient_id", IDENTIFIER, nullable=True),
        sa.Column("kind", IDENTIFIER, nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        *_decided(),
        sa.Column("expires_ms", sa.BigInteger(), nullable=True),
        *_ended(),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.patient_id"], name="fk_rule_changes_patient_id"),
        sa.PrimaryKeyConstraint("change_id", name="pk_rule_changes"),
    )
    op.create_index("ix_rule_changes_patient_id", "rule_changes", ["patient_id"])
    op.create_index("ix_rule_changes_ward_id", "rule_changes", ["ward_id"])


def _create_silences() -> None:
    op.create_table(
        "silences",
        sa.Column("silence_id", IDENTIFIER, nullable=False),
        sa.Column("ward_id", IDENTIFIER, nullable=True),
        sa.Column("patient_id", IDENTIFIER, nullable=True),
        sa.Column("kind", IDENTIFIER, nullable=True),
        sa.Column("priority", IDENTIFIER, nullable=True),
        *_decided(),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        *_ended(),
        sa.PrimaryKeyConstraint("silence_id", name="pk_silences"),
    )
    op.create_index("ix_silences_until_ms", "silences", ["until_ms"])


def _decided() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("person_id", IDENTIFIER, nullable=False),
        sa.Column("by_person", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ordered_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("effective_ms", sa.BigInteger(), nullable=False),
    )


def _ended() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("ended_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("end_effective_ms", sa.BigInteger(), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
    )


def downgrade() -> None:
    """Take them away: the rules that were in force are gone then, and those of the program are in force again."""
    for table in ("silences", "rule_changes", "rule_proposals", "rulebooks", "decisions"):
        op.drop_table(table)
