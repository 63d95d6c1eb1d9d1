"""River's own logistic regression as a candidate: the yardstick in the shadow that anything better has to beat. Pure.

Standardised features, one step of gradient descent a lesson. It knows no missingness, no curves and no imbalance: what
the champion gains over it is what those are worth on this ward.
"""

import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec
from river import linear_model, optim, preprocessing

from stream.risk_loading import FEATURES_MAX, check_numbers
from vitals.errors import SnapshotMismatch

LEARNING_RATE: Final = 0.02
L2: Final = 1e-4
BASE_RATE: Final = 0.02
"""The share of positives before anything is learned."""
_SPREADS_MAX: Final = 5.0
"""A feature further out pulls no harder."""
_LOG_ODDS_MAX: Final = 30.0


class LinearScore(NamedTuple):
    """What it makes of one patient's features: `intercept + sum(contributions.values()) == log_odds`."""

    probability: float
    log_odds: float
    intercept: float
    contributions: Mapping[str, float]


class _State(msgspec.Struct):
    """All of it, as plain records, in the order in which features were met: the order of sums."""

    counts: dict[str, int]
    means: dict[str, float]
    variances: dict[str, float]
    weights: dict[str, float]
    intercept: float
    steps: int


class RiverLogistic:
    """See `stream.population.PopulationModel`."""

    def __init__(self) -> None:
        self._scaler: Any = preprocessing.StandardScaler()
        self._model: Any = linear_model.LogisticRegression(
            optimizer=optim.SGD(LEARNING_RATE),
            l2=L2,
            intercept_init=math.log(BASE_RATE / (1 - BASE_RATE)),
            intercept_lr=LEARNING_RATE,
        )

    @property
    def is_taught(self) -> bool:
        """Whether it has learned anything."""
        return bool(self._model.optimizer.n_iterations)

    def score(self, features: Mapping[str, float], /) -> LinearScore:
        """The risk of whoever has these features; changes nothing. What is absent or was never learned adds nothing."""
        weights = self._model._weights  # noqa: SLF001 - River's public view of them is a slow copy
        contributions = {
            name: weights[name] * value for name, value in self._scaled(features).items() if name in weights
        }
        intercept = float(self._model.intercept)
        log_odds = intercept + sum(contributions.values())
        held = min(max(log_odds, -_LOG_ODDS_MAX), _LOG_ODDS_MAX)
        return LinearScore(1 / (1 + math.exp(-held)), log_odds, intercept, contributions)

    def learn(self, features: Mapping[str, float], label: bool, weight: float, /) -> None:  # noqa: FBT001 - as River's
        """Learn one lesson; raises ValueError on what is not finite or a weight not above 0, before anything moved."""
        if not all(map(math.isfinite, features.values())):
            raise ValueError("A lesson's features must be finite; what is not known is left out.")
        if not 0 < weight < math.inf:
            raise ValueError(f"A lesson cannot weigh {weight}.")
        self._scaler.learn_one(features)
        self._model.learn_one(self._scaled(features), label, w=weight)

    def dump(self) -> bytes:
        """All of it."""
        scaler, model = self._scaler, self._model
        state = _State(
            dict(scaler.counts),
            dict(scaler.means),
            dict(scaler.vars),
            {name: float(weight) for name, weight in model.weights.items()},
            float(model.intercept),
            model.optimizer.n_iterations,
        )
        return msgspec.msgpack.encode(state)

    @classmethod
    def load(cls, blob: bytes, /) -> "RiverLogistic":
        """As `dump` described it; raises SnapshotMismatch where it cannot be, or holds what is no finite number."""
        try:
            state = msgspec.msgpack.decode(blob, type=_State)
        except msgspec.DecodeError as error:
            raise SnapshotMismatch(f"A risk model has another shape: {error}.") from error
        _check(state)
        loaded = cls()
        loaded._scaler.counts.update(state.counts)
        loaded._scaler.means.update(state.means)
        loaded._scaler.vars.update(state.variances)
        for name, weight in state.weights.items():
            loaded._model._weights[name] = weight  # noqa: SLF001 - River has no other way to say it
        loaded._model.intercept = state.intercept
        loaded._model.optimizer.n_iterations = state.steps
        return loaded

    def _scaled(self, features: Mapping[str, float]) -> dict[str, float]:
        """In spreads of what was learned; what never varied says nothing."""
        counts, means, variances = self._scaler.counts, self._scaler.means, self._scaler.vars
        scaled: dict[str, float] = {}
        for name, value in features.items():
            if counts.get(name, 0) and (variance := variances[name]) > 0:
                scaled[name] = min(max((value - means[name]) / math.sqrt(variance), -_SPREADS_MAX), _SPREADS_MAX)
        return scaled


def _check(state: _State) -> None:
    """Raises SnapshotMismatch."""
    names = state.counts.keys()
    if len(names) > FEATURES_MAX or state.means.keys() != names or not state.variances.keys() <= names:
        raise SnapshotMismatch("A risk model's features do not fit one another.")
    if not state.weights.keys() <= names or state.steps < 0:
        raise SnapshotMismatch("A risk model's weights are not those of its features.")
    check_numbers([*state.counts.values(), *state.variances.values()], "spreads", least=0)
    check_numbers([*state.means.values(), *state.weights.values(), state.intercept], "weights")
