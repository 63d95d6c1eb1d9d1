"""Tables of what people decided about alerts: rulebooks, changes for single wards and patients, silences.

Whatever is decided takes effect at its `effective_ms`, held against the time of receipt of a record, and is never changed
afterwards; an end is put down once, with its own `end_effective_ms`. So a replay decides alike.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, SmallInteger, Table, Text

from storage.tables import Identifier, metadata

decisions = Table(
    "decisions",
    metadata,
    Column("decisions_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
)
"""One row, updated first by whoever decides anything below: a version for caches, and their lock."""

rulebooks = Table(
    "rulebooks",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("version", Identifier, nullable=False),
    Column("yaml", Text, nullable=False),
    Column("part", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("person_id", Identifier),
    Column("by_person", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("ordered_at_ms", BigInteger, nullable=False),
    Column("effective_ms", BigInteger, nullable=False),
)
"""Every book that was ever in force, numbered from 1; `version` is its content's hash, so a book that returns has its old one.

`part` is a JSON object of what may be changed in it, and how far (`vitals.kind_rules.BookPart`).
"""

rule_proposals = Table(
    "rule_proposals",
    metadata,
    Column("proposal_id", Identifier, primary_key=True),
    Column("yaml", Text, nullable=False),
    Column("person_id", Identifier, nullable=False),
    Column("by_person", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("proposed_at_ms", BigInteger, nullable=False),
    Column("state", Identifier, nullable=False, index=True),
    Column("answer", Text),
    Column("number", BigInteger),
)
"""Books that people ask for: the alert service, which would go by them, takes or refuses each, and says why."""

rule_changes = Table(
    "rule_changes",
    metadata,
    Column("change_id", Identifier, primary_key=True),
    Column("ward_id", Identifier),
    Column("patient_id", Identifier, ForeignKey("patients.patient_id"), index=True),
    Column("kind", Identifier, nullable=False),
    Column("change", Text, nullable=False),
    Column("person_id", Identifier, nullable=False),
    Column("by_person", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("ordered_at_ms", BigInteger, nullable=False),
    Column("effective_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger),
    Column("ended_at_ms", BigInteger),
    Column("end_effective_ms", BigInteger),
    Column("ended_by", Text),
    Index("ix_rule_changes_ward_id", "ward_id"),
)
"""What is different on one ward, or for one patient; `change` is a JSON object of limits, delays and priorities."""

silences = Table(
    "silences",
    metadata,
    Column("silence_id", Identifier, primary_key=True),
    Column("ward_id", Identifier),
    Column("patient_id", Identifier),
    Column("kind", Identifier),
    Column("priority", Identifier),
    Column("person_id", Identifier, nullable=False),
    Column("by_person", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("ordered_at_ms", BigInteger, nullable=False),
    Column("effective_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
    Column("ended_at_ms", BigInteger),
    Column("end_effective_ms", BigInteger),
    Column("ended_by", Text),
    Index("ix_silences_until_ms", "until_ms"),
)
"""Alerts that are told to nobody for a time; what is absent of ward, patient, kind and priority narrows nothing."""
