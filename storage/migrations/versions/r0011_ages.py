"""Ages: the date of birth, what PEWS needs to be charted, and assessments of children, who have no NEWS2."""

import sqlalchemy as sa
from alembic import op

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: str | None = None
depends_on: str | None = None

SIGNS = ("capillary_refill_s", "respiratory_effort_score")
NEWS2 = ("news2_low", "news2_high")


def upgrade() -> None:
    """Add the columns, and let NEWS2 be absent."""
    op.add_column("patients", sa.Column("birth_date", sa.Text(), nullable=True))
    for name in SIGNS:
        op.add_column("readings", sa.Column(name, sa.Double(), nullable=True))
    with op.batch_alter_table("assessments") as batch:
        for name in NEWS2:
            batch.alter_column(name, existing_type=sa.SmallInteger(), nullable=True)


def downgrade() -> None:
    """Take them away; assessments of children go with them: without their band nobody could tell what they mean."""
    op.execute("DELETE FROM assessments WHERE news2_low IS NULL")
    with op.batch_alter_table("assessments") as batch:
        for name in NEWS2:
            batch.alter_column(name, existing_type=sa.SmallInteger(), nullable=False)
    for name in reversed(SIGNS):
        op.drop_column("readings", name)
    op.drop_column("patients", "birth_date")
