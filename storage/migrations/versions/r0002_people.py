"""People: accounts, sessions, tokens, roles on wards."""

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Add it."""


def downgrade() -> None:
    """Take it away again."""
