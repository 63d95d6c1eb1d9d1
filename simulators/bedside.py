"""What a patient's devices report, and when: most signs in each reading, pressure by cuff, a nurse's entries on rounds.

Pure. Readings are made a block at a time, so that a thousand of them cost little more than one.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from simulators.physiology import INTEGER_SIGNS, Array, Physiology, Signs, as_reported
from simulators.scenarios import Scenario
from simulators.scenarios.course import DeviceCourse
from simulators.truth import ChartedTruth
from vitals.sign import Sign

Measured = dict[str, float | bool | str]

CUFF_EVERY_S = 60.0
ROUND_EVERY_S = 300.0
_BLOCK_READINGS = 64
_BATTERY_S = 72 * 3600.0
_CUFF_SIGNS = (Sign.SYSTOLIC, Sign.DIASTOLIC, Sign.MEAN_PRESSURE)
_AVERAGED_MOMENTS = 6
"""So many moments, evenly spread, make the mean of an averaging device."""


class Sampling(NamedTuple):
    """When a bed's device measures: reading `n` at `phase_s + n / rate_hz` seconds of the course."""

    rate_hz: float
    phase_s: float
    day_s: float
    """Seconds after local midnight at second 0 of the course."""
    cuff_phase_s: float
    """Shifts this bed's cuff and rounds against other beds'."""
    burst: int = 1
    """So many readings come a second apart, then a pause, at the same rate on the whole."""
    average_s: float = 0.0
    """A reading is the mean over this long before it, as slow wearables report; 0 is the moment itself."""

    def elapsed_s(self, numbers: Array) -> Array:
        """Seconds of the course at which these readings are measured."""
        if self.burst == 1:
            return self.phase_s + numbers / self.rate_hz
        bursts, within = np.divmod(numbers, self.burst)
        result: Array = self.phase_s + bursts * (self.burst / self.rate_hz) + within
        return result


class Bedside:
    """The devices at one bed."""

    def __init__(self, *, physiology: Physiology, scenario: Scenario, sampling: Sampling, has_rounds: bool) -> None:
        self._physiology = physiology
        self._scenario = scenario
        self._sampling = sampling
        self._device = scenario.device
        self._truth = scenario.truth()
        self._has_rounds = has_rounds
        """Whether consciousness and oxygen are charted here; without them NEWS2 stays an interval."""
        self._block_number = -1
        self._block: Sequence[Measured] = ()

    def reading(self, number: int) -> Measured:
        """What reading `number` says, sign names to values; empty where there is nothing to report. Best asked in order."""
        block, index = divmod(number, _BLOCK_READINGS)
        if block != self._block_number:
            self._block = self._make(block * _BLOCK_READINGS)
            self._block_number = block
        return self._block[index]

    def elapsed_s(self, number: int) -> float:
        """Second of the course at which reading `number` is measured."""
        return float(self._sampling.elapsed_s(np.float64(number)))  # type: ignore[arg-type]

    def _make(self, first: int) -> list[Measured]:
        numbers = np.arange(first, first + _BLOCK_READINGS, dtype=np.float64)
        elapsed_s = self._sampling.elapsed_s(numbers)
        signs = self._averaged(elapsed_s) if self._sampling.average_s else self._sensed(elapsed_s)
        signs = as_reported(signs)
        cuff = {sign: signs.pop(sign) for sign in _CUFF_SIGNS}
        readings = _rows(signs)
        pressures = _rows(cuff)
        before_s = self._sampling.elapsed_s(numbers - 1)
        for index in self._due(numbers, elapsed_s, before_s, CUFF_EVERY_S):
            if readings[index]:
                readings[index] |= pressures[index]
        for index in self._due(numbers, elapsed_s, before_s, ROUND_EVERY_S):
            if readings[index]:
                readings[index] |= self._round(float(elapsed_s[index]))
        unpowered = self._device.unpowered
        if unpowered is not None:
            for dark in np.flatnonzero((elapsed_s >= unpowered.from_s) & (elapsed_s < unpowered.until_s)):
                readings[int(dark)] = {}
        return readings

    def _sensed(self, elapsed_s: Array) -> Signs:
        healthy = self._physiology.signs(elapsed_s, self._sampling.day_s + elapsed_s)
        return self._scenario.sense(elapsed_s, self._scenario.shape(elapsed_s, healthy))

    def _averaged(self, elapsed_s: Array) -> Signs:
        """Means over `average_s` before each moment; a moment more than half of which is missing has no value."""
        back_s = np.linspace(self._sampling.average_s, 0, _AVERAGED_MOMENTS)
        signs = self._sensed((elapsed_s[:, None] - back_s).ravel())
        averaged = {}
        for sign, values in signs.items():
            table = values.reshape(len(elapsed_s), _AVERAGED_MOMENTS)
            is_missing = np.isnan(table)
            present = _AVERAGED_MOMENTS - is_missing.sum(axis=1)
            mean = np.where(is_missing, 0.0, table).sum(axis=1) / np.maximum(present, 1)
            # Steps are a count: the last value, not a mean.
            mean = np.where(2 * present < _AVERAGED_MOMENTS, np.nan, mean)
            averaged[sign] = table[:, -1] if sign is Sign.STEPS else mean
        return averaged

    def _due(self, numbers: Array, elapsed_s: Array, before_s: Array, every_s: float) -> list[int]:
        """Indices of the readings that are the first of the course or of their period."""
        phase_s = self._sampling.cuff_phase_s
        is_next = np.floor((elapsed_s + phase_s) / every_s) != np.floor((before_s + phase_s) / every_s)
        return [int(index) for index in np.flatnonzero(is_next | (numbers == 0))]

    def _round(self, elapsed_s: float) -> Measured:
        entered: Measured = {Sign.BATTERY.value: battery_percent(self._device, elapsed_s)}
        if self._has_rounds:
            charted = self._truth.charted_at(elapsed_s) or ChartedTruth(0.0)
            entered[Sign.CONSCIOUSNESS.value] = charted.consciousness or "A"
            entered[Sign.SUPPLEMENTAL_OXYGEN.value] = bool(charted.supplemental_oxygen)
        return entered


def battery_percent(device: DeviceCourse, elapsed_s: float) -> int:
    """Charge at this second: full at the start, or as low as it must be to run empty when it does; charged when empty."""
    unpowered = device.unpowered
    if unpowered is not None and elapsed_s < unpowered.until_s:
        return max(0, min(100, math.floor(100 * (unpowered.from_s - elapsed_s) / _BATTERY_S)))
    since_s = elapsed_s - (0.0 if unpowered is None else unpowered.until_s)
    return 100 - math.floor(100 * (since_s % _BATTERY_S) / _BATTERY_S)


def _rows(signs: Signs) -> list[Measured]:
    """Columns to one mapping per moment; what is NaN is absent."""
    names = [sign.value for sign in signs]
    if not any(bool(np.isnan(values).any()) for values in signs.values()):
        whole = [
            (values.astype(np.int64) if sign in INTEGER_SIGNS else values).tolist() for sign, values in signs.items()
        ]
        return [dict(zip(names, row, strict=True)) for row in zip(*whole, strict=True)]
    columns = [(sign.value, sign in INTEGER_SIGNS, values.tolist()) for sign, values in signs.items()]
    count = len(next(iter(signs.values())))
    return [
        {
            name: int(values[index]) if is_whole else values[index]
            for name, is_whole, values in columns
            if not math.isnan(values[index])
        }
        for index in range(count)
    ]
