"""Tables of operations: what was done to this database and when, and history summed up per minute once trimmed."""

from sqlalchemy import BigInteger, Column, Double, Table, Text

from storage.tables import Identifier, metadata

operations = Table(
    "operations",
    metadata,
    Column("name", Identifier, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("detail", Text, nullable=False),
)
"""One row per kind of deed (`storage.operations.Deed`): when it was last done, and a JSON object of what came of it."""

reading_minutes = Table(
    "reading_minutes",
    metadata,
    Column("patient_id", Identifier, primary_key=True),
    Column("from_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("sign", Identifier, primary_key=True),
    Column("minimum", Double, nullable=False),
    Column("total", Double, nullable=False),
    Column("maximum", Double, nullable=False),
    Column("count", BigInteger, nullable=False),
)
"""One sign of one patient over one minute of readings that were trimmed: least, sum, greatest and number of values."""
