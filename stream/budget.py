"""The alert budget: how unusual a moment of this patient must be, so that people are told so often a day and no oftener.

What is budgeted are alerts, not readings. An alert begins when a score stays above its threshold for `delay_s`, and ends
when it stays at or below `released_share` of it for `clear_s` (alerts/rules.py, `judge_pattern`). Of one threshold that is a
small state machine; of all thresholds at once it is one number, the *sustained* score: the highest threshold at which an
alert would be open now. It rises to what the score has not fallen below for `delay_s`, and falls to what it has not exceeded
for `clear_s`, over that share. Each time it rises past a threshold, an alert would have begun there; so counting those gives
the rate of alerts at every threshold, whatever the cadence of readings, without trying any of them on people.

The threshold is the lowest one whose rate is within the budget. There are too few alerts in days to count them near it;
so counts lower down are continued as an exponential tail (peaks over threshold: Davison and Smith, J R Stat Soc B
1990;52:393), and what was seen at a level overrules what the tail says of it. What is known of patients in general stands in
for what is not yet known of this one: it is the threshold from the first score on, so that no crisis sets its own.
"""

import math
from array import array
from collections.abc import Sequence
from functools import lru_cache

import msgspec
import numpy as np

BIN = 0.125
"""Alerts are counted at multiples of this, in robust standard deviations."""
BINS = 128


class BudgetParameters(msgspec.Struct, frozen=True, kw_only=True):
    """How often, and how it is learned; all but the first our choice, tuned on simulated wards (docs/learning.md)."""

    unusual_per_day_max: float = 0.5
    """At most so many alerts of an unusual pattern a patient and day."""
    aimed_share: float = 0.5
    """Of that: the rate that the threshold is set for, since no estimate is exact."""
    delay_s: float = 120.0
    """For how long alerts let an unusual pattern last before they tell of it …"""
    clear_s: float = 300.0
    """… and for how long it must be over; `pattern_delay_s` and `pattern_clear_s` of the rules."""
    released_share: float = 0.7
    """What has lasted above a threshold is over only below this share of it: else one excursion would be told many times."""
    slot_s: float = 10.0
    """Scores closer together than this count as one moment."""
    gap_s_max: float = 3600.0
    """The most time that a pause stands for; after a longer one nothing has lasted."""
    time_constant_s: float = 4 * 24 * 3600.0
    """Time in which what was counted fades to 1/e."""
    learned_s_min: float = 1800.0
    """Time counted of this patient before the threshold is this patient's own; until then that of patients in general stands."""
    young_s: float = 6 * 3600.0
    """While less is known of this patient, what is not over raises no threshold: it may be the crisis to be told of."""
    expected_s: float = 24 * 3600.0
    """What is known of patients in general weighs like so much time of this one's (`expected_per_day`)."""
    passed_min: float = 3.0
    """A level is the root of the tail when it has been passed so often."""
    excess_expected: float = 1.0
    """How far beyond the root excursions go on average, in standard deviations, to begin with …"""
    excess_weight: float = 4.0
    """… which weighs like so many excursions."""
    threshold_min: float = 2.5
    """Nothing nearer to usual than this is unusual, however quiet the patient."""


class BudgetState(msgspec.Struct):
    """What was counted of one patient; mutable."""

    passed: list[float] = []
    """How often each threshold was passed, older times fading; of the lowest ones, up to the highest ever passed."""
    counted_s: float = 0.0
    """The time counted, fading likewise."""
    known_s: float = 0.0
    """The time counted of this patient alone, not fading, up to `young_s`."""
    sustained: float = 0.0
    last_ms: int | None = None
    scores: list[tuple[int, float, float]] = []
    """Slots of the last `clear_s`, oldest first: when each began, its lowest and its highest score."""
    threshold: float | None = None
    counted_ms: int | None = None
    """Until when `passed` and `counted_s` have faded."""
    intervals_ms: list[int] = []
    """The last few between scores."""


_INTERVALS_KEPT = 3
_GAP_FLOOR_MS = 15_000
_GAP_INTERVALS = 2.5
"""Which pause is a gap: as alerts judge it (`GapRule`)."""
_SETTLED_EVERY_MS = 1_800_000
_COUNTED_BEYOND = 1.0
"""So far beyond the threshold what follows an alert's beginning is counted: a crisis must not raise it to its own height."""
_FORGOTTEN = 1e-6
_PASSED_EXTRA = 0.5
"""Half an alert more than the budget so far may have been seen: counts are whole."""


class AlertBudget:
    """One patient's threshold; about 1 us a score at 1 Hz, 6 us at one a minute, 4 kB resident, 1.5 kB in a snapshot."""

    __slots__ = ("_parameters", "_passed", "_state")

    def __init__(self, parameters: BudgetParameters, state: BudgetState | None = None) -> None:
        self._parameters = parameters
        self._state = _expected(parameters) if state is None else state
        self._passed = array("d", self._state.passed) + array("d", bytes(8 * (BINS - len(self._state.passed))))

    @property
    def threshold(self) -> float | None:
        """What a score must exceed to be flagged; None before the first score."""
        return self._state.threshold

    def is_flagged(self, score: float | None) -> bool:
        """Whether a score lies above the threshold, or has lasted above it and is not well below it yet."""
        state = self._state
        if score is None or state.threshold is None:
            return False
        has_lasted = state.sustained > state.threshold
        return score > (self._parameters.released_share * state.threshold if has_lasted else state.threshold)

    def take(self, score: float | None, at_ms: int, *, held_back: bool = False) -> None:
        """Take note of a score; None, there was too little to score, is no news. What comes a little late counts as of now.

        `held_back` says that the patient is flagged, beyond a limit or of an alarming NEWS2: neither that time nor what is
        passed meanwhile is counted, but for the alert that begins with it; the threshold stays. Raises ValueError on a
        score that is negative or not finite, before anything moved.
        """
        if score is None:
            return
        if not (score >= 0 and math.isfinite(score)):
            raise ValueError(f"Score {score} is not in [0, infinity).")
        state = self._state
        if state.threshold is None:
            state.threshold = expected_threshold(self._parameters)
        slots = state.scores
        at_ms = at_ms if state.last_ms is None else max(at_ms, state.last_ms)
        if slots and 0 <= at_ms - slots[-1][0] < self._parameters.slot_s * 1000:
            began_ms, low, high = slots[-1]
            if not low <= score <= high:
                slots[-1] = (began_ms, min(low, score), max(high, score))
            return
        self._open(score, at_ms, held_back=held_back)

    def dump(self) -> BudgetState:
        """The whole state, as plain records."""
        last = max((number + 1 for number, count in enumerate(self._passed) if count), default=0)
        self._state.passed = self._passed[:last].tolist()
        return self._state

    @classmethod
    def load(cls, parameters: BudgetParameters, state: BudgetState) -> "AlertBudget":
        """The budget that `dump` described; its future is bit-identical."""
        return cls(parameters, state)

    def _open(self, score: float, at_ms: int, *, held_back: bool) -> None:
        """A new slot begins: see what has lasted until now."""
        state, parameters = self._state, self._parameters
        # `take` lets no time run backwards.
        elapsed_ms = 0 if state.last_ms is None else at_ms - state.last_ms
        state.last_ms = at_ms
        is_gap = elapsed_ms > _GAP_FLOOR_MS and elapsed_ms > _GAP_INTERVALS * self._usual_ms(elapsed_ms)
        if elapsed_ms:
            state.intervals_ms.append(elapsed_ms)
            del state.intervals_ms[:-_INTERVALS_KEPT]
        if is_gap:
            state.scores.clear()
        state.scores.append((at_ms, score, score))
        delay_ms = parameters.delay_s * 1000
        is_spot = elapsed_ms > delay_ms and self._usual_ms(elapsed_ms) > delay_ms
        before, state.sustained = state.sustained, self._sustained(score, at_ms, is_spot=is_spot and not is_gap)
        threshold = state.threshold
        begins = threshold is not None and before <= threshold < state.sustained
        self._count(before, state.sustained, held_back=held_back)
        if held_back:
            state.counted_ms = at_ms
            return
        counted_s = min(elapsed_ms / 1000, parameters.gap_s_max)
        state.counted_s += counted_s
        was_own = state.known_s >= parameters.learned_s_min
        if state.known_s < parameters.young_s or not was_own:
            state.known_s = min(state.known_s + counted_s, max(parameters.learned_s_min, parameters.young_s))
        is_own = state.known_s >= parameters.learned_s_min
        if begins or (is_own and not was_own) or self._is_due(at_ms):
            self._settle(at_ms)

    def _count(self, before: float, after: float, *, held_back: bool) -> None:
        """Count the thresholds that were passed; of an alert of this patient's own not much beyond the one it has."""
        if after <= before:
            return
        if held_back:
            threshold = self._state.threshold
            if threshold is None or after <= threshold:
                return
            after = min(after, threshold + _COUNTED_BEYOND)
        for number in range(math.ceil(before / BIN), min(math.ceil(after / BIN), BINS)):
            self._passed[number] += 1.0

    def _is_due(self, at_ms: int) -> bool:
        counted_ms = self._state.counted_ms
        return counted_ms is None or at_ms // _SETTLED_EVERY_MS != counted_ms // _SETTLED_EVERY_MS

    def _usual_ms(self, elapsed_ms: int) -> int:
        known = self._state.intervals_ms
        return sorted(known)[(len(known) - 1) // 2] if known else elapsed_ms

    def _sustained(self, score: float, at_ms: int, *, is_spot: bool) -> float:
        """The highest threshold at which an alert would be open now."""
        slots, parameters, sustained = self._state.scores, self._parameters, self._state.sustained
        clear_ms = at_ms - round(parameters.clear_s * 1000)
        if is_spot:
            _forget(slots, clear_ms)
            return max(score, min(sustained, score / parameters.released_share))
        kept_above = _kept_above(slots, at_ms - round(parameters.delay_s * 1000))
        _forget(slots, clear_ms)
        # Where scores reach back to the moment of clearing, the slot that does is the first of those left.
        if slots[0][0] <= clear_ms:
            kept_below = max([high for _, _, high in slots])
            sustained = min(sustained, kept_below / parameters.released_share)
        return max(sustained, kept_above)

    def _settle(self, at_ms: int) -> None:
        """Let what was counted fade, and find the threshold."""
        state, parameters, passed = self._state, self._parameters, self._passed
        if state.counted_ms is not None and at_ms > state.counted_ms:
            elapsed_s = min((at_ms - state.counted_ms) / 1000, parameters.gap_s_max)
            keep = math.exp(-elapsed_s / parameters.time_constant_s)
            state.counted_s *= keep
            counts = np.frombuffer(passed)
            self._passed = passed = array("d", np.where(counts > _FORGOTTEN, counts * keep, 0.0).tobytes())
        state.counted_ms = at_ms
        if state.known_s >= parameters.learned_s_min:
            found, threshold = _found(passed, state.counted_s / 86_400, parameters), state.threshold
            rises = threshold is not None and found > threshold
            if not rises or state.known_s >= parameters.young_s or self._is_over():
                state.threshold = found

    def _is_over(self) -> bool:
        """Whether nothing that lasts, and nothing lately, is near the threshold."""
        state = self._state
        released = self._parameters.released_share * (state.threshold or 0.0)
        return state.sustained <= released and all(high <= released for _, _, high in state.scores)


def _kept_above(slots: Sequence[tuple[int, float, float]], from_ms: int) -> float:
    """What no score since a moment lay below; 0 where scores do not reach back so far."""
    if slots[0][0] > from_ms:
        return 0.0
    at = len(slots) - 1
    while slots[at][0] > from_ms:
        at -= 1
    return min([low for _, low, _ in slots[at:]])


def _forget(slots: list[tuple[int, float, float]], before_ms: int) -> None:
    """Drop the slots that end before a moment."""
    while len(slots) > 1 and slots[1][0] <= before_ms:
        del slots[0]


def expected_per_day(threshold: float) -> float:
    """How often a day the sustained score of a patient in health passes a threshold: so it is on simulated wards."""
    return 3.6 * math.exp(-max(threshold - 3.0, 0.0) / 0.95)


def _expected(parameters: BudgetParameters) -> BudgetState:
    days = parameters.expected_s / 86_400
    return BudgetState(
        passed=[days * expected_per_day(number * BIN) for number in range(BINS)], counted_s=parameters.expected_s
    )


@lru_cache(maxsize=16)
def expected_threshold(parameters: BudgetParameters) -> float:
    """The threshold of patients in general, of whom nothing else is known."""
    state = _expected(parameters)
    return _found(state.passed, state.counted_s / 86_400, parameters)


def _found(passed: Sequence[float], days: float, parameters: BudgetParameters) -> float:
    """The lowest threshold within the budget, where each was passed so often in so many days."""
    per_day = parameters.unusual_per_day_max * parameters.aimed_share
    root = _highest(passed, parameters.passed_min)
    excess = BIN * sum(passed[root + 1 :])
    weight = parameters.excess_weight
    mean_excess = (excess + weight * parameters.excess_expected) / (passed[root] + weight)
    rate = max(passed[root], parameters.passed_min) / days
    by_tail = root * BIN + mean_excess * math.log(max(rate / per_day, 1.0))
    allowed = per_day * days + _PASSED_EXTRA
    seen = max([number + 1 for number in range(root, BINS) if passed[number] > allowed], default=0)
    return max(by_tail, seen * BIN, parameters.threshold_min)


def _highest(passed: Sequence[float], least: float) -> int:
    """The highest threshold that was passed so often; 0 where none was."""
    for number in range(BINS - 1, 0, -1):
        if passed[number] >= least:
            return number
    return 0
