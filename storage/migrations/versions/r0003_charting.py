"""Charting: what people observe, beside what devices measure."""

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Add it."""


def downgrade() -> None:
    """Take it away again."""
