"""Notifications: destinations, subscriptions, their events, deliveries and receipts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: str | None = None
depends_on: str | None = None

IDENTIFIER = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the five tables."""
    _destinations()
    _subscriptions()
    _subscription_events()
    _deliveries()
    _receipts()


def _destinations() -> None:
    op.create_table(
        "destinations",
        sa.Column("destination_id", IDENTIFIER, nullable=False),
        sa.Column("person_id", IDENTIFIER),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("channel", IDENTIFIER, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text()),
        sa.Column("template", sa.Text()),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("removed_at_ms", sa.BigInteger()),
        sa.Column("paused_until_ms", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("accepted_at_ms", sa.BigInteger()),
        sa.Column("failed_at_ms", sa.BigInteger()),
        sa.Column("fault", sa.Text()),
        sa.PrimaryKeyConstraint("destination_id", name="pk_destinations"),
        sa.ForeignKeyConstraint(["person_id"], ["people.person_id"], name="fk_destinations_person_id"),
    )
    op.create_index("ix_destinations_person_id", "destinations", ["person_id"])


def _subscriptions() -> None:
    op.create_table(
        "subscriptions",
        sa.Column("subscription_id", IDENTIFIER, nullable=False),
        sa.Column("person_id", IDENTIFIER),
        sa.Column("destination_id", IDENTIFIER, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("wanted", sa.Text(), nullable=False),
        sa.Column("quiet", sa.Text()),
        sa.Column("state", IDENTIFIER, nullable=False),
        sa.Column("state_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("state_reason", sa.Text(), nullable=False),
        sa.Column("activated_at_ms", sa.BigInteger()),
        sa.Column("expires_at_ms", sa.BigInteger()),
        sa.Column("heartbeat_s", sa.BigInteger()),
        sa.Column("heartbeat_due_ms", sa.BigInteger()),
        sa.Column("last_number", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("removed_at_ms", sa.BigInteger()),
        sa.PrimaryKeyConstraint("subscription_id", name="pk_subscriptions"),
        sa.ForeignKeyConstraint(["person_id"], ["people.person_id"], name="fk_subscriptions_person_id"),
        sa.ForeignKeyConstraint(
            ["destination_id"], ["destinations.destination_id"], name="fk_subscriptions_destination_id"
        ),
    )
    op.create_index("ix_subscriptions_person_id", "subscriptions", ["person_id"])
    op.create_index("ix_subscriptions_destination_id", "subscriptions", ["destination_id"])


def _subscription_events() -> None:
    op.create_table(
        "subscription_events",
        sa.Column("subscription_id", IDENTIFIER, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("transition_id", IDENTIFIER, nullable=False),
        sa.Column("episode_id", IDENTIFIER, nullable=False),
        sa.Column("patient_id", IDENTIFIER, nullable=False),
        sa.Column("ward_id", IDENTIFIER, nullable=False),
        sa.Column("counted_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("withheld", sa.Text()),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("subscription_id", "number", name="pk_subscription_events"),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscriptions.subscription_id"], name="fk_subscription_events_subscription_id"
        ),
    )
    for columns, unique in (
        (["subscription_id", "transition_id"], True),
        (["subscription_id", "episode_id"], False),
        (["counted_at_ms"], False),
    ):
        name = f"{'uq' if unique else 'ix'}_subscription_events_{'_'.join(columns)}"
        op.create_index(name, "subscription_events", columns, unique=unique)


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("delivery_id", IDENTIFIER, nullable=False),
        sa.Column("destination_id", IDENTIFIER, nullable=False),
        sa.Column("purpose", IDENTIFIER, nullable=False),
        sa.Column("subscription_id", IDENTIFIER),
        sa.Column("number", sa.BigInteger()),
        sa.Column("step_id", IDENTIFIER),
        sa.Column("step_text", sa.Text()),
        sa.Column("person_id", IDENTIFIER),
        sa.Column("transition_id", IDENTIFIER),
        sa.Column("episode_id", IDENTIFIER),
        sa.Column("patient_id", IDENTIFIER),
        sa.Column("ward_id", IDENTIFIER),
        sa.Column("urgency", sa.SmallInteger(), nullable=False),
        sa.Column("is_ending", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("record", sa.LargeBinary()),
        sa.Column("state", IDENTIFIER, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("due_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("notification_id", IDENTIFIER),
        sa.Column("attempts", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("epoch", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("lease_until_ms", sa.BigInteger()),
        sa.Column("ended_at_ms", sa.BigInteger()),
        sa.Column("seen", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.PrimaryKeyConstraint("delivery_id", name="pk_deliveries"),
        sa.ForeignKeyConstraint(
            ["destination_id"], ["destinations.destination_id"], name="fk_deliveries_destination_id"
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscriptions.subscription_id"], name="fk_deliveries_subscription_id"
        ),
    )
    for column in ("episode_id", "notification_id", "ended_at_ms", "step_id"):
        op.create_index(f"ix_deliveries_{column}", "deliveries", [column])
    still_open = sa.column("ended_at_ms").is_(None)
    op.create_index(
        "ix_deliveries_destination_id_urgency_due_at_ms_open",
        "deliveries",
        ["destination_id", "urgency", "due_at_ms"],
        sqlite_where=still_open,
        postgresql_where=still_open,
    )


def _receipts() -> None:
    op.create_table(
        "receipts",
        sa.Column("receipt_id", IDENTIFIER, nullable=False),
        sa.Column("delivery_id", IDENTIFIER, nullable=False),
        sa.Column("state", IDENTIFIER, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text()),
        sa.Column("detail", sa.Text()),
        sa.Column("by_person", sa.Text()),
        sa.Column("person_id", IDENTIFIER),
        sa.PrimaryKeyConstraint("receipt_id", name="pk_receipts"),
        sa.ForeignKeyConstraint(["delivery_id"], ["deliveries.delivery_id"], name="fk_receipts_delivery_id"),
    )
    op.create_index("ix_receipts_delivery_id", "receipts", ["delivery_id"])


def downgrade() -> None:
    """Take all five away, and with them what was told to whom."""
    for table in ("receipts", "deliveries", "subscription_events", "subscriptions", "destinations"):
        op.drop_table(table)
