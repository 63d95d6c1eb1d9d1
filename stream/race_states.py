"""What the candidates have learned as signed rows, and back."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import structlog

from storage.models import Threshold, Weights
from storage.signing import Signer
from storage.states import StateRow
from stream.population import Candidate
from stream.progressive import ProgressState
from stream.race import Race, Racer, RacerState, RaceState
from vitals.errors import SnapshotMismatch

log = structlog.get_logger()

COMMON_KEY: Final = "race"
COMMON_SHAPE: Final = "1"
"""Raise it where `RaceState` changes so that an old one can no longer be read."""
_PREFIX: Final = "candidate/"
_encoder = msgspec.msgpack.Encoder()


def rows_of(race: Race, signer: Signer, *, group: str, partition: int) -> list[StateRow]:
    """Everything that was learned, and where it stands in the lessons."""
    offset = race.state.next_offset
    common = _encoder.encode(race.state)
    rows = [signer.signed(group, partition, key=COMMON_KEY, offset=offset, blob=common, pipeline_hash=COMMON_SHAPE)]
    for name, racer in race.racers.items():
        rows.append(
            signer.signed(
                group,
                partition,
                key=f"{_PREFIX}{name}",
                offset=offset,
                blob=_encoder.encode(racer.dump()),
                pipeline_hash=racer.candidate.pipeline,
            )
        )
    return rows


def race_of(
    rows: Sequence[StateRow],
    candidates: Sequence[Candidate],
    signer: Signer,
    *,
    group: str,
    partition: int,
    newest: Mapping[str, tuple[Weights, int]] | None = None,
    thresholds: Mapping[str, Threshold | None] | None = None,
) -> Race:
    """The race as it was stored; who is not in the rows, or cannot be trusted or read, starts anew, said aloud.

    Anew is from the newest version of the same feature code, where there is one, else as it was shipped. Its progress is
    lost with its state, so it goes on with the threshold it had last; None for one that cannot be trusted.
    """
    stored = {row.key: row for row in rows}
    versions = {} if newest is None else newest
    racers = [
        _racer(each, stored.get(f"{_PREFIX}{each.name}"), signer, group, partition)
        or _anew(each, versions.get(each.name))
        for each in candidates
    ]
    known = {} if thresholds is None else thresholds
    for racer in racers:
        racer.carried = known.get(racer.candidate.name)
        racer.owes_threshold = racer.candidate.name in known
    return Race(racers, _common(stored.get(COMMON_KEY), signer, group, partition))


def _common(row: StateRow | None, signer: Signer, group: str, partition: int) -> RaceState | None:
    if row is None:
        return None
    try:
        signer.verify(group, partition, row)
        return msgspec.msgpack.decode(row.blob, type=RaceState)
    except (msgspec.DecodeError, SnapshotMismatch) as error:
        log.warning("race_refused", why=str(error), then="lessons of the last days may be learned twice")
        return None


def _racer(candidate: Candidate, row: StateRow | None, signer: Signer, group: str, partition: int) -> Racer | None:
    if row is None:
        return None
    if row.pipeline_hash != candidate.pipeline:
        log.warning("candidate_of_other_features", candidate=candidate.name, then="it starts anew")
        return None
    try:
        signer.verify(group, partition, row)
        return Racer(candidate, msgspec.msgpack.decode(row.blob, type=RacerState))
    except (msgspec.DecodeError, SnapshotMismatch) as error:
        log.warning("candidate_refused", candidate=candidate.name, why=str(error), then="it starts anew")
        return None


def _anew(candidate: Candidate, newest: tuple[Weights, int] | None) -> Racer:
    if newest is None or newest[0].pipeline != candidate.pipeline:
        return Racer(candidate)
    weights, lessons = newest
    try:
        return Racer(candidate, RacerState(weights.blob, lessons, lessons, ProgressState()))
    except SnapshotMismatch as error:
        log.warning("candidate_refused", candidate=candidate.name, why=str(error), then="it starts as it was shipped")
        return Racer(candidate)
