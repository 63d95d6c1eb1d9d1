"""Tables of notifications: where they go, who wants them, each subscription's events, deliveries and receipts (the outbox)."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    column,
    false,
)

from storage.tables import Identifier, metadata

destinations = Table(
    "destinations",
    metadata,
    Column("destination_id", Identifier, primary_key=True),
    Column("person_id", Identifier, ForeignKey("people.person_id"), index=True),
    Column("name", Text, nullable=False),
    Column("channel", Identifier, nullable=False),
    Column("template", Text),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("removed_at_ms", BigInteger),
    Column("paused_until_ms", BigInteger, nullable=False, server_default="0"),
    Column("accepted_at_ms", BigInteger),
    Column("failed_at_ms", BigInteger),
    Column("fault", Text),
    Column("key_id", Identifier, index=True),
    Column("sealed", LargeBinary),
)
"""`sealed` holds address, secret and options (`storage.destinations`), nothing once it is removed. `paused_until_ms` is what the server asked for (Retry-After); `failed_at_ms` when a delivery was last given up, `fault` why."""

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("subscription_id", Identifier, primary_key=True),
    Column("person_id", Identifier, ForeignKey("people.person_id"), index=True),
    Column("destination_id", Identifier, ForeignKey("destinations.destination_id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("wanted", Text, nullable=False),
    Column("quiet", Text),
    Column("state", Identifier, nullable=False),
    Column("state_at_ms", BigInteger, nullable=False),
    Column("state_reason", Text, nullable=False),
    Column("activated_at_ms", BigInteger),
    Column("expires_at_ms", BigInteger),
    Column("heartbeat_s", BigInteger),
    Column("heartbeat_due_ms", BigInteger),
    Column("last_number", BigInteger, nullable=False, server_default="0"),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("removed_at_ms", BigInteger),
)
"""`wanted` and `quiet` are JSON (`vitals.notification`); who counts an event holds the row, so `last_number` has no gap."""

subscription_events = Table(
    "subscription_events",
    metadata,
    Column("subscription_id", Identifier, ForeignKey("subscriptions.subscription_id"), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("transition_id", Identifier, nullable=False),
    Column("episode_id", Identifier, nullable=False),
    Column("patient_id", Identifier, nullable=False),
    Column("ward_id", Identifier, nullable=False),
    Column("counted_at_ms", BigInteger, nullable=False),
    Column("withheld", Text),
    Column("record", LargeBinary, nullable=False),
    Index("uq_subscription_events_subscription_id_transition_id", "subscription_id", "transition_id", unique=True),
    Index("ix_subscription_events_subscription_id_episode_id", "subscription_id", "episode_id"),
    Index("ix_subscription_events_counted_at_ms", "counted_at_ms"),
)
"""What each subscription is told, in order; `withheld` says why it was counted and not sent; `record` is the transition."""

deliveries = Table(
    "deliveries",
    metadata,
    Column("delivery_id", Identifier, primary_key=True),
    Column("destination_id", Identifier, ForeignKey("destinations.destination_id"), nullable=False),
    Column("purpose", Identifier, nullable=False),
    Column("subscription_id", Identifier, ForeignKey("subscriptions.subscription_id")),
    Column("number", BigInteger),
    Column("step_id", Identifier),
    Column("step_text", Text),
    Column("person_id", Identifier),
    Column("transition_id", Identifier),
    Column("episode_id", Identifier, index=True),
    Column("patient_id", Identifier),
    Column("ward_id", Identifier),
    Column("urgency", SmallInteger, nullable=False),
    Column("is_ending", Boolean, nullable=False, server_default=false()),
    Column("record", LargeBinary),
    Column("state", Identifier, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("due_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Column("notification_id", Identifier, index=True),
    Column("attempts", BigInteger, nullable=False, server_default="0"),
    Column("epoch", BigInteger, nullable=False, server_default="0"),
    Column("lease_until_ms", BigInteger),
    Column("ended_at_ms", BigInteger, index=True),
    Column("seen", Boolean, nullable=False, server_default=false()),
    Index(
        "ix_deliveries_destination_id_urgency_due_at_ms_open",
        "destination_id",
        "urgency",
        "due_at_ms",
        sqlite_where=column("ended_at_ms").is_(None),
        postgresql_where=column("ended_at_ms").is_(None),
    ),
    Index("ix_deliveries_step_id", "step_id"),
)
"""The outbox: one row per subscription's event or ladder's step, kept until accepted, given up or expired, then as a record.

`notification_id` is set with the first attempt and never changed: those that share one are sent together, and again so.
`urgency` is 0 for high, 1 medium, 2 low, 3 for what is no alert. `epoch` rises with each claim: a former claimer's news of
failure is passed over. What `is_ending` waits for what was queued before it of the same episode.
"""

receipts = Table(
    "receipts",
    metadata,
    Column("receipt_id", Identifier, primary_key=True),
    Column("delivery_id", Identifier, ForeignKey("deliveries.delivery_id"), nullable=False, index=True),
    Column("state", Identifier, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("attempt", BigInteger, nullable=False),
    Column("code", Text),
    Column("detail", Text),
    Column("by_person", Text),
    Column("person_id", Identifier),
)
"""Every change of every delivery, never changed afterwards; `receipt_id` is made of what it says, so repeating adds none."""
