"""Operations: retention and what watches over it."""

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Add it."""


def downgrade() -> None:
    """Take it away again."""
