"""Which feature code this program's candidates learn from, whose threshold a version has, and which versions were retired."""

import sqlalchemy as sa
from alembic import op

revision: str = "0014"
down_revision: str | None = "0013"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Add the columns. A version after which its candidate made a newer one was superseded, as far as anybody can tell now."""
    op.add_column("model_candidates", sa.Column("pipeline", sa.Text(), nullable=True))
    op.add_column("model_versions", sa.Column("threshold_from", sa.BigInteger(), nullable=True))
    op.execute(
        "UPDATE model_versions SET standing = 'superseded' WHERE standing = 'retired' AND number <"
        " (SELECT MAX(newer.number) FROM model_versions AS newer WHERE newer.candidate = model_versions.candidate)"
    )


def downgrade() -> None:
    """Take them away; what was superseded counts as retired again."""
    op.execute("UPDATE model_versions SET standing = 'retired' WHERE standing = 'superseded'")
    op.drop_column("model_versions", "threshold_from")
    op.drop_column("model_candidates", "pipeline")
