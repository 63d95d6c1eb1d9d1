"""Who may write for a partition: an epoch in SQL, raised by every new owner and named by every commit (the fence)."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sqlalchemy import Connection, select

from runtime.bus import Positions, TopicPartition
from storage import tables
from storage.dialect import replace_all, upsert
from vitals.errors import Fenced


class Claims(NamedTuple):
    """What a claim yields: the epochs to name from now on, and where to go on reading."""

    epochs: dict[int, int]
    """Partition to epoch."""
    positions: dict[TopicPartition, int]
    """Remembered positions of the claimed partitions; what was never remembered is not in it."""


def claim(conn: Connection, group: str, partitions: Iterable[int]) -> Claims:
    """Become the owner of `partitions` in `group`: whoever held them is fenced once this transaction commits.

    Waits for a commit of the former owner in flight, and so reads the positions it left. State read with it belongs into
    the same transaction.
    """
    wanted = sorted(set(partitions))
    if not wanted:
        return Claims({}, {})
    statement = upsert(
        conn,
        tables.claims,
        [{"consumer_group": group, "partition": partition, "epoch": 1} for partition in wanted],
        key=("consumer_group", "partition"),
        changes={"epoch": tables.claims.c.epoch + 1},
    )
    epochs = conn.execute(statement.returning(tables.claims.c.partition, tables.claims.c.epoch))
    return Claims({row.partition: row.epoch for row in epochs}, _positions(conn, group, wanted))


def check_epochs(conn: Connection, group: str, epochs: Mapping[int, int]) -> None:
    """Hold these claims until the transaction ends; raises Fenced where another owner has claimed one since.

    Call it first in a transaction: nobody can claim these partitions before it commits.
    """
    if not epochs:
        return
    claims = tables.claims.c
    rows = conn.execute(
        select(claims.partition, claims.epoch)
        .where(claims.consumer_group == group, claims.partition.in_(sorted(epochs)))
        .order_by(claims.partition)
        .with_for_update()
    )
    current = {row.partition: row.epoch for row in rows}
    for partition, epoch in epochs.items():
        if current.get(partition) != epoch:
            raise Fenced(
                f"Partition {partition} of group {group} has epoch {current.get(partition)}, not {epoch}: claim it anew."
            )


def remember_positions(conn: Connection, group: str, epochs: Mapping[int, int], positions: Positions) -> None:
    """Store where `group` stands; raises Fenced where an epoch is not current or a position's partition not claimed."""
    check_epochs(conn, group, epochs)
    for at in positions:
        if at.partition not in epochs:
            raise Fenced(f"Partition {at.partition} of group {group} is not claimed: claim it first.")
    rows = [
        {"consumer_group": group, "topic": at.topic, "partition": at.partition, "position": position}
        for at, position in sorted(positions.items())
    ]
    replace_all(conn, tables.positions, rows, key=("consumer_group", "topic", "partition"))


def positions_of(conn: Connection, group: str) -> dict[TopicPartition, int]:
    """Where `group` stands in every partition it ever remembered; for a reader that starts from its work."""
    return _positions(conn, group, None)


def _positions(conn: Connection, group: str, partitions: list[int] | None) -> dict[TopicPartition, int]:
    columns = tables.positions.c
    query = select(columns.topic, columns.partition, columns.position).where(columns.consumer_group == group)
    if partitions is not None:
        query = query.where(columns.partition.in_(partitions))
    return {TopicPartition(row.topic, row.partition): row.position for row in conn.execute(query)}
