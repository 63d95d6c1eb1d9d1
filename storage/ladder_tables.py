"""Tables of escalation: ladders, on-call schedules, how people want to be reached, steps taken, and who has seen an alert."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text

from storage.tables import Identifier, metadata

ladders = Table(
    "ladders",
    metadata,
    Column("ward_id", Identifier, primary_key=True),
    Column("priority", Identifier, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("record", Text),
    Column("at_ms", BigInteger, nullable=False),
    Column("by_person", Text, nullable=False),
)
"""Every version of every ladder, the last one in force; `record` is the JSON of `vitals.ladder.Ladder`, absent where it was taken away."""

schedules = Table(
    "schedules",
    metadata,
    Column("schedule_id", Identifier, primary_key=True),
    Column("ward_id", Identifier, nullable=False),
    Column("record", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("by_person", Text, nullable=False),
    Column("removed_at_ms", BigInteger),
)
"""`record` is the JSON of `vitals.on_call.Schedule`."""

schedule_overrides = Table(
    "schedule_overrides",
    metadata,
    Column("override_id", Identifier, primary_key=True),
    Column("schedule_id", Identifier, ForeignKey("schedules.schedule_id"), nullable=False),
    Column("login", Identifier, nullable=False),
    Column("from_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
    Column("note", Text),
    Column("made_at_ms", BigInteger, nullable=False),
    Column("by_person", Text, nullable=False),
    Column("removed_at_ms", BigInteger),
    Index("ix_schedule_overrides_schedule_id_until_ms", "schedule_id", "until_ms"),
)

contacts = Table(
    "contacts",
    metadata,
    Column("person_id", Identifier, ForeignKey("people.person_id"), primary_key=True),
    Column("destination_id", Identifier, ForeignKey("destinations.destination_id"), primary_key=True),
    Column("priorities", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("by_person", Text, nullable=False),
)
"""By which of their destinations ladders reach a person; `priorities` are words between spaces."""

ladder_steps = Table(
    "ladder_steps",
    metadata,
    Column("episode_id", Identifier, primary_key=True),
    Column("round_id", Identifier, primary_key=True),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("step_id", Identifier, nullable=False),
    Column("patient_id", Identifier, nullable=False),
    Column("ward_id", Identifier, nullable=False),
    Column("priority", Text, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False, index=True),
    Column("evidence", Text, nullable=False),
    Column("reached", Text, nullable=False),
    Column("told", Text, nullable=False),
    Column("missing", Text, nullable=False),
    Column("rung", Integer, nullable=False),
    Column("ladder_ward_id", Identifier, nullable=False),
    Column("ladder_version", Integer, nullable=False),
)
"""Every step that was taken: the row is the claim, so that none is taken twice. `told` and `missing` are JSON.

`ladder_version` is 0 for a ladder as shipped; `rung` is which of the ladder's steps it was.
"""

sightings = Table(
    "sightings",
    metadata,
    Column("episode_id", Identifier, primary_key=True),
    Column("person_id", Identifier, primary_key=True),
    Column("by_person", Text, nullable=False),
    Column("first_at_ms", BigInteger, nullable=False),
    Column("last_at_ms", BigInteger, nullable=False),
)
"""Who has had an alert before their eyes, on a visible page of theirs: first, and last."""
