"""Learning: sex, outcomes, examples that wait for theirs, and versions of the population model."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0013"
down_revision: str | None = "0012"
branch_labels: str | None = None
depends_on: str | None = None

IDENTIFIER = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
TABLES = (
    "outcome_entries",
    "training_examples",
    "training_patients",
    "model_candidates",
    "model_versions",
    "model_switches",
    "scorer_switches",
)


def upgrade() -> None:
    """Add the column and the tables."""
    op.add_column("patients", sa.Column("sex", sa.Text(), nullable=True))
    _add_training()
    _add_models()


def downgrade() -> None:
    """Take them away; outcomes are then in the log only, as far as that reaches, and what was learned is gone."""
    for name in reversed(TABLES):
        op.drop_table(name)
    op.drop_column("patients", "sex")


def _add_training() -> None:
    op.create_table(
        "outcome_entries",
        sa.Column("entry_id", IDENTIFIER, nullable=False),
        sa.Column("outcome_id", IDENTIFIER, nullable=False),
        sa.Column("patient_id", IDENTIFIER, nullable=False),
        sa.Column("ward_id", IDENTIFIER),
        sa.Column("kind", sa.Text()),
        sa.Column("happened_at_ms", sa.BigInteger()),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("person_id", IDENTIFIER, nullable=False),
        sa.Column("by_person", sa.Text(), nullable=False),
        sa.Column("note", sa.Text()),
        sa.PrimaryKeyConstraint("entry_id", name="pk_outcome_entries"),
    )
    op.create_index("ix_outcome_entries_patient_id_at_ms", "outcome_entries", ["patient_id", "at_ms"])
    op.create_table(
        "training_examples",
        sa.Column("example_id", IDENTIFIER, nullable=False),
        sa.Column("partition", sa.BigInteger(), nullable=False),
        sa.Column("patient_id", IDENTIFIER, nullable=False),
        sa.Column("measured_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("settles_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("example_id", name="pk_training_examples"),
    )
    for second in (("partition", "settles_at_ms"), ("patient_id", "measured_at_ms")):
        op.create_index(f"ix_training_examples_{'_'.join(second)}", "training_examples", list(second))
    op.create_table(
        "training_patients",
        sa.Column("patient_id", IDENTIFIER, nullable=False),
        sa.Column("partition", sa.BigInteger(), nullable=False),
        sa.Column("seen_until_ms", sa.BigInteger(), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("patient_id", name="pk_training_patients"),
    )
    op.create_index("ix_training_patients_partition_seen_until_ms", "training_patients", ["partition", "seen_until_ms"])


def _add_models() -> None:
    op.create_table(
        "model_candidates",
        sa.Column("candidate", IDENTIFIER, nullable=False),
        sa.Column("standing", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("candidate", name="pk_model_candidates"),
    )
    op.create_table(
        "model_versions",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("candidate", IDENTIFIER, nullable=False),
        sa.Column("pipeline", sa.Text(), nullable=False),
        sa.Column("made_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("lessons", sa.BigInteger(), nullable=False),
        sa.Column("horizon_s", sa.Double(), nullable=False),
        sa.Column("threshold", sa.Double()),
        sa.Column("scores", sa.Text(), nullable=False),
        sa.Column("standing", sa.Text(), nullable=False),
        sa.Column("made_as", sa.Text(), nullable=False),
        sa.Column("blob", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("told", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.PrimaryKeyConstraint("number", name="pk_model_versions"),
    )
    op.create_table(
        "model_switches",
        sa.Column("switch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("by_person", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("told", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.PrimaryKeyConstraint("switch", name="pk_model_switches"),
    )
    op.create_table(
        "scorer_switches",
        sa.Column("consumer_group", IDENTIFIER, nullable=False),
        sa.Column("partition", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("offset", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("switch", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("consumer_group", "partition", "offset", name="pk_scorer_switches"),
    )
