"""One patient's models in the order in which a reading passes: baselines, unusual pattern, alert budget, trends."""

import hashlib
from collections.abc import Mapping
from functools import cached_property

import msgspec

from stream.anomaly import Unusual, UnusualParameters, UnusualPattern, UnusualState, shown
from stream.anomaly_trees import DEVIATION_LIMITS, RIVER_VERSION
from stream.baseline import BaselineParameters, PersonalBaselines, SignBaseline, refuse_not_finite
from stream.budget import AlertBudget, BudgetParameters, BudgetState
from stream.context import QUARTER_MS, ContextParameters, context_of
from stream.features import RecentSigns
from stream.trend import SignTrend, TrendForecasts, TrendParameters
from vitals.age import AgeBand
from vitals.assessment import Trend
from vitals.sign import Sign

MODEL_REVISION = 9
"""Raise it whenever the same state would score differently: older snapshots are then not loaded."""


class PipelineParameters(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Everything that shapes one patient's models; equal for all patients of a deployment."""

    context: ContextParameters = ContextParameters()
    baseline: BaselineParameters = BaselineParameters()
    unusual: UnusualParameters = UnusualParameters()
    budget: BudgetParameters = BudgetParameters()
    trend: TrendParameters = TrendParameters()
    learn_every_s: float = 10.0
    """Moments closer together than this teach only once, so that a window is a time whatever the rate."""
    pause_s_max: float = 6 * 3600.0
    """After this much time of being held back without a break the models learn again, slowly …"""
    flagged_pause_s_max: float = 48 * 3600.0
    """… and after this much where the pattern is unusual: a deterioration of a day and a night stays one …"""
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


class Scored(msgspec.Struct, frozen=True):
    """What the models say of one moment before they learn from it; needed to learn, so that nothing learns first."""

    at_ms: int
    signs: Mapping[Sign, float]
    unusual: Unusual | None
    """None where the models broke, and of a late moment, of which they say nothing."""
    own_threshold: float | None
    """What the score must exceed, in standard deviations; None while the models warm up."""
    barred: frozenset[Sign] = frozenset()
    """Of `signs`, what nothing may be learned from."""
    flagged: bool = False
    """Whether the score lies above the patient's own threshold, or has lasted above it and is not well below it yet."""
    trends: tuple[Trend, ...] = ()
    """Signs that are going somewhere."""

    @property
    def taught(self) -> Mapping[Sign, float]:
        """What may be learned from."""
        barred = self.barred
        return {sign: value for sign, value in self.signs.items() if sign not in barred} if barred else self.signs

    @property
    def warming_up(self) -> bool:
        """Whether the models cannot judge this patient yet."""
        return self.own_threshold is None

    @property
    def score(self) -> float | None:
        """How unusual, in standard deviations, known also while warming up; None where too little is known."""
        return None if self.unusual is None else self.unusual.score

    @property
    def anomaly(self) -> float | None:
        """The score in [0, 1]; None while warming up or where too little is known."""
        return None if self.own_threshold is None or self.score is None else shown(self.score)

    @property
    def threshold(self) -> float | None:
        """What `anomaly` must exceed; None while the models warm up."""
        return None if self.own_threshold is None else shown(self.own_threshold)


class PipelineState(msgspec.Struct):
    """The whole state of one patient's models, as plain records."""

    baselines: dict[Sign, SignBaseline]
    unusual: UnusualState
    budget: BudgetState
    trends: dict[Sign, SignTrend]
    recent: RecentSigns
    learned_at_ms: int | None
    due_at_ms: int | None
    paused_s: float


class PatientPipeline:
    """One patient's models. Score first, then offer what was scored for learning; not thread-safe."""

    def __init__(self, parameters: PipelineParameters, state: PipelineState | None = None) -> None:
        self.parameters = parameters
        self._active = False
        self._entered: tuple[int, bool, AgeBand | None] | None = None
        """In which quarter of an hour, and as whom: within it no clock changes the context."""
        if state is None:
            self.baselines = PersonalBaselines(parameters.baseline)
            self._unusual = UnusualPattern(parameters.unusual)
            self._budget = AlertBudget(parameters.budget)
            self._trends = TrendForecasts(parameters.trend)
            self._recent = RecentSigns()
            self._learned_at_ms: int | None = None
            self._due_at_ms: int | None = None
            self._paused_s = 0.0
            return
        self.baselines = PersonalBaselines.load(parameters.baseline, state.baselines)
        self._unusual = UnusualPattern(parameters.unusual, state.unusual)
        self._budget = AlertBudget.load(parameters.budget, state.budget)
        self._trends = TrendForecasts.load(parameters.trend, state.trends)
        self._recent = state.recent
        self._learned_at_ms = state.learned_at_ms
        self._due_at_ms = state.due_at_ms
        self._paused_s = state.paused_s

    def enter(self, at_ms: int, *, active: bool, band: AgeBand | None = None) -> None:
        """Judge by what is usual at this hour, at rest or in activity, and healthy at this age, until the next is entered.

        To be called before each moment is scored: it is no part of the state.
        """
        entered = at_ms // QUARTER_MS, active, band
        if entered == self._entered:
            return
        self._entered, self._active = entered, active
        self.baselines.enter(context_of(at_ms, self.parameters.context, active=active), band)

    def score(self, signs: Mapping[Sign, float], at_ms: int, barred: frozenset[Sign] = frozenset()) -> Scored:
        """What is unusual about `signs`, changing nothing; `barred` of them are not to be learned from later.

        Raises ValueError on NaN and infinities.
        """
        refuse_not_finite(signs)
        unusual = self._unusual.judge(signs, at_ms, self.baselines, exerted=self._active)
        flagged = self._budget.is_flagged(unusual.score)
        trends = self._trends.tell(at_ms, self.baselines, flagged=flagged)
        return Scored(at_ms, signs, unusual, self._budget.threshold, barred, flagged, trends)

    def silent(self, at_ms: int) -> Scored:
        """Of a late moment: nothing. What was usual then, and what came shortly before, nobody knows any more."""
        return Scored(at_ms, {}, None, self._budget.threshold)

    @property
    def warming_up(self) -> bool:
        """Whether the models cannot judge this patient yet."""
        return self._budget.threshold is None

    def is_due(self, at_ms: int) -> bool:
        """Whether the models are to look at a moment for learning; in between they only take note."""
        return self._due_at_ms is None or at_ms - self._due_at_ms >= self.parameters.learn_every_s * 1000

    def lesson(self, scored: Scored) -> Mapping[Sign, float]:
        """What a due moment would teach: its signs, and those that other readings brought since the last due moment."""
        if not self._recent.values:
            return scored.taught
        lesson = self._recent.lesson()
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
        every_s = self._every_s(at_ms, held_back=held_back, flagged=scored.flagged)
        self._due_at_ms = at_ms
        self.observe(scored)
        self._recent.taught()
        last_ms = self._learned_at_ms
        learns = every_s is not None and (last_ms is None or at_ms - last_ms >= every_s * 1000)
        self.baselines.learn(lesson, at_ms, alarming=not learns and every_s != self.parameters.learn_every_s)
        if not learns:
            return False
        self._learned_at_ms = at_ms
        if scored.unusual is not None and not held_back and not self._recent.barred:
            self._unusual.learn(scored.unusual)
        return True

    def observe(self, scored: Scored) -> None:
        """Take note of a moment that came in order, without learning from it.

        The budget counts by itself, at whatever moment, what alerts a threshold would have brought.
        """
        self._recent.take(scored.signs, scored.barred)
        if scored.unusual is not None:
            self._unusual.observe(scored.unusual)
            held_back = scored.flagged or self._paused_s > 0
            self._budget.take(scored.unusual.score, scored.at_ms, held_back=held_back)
        if scored.trends:
            self._trends.watch(scored.trends, scored.at_ms)
        self._trends.take(scored.taught, scored.at_ms)

    def dump(self) -> PipelineState:
        """The whole state; what loads it goes on bit-identically. Shares records with the pipeline: encode it at once."""
        return PipelineState(
            baselines=self.baselines.dump(),
            unusual=self._unusual.dump(),
            budget=self._budget.dump(),
            trends=self._trends.dump(),
            recent=self._recent,
            learned_at_ms=self._learned_at_ms,
            due_at_ms=self._due_at_ms,
            paused_s=self._paused_s,
        )

    def _every_s(self, at_ms: int, *, held_back: bool, flagged: bool) -> float | None:
        """How often to learn now; None for not at all."""
        if not held_back:
            self._paused_s = 0.0
            return self.parameters.learn_every_s
        if self._due_at_ms is not None:
            self._paused_s += min((at_ms - self._due_at_ms) / 1000, self.parameters.gap_s_max)
        pause_s_max = self.parameters.flagged_pause_s_max if flagged else self.parameters.pause_s_max
        return self.parameters.paused_learn_every_s if self._paused_s > pause_s_max else None
