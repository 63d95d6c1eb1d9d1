"""Versions of the population model in SQL: made under one number each, and switched to in one order.

Whoever makes a version or orders a switch holds the candidates' rows until it commits, so that numbers and switches have
one order whatever processes write them.
"""

import hmac
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, func, insert, select, update

from storage.dialect import insert_new
from storage.learning_tables import model_candidates, model_switches, model_versions
from storage.model_rows import StoredVersion, described, stored, switch_of
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
    threshold_from: int | None = None


class Made(NamedTuple):
    """A version with its number, and the switch to it where its candidate is the champion."""

    version: ModelVersion
    switch: ModelSwitch | None


def require_candidates(conn: Connection, pipelines: Mapping[str, str]) -> dict[str, ModelStanding]:
    """How each candidate stands; `pipelines` names those of this program, and the feature code each learns from.

    Those not known yet join as challengers, the first of all as champion where there was none. Candidates of other
    programs stay on record, and versions of theirs are put in force no more.
    """
    standings = _held(conn)
    for name in pipelines:
        if name not in standings:
            standing = ModelStanding.CHALLENGER if standings else ModelStanding.CHAMPION
            conn.execute(
                insert_new(conn, model_candidates, key="candidate").values(candidate=name, standing=standing.value)
            )
            standings[name] = standing
    for name in standings:
        named = update(model_candidates).where(_candidates.candidate == name)
        conn.execute(named.values(pipeline=pipelines.get(name)))
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
        threshold_from=draft.threshold_from,
    )
    superseded = (_versions.candidate == draft.candidate) & (_versions.standing == standing.value)
    conn.execute(update(model_versions).where(superseded).values(standing=ModelStanding.SUPERSEDED.value))
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
            threshold_from=draft.threshold_from,
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
    one, or `SHIPPED`, stays until somebody promotes again. Raises NotFound, and Conflict where it is in force, was
    retired, would be refused by every scorer, or has no threshold while the one in force has.
    """
    standings = _held(conn)
    in_force = last_switch(conn)
    if number == (SHIPPED if in_force is None else in_force.number):
        raise Conflict(f"Version {number} is in force already.")
    chosen = None if number == SHIPPED else get(conn, number)
    if chosen is not None:
        _check_choice(conn, chosen, in_force)
    candidate = None if chosen is None else chosen.version.candidate
    is_newest = candidate is not None and number == _newest(conn, candidate)
    for name, standing in standings.items():
        if name == candidate and is_newest:
            _stand(conn, name, ModelStanding.CHAMPION)
        elif standing is ModelStanding.CHAMPION:
            _stand(conn, name, ModelStanding.CHALLENGER)
    _step_down(conn)
    chosen_one = update(model_versions).where(_versions.number == number)
    conn.execute(chosen_one.values(standing=ModelStanding.CHAMPION.value))
    return _order(conn, number, "" if chosen is None else chosen.version.hash, at_ms=at_ms, by=by, why=why)


def retire(conn: Connection, number: int) -> StoredVersion:
    """Nobody puts this version in force before it is restored; the newest of a challenger takes that candidate out of the shadow, too.

    Raises NotFound, and Conflict where it is in force, is retired already, or is what Wardlight came with.
    """
    _check_learned(number)
    _held(conn)
    found = get(conn, number)
    if found.standing is ModelStanding.RETIRED:
        raise Conflict(f"Version {number} is retired already.")
    if found.standing is ModelStanding.CHAMPION:
        raise Conflict(f"Version {number} is in force: promote another first.")
    if number == _newest(conn, found.version.candidate):
        _stand(conn, found.version.candidate, ModelStanding.RETIRED)
    conn.execute(update(model_versions).where(_versions.number == number).values(standing=ModelStanding.RETIRED.value))
    return get(conn, number)


def restore(conn: Connection, number: int) -> StoredVersion:
    """Take back that a version was retired; the newest of its candidate brings that back into the shadow, too.

    Raises NotFound, and Conflict where it is not retired, or is what Wardlight came with.
    """
    _check_learned(number)
    standings = _held(conn)
    found = get(conn, number)
    if found.standing is not ModelStanding.RETIRED:
        raise Conflict(f"Version {number} is not retired.")
    candidate, standing = found.version.candidate, ModelStanding.SUPERSEDED
    if number == _newest(conn, candidate):
        standing = ModelStanding.CHALLENGER
        if standings[candidate] is ModelStanding.RETIRED:
            _stand(conn, candidate, ModelStanding.CHALLENGER)
    conn.execute(update(model_versions).where(_versions.number == number).values(standing=standing.value))
    return get(conn, number)


def get(conn: Connection, number: int) -> StoredVersion:
    """One version; raises NotFound."""
    row = conn.execute(described().where(_versions.number == number)).first()
    if row is None:
        raise NotFound(f"There is no version {number} of the model.")
    return stored(row, _pipelines(conn))


def versions(conn: Connection, *, limit: int = 50) -> tuple[StoredVersion, ...]:
    """Versions, newest first."""
    query = described().order_by(_versions.number.desc()).limit(min(limit, VERSIONS_MAX))
    pipelines = _pipelines(conn)
    return tuple(stored(row, pipelines) for row in conn.execute(query))


def switches(conn: Connection, *, limit: int = 50) -> tuple[ModelSwitch, ...]:
    """Switches, newest first."""
    query = select(model_switches).order_by(_switches.switch.desc()).limit(min(limit, VERSIONS_MAX))
    return tuple(switch_of(row) for row in conn.execute(query))


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


class Threshold(NamedTuple):
    """From which probability on a risk is told, and the version it was measured for."""

    value: float
    number: int


def newest_threshold(conn: Connection, candidate: str, pipeline: str, signer: Signer) -> Threshold | None:
    """The threshold that a candidate had last, with this feature code; None where it never had one.

    Raises SnapshotMismatch where it had one that this installation did not seal.
    """
    row = conn.execute(
        select(_versions.number, _versions.hash, _versions.threshold_from)
        .where(_versions.candidate == candidate, _versions.pipeline == pipeline, _versions.threshold.is_not(None))
        .order_by(_versions.number.desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    value = load_weights(conn, row.number, row.hash, signer).threshold
    return None if value is None else Threshold(value, row.threshold_from or row.number)


def untold(conn: Connection) -> tuple[tuple[ModelVersion, ...], tuple[ModelSwitch, ...]]:
    """Versions and switches that the log does not have yet, oldest first."""
    made = conn.execute(described().where(_versions.told.is_(False)).order_by(_versions.number).limit(TOLD_MAX))
    ordered = select(model_switches).where(_switches.told.is_(False)).order_by(_switches.switch).limit(TOLD_MAX)
    return tuple(stored(row, {}).version for row in made), tuple(switch_of(row) for row in conn.execute(ordered))


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


def _pipelines(conn: Connection) -> dict[str, str]:
    """The candidates that this program knows, and the feature code each learns from."""
    rows = conn.execute(select(_candidates.candidate, _candidates.pipeline).where(_candidates.pipeline.is_not(None)))
    return {row.candidate: row.pipeline for row in rows}


def _check_learned(number: int) -> None:
    """Raises Conflict for what Wardlight came with, which is always there to go back to."""
    if number == SHIPPED:
        raise Conflict(f"Version {SHIPPED} is what Wardlight came with: it can be neither retired nor restored.")


def _check_choice(conn: Connection, chosen: StoredVersion, in_force: ModelSwitch | None) -> None:
    """Raises Conflict where this version is not to be put in force."""
    number = chosen.version.number
    if chosen.standing is ModelStanding.RETIRED:
        raise Conflict(f"Version {number} was retired: restore it first, if it is to be used again.")
    if chosen.refused is not None:
        raise Conflict(chosen.refused)
    if chosen.version.threshold is not None or in_force is None or in_force.number == SHIPPED:
        return
    now = get(conn, in_force.number)
    if now.version.threshold is not None and now.refused is None:
        raise Conflict(
            f"Version {number} has no threshold, so that its risk would raise no alert, and version {in_force.number}, which"
            " is in force, has one: choose one that has, or 0 for what Wardlight came with."
        )


def _step_down(conn: Connection) -> None:
    """The version that was in force gives way: the newest of a candidate that goes on is a challenger, another superseded."""
    rows = conn.execute(
        select(_versions.number, _versions.candidate).where(_versions.standing == ModelStanding.CHAMPION.value)
    ).all()
    standings = candidates(conn)
    for row in rows:
        goes_on = standings.get(row.candidate) is ModelStanding.CHALLENGER and row.number == _newest(
            conn, row.candidate
        )
        standing = ModelStanding.CHALLENGER if goes_on else ModelStanding.SUPERSEDED
        conn.execute(update(model_versions).where(_versions.number == row.number).values(standing=standing.value))


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
