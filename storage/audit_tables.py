"""The table of the audit trail. Triggers of the migration refuse to change or delete what stands in it."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table, Text

from storage.tables import Identifier, metadata

audit_entries = Table(
    "audit_entries",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("person_id", Identifier, nullable=False),
    Column("name", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("ward_id", Identifier),
    Column("patient_id", Identifier),
    Column("subject", Text),
    Column("detail", Text, nullable=False),
    Column("address", Text),
    Column("token_id", Text),
    Column("hash", LargeBinary, nullable=False),
    Index("ix_audit_entries_patient_id_number", "patient_id", "number"),
    Index("ix_audit_entries_person_id_number", "person_id", "number"),
)
"""Columns in the order of `storage.audit_chain.Link`."""
