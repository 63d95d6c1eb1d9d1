"""The last value of each sign, and for how long it may stand for the present."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from vitals.news2 import NEWS2_INPUTS
from vitals.sign import Sign

_MINUTE_MS = 60 * 1000
_HOUR_MS = 60 * _MINUTE_MS

FRESH_FOR_MS: Mapping[Sign, int] = MappingProxyType(
    {
        Sign.HEART_RATE: 15 * _MINUTE_MS,
        Sign.RESPIRATORY_RATE: 15 * _MINUTE_MS,
        Sign.SPO2: 15 * _MINUTE_MS,
        Sign.TEMPERATURE: 6 * _HOUR_MS,
        Sign.SYSTOLIC: 6 * _HOUR_MS,
        Sign.CONSCIOUSNESS: 6 * _HOUR_MS,
        Sign.SUPPLEMENTAL_OXYGEN: 6 * _HOUR_MS,
    }
)
"""How old an input of NEWS2 may be. Our choice: 15 min for what wearables measure all the time; for what people measure
and chart, 6 h, the longest round that chart 4 of NEWS2 (RCP 2017) allows a patient who scores 1-4."""

_NEVER_MS = 2**62


class FreshSigns(msgspec.Struct):
    """What is known of a patient's NEWS2 inputs now; mutable, at most one value per input."""

    values: dict[Sign, float] = {}
    """Fresh as of the last `take` or `current`."""
    at_ms: dict[Sign, int] = {}
    """When each of `values` was measured."""
    first_stale_ms: int = _NEVER_MS
    """The earliest moment at which one of `values` may have become stale."""

    def take(self, signs: Mapping[Sign, float], measured_at_ms: int) -> None:
        """Remember a reading's inputs; of two values of one sign the later measured stays."""
        values, at_ms = self.values, self.at_ms
        for sign, value in signs.items():
            fresh_for_ms = FRESH_FOR_MS.get(sign)
            if fresh_for_ms is None:
                continue
            known_ms = at_ms.get(sign)
            if known_ms is not None and known_ms > measured_at_ms:
                continue
            values[sign] = value
            at_ms[sign] = measured_at_ms
            self.first_stale_ms = min(self.first_stale_ms, measured_at_ms + fresh_for_ms)

    def current(self, now_ms: int) -> Mapping[Sign, float]:
        """The inputs that are fresh at `now_ms`; stale ones are forgotten, never counted as normal."""
        if now_ms > self.first_stale_ms:
            self._forget_stale(now_ms)
        return self.values

    def _forget_stale(self, now_ms: int) -> None:
        for sign in NEWS2_INPUTS:
            measured_ms = self.at_ms.get(sign)
            if measured_ms is not None and now_ms - measured_ms > FRESH_FOR_MS[sign]:
                del self.values[sign], self.at_ms[sign]
        self.first_stale_ms = min((at_ms + FRESH_FOR_MS[sign] for sign, at_ms in self.at_ms.items()), default=_NEVER_MS)
