"""Where each scorer switched to which version of the population model, stored with its positions."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, select

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


def trim_switches(
    conn: Connection, group: str, epochs: Mapping[int, int], beginnings: Mapping[int, int], *, keep: int
) -> int:
    """Forget switches that no replay needs of a log that begins there, by partition, but for the newest `keep`; how many.

    Needed is whatever stands in the log still, and of what does not the last: it scores the log's first records. Raises
    Fenced where an epoch is not current.
    """
    check_epochs(conn, group, epochs)
    gone = 0
    for partition, beginning in sorted(beginnings.items()):
        here = (_columns.consumer_group == group) & (_columns.partition == partition)
        needed = conn.execute(select(func.max(_columns.offset)).where(here, _columns.offset < beginning)).scalar_one()
        newest = select(_columns.offset).where(here).order_by(_columns.offset.desc()).offset(keep - 1).limit(1)
        kept = conn.execute(newest).scalar_one_or_none()
        if needed is not None and kept is not None:
            gone += conn.execute(delete(scorer_switches).where(here, _columns.offset < min(needed, kept))).rowcount
    return gone


def forget_switches(conn: Connection) -> int:
    """The log they point into is lost; how many were forgotten."""
    return conn.execute(delete(scorer_switches)).rowcount
