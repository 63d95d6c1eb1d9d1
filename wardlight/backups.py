"""Backup and restore of one installation: its database, and on one box the local log, in one file."""

import tempfile
from pathlib import Path
from typing import Any

from runtime.clock import Clock
from runtime.local_log import LOG_FILE
from runtime.log_copy import copy_log, place_log, require_unused
from runtime.private_files import private_directory
from runtime.settings import Configuration, DatabaseSettings, LogSettings
from runtime.version import VERSION
from storage import archive
from storage.backup import dump, load
from storage.migrate import check_database
from storage.operations import Deed, put_down
from storage.session import Database, open_database


def back_up(configuration: Configuration, file: Path, *, clock: Clock, with_log: bool = True) -> dict[str, Any]:
    """Write `file`; services go on meanwhile. What it holds, as JSON."""
    settings = configuration.section("log", LogSettings)
    database = open_database(configuration.section("database", DatabaseSettings))
    began_at_ms = clock.now_ms()
    try:
        check_database(database)
        with archive.writing(file) as writer, tempfile.TemporaryDirectory(dir=file.parent, prefix=".backup-") as space:
            # The log comes after the database has been read, so that it holds every position the database names; it has
            # to be in the archive before the manifest, which `dump` writes last.
            manifest = dump(
                database,
                writer,
                program=VERSION,
                created_at_ms=began_at_ms,
                afterwards=lambda: _add_log(writer, settings, Path(space)) if with_log else None,
            )
        summary = _summary(file, manifest)
        with database.transaction() as conn:
            put_down(conn, Deed.BACKUP, at_ms=began_at_ms, detail=summary)
    finally:
        database.close()
    return summary


def verify(file: Path) -> dict[str, Any]:
    """Read `file` to its end; what it holds. Raises MalformedRecord where it is damaged."""
    with archive.reading(file) as reader:
        reader.verify()
        return _summary(file, reader.manifest)


def restore(
    configuration: Configuration, file: Path, *, clock: Clock, replace: bool = False, replace_log: bool = False
) -> dict[str, Any]:
    """Make the database, and a local log that is missing, what `file` holds; what was done, as JSON.

    Raises Conflict where something is there already or in use. A log that is there stays unless `replace_log`: it is
    newer than the backup, and services catch up from it.
    """
    settings = configuration.section("log", LogSettings)
    is_local = settings.kind == "local"
    if is_local:
        require_unused(settings.directory)
    database = open_database(configuration.section("database", DatabaseSettings))
    try:
        if database.file is not None:
            _prepare_place(Path(database.file))
        with archive.reading(file) as reader:
            rows = load(database, reader, replace=replace)
            log = "none"
            if is_local and reader.manifest.log is not None:
                placed = place_log(settings.directory, reader.copy_log, replace=replace_log)
                log = "restored" if placed else "kept"
            elif is_local:
                log = "kept" if (settings.directory / LOG_FILE).exists() else "none"
            done = {**_summary(file, reader.manifest), "log": log, "rows": sum(rows.values())}
        _put_down_restore(database, clock, done)
    finally:
        database.close()
    return done


def _prepare_place(file: Path) -> None:
    """A directory to restore into; a write-ahead log whose database is gone must not be taken for the new one's."""
    private_directory(file.parent)
    if not file.exists():
        for orphan in (f"{file.name}-wal", f"{file.name}-shm"):
            file.with_name(orphan).unlink(missing_ok=True)


def _put_down_restore(database: Database, clock: Clock, done: dict[str, Any]) -> None:
    with database.transaction() as conn:
        put_down(conn, Deed.RESTORE, at_ms=clock.now_ms(), detail=done)


def _add_log(writer: archive.ArchiveWriter, settings: LogSettings, space: Path) -> None:
    if settings.kind == "local" and (settings.directory / LOG_FILE).exists():
        copied = space / LOG_FILE
        copy_log(settings.directory, copied)
        writer.add_log(copied)


def _summary(file: Path, manifest: archive.Manifest) -> dict[str, Any]:
    return {
        "file": file.name,
        "file_bytes": file.stat().st_size,
        "created_at_ms": manifest.created_at_ms,
        "program": manifest.program,
        "schema": manifest.schema,
        "database": manifest.database,
        "tables": {str(member.table): member.rows for member in manifest.tables},
        "log": None if manifest.log is None else manifest.log.size_bytes,
    }
