"""Versions of the population model in SQL: made under one number each, and switched to in one order.

Whoever makes a version or orders a switch holds the candidates' rows until it commits, so that numbers and switches have
one order whatever processes write them.
"""

import hmac
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, func, insert, select, update

from storage.dialect import insert_new
from storage.learning_tables import model_candidates, model_switches, model_versions
from storage.signing import Signer
from vitals.errors import Conflict, NotFound, SnapshotMismatch
from vitals.model_version import SHIPPED, ModelStanding, ModelSwitch, ModelVersion, ProgressiveScores

VERSIONS_MAX: Final = 500
"""Versions listed at once."""
TOLD_MAX: Final = 100
"""Announcements read at once."""
_PURPOSE: Final = "model"
_versions, _switches, _candidates = model_versions.c, model_switches.c, model_candidates.c


class Draft(NamedTuple):
    """A version before it has its number."""

    candidate: str
    hash: str
    pipeline: str
    made_at_ms: int
    lessons: int
    horizon_s: float
    scores: ProgressiveScores
    blob: bytes
    threshold: float | None = None


class Made(NamedTuple):
    """A version with its number, and the switch to it where its candidate is the champion."""

    version: ModelVersion
    switch: ModelSwitch | None


class StoredVersion(NamedTuple):
    """A version as it stands now."""

    version: ModelVersion
    """As it was made."""
    standing: ModelStanding
    """Now."""


def require_candidates(conn: Connection, names: Sequence[str]) -> dict[str, ModelStanding]:
    """How each candidate stands; those not known yet join as challengers, the first of all as champion where there was none."""
    standings = _held(conn)
    for name in names:
        if name not in standings:
            standing = ModelStanding.CHALLENGER if standings else ModelStanding.CHAMPION
            conn.execute(
                insert_new(conn, model_candidates, key="candidate").values(candidate=name, standing=standing.value)
            )
            standings[name] = standing
    return standings


def candidates(conn: Connection) -> dict[str, ModelStanding]:
    """How every candidate stands that ever learned."""
    return {row.candidate: ModelStanding(row.standing) for row in conn.execute(select(model_candidates))}


def make(conn: Connection, draft: Draft, signer: Signer, *, by: str, why: str) -> Made:
    """Store a version under the next number; of the champion it is in force from its switch on."""
    standing = _held(conn).get(draft.candidate, ModelStanding.CHALLENGER)
    number = 1 + (conn.execute(select(func.max(_versions.number))).scalar_one() or 0)
    version = ModelVersion(
        number=number,
        hash=draft.hash,
        candidate=draft.candidate,
        pipeline=draft.pipeline,
        made_at_ms=draft.made_at_ms,
        lessons=draft.lessons,
        horizon_s=draft.horizon_s,
        standing=standing,
        scores=draft.scores,
        threshold=draft.threshold,
    )
    superseded = (_versions.candidate == draft.candidate) & (_versions.standing == standing.value)
    conn.execute(update(model_versions).where(superseded).values(standing=ModelStanding.RETIRED.value))
    conn.execute(
        insert(model_versions).values(
            number=number,
            hash=draft.hash,
            candidate=draft.candidate,
            pipeline=draft.pipeline,
            made_at_ms=draft.made_at_ms,
            lessons=draft.lessons,
            horizon_s=draft.horizon_s,
            threshold=draft.threshold,
            scores=msgspec.json.encode(draft.scores).decode(),
            standing=standing.value,
            made_as=standing.value,
            blob=draft.blob,
            signature=signer.seal(_PURPOSE, _sealed(number, draft.hash, _weights_of(draft))),
        )
    )
    if standing is not ModelStanding.CHAMPION:
        return Made(version, None)
    return Made(version, _order(conn, number, draft.hash, at_ms=draft.made_at_ms, by=by, why=why))


def promote(conn: Connection, number: int, *, at_ms: int, by: str, why: str) -> ModelSwitch:
    """Put a version in force.

    The newest of its candidate makes that candidate the champion, whose later versions follow by themselves. An older
    one, or `SHIPPED`, stays until somebody promotes again. Raises NotFound, and Conflict where it is in force.
    """
    standings = _held(conn)
    in_force = last_switch(conn)
    if number == (SHIPPED if in_force is None else in_force.number):
        raise Conflict(f"Version {number} is in force already.")
    chosen = None if number == SHIPPED else get(conn, number).version
    newest = chosen is not None and number == _newest(conn, chosen.candidate)
    for name, standing in standings.items():
        if chosen is not None and name == chosen.candidate:
            _stand(conn, name, ModelStanding.CHAMPION if newest else ModelStanding.CHALLENGER)
        elif standing is ModelStanding.CHAMPION:
            _stand(conn, name, ModelStanding.CHALLENGER)
    champion = ModelStanding.CHAMPION.value
    conn.execute(update(model_versions).where(_versions.standing == champion).values(standing=_after(conn)))
    conn.execute(update(model_versions).where(_versions.number == number).values(standing=champion))
    return _order(conn, number, "" if chosen is None else chosen.hash, at_ms=at_ms, by=by, why=why)


def retire(conn: Connection, number: int) -> StoredVersion:
    """Nobody puts this version in force; the newest of a challenger takes that candidate out of the shadow, too.

    Raises NotFound, and Conflict where it is in force.
    """
    _held(conn)
    found = get(conn, number)
    if found.standing is ModelStanding.CHAMPION:
        raise Conflict(f"Version {number} is in force: promote another first.")
    if number == _newest(conn, found.version.candidate):
        _stand(conn, found.version.candidate, ModelStanding.RETIRED)
    conn.execute(update(model_versions).where(_versions.number == number).values(standing=ModelStanding.RETIRED.value))
    return get(conn, number)


def get(conn: Connection, number: int) -> StoredVersion:
    """One version; raises NotFound."""
    row = conn.execute(_described().where(_versions.number == number)).first()
    if row is None:
        raise NotFound(f"There is no version {number} of the model.")
    return _stored(row)


def versions(conn: Connection, *, limit: int = 50) -> tuple[StoredVersion, ...]:
    """Versions, newest first."""
    query = _described().order_by(_versions.number.desc()).limit(min(limit, VERSIONS_MAX))
    return tuple(_stored(row) for row in conn.execute(query))


def switches(conn: Connection, *, limit: int = 50) -> tuple[ModelSwitch, ...]:
    """Switches, newest first."""
    query = select(model_switches).order_by(_switches.switch.desc()).limit(min(limit, VERSIONS_MAX))
    return tuple(_switch(row) for row in conn.execute(query))


def last_switch(conn: Connection) -> ModelSwitch | None:
    """The switch that holds, told or not; None where what was shipped is in force."""
    return next(iter(switches(conn, limit=1)), None)


class Weights(NamedTuple):
    """What a version scores with."""

    candidate: str
    pipeline: str
    blob: bytes
    horizon_s: float
    threshold: float | None


def load_weights(conn: Connection, number: int, expected_hash: str, signer: Signer) -> Weights:
    """The weights of a version; raises NotFound, and SnapshotMismatch unless this installation sealed exactly these under this hash."""
    row = conn.execute(select(model_versions).where(_versions.number == number)).first()
    if row is None:
        raise NotFound(f"There is no version {number} of the model.")
    weights = _weights_of(row)
    sealed = signer.seal(_PURPOSE, _sealed(number, row.hash, weights))
    if not hmac.compare_digest(sealed, row.signature) or row.hash != expected_hash:
        raise SnapshotMismatch(f"Version {number} of the model is not what was announced, or not of this installation.")
    return weights


def newest_weights(conn: Connection, candidate: str, signer: Signer) -> tuple[Weights, int] | None:
    """The weights of a candidate's newest version, and its lessons; None where it made none that can be trusted."""
    row = conn.execute(
        select(_versions.number, _versions.hash, _versions.lessons)
        .where(_versions.candidate == candidate)
        .order_by(_versions.number.desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    try:
        return load_weights(conn, row.number, row.hash, signer), row.lessons
    except SnapshotMismatch:
        return None


def untold(conn: Connection) -> tuple[tuple[ModelVersion, ...], tuple[ModelSwitch, ...]]:
    """Versions and switches that the log does not have yet, oldest first."""
    made = conn.execute(_described().where(_versions.told.is_(False)).order_by(_versions.number).limit(TOLD_MAX))
    ordered = select(model_switches).where(_switches.told.is_(False)).order_by(_switches.switch).limit(TOLD_MAX)
    return tuple(_stored(row).version for row in made), tuple(_switch(row) for row in conn.execute(ordered))


def mark_told(conn: Connection, numbers: Sequence[int], told_switches: Sequence[int]) -> None:
    """The log has them."""
    conn.execute(update(model_versions).where(_versions.number.in_(numbers)).values(told=True))
    conn.execute(update(model_switches).where(_switches.switch.in_(told_switches)).values(told=True))


def tell_again(conn: Connection) -> None:
    """The log that knew was lost: the switch that holds is to be told to the new one."""
    last = conn.execute(select(func.max(_switches.switch))).scalar_one()
    conn.execute(update(model_switches).where(_switches.switch == last).values(told=False))


def _held(conn: Connection) -> dict[str, ModelStanding]:
    """How the candidates stand, held until the transaction ends."""
    rows = conn.execute(select(model_candidates).order_by(_candidates.candidate).with_for_update())
    return {row.candidate: ModelStanding(row.standing) for row in rows}


def _stand(conn: Connection, candidate: str, standing: ModelStanding) -> None:
    conn.execute(update(model_candidates).where(_candidates.candidate == candidate).values(standing=standing.value))


def _newest(conn: Connection, candidate: str) -> int:
    return int(conn.execute(select(func.max(_versions.number)).where(_versions.candidate == candidate)).scalar_one())


def _after(conn: Connection) -> str:
    """What becomes of the version that was in force: of a candidate that goes on, a challenger."""
    row = conn.execute(select(_versions.candidate).where(_versions.standing == ModelStanding.CHAMPION.value)).first()
    standing = None if row is None else candidates(conn).get(row.candidate)
    return (ModelStanding.RETIRED if standing is ModelStanding.CHAMPION else ModelStanding.CHALLENGER).value


def _order(conn: Connection, number: int, version_hash: str, *, at_ms: int, by: str, why: str) -> ModelSwitch:
    switch = 1 + (conn.execute(select(func.max(_switches.switch))).scalar_one() or 0)
    ordered = ModelSwitch(switch=switch, number=number, hash=version_hash, at_ms=at_ms, by=by, why=why)
    conn.execute(
        insert(model_switches).values(
            switch=switch, number=number, hash=version_hash, at_ms=at_ms, by_person=by, why=why
        )
    )
    return ordered


def _weights_of(found: Draft | Row[Any]) -> Weights:
    return Weights(found.candidate, found.pipeline, found.blob, found.horizon_s, found.threshold)


def _sealed(number: int, version_hash: str, weights: Weights) -> bytes:
    """Everything that decides what a version scores, and from where on it is told."""
    return msgspec.msgpack.encode((number, version_hash, weights))


def _described() -> Any:  # noqa: ANN401 - a query of everything but the weights
    return select(*(column for column in model_versions.columns if column.name not in {"blob", "signature"}))


def _stored(row: Row[Any]) -> StoredVersion:
    version = ModelVersion(
        number=row.number,
        hash=row.hash,
        candidate=row.candidate,
        pipeline=row.pipeline,
        made_at_ms=row.made_at_ms,
        lessons=row.lessons,
        horizon_s=row.horizon_s,
        standing=ModelStanding(row.made_as),
        threshold=row.threshold,
        scores=msgspec.json.decode(row.scores, type=ProgressiveScores),
    )
    return StoredVersion(version, ModelStanding(row.standing))


def _switch(row: Row[Any]) -> ModelSwitch:
    return ModelSwitch(
        switch=row.switch, number=row.number, hash=row.hash, at_ms=row.at_ms, by=row.by_person, why=row.why
    )
