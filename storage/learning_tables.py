"""Tables of the learning loop: outcomes, examples that wait for theirs, and versions of the population model."""

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, LargeBinary, Table, Text, false

from storage.tables import Identifier, metadata

outcome_entries = Table(
    "outcome_entries",
    metadata,
    Column("entry_id", Identifier, primary_key=True),
    Column("outcome_id", Identifier, nullable=False),
    Column("patient_id", Identifier, nullable=False),
    Column("ward_id", Identifier),
    Column("kind", Text),
    Column("happened_at_ms", BigInteger),
    Column("at_ms", BigInteger, nullable=False),
    Column("person_id", Identifier, nullable=False),
    Column("by_person", Text, nullable=False),
    Column("note", Text),
    Index("ix_outcome_entries_patient_id_at_ms", "patient_id", "at_ms"),
)
"""What people charted of outcomes, as it came from the log. A row without `kind` takes the outcome back; `note` is why. Never
trimmed, as nothing is that people chart."""

training_examples = Table(
    "training_examples",
    metadata,
    Column("example_id", Identifier, primary_key=True),
    Column("partition", BigInteger, nullable=False),
    Column("patient_id", Identifier, nullable=False),
    Column("measured_at_ms", BigInteger, nullable=False),
    Column("settles_at_ms", BigInteger, nullable=False),
    Column("record", LargeBinary, nullable=False),
    Index("ix_training_examples_partition_settles_at_ms", "partition", "settles_at_ms"),
    Index("ix_training_examples_patient_id_measured_at_ms", "patient_id", "measured_at_ms"),
)
"""Examples whose outcome is not known yet; `record` is the whole example. Gone once settled, bounded per patient."""

training_patients = Table(
    "training_patients",
    metadata,
    Column("patient_id", Identifier, primary_key=True),
    Column("partition", BigInteger, nullable=False),
    Column("seen_until_ms", BigInteger, nullable=False),
    Column("record", LargeBinary, nullable=False),
    Index("ix_training_patients_partition_seen_until_ms", "partition", "seen_until_ms"),
)
"""Until when each patient was under observation, and (`record`) the outcomes that bear on examples still to come."""

model_candidates = Table(
    "model_candidates",
    metadata,
    Column("candidate", Identifier, primary_key=True),
    Column("standing", Text, nullable=False),
    Column("pipeline", Text),
)
"""Every candidate that ever learned; `pipeline` names the feature code it learns from in this program, and is empty where this
program does not know it."""

model_versions = Table(
    "model_versions",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", Text, nullable=False),
    Column("candidate", Identifier, nullable=False),
    Column("pipeline", Text, nullable=False),
    Column("made_at_ms", BigInteger, nullable=False),
    Column("lessons", BigInteger, nullable=False),
    Column("horizon_s", Double, nullable=False),
    Column("threshold", Double),
    Column("threshold_from", BigInteger),
    Column("scores", Text, nullable=False),
    Column("standing", Text, nullable=False),
    Column("made_as", Text, nullable=False),
    Column("blob", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("told", Boolean, nullable=False, server_default=false()),
)
"""Every version of the population model; `told` once topic `models` has it. Of `standing` and `made_as` the latter never changes."""

model_switches = Table(
    "model_switches",
    metadata,
    Column("switch", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("by_person", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("told", Boolean, nullable=False, server_default=false()),
)
"""Which version scores, in the order in which that was decided; `told` once it stands in every partition of the log."""

scorer_switches = Table(
    "scorer_switches",
    metadata,
    Column("consumer_group", Identifier, primary_key=True),
    Column("partition", BigInteger, primary_key=True, autoincrement=False),
    Column("offset", BigInteger, primary_key=True, autoincrement=False),
    Column("switch", BigInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)
"""Where each scorer switched: from the record at `offset` on version `number` scores in this partition."""
