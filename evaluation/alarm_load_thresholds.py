"""The alarms of a plain monitor: a value beyond the shallowest limit is an alarm, at once, each time it goes there. Pure.

No delay, no hysteresis, no memory: what the engine's rules are held against. It is also the gentlest such monitor: what
is absent changes nothing, so that a sensor that flickers beyond a limit is one alarm, and deeper bands are none of their own.
"""

import msgspec

from vitals.alert import AlertKind
from vitals.limits import HARD_LIMITS, LimitRule, Side
from vitals.reading import Reading
from vitals.sign import Sign

HEART_RATE_BPM = 120.0
HEART_RATE_HELD_S = 15.0
"""The monitor that FACTS name beside it: a heart rate above 120 for 15 s."""
_VALUE_LASTS_S = 1.0
"""A value stands for this long: fifteen of them, a second apart, are 15 s."""


class Activation(msgspec.Struct):
    """One alarm of a plain monitor."""

    at_ms: int
    kind: AlertKind
    ended_ms: int | None = None
    """None where it still sounded at the end."""


class PlainThresholds:
    """One patient's plain monitor; readings in the order of arrival."""

    def __init__(self, limits: tuple[LimitRule, ...] = HARD_LIMITS) -> None:
        self.activations: list[Activation] = []
        self.held_heart_rate = 0
        """How often the heart rate was above 120 for 15 s."""
        self._bounds: dict[Sign, list[tuple[AlertKind, float, float]]] = {}
        for rule in limits:
            limit, sign = rule.depths[0].limit, -1.0 if rule.side is Side.LOW else 1.0
            self._bounds.setdefault(rule.sign, []).append((rule.kind, sign, sign * limit))
        self._beyond: dict[AlertKind, Activation] = {}
        self._fast_since_ms: int | None = None
        self._fast_told = False

    def step(self, reading: Reading) -> None:
        """Look at a reading of a device; what people chart is no monitor's."""
        if reading.charted is not None:
            return
        at_ms = reading.received_at_ms
        for sign, value in reading.signs.items():
            for kind, side, limit in self._bounds.get(sign, ()):
                sounding = self._beyond.get(kind)
                if side * value > limit:
                    if sounding is None:
                        self._beyond[kind] = Activation(at_ms, kind)
                        self.activations.append(self._beyond[kind])
                elif sounding is not None:
                    sounding.ended_ms = at_ms
                    del self._beyond[kind]
        rate = reading.signs.get(Sign.HEART_RATE)
        if rate is not None:
            self._hold(rate, at_ms)

    def _hold(self, rate: float, at_ms: int) -> None:
        if rate <= HEART_RATE_BPM:
            self._fast_since_ms, self._fast_told = None, False
            return
        if self._fast_since_ms is None:
            self._fast_since_ms = at_ms
        held_ms = at_ms - self._fast_since_ms + _VALUE_LASTS_S * 1000
        if held_ms >= HEART_RATE_HELD_S * 1000 and not self._fast_told:
            self._fast_told = True
            self.held_heart_rate += 1
