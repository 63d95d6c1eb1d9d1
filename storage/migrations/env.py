"""What Alembic runs: every pending revision, on the connection and in the transaction that `storage.migrate` opened."""

from alembic import context

from storage import (  # noqa: F401 - declare their tables on the metadata
    audit_tables,
    decisions_tables,
    identities_tables,
    labels_tables,
    ladder_tables,
    learning_tables,
    ledger_tables,
    notification_tables,
    operations_tables,
    people_tables,
    stays_tables,
)
from storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
