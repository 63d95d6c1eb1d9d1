"""Operations: when a backup, a trim or a heartbeat was last made, and minutes that stand for trimmed readings."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | None = None
depends_on: str | None = None

IDENTIFIER = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    """Add both tables."""
    op.create_table(
        "operations",
        sa.Column("name", IDENTIFIER, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_operations"),
    )
    op.create_table(
        "reading_minutes",
        sa.Column("patient_id", IDENTIFIER, nullable=False),
        sa.Column("from_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sign", IDENTIFIER, nullable=False),
        sa.Column("minimum", sa.Double(), nullable=False),
        sa.Column("total", sa.Double(), nullable=False),
        sa.Column("maximum", sa.Double(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("patient_id", "from_ms", "sign", name="pk_reading_minutes"),
    )


def downgrade() -> None:
    """Take both away; what stood for trimmed readings is gone then."""
    op.drop_table("reading_minutes")
    op.drop_table("operations")
