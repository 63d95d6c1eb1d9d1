"""Tables of people: accounts, roles on wards, sessions, tokens, failed attempts, broken glass."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Table, Text

from storage.tables import Identifier, metadata

people = Table(
    "people",
    metadata,
    Column("person_id", Identifier, primary_key=True),
    Column("login", Identifier, nullable=False),
    Column("name", Text, nullable=False),
    Column("password_hash", Text),
    Column("must_change", Boolean, nullable=False),
    Column("subject", Identifier),
    Column("added_at_ms", BigInteger, nullable=False),
    Column("disabled_at_ms", BigInteger),
    Index("uq_people_login", "login", unique=True),
    Index("uq_people_subject", "subject", unique=True),
)
"""`password_hash` is argon2's, absent for who signs in through the hospital only; `subject` is their name there."""

grants = Table(
    "grants",
    metadata,
    Column("person_id", Identifier, ForeignKey("people.person_id"), primary_key=True),
    Column("role", Identifier, primary_key=True),
    Column("ward_id", Identifier, primary_key=True),
    Column("source", Identifier, primary_key=True),
    Column("granted_at_ms", BigInteger, nullable=False),
    Column("granted_by", Text, nullable=False),
)
"""One role on one ward, `*` for every ward; `source` is `house` or `hospital`, whose sign-in replaces its own only."""

sessions = Table(
    "sessions",
    metadata,
    Column("session_id", Identifier, primary_key=True),
    Column("person_id", Identifier, ForeignKey("people.person_id"), nullable=False, index=True),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("input_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False, index=True),
    Column("locked_at_ms", BigInteger),
)
"""`session_id` is the SHA-256 of the cookie's token: who reads this table cannot take a session over."""

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("token_id", Identifier, primary_key=True),
    Column("person_id", Identifier, ForeignKey("people.person_id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("secret_hash", Identifier, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("wards", Text),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Column("used_at_ms", BigInteger),
    Column("revoked_at_ms", BigInteger),
    Index("uq_api_tokens_secret_hash", "secret_hash", unique=True),
)
"""`scopes` and `wards` are words between spaces; `wards` absent means wherever its owner may."""

attempts = Table(
    "attempts",
    metadata,
    Column("subject", Identifier, primary_key=True),
    Column("failures", BigInteger, nullable=False),
    Column("last_at_ms", BigInteger, nullable=False, index=True),
    Column("closed_until_ms", BigInteger, nullable=False),
)
"""Failed attempts by account and by address, named by hash: what people mistype for a login may be a password."""

glass = Table(
    "glass",
    metadata,
    Column("glass_id", Identifier, primary_key=True),
    Column("person_id", Identifier, ForeignKey("people.person_id"), nullable=False),
    Column("patient_id", Identifier, nullable=False),
    Column("ward_id", Identifier),
    Column("reason", Text, nullable=False),
    Column("opened_at_ms", BigInteger, nullable=False, index=True),
    Column("expires_at_ms", BigInteger, nullable=False),
    Index("ix_glass_person_id_expires_at_ms", "person_id", "expires_at_ms"),
)
"""Patients of other wards opened with a reason; rows stay as a record after they expire."""
