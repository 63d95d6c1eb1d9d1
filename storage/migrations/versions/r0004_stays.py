"""Stays: moves between beds and wards, and corrections of whom a device measured."""

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Add it."""


def downgrade() -> None:
    """Take it away again."""
