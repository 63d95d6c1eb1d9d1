"""The audit trail and what the ledger counts.

Triggers make the trail append-only for every client of the database; whoever may drop a trigger may still forge it, and is
found by its hashes and by an anchor kept elsewhere.
"""

from typing import Final

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | None = None
depends_on: str | None = None

IDENTIFIER = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")

_HOUR_COUNTS: Final = (
    "accepted",
    "unnumbered",
    "numbered",
    "duplicates",
    "stored",
    "unstorable",
    "copied",
    "assessed",
    "forgotten",
)
_SQLITE_TRIGGERS: Final = (
    """CREATE TRIGGER audit_entries_stay BEFORE UPDATE ON audit_entries
       BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END""",
    """CREATE TRIGGER audit_entries_remain BEFORE DELETE ON audit_entries
       BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END""",
    # REPLACE deletes without asking the trigger above.
    """CREATE TRIGGER audit_entries_follow BEFORE INSERT ON audit_entries
       WHEN NEW.number <> (SELECT COALESCE(MAX(number), 0) + 1 FROM audit_entries)
       BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END""",
)
_POSTGRES_TRIGGERS: Final = (
    """CREATE FUNCTION audit_entries_refuse() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$""",
    """CREATE TRIGGER audit_entries_stay BEFORE UPDATE OR DELETE ON audit_entries
       FOR EACH ROW EXECUTE FUNCTION audit_entries_refuse()""",
    """CREATE TRIGGER audit_entries_remain BEFORE TRUNCATE ON audit_entries
       FOR EACH STATEMENT EXECUTE FUNCTION audit_entries_refuse()""",
)


def upgrade() -> None:
    """Create the trail with its triggers, and the ledger, which takes what was stored before for what was published."""
    _create_audit()
    op.add_column("rejections", sa.Column("boot", IDENTIFIER, nullable=True))
    op.add_column("rejections", sa.Column("sequence", sa.BigInteger(), nullable=True))
    op.add_column("rejections", sa.Column("in_part", sa.Boolean(), nullable=False, server_default=sa.false()))
    _create_ledger()
    _begin_ledger()


def downgrade() -> None:
    """Drop them; trail and ledger are gone then."""
    for table in ("ledger_findings", "ledger_boots", "ledger_refusals", "ledger_hours", "ledger_journal"):
        op.drop_table(table)
    for name in ("in_part", "sequence", "boot"):
        op.drop_column("rejections", name)
    op.drop_table("audit_entries")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_entries_refuse()")


def _create_audit() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("person_id", IDENTIFIER, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("ward_id", IDENTIFIER, nullable=True),
        sa.Column("patient_id", IDENTIFIER, nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("token_id", sa.Text(), nullable=True),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit_entries"),
    )
    op.create_index("ix_audit_entries_patient_id_number", "audit_entries", ["patient_id", "number"])
    op.create_index("ix_audit_entries_person_id_number", "audit_entries", ["person_id", "number"])
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for trigger in _SQLITE_TRIGGERS if is_sqlite else _POSTGRES_TRIGGERS:
        op.execute(trigger)


def _create_ledger() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "ledger_journal",
        sa.Column("number", number, autoincrement=True, nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_ledger_journal"),
    )
    op.create_table(
        "ledger_hours",
        sa.Column("hour_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("device_id", IDENTIFIER, nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _HOUR_COUNTS),
        sa.PrimaryKeyConstraint("hour_ms", "device_id", name="pk_ledger_hours"),
    )
    op.create_table(
        "ledger_refusals",
        sa.Column("hour_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("device_id", IDENTIFIER, nullable=False),
        sa.Column("reason", IDENTIFIER, nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("refused", "unnumbered", "mended", "in_part")),
        sa.PrimaryKeyConstraint("hour_ms", "device_id", "reason", name="pk_ledger_refusals"),
    )
    counts = ("first_heard_ms", "heard_ms", "published", "stored", "missing")
    op.create_table(
        "ledger_boots",
        sa.Column("device_id", IDENTIFIER, nullable=False),
        sa.Column("boot", IDENTIFIER, nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in counts),
        sa.Column("book", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "boot", name="pk_ledger_boots"),
    )
    op.create_table(
        "ledger_findings",
        sa.Column("device_id", IDENTIFIER, nullable=False),
        sa.Column("kind", IDENTIFIER, nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.Column("readings", sa.BigInteger(), nullable=False),
        sa.Column("told_readings", sa.BigInteger(), nullable=False),
        sa.Column("told_patient_id", IDENTIFIER, nullable=True),
        sa.PrimaryKeyConstraint("device_id", "kind", name="pk_ledger_findings"),
    )


def _begin_ledger() -> None:
    """Numbers below the highest stored one that are not stored were refused or lost before the ledger: only counted."""
    op.execute(
        """INSERT INTO ledger_boots (device_id, boot, first_heard_ms, heard_ms, published, stored, missing, book)
           SELECT device_id, boot, MIN(received_at_ms), MAX(received_at_ms), MAX(sequence) + 1, COUNT(*), 0,
                  '{"next":' || (MAX(sequence) + 1) || ',"forgotten":' || (MAX(sequence) + 1 - COUNT(*)) || '}'
           FROM readings WHERE boot IS NOT NULL AND sequence IS NOT NULL AND correction_id IS NULL
           GROUP BY device_id, boot"""
    )
