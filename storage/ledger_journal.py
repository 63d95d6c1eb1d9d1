"""What the recorder jots down for the ledger with each commit: one row, written in its transaction.

So what is counted is exactly what was committed, each record of the log once, whatever crashes. Made as cheaply as can be:
numbers as they came, nothing summed up that `storage.ledger` can sum up later (ADR 0016).
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from operator import itemgetter
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, insert

from storage.ledger_tables import ledger_journal
from storage.tables import assessments, readings, rejections
from vitals.assessment import Assessment
from vitals.codec import decode
from vitals.ledger import HOUR_MS
from vitals.reading import CHARTING
from vitals.topics import is_level
from vitals.whole_numbers import COUNT_MAX, EPOCH_MS_MAX

Row = tuple[Any, ...]


def _places(columns: Sequence[str], *names: str) -> "itemgetter[Any]":
    return itemgetter(*(columns.index(name) for name in names))


_READING = [column.name for column in readings.columns]
_REJECTION = [column.name for column in rejections.columns]
_ASSESSMENT = [column.name for column in assessments.columns]
_READING_ID: Final = 0
_MEASURED_AT_OF: Final = _places(_READING, "measured_at_ms")
_CORRECTION_OF: Final = _places(_READING, "correction_id")
_BOOT_OF: Final = _places(_READING, "device_id", "boot")
_SEQUENCE_OF: Final = _places(_READING, "sequence")
_REFUSAL_OF: Final = _places(
    _REJECTION, "rejection_id", "device_id", "boot", "sequence", "reason", "received_at_ms", "in_part"
)
_ASSESSED_OF: Final = _places(_ASSESSMENT, "reading_id", "measured_at_ms")
_ASSESSMENT_RECORD: Final = _ASSESSMENT.index("record")
_OF_WITHDRAWAL: Final = "withdrawn/"
"""An assessment that follows from a withdrawal is about no reading."""
_CHARTED: Final = f"{CHARTING}/"


class Accepted(msgspec.Struct, array_like=True, omit_defaults=True):
    """Readings of one device boot, measured in one hour."""

    device_id: str
    boot: str | None
    hour_ms: int
    numbers: list[int]
    """Sequence numbers that SQL did not hold before; with repeats of one batch left out."""
    repeats: list[int] = []
    """Sequence numbers that SQL held already."""
    unnumbered: int = 0
    """Readings without a number that are new."""
    unnumbered_repeats: int = 0
    unstorable: list[int] = []
    """Sequence numbers of readings that SQL can never hold."""
    unnumbered_unstorable: int = 0
    copied: int = 0
    """New rows that a correction made; they were published under another patient."""


class Refusal(msgspec.Struct, array_like=True, omit_defaults=True):
    """One refused message."""

    device_id: str
    hour_ms: int
    reason: str
    boot: str | None = None
    number: int | None = None
    in_part: bool = False
    is_new: bool = True
    """SQL did not hold it before."""


class Jotting(msgspec.Struct, array_like=True, omit_defaults=True):
    """One commit of the recorder."""

    at_ms: int
    accepted: list[Accepted] = []
    assessed: list[tuple[str, int, int]] = []
    """Device, hour, and how many assessments are new."""
    refused: list[Refusal] = []
    hour_ms: int = 0
    devices: list[str] = []
    """With `boots`, `firsts` and `counts` the usual case, as briefly as can be: runs of numbers of a boot of a device, all new,
    measured in the hour `hour_ms`. Flat, since many small objects would cost more than all else."""
    boots: list[str] = []
    firsts: list[int] = []
    counts: list[int] = []


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Jotting).decode


def jot(conn: Connection, jotting: Jotting) -> None:
    """Write it, in the transaction of what it tells of; nothing where it tells nothing."""
    if jotting.devices or jotting.accepted or jotting.assessed or jotting.refused:
        conn.execute(insert(ledger_journal), {"record": _encode(jotting)})


def read(record: bytes) -> Jotting:
    """A row of the journal.

    What releases before this one jotted down of times and numbers that no record may name any more is kept as what came in
    the first hour of all, without a number: no table holds it otherwise.
    """
    jotting = _decode(record)
    for line in jotting.accepted:
        line.hour_ms = _held_hour(line.hour_ms)
        held = [number for number in line.unstorable if _is_held(number)]
        line.unnumbered_unstorable += len(line.unstorable) - len(held)
        line.unstorable = held
    for refusal in jotting.refused:
        refusal.hour_ms = _held_hour(refusal.hour_ms)
        if refusal.number is not None and not _is_held(refusal.number):
            refusal.number = None
    return jotting


def _held_hour(hour_ms: int) -> int:
    return hour_ms if 0 <= hour_ms <= EPOCH_MS_MAX else 0


def _is_held(number: int) -> bool:
    return 0 <= number <= COUNT_MAX


def note_readings(
    jotting: Jotting, rows: Sequence[Row], new: Collection[str] | None = None, unstorable: Collection[int] = ()
) -> None:
    """Put the readings of a batch down; `new` are the ids that SQL did not hold before (None: all), `unstorable` indices."""
    if not rows:
        return
    moments = list(map(_MEASURED_AT_OF, rows))
    hour = min(moments) // HOUR_MS
    if new is not None or unstorable or max(moments) // HOUR_MS != hour or any(map(_CORRECTION_OF, rows)):
        jotting.accepted = _one_by_one(rows, new, frozenset(unstorable))
        return
    groups: defaultdict[tuple[str, str | None], list[Any]] = defaultdict(list)
    for boot, number in zip(map(_BOOT_OF, rows), map(_SEQUENCE_OF, rows), strict=True):
        groups[boot].append(number)
    jotting.hour_ms = hour_ms = hour * HOUR_MS
    for (device_id, boot_name), numbers in groups.items():
        count = len(numbers)
        if boot_name is None:
            jotting.accepted.append(Accepted(device_id, None, hour_ms, [], unnumbered=count))
        elif numbers == list(range(numbers[0], numbers[0] + count)):
            jotting.devices.append(device_id)
            jotting.boots.append(boot_name)
            jotting.firsts.append(numbers[0])
            jotting.counts.append(count)
        else:
            jotting.accepted.append(Accepted(device_id, boot_name, hour_ms, numbers))


def _one_by_one(rows: Sequence[Row], new: Collection[str] | None, unstorable: Collection[int]) -> list[Accepted]:
    lines: dict[tuple[str, str | None, int], Accepted] = {}
    seen: set[str] = set()
    for index, row in enumerate(rows):
        device_id, boot = _BOOT_OF(row)
        number = _SEQUENCE_OF(row)
        reading_id = row[_READING_ID]
        is_new = reading_id not in seen and (new is None or reading_id in new)
        seen.add(reading_id)
        hour_ms = _MEASURED_AT_OF(row) // HOUR_MS * HOUR_MS
        is_copy = _CORRECTION_OF(row) is not None
        key = (device_id, None if is_copy else boot, hour_ms)
        line = lines.setdefault(key, Accepted(*key, []))
        if is_copy:
            line.copied += is_new
        elif boot is None or number is None:
            line.unnumbered_unstorable += index in unstorable
            line.unnumbered += is_new and index not in unstorable
            line.unnumbered_repeats += not is_new and index not in unstorable
        elif index in unstorable:
            line.unstorable.append(number)
        else:
            (line.numbers if is_new else line.repeats).append(number)
    return list(lines.values())


def without_repeats(jotting: Jotting) -> Jotting:
    """The same, less what is not new."""
    accepted = [
        msgspec.structs.replace(line, repeats=[], unnumbered_repeats=0, unstorable=[], unnumbered_unstorable=0)
        for line in jotting.accepted
        if line.numbers or line.unnumbered or line.copied
    ]
    refused = [line for line in jotting.refused if line.is_new]
    return msgspec.structs.replace(jotting, accepted=accepted, refused=refused)


def assessed_of(rows: Sequence[Row], new: Collection[str] | None = None) -> list[tuple[str, int, int]]:
    """The assessments of a batch, counted by device and the hour in which its reading was measured."""
    if new is not None:
        rows = list({row[_READING_ID]: row for row in rows if row[_READING_ID] in new}.values())
    counts: Counter[tuple[str, int]] = Counter()
    for row in rows:
        reading_id, measured_at_ms = _ASSESSED_OF(row)
        if reading_id.startswith(_OF_WITHDRAWAL):
            continue
        if reading_id.startswith(_CHARTED):
            measured_at_ms = decode(Assessment, row[_ASSESSMENT_RECORD]).measured_at_ms
        counts[reading_id.partition("/")[0], measured_at_ms // HOUR_MS] += 1
    return [(device_id, hour * HOUR_MS, count) for (device_id, hour), count in counts.items()]


def refused_of(rows: Sequence[Row], new: Collection[str] | None = None) -> list[Refusal]:
    """The refused messages of a batch; what names no device of ours is counted under the empty name."""
    seen: set[str] = set()
    lines = []
    for row in rows:
        rejection_id, device_id, boot, number, reason, received_at_ms, in_part = _REFUSAL_OF(row)
        is_new = rejection_id not in seen and (new is None or rejection_id in new)
        seen.add(rejection_id)
        named = device_id if is_level(device_id) else ""
        hour_ms = received_at_ms // HOUR_MS * HOUR_MS
        lines.append(Refusal(named, hour_ms, reason, boot, number, in_part, is_new))
    return lines
