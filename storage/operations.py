"""What was last done to this installation, and when: backup, restore, rebuild, trim, heartbeat."""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from storage.dialect import replace_all
from storage.operations_tables import operations


class Deed(StrEnum):
    """Every kind of deed that is put down."""

    BACKUP = "backup"
    RESTORE = "restore"
    REBUILD = "rebuild"
    TRIM = "trim"
    HEARTBEAT = "heartbeat"


class Done(NamedTuple):
    """One deed, as it was last done."""

    at_ms: int
    detail: Mapping[str, Any]


def put_down(conn: Connection, deed: Deed, *, at_ms: int, detail: Mapping[str, Any]) -> None:
    """Remember that `deed` was done at `at_ms`, in place of the last time; `detail` must be JSON."""
    row = {"name": deed.value, "at_ms": at_ms, "detail": json.dumps(dict(detail), sort_keys=True)}
    replace_all(conn, operations, [row], key=("name",))


def last_done(conn: Connection) -> dict[Deed, Done]:
    """Of each deed that was ever done the last time; names of another version are left out."""
    known = {deed.value for deed in Deed}
    rows = conn.execute(select(operations.c.name, operations.c.at_ms, operations.c.detail))
    return {Deed(row.name): Done(row.at_ms, json.loads(row.detail)) for row in rows if row.name in known}
