"""The whole life of an alert: latched, suppressed, in whose hands and until when, told how often; room for rounds."""

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | None = None
depends_on: str | None = None

PROGRESS_COLUMNS = (("episodes", "last_progress"), ("transitions", "progress"))
NEW_COLUMNS = ("latched", "suppression", "acknowledgements", "round", "heard_ms", "rules_version")


def upgrade() -> None:
    """Widen the numbers of progress, write each in the new scale (ended, priority, round, seen), and add the columns."""
    for table, column in PROGRESS_COLUMNS:
        rescaled = f"({column} / 100) * 100000000 + (({column} % 100) / 10) * 10000000 + {column} % 10"
        _rewrite(table, column, rescaled, widen=True)
    op.add_column("episodes", sa.Column("latched", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("episodes", sa.Column("suppression", sa.Text(), nullable=True))
    op.add_column("episodes", sa.Column("acknowledgements", sa.Text(), nullable=False, server_default="[]"))
    op.add_column("episodes", sa.Column("round", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("episodes", sa.Column("heard_ms", sa.BigInteger(), nullable=True))
    op.add_column("episodes", sa.Column("rules_version", sa.Text(), nullable=True))


def downgrade() -> None:
    """Back to the old scale; rounds, latches and who has what in hand are forgotten."""
    for added in reversed(NEW_COLUMNS):
        op.execute(f"ALTER TABLE episodes DROP COLUMN {added}")
    for table, column in PROGRESS_COLUMNS:
        rescaled = (
            f"({column} / 100000000) * 100 + (({column} % 100000000) / 10000000) * 10 + "
            f"CASE WHEN {column} % 100 > 0 THEN 1 ELSE 0 END"
        )
        _rewrite(table, column, rescaled, widen=False)


def _rewrite(table: str, column: str, expression: str, *, widen: bool) -> None:
    """Another type with other values. SQLite would make the table anew, which rows that refer to it forbid."""
    old, new = (sa.SmallInteger(), sa.Integer()) if widen else (sa.Integer(), sa.SmallInteger())
    if op.get_bind().dialect.name == "sqlite":
        op.add_column(table, sa.Column("rewritten", new, nullable=False, server_default="0"))
        op.execute(f"UPDATE {table} SET rewritten = {expression}")  # noqa: S608 - names of this file
        op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        op.execute(f"ALTER TABLE {table} RENAME COLUMN rewritten TO {column}")
        return
    if widen:
        op.alter_column(table, column, existing_type=old, type_=new, existing_nullable=False)
    op.execute(f"UPDATE {table} SET {column} = {expression}")  # noqa: S608 - names of this file
    if not widen:
        op.alter_column(table, column, existing_type=old, type_=new, existing_nullable=False)
