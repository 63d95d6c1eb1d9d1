"""The tables of the ledger: what the recorder jots down with each commit, and what is made of it.

Hours are those in which readings were measured, refused messages those in which they arrived.
"""

from typing import Final

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Table, Text

from storage.tables import Identifier, metadata

ledger_journal = Table(
    "ledger_journal",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("record", LargeBinary, nullable=False),
)
"""One row a commit of the recorder, in its transaction; gone once it is entered in the tables below."""

HOUR_COUNTS: Final = (
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
ledger_hours = Table(
    "ledger_hours",
    metadata,
    Column("hour_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("device_id", Identifier, primary_key=True),
    *(Column(name, BigInteger, nullable=False) for name in HOUR_COUNTS),
)
"""`accepted`: readings on the log, repeats included, of which `unnumbered` had no sequence; `numbered`: sequence numbers
accepted for the first time; `duplicates`, `stored`, `unstorable`: what became of them in SQL; `copied`: rows that a
correction made; `assessed`: assessments stored; `forgotten`: missing numbers that are only counted."""

ledger_refusals = Table(
    "ledger_refusals",
    metadata,
    Column("hour_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("device_id", Identifier, primary_key=True),
    Column("reason", Identifier, primary_key=True),
    Column("refused", BigInteger, nullable=False),
    Column("unnumbered", BigInteger, nullable=False),
    Column("mended", BigInteger, nullable=False),
    Column("in_part", BigInteger, nullable=False),
)
"""`refused`: messages with a number, each once; `unnumbered`: those without; `mended`: of `refused`, accepted since;
`in_part`: accepted messages of which signs were refused. Reason "" where a mended refusal's own is forgotten."""

ledger_boots = Table(
    "ledger_boots",
    metadata,
    Column("device_id", Identifier, primary_key=True),
    Column("boot", Identifier, primary_key=True),
    Column("first_heard_ms", BigInteger, nullable=False),
    Column("heard_ms", BigInteger, nullable=False),
    Column("published", BigInteger, nullable=False),
    Column("stored", BigInteger, nullable=False),
    Column("missing", BigInteger, nullable=False),
    Column("book", Text, nullable=False),
)
"""`book` is the JSON of `vitals.ledger.BootBook`; the columns beside it are what queries look for."""

ledger_findings = Table(
    "ledger_findings",
    metadata,
    Column("device_id", Identifier, primary_key=True),
    Column("kind", Identifier, primary_key=True),
    Column("since_ms", BigInteger, nullable=False),
    Column("readings", BigInteger, nullable=False),
    Column("told_readings", BigInteger, nullable=False),
    Column("told_patient_id", Identifier),
)
"""Imbalances that stand now, since when, and what of them the log was told for whose patient."""
