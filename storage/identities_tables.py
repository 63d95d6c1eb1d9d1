"""The table of identities: who a patient is, sealed, apart from everything that is known by the random id only."""

from sqlalchemy import Column, ForeignKey, LargeBinary, Table

from storage.tables import Identifier, metadata

identities = Table(
    "identities",
    metadata,
    Column("patient_id", Identifier, ForeignKey("patients.patient_id"), primary_key=True),
    Column("key_id", Identifier, nullable=False, index=True),
    Column("ciphertext", LargeBinary, nullable=False),
    Column("record_token", Identifier, index=True),
)
"""`ciphertext` holds name, date of birth and record number (`storage.identities`); `record_token` finds a record number
without saying it: a keyed MAC under a key of its own."""
