"""Snapshots of a worker's state, one blob per key (a patient), stored under the same fence as positions."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec
from sqlalchemy import Connection, delete, exists, select

from storage import tables
from storage.claims import check_epochs
from storage.dialect import replace_all
from vitals.errors import Fenced

FORGET_EVERY_S: Final = 3600.0
"""How often a worker looks for patients whose stay ended long ago."""
ENDED_MAX: Final = 500
"""Patients of one partition who are forgotten at once."""


class StateRow(msgspec.Struct, frozen=True):
    """One key's state, true for all input before `offset`, of the code that `pipeline_hash` names, signed."""

    key: str
    offset: int
    blob: bytes
    pipeline_hash: str
    signature: bytes


def store_states(
    conn: Connection, group: str, epochs: Mapping[int, int], rows: Mapping[int, Sequence[StateRow]]
) -> None:
    """Replace these keys' states, `rows` by partition; raises Fenced where an epoch is not current, storing nothing."""
    check_epochs(conn, group, epochs)
    if not rows.keys() <= epochs.keys():
        raise Fenced(f"Partition {min(rows.keys() - epochs.keys())} of group {group} is not claimed: claim it first.")
    values = [
        {"consumer_group": group, "partition": partition, **msgspec.structs.asdict(row)}
        for partition, states in sorted(rows.items())
        for row in states
    ]
    replace_all(conn, tables.states, values, key=("consumer_group", "partition", "key"))


def load_states(conn: Connection, group: str, partition: int, *, keys: Collection[str] | None = None) -> list[StateRow]:
    """The states of the partition, of all keys or of these, by key.

    Verify each signature before trusting a blob (`storage.signing`).
    """
    columns = tables.states.c
    query = (
        select(columns.key, columns.offset, columns.blob, columns.pipeline_hash, columns.signature)
        .where(columns.consumer_group == group, columns.partition == partition)
        .order_by(columns.key)
    )
    if keys is not None:
        query = query.where(columns.key.in_(keys))
    return [StateRow(*row) for row in conn.execute(query)]


def state_keys(conn: Connection, group: str, partition: int) -> list[str]:
    """The keys that have a state in the partition, in order, without the states."""
    columns = tables.states.c
    query = select(columns.key).where(columns.consumer_group == group, columns.partition == partition)
    return list(conn.execute(query.order_by(columns.key)).scalars())


def ended_keys(conn: Connection, group: str, *, before_ms: int, positions: Mapping[int, int]) -> dict[int, list[str]]:
    """Of each partition, patients whose stay ended before `before_ms` and whose state a replay from here would not miss."""
    columns, stays = tables.states.c, tables.patients.c
    ended = exists().where(stays.patient_id == columns.key, stays.discharged_at_ms < before_ms)
    found: dict[int, list[str]] = {}
    for partition, position in sorted(positions.items()):
        query = select(columns.key).where(
            columns.consumer_group == group, columns.partition == partition, columns.offset <= position, ended
        )
        keys = list(conn.execute(query.order_by(columns.key).limit(ENDED_MAX)).scalars())
        if keys:
            found[partition] = keys
    return found


def delete_states(conn: Connection, group: str, epochs: Mapping[int, int], keys: Mapping[int, Sequence[str]]) -> None:
    """Forget these keys' states, `keys` by partition; raises Fenced where an epoch is not current."""
    check_epochs(conn, group, epochs)
    columns = tables.states.c
    for partition, names in keys.items():
        if partition not in epochs:
            raise Fenced(f"Partition {partition} of group {group} is not claimed: claim it first.")
        conn.execute(
            delete(tables.states).where(
                columns.consumer_group == group, columns.partition == partition, columns.key.in_(names)
            )
        )
