"""Tables of stays: where a patient lay when, and corrections of whom a device measured."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Table, Text

from storage.tables import Identifier, metadata

moves = Table(
    "moves",
    metadata,
    Column("patient_id", Identifier, ForeignKey("patients.patient_id"), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("ward_id", Identifier, nullable=False),
    Column("bed", Text),
    Column("by_person", Text),
)
"""Every place of a stay in order, number 0 being the admission; never changed afterwards."""

corrections = Table(
    "corrections",
    metadata,
    Column("correction_id", Identifier, primary_key=True),
    Column("device_id", Identifier, ForeignKey("devices.device_id"), nullable=False),
    Column("wrong_patient_id", Identifier, ForeignKey("patients.patient_id"), nullable=False),
    Column("right_patient_id", Identifier, ForeignKey("patients.patient_id")),
    Column("from_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("person_id", Identifier, nullable=False),
    Column("by_person", Text, nullable=False),
    Column("requested_at_ms", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("done_at_ms", BigInteger),
    Column("readings", BigInteger, nullable=False),
    Column("retracted", BigInteger, nullable=False),
    Column("found", BigInteger, nullable=False),
    Index("ix_corrections_requested_at_ms", "requested_at_ms"),
)
"""What was ordered and what came of it; `readings`, `retracted` and `found` count once `state` is `done`."""
