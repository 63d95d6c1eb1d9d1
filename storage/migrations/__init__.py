"""Alembic's scripts: how each schema becomes the next. Run by `storage.migrate`, never by hand."""
