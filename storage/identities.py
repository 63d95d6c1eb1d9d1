"""Who a patient is: name, date of birth and record number, sealed in a table of their own and opened at the door.

Without its key a row says nothing; then the name shows as unavailable and scores, limits and alarms go on: the age that
they need is in `patients.born_about`, as coarse as it may be (`born_about`).
"""

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, func, insert, select, update

from runtime.keyring import Sealed
from storage.identities_tables import identities
from storage.sealing import UNREADABLE, keyring_of, open_sealed, seal
from vitals.age import age_band
from vitals.errors import InvalidArgument, MalformedRecord
from vitals.reading import PatientId

NAME_UNAVAILABLE: Final = "(name unavailable)"
"""Shown in a name's place where its key is missing."""
RECORD_NUMBER_MAX: Final = 64
IDS_PER_QUERY_MAX: Final = 1000
"""Of more patients than this, all are read."""
_PLACE: Final = {"table": "identities", "column": "ciphertext"}
_RECORD: Final = "record number"


class Identity(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is sealed of one patient."""

    name: str
    birth_date: str | None = None
    """YYYY-MM-DD."""
    record_number: str | None = None
    """The hospital's own number of this person."""

    def __repr__(self) -> str:
        return "Identity(***)"


def add(conn: Connection, patient_id: PatientId, identity: Identity) -> None:
    """Keep who a new patient is; raises KeyMissing, ConfigurationError."""
    conn.execute(insert(identities).values(patient_id=patient_id, **_columns(conn, patient_id, identity)))


def put(conn: Connection, patient_id: PatientId, identity: Identity) -> None:
    """Keep who this patient is, in place of what was kept; raises KeyMissing, ConfigurationError."""
    values = _columns(conn, patient_id, identity)
    done = conn.execute(update(identities).where(identities.c.patient_id == patient_id).values(values))
    if not done.rowcount:
        conn.execute(insert(identities).values(patient_id=patient_id, **values))


def read(conn: Connection, patient_id: PatientId) -> Identity:
    """Who this patient is, for a change of it; raises KeyMissing, ConfigurationError, MalformedRecord."""
    row = conn.execute(select(identities).where(identities.c.patient_id == patient_id)).first()
    return Identity(NAME_UNAVAILABLE) if row is None else _opened(conn, row)


def read_all(conn: Connection, patient_ids: Collection[PatientId] | None = None) -> dict[PatientId, Identity]:
    """Who these patients (all) are, as far as keys are there: who is missing here is unavailable."""
    asked = None if patient_ids is None or len(patient_ids) > IDS_PER_QUERY_MAX else sorted(patient_ids)
    query = select(identities)
    if asked is not None:
        query = query.where(identities.c.patient_id.in_(asked))
    found: dict[PatientId, Identity] = {}
    for row in conn.execute(query):
        try:
            found[PatientId(row.patient_id)] = _opened(conn, row)
        except UNREADABLE:
            continue
    return found


def with_record_number(conn: Connection, record_number: str) -> tuple[PatientId, ...]:
    """Every stay under this record number, by id; raises KeyMissing, ConfigurationError."""
    token = keyring_of(conn).search_token(_RECORD, _normal(check_record_number(record_number)))
    columns = identities.c
    rows = conn.execute(select(columns.patient_id).where(columns.record_token == token).order_by(columns.patient_id))
    return tuple(map(PatientId, rows.scalars()))


def reseal(conn: Connection, *, limit: int) -> int:
    """Seal at most `limit` rows that an older key sealed with the current one; how many there were.

    Raises KeyMissing where a row's key is not there, MalformedRecord where a row was changed: then nothing was done.
    """
    current = keyring_of(conn).current
    columns = identities.c
    rows = conn.execute(
        select(identities).where(columns.key_id != current).order_by(columns.patient_id).limit(limit)
    ).all()
    for row in rows:
        plain = open_sealed(conn, Sealed(row.key_id, row.ciphertext), **_PLACE, row=row.patient_id)
        sealed = seal(conn, plain, **_PLACE, row=row.patient_id)
        # Whoever changed the row meanwhile sealed it with the current key, and stays.
        conn.execute(
            update(identities)
            .where(columns.patient_id == row.patient_id, columns.key_id == row.key_id)
            .values(key_id=sealed.key_id, ciphertext=sealed.ciphertext)
        )
    return len(rows)


def check_record_number(text: str) -> str:
    """The number without spaces around it; raises InvalidArgument."""
    number = text.strip()
    if not 1 <= len(number) <= RECORD_NUMBER_MAX or not number.isprintable():
        raise InvalidArgument(f"A record number is 1 to {RECORD_NUMBER_MAX} printable characters.")
    return number


def born_about(birth_date: str | None, at_ms: int) -> str | None:
    """What stands unsealed of a date of birth, for scores and limits when the key is missing: a child's month, an adult's year.

    >>> born_about("1950-03-02", 1_583_020_800_000), born_about("2019-03-02", 1_583_020_800_000)
    ('1950', '2019-03')
    """
    if birth_date is None:
        return None
    is_child = age_band(date.fromisoformat(birth_date), at_ms) is not None
    return birth_date[:7] if is_child else birth_date[:4]


def earliest_birth(about: str | None) -> date | None:
    """The first day that `born_about` may mean: a child is never taken for a younger one, nor an adult for a child.

    >>> earliest_birth("2019-03")
    datetime.date(2019, 3, 1)
    """
    return (
        None if about is None else date.fromisoformat(f"{about}-01" if len(about) > len("YYYY") else f"{about}-01-01")
    )


def born(identity: Identity | None, about: str | None) -> date | None:
    """The date of birth where it could be opened, otherwise the earliest it may be."""
    if identity is not None and identity.birth_date is not None:
        return date.fromisoformat(identity.birth_date)
    return earliest_birth(about)


def sealed_by(conn: Connection) -> Mapping[str, int]:
    """How many rows each key sealed."""
    columns = identities.c
    rows = conn.execute(select(columns.key_id, func.count()).group_by(columns.key_id))
    return {str(key_id): int(count) for key_id, count in rows}


def _columns(conn: Connection, patient_id: PatientId, identity: Identity) -> dict[str, Any]:
    sealed = seal(conn, msgspec.json.encode(identity), **_PLACE, row=patient_id)
    number = identity.record_number
    token = None if number is None else keyring_of(conn).search_token(_RECORD, _normal(number))
    return {"key_id": sealed.key_id, "ciphertext": sealed.ciphertext, "record_token": token}


def _opened(conn: Connection, row: Any) -> Identity:  # noqa: ANN401 - a row of SQLAlchemy's
    plain = open_sealed(conn, Sealed(row.key_id, row.ciphertext), **_PLACE, row=row.patient_id)
    try:
        return msgspec.json.decode(plain, type=Identity)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise MalformedRecord("What is sealed of a patient is no identity of ours.") from None


def _normal(record_number: str) -> str:
    """People write the same number in more than one way."""
    return "".join(record_number.split()).casefold()
