"""What is rare for one patient: the high quantile of their own anomaly scores, which compare only within one patient."""

import math

import msgspec


class QuantileParameters(msgspec.Struct, frozen=True, kw_only=True):
    """What counts as rare for this patient."""

    quantile: float = 0.999
    time_constant_s: float = 2 * 24 * 3600.0
    """Time in which an old score fades to 1/e."""
    gap_s_max: float = 3600.0
    """The most time a pause fades."""
    count_min: int = 24
    """Scores before there is a quantile."""
    span_s_min: float = 900.0
    """Time from the first score before there is a quantile."""


class QuantileState(msgspec.Struct):
    """A histogram of one patient's scores, older ones fading; mutable."""

    bins: dict[int, float] = {}
    total: float = 0.0
    count: int = 0
    first_ms: int = 0
    last_ms: int = 0


_BINS_PER_UNIT = 200


class OwnQuantile:
    """The high quantile of one patient's own scores, to 1/200, over scores in [0, 1] that fade with time."""

    def __init__(self, parameters: QuantileParameters, state: QuantileState | None = None) -> None:
        self._parameters = parameters
        self._state = QuantileState() if state is None else state
        self.value = self._computed()
        """The quantile, rounded up to 1/200; None while too few scores are known."""

    def learn(self, score: float, at_ms: int) -> None:
        """Take one score in."""
        if not 0 <= score <= 1:
            raise ValueError(f"Score {score} is not in [0, 1].")
        state = self._state
        if not state.count:
            state.first_ms = state.last_ms = at_ms
        elapsed_s = min(max(at_ms - state.last_ms, 0) / 1000, self._parameters.gap_s_max)
        keep = math.exp(-elapsed_s / self._parameters.time_constant_s)
        for bin_number in state.bins:
            state.bins[bin_number] *= keep
        bin_number = int(score * _BINS_PER_UNIT)
        state.bins[bin_number] = state.bins.get(bin_number, 0.0) + 1.0
        state.total = state.total * keep + 1.0
        state.count += 1
        state.last_ms = max(at_ms, state.last_ms)
        self.value = self._computed()

    def dump(self) -> QuantileState:
        """The whole state, as plain records."""
        return self._state

    @classmethod
    def load(cls, parameters: QuantileParameters, state: QuantileState) -> "OwnQuantile":
        """The quantile that `dump` described; its future is bit-identical."""
        return cls(parameters, state)

    def _computed(self) -> float | None:
        state, parameters = self._state, self._parameters
        if state.count < parameters.count_min or state.last_ms - state.first_ms < parameters.span_s_min * 1000:
            return None
        rarer = (1 - parameters.quantile) * state.total
        above = 0.0
        for bin_number in sorted(state.bins, reverse=True):
            above += state.bins[bin_number]
            if above > rarer:
                return (bin_number + 1) / _BINS_PER_UNIT
        raise AssertionError("The bins hold less than their total.")
