"""Series for research: no name, no id, no date of ours; under pseudonyms that only this recipient is given.

Pseudonym and shift follow from the recipient's own key (`runtime.keyring`): one recipient can put two exports together, two
recipients cannot compare theirs, and nobody without the key gets back. Where the next page begins is sealed: it holds a time
of ours. It stays personal data: docs/operations.md.
"""

import base64
import binascii
import json
from typing import Final, NamedTuple

from sqlalchemy import Connection, select

from runtime.keyring import KeyMissing, Keyring, Sealed
from storage import readings, tables
from storage.sealing import keyring_of
from storage.window import Cursor, check_limit, check_window
from vitals.errors import Conflict, InvalidArgument, MalformedRecord
from vitals.reading import PatientId, WardId
from vitals.sign import Sign

SUBJECTS_MIN: Final = 5
"""Of fewer, whoever knows who lay there may tell who is who."""
SPAN_MS_MAX: Final = 366 * 86_400_000
SHIFT_DAYS_MAX: Final = 365
_DAY_MS: Final = 86_400_000
_SEALED_FOR: Final = ("research", "following")


class ResearchRow(NamedTuple):
    """One reading as its recipient is given it."""

    subject: str
    """The pseudonym."""
    at_ms: int
    """When it was measured, 1 to `SHIFT_DAYS_MAX` whole days too early: as many in every row of one subject."""
    signs: dict[Sign, float]


class ResearchPage(NamedTuple):
    """Some rows, in the order of pseudonym and time, and where the next page begins; None where there is none."""

    rows: tuple[ResearchRow, ...]
    following: str | None
    """Opaque: it says nothing to whoever lacks our keys, and holds for this recipient only."""


class _Place(NamedTuple):
    """The last row of a page, in our own time; the next begins after it."""

    subject: str
    at: Cursor


def page(
    conn: Connection,
    *,
    recipient: str,
    ward_id: WardId,
    from_ms: int,
    to_ms: int,
    limit: int,
    following: str | None = None,
) -> ResearchPage:
    """What was measured in [from_ms, to_ms) of who lies on the ward, or lay there last; charted signs too, without author or note.

    The next page begins at the `following` of the one before.

    Raises NotFound where the recipient has no key, Conflict with fewer than `SUBJECTS_MIN` subjects, InvalidArgument, KeyMissing.
    """
    check_window(from_ms, to_ms)
    check_limit(limit)
    if to_ms - from_ms > SPAN_MS_MAX:
        raise InvalidArgument("An export covers at most 366 days: ask for the next ones apart.")
    ring = keyring_of(conn)
    after = None if following is None else _opened(ring, recipient, following)
    subjects = sorted((ring.pseudonym(recipient, each), each) for each in _measured(conn, ward_id, from_ms, to_ms))
    if len(subjects) < SUBJECTS_MIN:
        raise Conflict(
            f"Fewer than {SUBJECTS_MIN} patients were measured there then:"
            " whoever knows who they were could tell them apart. Take a longer window."
        )
    rows: list[ResearchRow] = []
    for subject, patient_id in subjects:
        if after is not None and subject < after.subject:
            continue
        found = readings.history(
            conn,
            patient_id,
            signs=tuple(Sign),
            from_ms=from_ms,
            to_ms=to_ms,
            limit=limit - len(rows),
            after=after.at if after is not None and after.subject == subject else None,
        )
        shift_ms = shift_days(ring, recipient, patient_id) * _DAY_MS
        rows += [ResearchRow(subject, one.measured_at_ms - shift_ms, dict(one.signs)) for one in found]
        if len(rows) >= limit:
            last = found[-1]
            place = _Place(subject, Cursor(last.measured_at_ms, last.reading_id))
            return ResearchPage(tuple(rows), _sealed(ring, recipient, place))
    return ResearchPage(tuple(rows), None)


def shift_days(ring: Keyring, recipient: str, patient_id: PatientId) -> int:
    """By how many days this recipient's times of this patient are too early; raises NotFound."""
    return 1 + int.from_bytes(ring.recipient_mac(recipient, "shift", patient_id)[:8], "big") % SHIFT_DAYS_MAX


def _sealed(ring: Keyring, recipient: str, place: _Place) -> str:
    sealed = ring.seal(json.dumps(place).encode(), (*_SEALED_FOR, recipient))
    return f"{sealed.key_id}.{base64.urlsafe_b64encode(sealed.ciphertext).decode().rstrip('=')}"


def _opened(ring: Keyring, recipient: str, following: str) -> _Place:
    key_id, _, body = following.partition(".")
    try:
        ciphertext = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
        subject, (at_ms, row_id) = json.loads(ring.open(Sealed(key_id, ciphertext), (*_SEALED_FOR, recipient)))
    except (binascii.Error, KeyMissing, MalformedRecord):
        raise InvalidArgument("This is not the `next` of a page for this recipient: begin the export again.") from None
    return _Place(subject, Cursor(at_ms, row_id))


def _measured(conn: Connection, ward_id: WardId, from_ms: int, to_ms: int) -> tuple[PatientId, ...]:
    """Patients of the ward with a reading in the window."""
    patients, rows = tables.patients.c, tables.readings.c
    measured = (
        select(rows.reading_id)
        .where(
            rows.patient_id == patients.patient_id,
            rows.measured_at_ms >= from_ms,
            rows.measured_at_ms < to_ms,
            rows.withdrawn_by.is_(None),
        )
        .exists()
    )
    return tuple(
        map(PatientId, conn.execute(select(patients.patient_id).where(patients.ward_id == ward_id, measured)).scalars())
    )
