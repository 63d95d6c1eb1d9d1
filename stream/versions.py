"""Which version of the population model scores, partition by partition, as the log itself says.

A switch stands in every partition of `readings` between two readings, and where it was met is stored with the positions.
So a worker that goes on from an older position scores what it reads again with what scored it the first time.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec
import structlog

from storage import models
from storage.models import Weights
from storage.scorers import Switched, in_force_at
from storage.session import Connection
from storage.signing import Signer
from stream.population import Candidate, InForce, PopulationModel
from stream.scoring import MODEL_FAULTS
from vitals.errors import NotFound, SnapshotMismatch
from vitals.model_version import SHIPPED, ModelSwitch

log = structlog.get_logger()

Named = tuple[int, str]
"""A version's number and hash."""
UNKNOWN: Final = 0
"""The number before the first switch."""


class Versions:
    """The versions in force in the claimed partitions. Loading blocks; switching does not."""

    def __init__(self, candidates: Sequence[Candidate], *, refused: Callable[[], None]) -> None:
        self._candidates = {candidate.name: candidate for candidate in candidates}
        self._came_with = InForce(SHIPPED, candidates[0].fresh() if candidates else None)
        self._refused = refused
        self._models: dict[Named, InForce] = {}
        self._now: dict[int, InForce] = {}
        self._last: dict[int, int] = {}
        """Per partition the last switch taken."""
        self._unsaved: dict[int, list[Switched]] = {}

    def reset(
        self, conn: Connection, signer: Signer, found: Mapping[int, Sequence[Switched]], positions: Mapping[int, int]
    ) -> None:
        """Go on with what scored the record before each partition's position."""
        self._models, self._unsaved, self._now, self._last = {}, {}, {}, {}
        for partition, switches in found.items():
            held = in_force_at(switches, positions.get(partition, 0))
            self._last[partition] = UNKNOWN if held is None else held.switch
            self._now[partition] = self._came_with
            if held is not None:
                self.load(conn, signer, [(held.number, held.hash)])
                if not self._put(partition, (held.number, held.hash)):
                    self._refused()

    def now(self, partition: int) -> InForce:
        """What scores there."""
        return self._now[partition]

    def missing(self, switches: Iterable[tuple[int, ModelSwitch]]) -> list[Named]:
        """Versions that have to be loaded before these switches, each with its partition, can be taken.

        Those that were taken need nothing any more.
        """
        named = dict.fromkeys(
            (switch.number, switch.hash) for partition, switch in switches if switch.switch > self._last[partition]
        )
        return [each for each in named if each[0] != SHIPPED and each not in self._models]

    def load(self, conn: Connection, signer: Signer, wanted: Iterable[Named]) -> None:
        """Bring versions into memory; what cannot be trusted or read is left out, said aloud."""
        for number, version_hash in wanted:
            try:
                weights = models.load_weights(conn, number, version_hash, signer)
                self._models[number, version_hash] = InForce(
                    number, self._read(weights), weights.horizon_s, weights.threshold
                )
            except (NotFound, SnapshotMismatch, msgspec.DecodeError, *MODEL_FAULTS) as error:
                log.warning("model_version_refused", number=number, why=str(error), then="the last version goes on")

    def take(self, partition: int, offset: int, switch: ModelSwitch) -> bool:
        """Switch at a record of the log, unless this switch or a later one was taken; whether another version scores now."""
        if switch.switch <= self._last[partition]:
            return False
        if not self._put(partition, (switch.number, switch.hash)):
            self._refused()
            return False
        self._last[partition] = switch.switch
        noted = Switched(offset, switch.switch, switch.number, switch.hash, switch.at_ms)
        self._unsaved.setdefault(partition, []).append(noted)
        return True

    def let_go(self) -> None:
        """Forget versions that score nowhere now; not while loaded ones still wait for their switch."""
        if not self._models:
            return
        used = {in_force.number for in_force in self._now.values()}
        self._models = {named: model for named, model in self._models.items() if named[0] in used}

    @property
    def unsaved(self) -> Mapping[int, Sequence[Switched]]:
        """Switches that are not stored yet, by partition."""
        return self._unsaved

    def saved(self) -> None:
        """They are stored."""
        self._unsaved = {}

    def _put(self, partition: int, named: Named) -> bool:
        found = self._came_with if named[0] == SHIPPED else self._models.get(named)
        if found is None:
            return False
        self._now[partition] = found
        return True

    def _read(self, weights: Weights) -> PopulationModel:
        candidate = self._candidates.get(weights.candidate)
        if candidate is None:
            raise NotFound(f"This program does not know the candidate {weights.candidate}.")
        if weights.pipeline != candidate.pipeline:
            raise SnapshotMismatch(f"It learned from features of {weights.pipeline}, not of {candidate.pipeline}.")
        return candidate.load(weights.blob)
