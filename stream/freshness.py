"""The last value of each sign, and for how long it may stand for the present."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

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
and chart, 6 h, the longest round that chart 4 of NEWS2 (RCP 2017) allows a patient who scores 1-4. Other signs: 15 min."""

_SHORTEST_MS = min(FRESH_FOR_MS.values())


class FreshSigns(msgspec.Struct):
    """The last value of each sign of a patient, and when it was measured; mutable, at most one value per sign."""

    values: dict[Sign, float] = {}
    """What was fresh as of the last `current`, and what was taken since."""
    at_ms: dict[Sign, int] = {}
    """When each of `values` was measured."""
    newest_ms: int | None = None
    """The latest of `at_ms` ever."""
    check_at_ms: int = 0
    """No value goes stale before this moment."""

    def take(self, signs: Mapping[Sign, float], measured_at_ms: int) -> None:
        """Remember a reading; of two values of one sign the later measured stays."""
        newest_ms = self.newest_ms
        if newest_ms is None or measured_at_ms >= newest_ms:
            self.newest_ms = measured_at_ms
            self.values.update(signs)
            self.at_ms.update(dict.fromkeys(signs, measured_at_ms))
            return
        self.check_at_ms = 0
        for sign, value in signs.items():
            if self.at_ms.get(sign, measured_at_ms) <= measured_at_ms:
                self.values[sign] = value
                self.at_ms[sign] = measured_at_ms

    def current(self) -> Mapping[Sign, float]:
        """The values that are fresh at the newest moment known; stale ones are forgotten, never counted as normal."""
        now_ms = self.newest_ms
        if now_ms is not None and now_ms >= self.check_at_ms:
            self._forget_stale(now_ms)
        return self.values

    def _forget_stale(self, now_ms: int) -> None:
        for sign, measured_ms in list(self.at_ms.items()):
            if now_ms - measured_ms > FRESH_FOR_MS.get(sign, _SHORTEST_MS):
                del self.values[sign], self.at_ms[sign]
        self.check_at_ms = min(
            (measured_ms + FRESH_FOR_MS.get(sign, _SHORTEST_MS) for sign, measured_ms in self.at_ms.items()),
            default=now_ms,
        )
