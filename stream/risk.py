"""The risk of deterioration of one patient: windows over what passed the quality gate, scored by the version in force. Pure.

Of adults: the model never learned of children. It adds a figure and ranks; it lowers no score and gates no alarm.
"""

import math
from collections.abc import Mapping
from typing import Final

import msgspec

from stream.population import InForce, Probable, ScoredRisk
from stream.risk_shapes import SHAPES
from stream.risk_windows import PIPELINE_HASH, RiskHours, RiskWindows
from vitals.assessment import RiskParts
from vitals.model_version import SHIPPED
from vitals.sex import Sex
from vitals.sign import Sign

SCORE_EVERY_MS: Final = 300_000
"""Readings closer together share a score: every feature is of hours, and the cost of a fast stream stays small."""

STANDS_MS: Final = 2 * 3_600_000
"""For so long a score stands while nothing is heard of the patient but a battery or steps: two rounds of an hour; our choice."""

PARTS_TOLD: Final = 4
"""A nurse reads a line, not a list; our choice."""
_LAST: Final = ".last"
_KNOWN_BY: Final = {
    **{name.removesuffix(_LAST): name for name in SHAPES if name.endswith(_LAST)},
    Sign.MEAN_PRESSURE.value: f"{Sign.MEAN_PRESSURE.value}.slope_24h",
}
"""By subject the feature that is there whenever its value is known; age and sex were never measured by a device."""


class RiskState(msgspec.Struct):
    """The whole state of one patient's risk, as plain records; mutable."""

    pipeline: str = PIPELINE_HASH
    """Hash of the code that made the windows: another code starts them anew."""
    hours: RiskHours = msgspec.field(default_factory=RiskHours)
    scored_at_ms: int | None = None
    features: dict[str, float] = {}
    """As they were scored last, so that a restored patient shares the same score as one that never stopped."""
    probability: float | None = None
    number: int = SHIPPED
    parts: RiskParts | None = None


class PatientRisk:
    """One patient's windows and last score; not thread-safe."""

    __slots__ = ("_state", "_told", "_windows")

    def __init__(self, state: RiskState | None = None) -> None:
        self._state = RiskState() if state is None or state.pipeline != PIPELINE_HASH else state
        self._windows = RiskWindows(self._state.hours)
        self._told: ScoredRisk | None = None
        """The last score as it is handed out, once it has been."""

    def step(
        self, signs: Mapping[Sign, float], at_ms: int, age_years: float | None, sex: Sex | None, in_force: InForce
    ) -> ScoredRisk | None:
        """Take in what passed the gate and score it; None without a population model, or while no sign is known.

        A model that knows nothing tells no probability; its features are noted all the same, to learn from.
        Scores at most once in `SCORE_EVERY_MS`; in between the last score stands, unless another version came.
        """
        windows, state = self._windows, self._state
        windows.take(signs, at_ms)
        number, model = in_force.number, in_force.model
        if model is None or not state.hours.signs:
            return None
        last_ms = state.scored_at_ms
        if last_ms is None or not 0 <= at_ms - last_ms < SCORE_EVERY_MS or number != state.number:
            features = windows.features(at_ms, age_years, sex)
            state.scored_at_ms, state.features, state.number = at_ms, features, number
            state.probability = state.parts = self._told = None
            if model.is_taught:
                score = model.score(features)
                if not math.isfinite(score.log_odds):
                    raise ValueError(f"Version {number} of the population model tells log-odds of {score.log_odds}.")
                state.probability, state.parts = score.probability, parts_of(score, features)
        if self._told is None:
            self._told = ScoredRisk(state.features, state.probability, PIPELINE_HASH, number, state.parts)
        return self._told

    def standing(self, at_ms: int, in_force: InForce) -> ScoredRisk | None:
        """The last score, for a moment that says nothing of the patient; takes no note of it.

        None once it is older than `STANDS_MS`, or where another version is in force by now.
        """
        state = self._state
        if in_force.model is None or state.scored_at_ms is None or state.number != in_force.number:
            return None
        if not 0 <= at_ms - state.scored_at_ms <= STANDS_MS:
            return None
        return ScoredRisk(state.features, state.probability, PIPELINE_HASH, state.number, state.parts, is_new=False)

    def dump(self) -> RiskState:
        """The whole state; what loads it goes on bit-identically. Shared with the patient: encode it at once."""
        return self._state


def parts_of(score: Probable, features: Mapping[str, float]) -> RiskParts:
    """What brought the score of these features: the strongest by what they are of, which of them are not known, and the rest."""
    by_subject: dict[str, float] = {}
    known = by_subject.get
    for name, log_odds in score.contributions.items():
        subject = _SUBJECTS.get(name) or _subject_of(name)
        by_subject[subject] = known(subject, 0.0) + log_odds
    ranked = sorted([(-abs(log_odds), subject) for subject, log_odds in by_subject.items()])
    others = sum([by_subject[subject] for _, subject in ranked[PARTS_TOLD:]])
    told = {subject: by_subject[subject] for _, subject in ranked[:PARTS_TOLD]}
    unmeasured = tuple([subject for subject in told if subject in _KNOWN_BY and _KNOWN_BY[subject] not in features])
    return RiskParts(score.log_odds, score.intercept, told, others, unmeasured)


def _subject_of(feature: str) -> str:
    return feature.partition(".")[0]


_SUBJECTS: Final = {name: _subject_of(name) for name in SHAPES}
