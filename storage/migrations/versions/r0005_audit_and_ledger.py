"""The audit trail and what the ledger counts."""

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Add it."""


def downgrade() -> None:
    """Take it away again."""
