"""One patient's models in the order in which a reading passes: baselines, deviations, trees, own quantile."""

import hashlib
from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

import msgspec

from stream.anomaly import OwnQuantile, QuantileParameters, QuantileState
from stream.anomaly_trees import DEVIATION_LIMITS, RIVER_VERSION, AnomalyTrees, TreeParameters, TreeState
from stream.baseline import BaselineParameters, PersonalBaselines, SignBaseline, refuse_not_finite
from stream.context import ContextParameters, context_of
from stream.features import RecentSigns, deviations
from vitals.sign import Sign

MODEL_REVISION = 4
"""Raise it whenever the same state would score differently: older snapshots are then not loaded."""


class PipelineParameters(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Everything that shapes one patient's models; equal for all patients of a deployment."""

    context: ContextParameters = ContextParameters()
    baseline: BaselineParameters = BaselineParameters()
    trees: TreeParameters = TreeParameters()
    quantile: QuantileParameters = QuantileParameters()
    margin: float = 0.07
    """How far above the own quantile a score must lie to be flagged."""
    learn_every_s: float = 10.0
    """Moments closer together than this teach only once, so that a window is a time whatever the rate."""
    pause_s_max: float = 6 * 3600.0
    """After this much time of being held back without a break the models learn again, slowly …"""
    paused_learn_every_s: float = 120.0
    """… once in this time, so that a patient who has changed for good is not unusual for ever. Gates no alarm."""
    gap_s_max: float = 3600.0
    """The most that one pause between readings adds to the time of being held back."""

    @cached_property
    def hash(self) -> str:
        """Names these parameters, this code's revision and River's version: equal hash, equal scores."""
        body = msgspec.json.encode((self, MODEL_REVISION, sorted(DEVIATION_LIMITS.items()), RIVER_VERSION))
        return hashlib.blake2b(body, digest_size=8).hexdigest()

    @cached_property
    def model_version(self) -> str:
        """What assessments and snapshots name: revision, River's version, hash."""
        return f"{MODEL_REVISION}/river-{RIVER_VERSION}/{self.hash}"


class Scored(NamedTuple):
    """What the models say of one moment before they learn from it; needed to learn, so that nothing learns first."""

    at_ms: int
    signs: Mapping[Sign, float]
    deviations: Mapping[Sign, float] | None
    """In the signs' units; None where too little is known."""
    raw: float | None
    """The trees' score, None before their first window; known also while the quantile warms up."""
    threshold: float | None
    """The patient's own; None while the models warm up."""
    barred: frozenset[Sign] = frozenset()
    """Of `signs`, what nothing may be learned from."""

    @property
    def taught(self) -> Mapping[Sign, float]:
        """What may be learned from."""
        barred = self.barred
        return {sign: value for sign, value in self.signs.items() if sign not in barred} if barred else self.signs

    @property
    def warming_up(self) -> bool:
        """Whether the models cannot judge this patient yet."""
        return self.threshold is None

    @property
    def anomaly(self) -> float | None:
        """The score in [0, 1]; None while warming up or where too little is known."""
        return None if self.threshold is None else self.raw

    @property
    def flagged(self) -> bool:
        """Whether the score lies above the patient's own threshold."""
        return self.threshold is not None and self.raw is not None and self.raw > self.threshold


class PipelineState(msgspec.Struct):
    """The whole state of one patient's models, as plain records."""

    baselines: dict[Sign, SignBaseline]
    trees: TreeState
    quantile: QuantileState
    recent: RecentSigns
    learned_at_ms: int | None
    due_at_ms: int | None
    paused_s: float


class PatientPipeline:
    """One patient's models. Score first, then offer what was scored for learning; not thread-safe."""

    def __init__(self, parameters: PipelineParameters, state: PipelineState | None = None) -> None:
        self.parameters = parameters
        if state is None:
            self.baselines = PersonalBaselines(parameters.baseline)
            self._trees = AnomalyTrees(parameters.trees)
            self._quantile = OwnQuantile(parameters.quantile)
            self._recent = RecentSigns()
            self._learned_at_ms: int | None = None
            self._due_at_ms: int | None = None
            self._paused_s = 0.0
            return
        self.baselines = PersonalBaselines.load(parameters.baseline, state.baselines)
        self._trees = AnomalyTrees.load(parameters.trees, state.trees)
        self._quantile = OwnQuantile.load(parameters.quantile, state.quantile)
        self._recent = state.recent
        self._learned_at_ms = state.learned_at_ms
        self._due_at_ms = state.due_at_ms
        self._paused_s = state.paused_s

    def enter(self, at_ms: int, *, active: bool) -> None:
        """Judge by what is usual at this hour, and at rest or in activity, from now on."""
        self.baselines.enter(context_of(at_ms, self.parameters.context, active=active))

    def score(self, signs: Mapping[Sign, float], at_ms: int, barred: frozenset[Sign] = frozenset()) -> Scored:
        """What is unusual about `signs`, changing nothing; `barred` of them are not to be learned from later.

        Raises ValueError on NaN and infinities.
        """
        refuse_not_finite(signs)
        known = deviations(signs, at_ms, self._recent, self.baselines)
        raw = None if known is None else self._trees.score(known, at_ms)
        quantile = self._quantile.value
        threshold = None if quantile is None else quantile + self.parameters.margin
        return Scored(at_ms, signs, known, raw, threshold, barred)

    @property
    def warming_up(self) -> bool:
        """Whether the models cannot judge this patient yet."""
        return self._quantile.value is None

    def is_due(self, at_ms: int) -> bool:
        """Whether the models are to look at a moment for learning; in between they only take note."""
        return self._due_at_ms is None or at_ms - self._due_at_ms >= self.parameters.learn_every_s * 1000

    def lesson(self, scored: Scored) -> dict[Sign, float]:
        """What a due moment would teach: its signs, and those that other readings brought since the last due moment."""
        lesson = self._recent.since(self._due_at_ms, scored.at_ms)
        lesson.update(scored.taught)
        return lesson

    def learn(self, scored: Scored, *, held_back: bool = False) -> bool:
        """Learn from what was scored, if it is due, else take note of it; whether anything was learned.

        `held_back` says that it is flagged, beyond a hard limit or of an alarming NEWS2: it is not learned, until that
        has gone on for `pause_s_max`; then it is, slowly. Baselines hold themselves back as well (`stream.baseline`).
        """
        at_ms = scored.at_ms
        if not self.is_due(at_ms):
            self.observe(scored)
            return False
        lesson = self.lesson(scored)
        every_s = self._every_s(at_ms, held_back=held_back)
        self._due_at_ms = at_ms
        self.observe(scored)
        self.baselines.learn(lesson, at_ms, alarming=every_s is None)
        if every_s is None or (self._learned_at_ms is not None and at_ms - self._learned_at_ms < every_s * 1000):
            return False
        self._learned_at_ms = at_ms
        if scored.deviations is not None:
            barred = self._recent.barred
            if scored.raw is not None and not barred:
                self._quantile.learn(scored.raw, at_ms)
            self._trees.learn({sign: away for sign, away in scored.deviations.items() if sign not in barred}, at_ms)
        return True

    def observe(self, scored: Scored) -> None:
        """Take note of a moment that came in order, without learning from it."""
        self._recent.take(scored.signs, scored.at_ms, scored.barred)

    def dump(self) -> PipelineState:
        """The whole state; what loads it goes on bit-identically. Shares records with the pipeline: encode it at once."""
        return PipelineState(
            baselines=self.baselines.dump(),
            trees=self._trees.dump(),
            quantile=self._quantile.dump(),
            recent=self._recent,
            learned_at_ms=self._learned_at_ms,
            due_at_ms=self._due_at_ms,
            paused_s=self._paused_s,
        )

    def _every_s(self, at_ms: int, *, held_back: bool) -> float | None:
        """How often to learn now; None for not at all."""
        if not held_back:
            self._paused_s = 0.0
            return self.parameters.learn_every_s
        if self._due_at_ms is not None:
            self._paused_s += min((at_ms - self._due_at_ms) / 1000, self.parameters.gap_s_max)
        return self.parameters.paused_learn_every_s if self._paused_s > self.parameters.pause_s_max else None
