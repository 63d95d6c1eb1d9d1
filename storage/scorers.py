"""Where each scorer switched to which version of the population model, stored with its positions."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, select

from storage.claims import check_epochs
from storage.dialect import replace_all
from storage.learning_tables import scorer_switches
from vitals.errors import Fenced

_columns = scorer_switches.c


class Switched(NamedTuple):
    """From the record at `offset` on this version scores in one partition."""

    offset: int
    switch: int
    number: int
    hash: str
    at_ms: int


def note_switches(
    conn: Connection, group: str, epochs: Mapping[int, int], found: Mapping[int, Sequence[Switched]]
) -> None:
    """Store where `group` switched, by partition; raises Fenced where an epoch is not current, storing nothing."""
    check_epochs(conn, group, epochs)
    if not found.keys() <= epochs.keys():
        raise Fenced(f"Partition {min(found.keys() - epochs.keys())} of group {group} is not claimed: claim it first.")
    rows = [
        {"consumer_group": group, "partition": partition, **each._asdict()}
        for partition, switches in sorted(found.items())
        for each in switches
    ]
    replace_all(conn, scorer_switches, rows, key=("consumer_group", "partition", "offset"))


def switches_of(conn: Connection, group: str, partitions: Iterable[int]) -> dict[int, list[Switched]]:
    """Every switch of `group` in these partitions, in the order of the log."""
    wanted = sorted(set(partitions))
    query = select(scorer_switches).where(_columns.consumer_group == group, _columns.partition.in_(wanted))
    found: dict[int, list[Switched]] = {partition: [] for partition in wanted}
    for row in conn.execute(query.order_by(_columns.partition, _columns.offset)):
        found[row.partition].append(Switched(row.offset, row.switch, row.number, row.hash, row.at_ms))
    return found


def in_force_at(switches: Sequence[Switched], position: int) -> Switched | None:
    """What scored the record at `position`, of switches in the order of the log; None for what was shipped."""
    return max((each for each in switches if each.offset < position), key=lambda each: each.offset, default=None)


def forget_switches(conn: Connection) -> int:
    """The log they point into is lost; how many were forgotten."""
    return conn.execute(delete(scorer_switches)).rowcount
