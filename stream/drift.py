"""Whether a sign has changed its state: River's ADWIN over half-hourly levels, and what it has kept to since it last did.

ADWIN (Bifet and Gavaldà, SIAM Data Mining 2007) says when the mean of a series has changed. Its own state is nothing
that can be dumped as plain records, so what is kept are the levels it was fed since it last cut: it is a pure function
of them, and feeding them again gives it back bit for bit, whatever the version of River.
"""

import struct
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray
from river.drift import ADWIN

LEVELS_PER_UNIT = 100
"""Levels are kept to a hundredth of the sign's unit, in two bytes each: from -327 to 327."""
_LEVEL_MOST = 2**15 - 1
LEVELS_MAX = 144
"""Three days of half hours; of more the oldest third goes, so that ADWIN's window and a snapshot stay small."""
_LEVELS_KEPT = 96
SIGMA_PER_MAD = 1.4826
"""Standard deviation over median absolute deviation of a normal distribution."""


class DriftParameters(msgspec.Struct, frozen=True, kw_only=True):
    """When a sign has changed, and when it has changed for good."""

    delta: float = 0.002
    """ADWIN's confidence; its authors' and River's default."""
    every_s: float = 1800.0
    """One level so often; in hourly streams each is one."""
    gap_s_max: float = 12 * 3600.0
    """After a longer pause nothing says that the sign kept to anything: it is watched anew."""
    levels_min: int = 12
    """Fewer levels confirm nothing; our choice."""
    near_share: float = 0.8
    """So many of them must lie near their median; our choice."""


class Stretch(msgspec.Struct, array_like=True):
    """What a sign has kept to since it last changed; mutable."""

    levels: bytes = b""
    """Half-hourly, oldest first, each a little-endian integer of two bytes in hundredths of its unit; at most `LEVELS_MAX`."""
    from_ms: int = 0
    """Since when: a change is noticed a few levels after it happened."""
    last_ms: int = 0

    def unpacked(self) -> NDArray[np.int16]:
        """The levels, in hundredths of the sign's unit."""
        return np.frombuffer(self.levels, dtype="<i2")


class Settled(NamedTuple):
    """Where a sign has settled."""

    level: float
    sigma: float
    """Robust standard deviation of its half-hourly levels."""
    lasted_s: float


_packed = struct.Struct("<h").pack


class DriftWatch:
    """ADWIN over one sign's levels."""

    __slots__ = ("_adwin", "_gap_ms", "_parameters", "stretch")

    def __init__(self, parameters: DriftParameters, stretch: Stretch | None = None) -> None:
        self._parameters = parameters
        self._gap_ms = round(parameters.gap_s_max * 1000)
        self.stretch = Stretch() if stretch is None else stretch
        self._adwin: Any = None

    def take(self, level: float, at_ms: int) -> bool:
        """Take note of a level; whether the sign has changed, in which case what it kept to begins anew."""
        stretch = self.stretch
        known = len(stretch.levels)
        if not known or at_ms - stretch.last_ms > self._gap_ms:
            self._begin(at_ms)
        elif known >= 2 * LEVELS_MAX:
            self._shorten()
        stretch.last_ms = at_ms
        adwin = self._adwin
        if adwin is None:
            adwin = self._feed(stretch.unpacked())
        kept = round(level * LEVELS_PER_UNIT)
        if not -_LEVEL_MOST <= kept <= _LEVEL_MOST:
            kept = _LEVEL_MOST if kept > 0 else -_LEVEL_MOST
        stretch.levels += _packed(kept)
        adwin.update(kept / LEVELS_PER_UNIT)
        if not adwin.drift_detected:
            return False
        self._begin(at_ms)
        return True

    def settled(
        self, spread: float, *, away_from: float | None = None, by: float = 0.0, least_s: float = 0.0
    ) -> Settled | None:
        """Where the sign has been since it last changed, if it has kept there: most of it within two `spread` of the middle.

        Of less than `least_s`, and of what is nearer than `by` to a level, nothing is said: nobody would look at it.
        """
        stretch, parameters = self.stretch, self._parameters
        lasted_s = (stretch.last_ms - stretch.from_ms) / 1000
        count = len(stretch.levels) // 2
        if count < parameters.levels_min or lasted_s < least_s:
            return None
        levels = stretch.unpacked()
        middle = _middle(levels)
        reach = 2 * spread * LEVELS_PER_UNIT
        if abs(int(levels[-1]) - middle) > reach:
            return None
        if away_from is not None and abs(middle / LEVELS_PER_UNIT - away_from) < by:
            return None
        far = np.abs(levels - middle)
        if np.count_nonzero(far <= reach) < parameters.near_share * count:
            return None
        return Settled(middle / LEVELS_PER_UNIT, SIGMA_PER_MAD * _middle(far) / LEVELS_PER_UNIT, lasted_s)

    def _begin(self, at_ms: int) -> None:
        self.stretch.levels = b""
        self.stretch.from_ms = at_ms
        self._adwin = None

    def _shorten(self) -> None:
        """Forget the oldest third; `from_ms` moves with it as if levels had come evenly."""
        stretch = self.stretch
        levels = stretch.unpacked()
        share = 1 - _LEVELS_KEPT / len(levels)
        stretch.from_ms += round(share * (stretch.last_ms - stretch.from_ms))
        self._feed(levels[-_LEVELS_KEPT:])
        if len(stretch.levels) < 2 * _LEVELS_KEPT:
            stretch.from_ms = stretch.last_ms

    def _feed(self, stretch: NDArray[np.int16]) -> Any:  # noqa: ANN401 - River is not typed
        """A new ADWIN that sees these levels; those since it last cut are kept."""
        adwin, first = self._fresh(), 0
        levels = (stretch / LEVELS_PER_UNIT).tolist()
        for level in levels:
            adwin.update(level)
        if adwin.width < len(levels):
            # It has cut somewhere: say where.
            adwin = self._fresh()
            for number, level in enumerate(levels, start=1):
                adwin.update(level)
                if adwin.drift_detected:
                    adwin, first = self._fresh(), number
        self._adwin = adwin
        self.stretch.levels = stretch[first:].tobytes()
        return adwin

    def _fresh(self) -> Any:  # noqa: ANN401 - River is not typed
        return ADWIN(delta=self._parameters.delta, clock=1)  # type: ignore[no-untyped-call]


def _middle(values: NDArray[Any]) -> float:
    """The median of at least one value."""
    ordered = np.sort(values)
    half = len(ordered) // 2
    return float(ordered[half]) if len(ordered) % 2 else (float(ordered[half - 1]) + float(ordered[half])) / 2
