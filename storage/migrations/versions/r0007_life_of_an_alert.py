"""The whole life of an alert: room for rounds in how far an episode has come."""

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | None = None
depends_on: str | None = None

COLUMNS = (("episodes", "last_progress"), ("transitions", "progress"))


def upgrade() -> None:
    """Widen the numbers, and write each in the new scale: ended, priority, round, seen."""
    for table, column in COLUMNS:
        with op.batch_alter_table(table) as batch:
            batch.alter_column(column, existing_type=sa.SmallInteger(), type_=sa.Integer(), existing_nullable=False)
        op.execute(
            f"UPDATE {table} SET {column} = "  # noqa: S608 - names of this file
            f"({column} / 100) * 1000000 + (({column} % 100) / 10) * 100000 + {column} % 10"
        )


def downgrade() -> None:
    """Back to the old scale; rounds are forgotten."""
    for table, column in COLUMNS:
        op.execute(
            f"UPDATE {table} SET {column} = "  # noqa: S608 - names of this file
            f"({column} / 1000000) * 100 + (({column} % 1000000) / 100000) * 10 + "
            f"CASE WHEN {column} % 100 > 0 THEN 1 ELSE 0 END"
        )
        with op.batch_alter_table(table) as batch:
            batch.alter_column(column, existing_type=sa.Integer(), type_=sa.SmallInteger(), existing_nullable=False)
