"""The table of what people said of alerts."""

from sqlalchemy import BigInteger, Column, Index, Table, Text

from storage.tables import Identifier, metadata

labels = Table(
    "labels",
    metadata,
    Column("label_id", Identifier, primary_key=True),
    Column("episode_id", Identifier, nullable=False),
    Column("patient_id", Identifier, nullable=False),
    Column("ward_id", Identifier, nullable=False),
    Column("kind", Text, nullable=False),
    Column("priority", Text, nullable=False),
    Column("feedback", Text, nullable=False),
    Column("person_id", Identifier, nullable=False),
    Column("by_person", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("note", Text),
    Column("origin", Text, nullable=False),
    Index("ix_labels_episode_id", "episode_id"),
    Index("ix_labels_at_ms", "at_ms"),
)
"""No foreign key: a label may arrive before its episode is stored. Trimmed with the episode it is about."""
