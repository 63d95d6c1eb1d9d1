"""What a patient's devices report, and when: most signs in each reading, pressure by cuff, a nurse's entries on rounds.

Pure. Readings are made a block at a time, so that a thousand of them cost little more than one.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from simulators.physiology import INTEGER_SIGNS, Array, Physiology, Signs, as_reported
from simulators.scenarios import Scenario
from vitals.sign import Sign

Measured = dict[str, float | bool | str]

CUFF_EVERY_S = 60.0
ROUND_EVERY_S = 300.0
_BLOCK_S_MAX = 64.0
"""A block must not outlast a slow device's patience for being built."""
_BLOCK_READINGS_MAX = 64
_BATTERY_HOURS = 72.0
_CUFF_SIGNS = (Sign.SYSTOLIC, Sign.DIASTOLIC, Sign.MEAN_PRESSURE)


class Sampling(NamedTuple):
    """When a bed's device measures: reading `n` at `phase_s + n / rate_hz` seconds of the course."""

    rate_hz: float
    phase_s: float
    day_s: float
    """Seconds after local midnight at second 0 of the course."""
    cuff_phase_s: float
    """Shifts this bed's cuff and rounds against other beds'."""


class Bedside:
    """The devices at one bed."""

    def __init__(self, *, physiology: Physiology, scenario: Scenario, sampling: Sampling, has_rounds: bool) -> None:
        self._physiology = physiology
        self._scenario = scenario
        self._sampling = sampling
        self._has_rounds = has_rounds
        """Whether consciousness and oxygen are charted here; without them NEWS2 stays an interval."""
        self._size = max(1, min(_BLOCK_READINGS_MAX, int(_BLOCK_S_MAX * sampling.rate_hz)))
        self._block_number = -1
        self._block: Sequence[Measured] = ()

    def reading(self, number: int) -> Measured:
        """What reading `number` says, sign names to values; empty where there is nothing to report. Best asked in order."""
        block, index = divmod(number, self._size)
        if block != self._block_number:
            self._block = self._make(block * self._size)
            self._block_number = block
        return self._block[index]

    def elapsed_s(self, number: int) -> float:
        """Second of the course at which reading `number` is measured."""
        return self._sampling.phase_s + number / self._sampling.rate_hz

    def _make(self, first: int) -> list[Measured]:
        sampling = self._sampling
        elapsed_s: Array = sampling.phase_s + np.arange(first, first + self._size, dtype=np.float64) / sampling.rate_hz
        healthy = self._physiology.signs(elapsed_s, sampling.day_s + elapsed_s)
        signs = as_reported(self._scenario.shape(elapsed_s, healthy))
        cuff = {sign: signs.pop(sign) for sign in _CUFF_SIGNS}
        readings = _rows(signs)
        pressures = _rows(cuff)
        for index in self._due(elapsed_s, CUFF_EVERY_S):
            if readings[index]:
                readings[index] |= pressures[index]
        for index in self._due(elapsed_s, ROUND_EVERY_S):
            if readings[index]:
                readings[index] |= self._round(float(elapsed_s[index]))
        return readings

    def _due(self, elapsed_s: Array, every_s: float) -> list[int]:
        """Indices of the readings that are the first of the course or of their period."""
        shifted = elapsed_s + self._sampling.cuff_phase_s
        period = np.floor(shifted / every_s)
        before = np.floor((shifted - 1 / self._sampling.rate_hz) / every_s)
        is_first = elapsed_s < self._sampling.phase_s + 0.5 / self._sampling.rate_hz
        return [int(index) for index in np.flatnonzero((period != before) | is_first)]

    def _round(self, elapsed_s: float) -> Measured:
        battery = max(0, 100 - math.floor(elapsed_s / 36 / _BATTERY_HOURS))
        entered: Measured = {Sign.BATTERY.value: battery}
        if self._has_rounds:
            entered[Sign.CONSCIOUSNESS.value] = "A"
            entered[Sign.SUPPLEMENTAL_OXYGEN.value] = False
        return entered


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
