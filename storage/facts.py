"""What an operator wants to know of the database itself: its size, its schema, who holds which claims, which models it keeps."""

from typing import NamedTuple

from sqlalchemy import Connection, func, select, text

from runtime.bus import TopicPartition
from storage import tables
from storage.ledger_tables import ledger_findings
from storage.migrate import revision_of
from storage.operations import Deed, Done, last_done
from storage.stages import group_positions


class Facts(NamedTuple):
    """The database of one moment."""

    kind: str
    """`sqlite` or `postgresql`."""
    size_bytes: int
    schema: str | None
    claims: dict[str, dict[int, int]]
    """Group to partition to epoch: how often it was claimed."""
    positions: dict[str, dict[TopicPartition, int]]
    pipelines: dict[str, int]
    """Of the scorer's pipelines (and River's version, which is part of the name) how many patients' models are stored."""
    deeds: dict[Deed, Done]
    imbalances: dict[str, int]
    """Of each kind of imbalance that the ledger holds now (`storage.ledger.ImbalanceKind`) how many readings."""


def facts(conn: Connection) -> Facts:
    """Read them, in one snapshot."""
    claims: dict[str, dict[int, int]] = {}
    for row in conn.execute(select(tables.claims)):
        claims.setdefault(row.consumer_group, {})[row.partition] = row.epoch
    models = tables.states.c
    pipelines = conn.execute(
        select(models.pipeline_hash, func.count())
        .where(models.consumer_group == "stream")
        .group_by(models.pipeline_hash)
    )
    found = ledger_findings.c
    standing = select(found.kind, func.sum(found.readings)).where(found.readings > 0).group_by(found.kind)
    return Facts(
        kind=conn.dialect.name,
        size_bytes=_size_bytes(conn),
        schema=revision_of(conn),
        claims=claims,
        positions=group_positions(conn),
        pipelines={row[0]: row[1] for row in pipelines},
        deeds=last_done(conn),
        imbalances={row[0]: int(row[1]) for row in conn.execute(standing)},
    )


def _size_bytes(conn: Connection) -> int:
    if conn.dialect.name == "sqlite":
        pages = int(conn.execute(text("PRAGMA page_count")).scalar_one())
        return pages * int(conn.execute(text("PRAGMA page_size")).scalar_one())
    return int(conn.execute(text("SELECT pg_database_size(current_database())")).scalar_one())
