"""The last value of each sign, who gave it, and for how long it may stand for the present."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from operator import attrgetter

import msgspec

from stream.early_warning import SCORED_SIGNS
from stream.exertion import Steps
from vitals.age import AgeBand
from vitals.reading import DeviceId
from vitals.sign import Sign
from vitals.validity import measured_for_ms

CHARTED_MAX = 64
"""Charted values that are kept while they stand; of more than that the longest observed go first."""
_OBSERVED_AT = attrgetter("at_ms")


class ChartedValue(msgspec.Struct, frozen=True):
    """One input of the early-warning scores as a person charted it."""

    sign: Sign
    value: float
    at_ms: int
    """When it was observed."""
    until_ms: int
    """It stands up to and including this moment."""
    reading_id: str


class FreshSigns(msgspec.Struct):
    """What is known of a patient now: per sign the later of what a device measured and what a person charted.

    A value that a later one has replaced never stands again because that one went stale, only where it is withdrawn.
    Mutable; at most one measured value per sign, and `CHARTED_MAX` charted ones. Times are those of the patient's devices.
    """

    values: dict[Sign, float] = {}
    """Measured: what was fresh as of the last `current`, and what was taken since."""
    at_ms: dict[Sign, int] = {}
    """When each of `values` was measured."""
    newest_ms: int | None = None
    """The latest measurement ever: what readings of devices are in order with."""
    check_at_ms: int = 0
    """No measured value goes stale before this moment."""
    devices: dict[Sign, str] = {}
    """Which device measured each of `values`."""
    charted: list[ChartedValue] = []
    """In the order of observation."""
    charted_ms: int | None = None
    """The latest observation ever. Orders no device's readings: people and devices do not wait for each other."""
    age_band: AgeBand | None = None
    """Of a child, as the newest reading said."""
    steps: Steps = msgspec.field(default_factory=Steps)
    """Whether the patient walks."""
    behind_ms: int = 0
    """How far the time of the patient's devices lies behind ours: 0 unless they replay a recording."""

    @property
    def now_ms(self) -> int | None:
        """The newest moment known; None where nothing is."""
        if self.newest_ms is None or self.charted_ms is None:
            return self.charted_ms if self.newest_ms is None else self.newest_ms
        return max(self.newest_ms, self.charted_ms)

    def take(self, signs: Mapping[Sign, float], measured_at_ms: int, device_id: str = "") -> None:
        """Remember a device's reading; of two values of one sign the later measured stays."""
        newest_ms = self.newest_ms
        if newest_ms is None or measured_at_ms >= newest_ms:
            self.newest_ms = measured_at_ms
            self.values.update(signs)
            self.at_ms.update(dict.fromkeys(signs, measured_at_ms))
            devices = self.devices
            for sign in signs:
                if devices.get(sign) != device_id:
                    devices[sign] = device_id
            return
        self.check_at_ms = 0
        for sign, value in signs.items():
            if self.at_ms.get(sign, measured_at_ms) <= measured_at_ms:
                self.values[sign] = value
                self.at_ms[sign] = measured_at_ms
                self.devices[sign] = device_id

    def take_charted(self, values: Iterable[ChartedValue], observed_ms: int) -> None:
        """Remember what a person charted."""
        self.charted_ms = observed_ms if self.charted_ms is None else max(self.charted_ms, observed_ms)
        for value in values:
            if value.sign in SCORED_SIGNS:
                self.charted.insert(bisect_right(self.charted, value.at_ms, key=_OBSERVED_AT), value)
        self._prune()

    def current(self) -> Mapping[Sign, float]:
        """The values that stand at the newest moment known; stale ones are forgotten, never counted as normal."""
        now_ms = self.newest_ms if self.charted_ms is None else self.now_ms
        if now_ms is not None and now_ms >= self.check_at_ms:
            self._forget_stale(now_ms)
        if not self.charted or now_ms is None:
            return self.values
        standing = self._standing(now_ms)
        return {**self.values, **{sign: value.value for sign, value in standing.items()}} if standing else self.values

    def standing_charted(self) -> tuple[Sign, ...]:
        """The inputs for which a charted value stands now, in the order of the charts."""
        now_ms = self.now_ms
        standing = {} if now_ms is None else self._standing(now_ms)
        return tuple(sign for sign in SCORED_SIGNS if sign in standing)

    def forget_charted(self, reading_id: str) -> tuple[Sign, ...]:
        """Forget what one entry said; the inputs for which it stood, or might have."""
        gone = {value.sign for value in self.charted if value.reading_id == reading_id}
        self.charted = [value for value in self.charted if value.reading_id != reading_id]
        return tuple(sign for sign in SCORED_SIGNS if sign in gone)

    def forget_measured(self, device_id: DeviceId, from_ms: int, until_ms: int) -> tuple[Sign, ...]:
        """Forget what a device measured in [from_ms, until_ms); the inputs for which it stood."""
        gone = [
            sign
            for sign, at_ms in self.at_ms.items()
            if self.devices.get(sign) == device_id and from_ms <= at_ms < until_ms
        ]
        for sign in gone:
            del self.values[sign], self.at_ms[sign]
            self.devices.pop(sign, None)
        return tuple(sign for sign in SCORED_SIGNS if sign in gone)

    def _standing(self, now_ms: int) -> dict[Sign, ChartedValue]:
        """Per sign the charted value that stands: the last observed, if it holds still and no device measured later."""
        measured_at = self.at_ms.get
        return {
            sign: value
            for sign, value in {value.sign: value for value in self.charted}.items()
            if value.until_ms >= now_ms and value.at_ms >= measured_at(sign, value.at_ms)
        }

    def _prune(self) -> None:
        """Drop what no longer holds and hides nothing older, then the longest observed beyond the bound."""
        now_ms, kept, hidden = self.now_ms or 0, [], set()
        for value in self.charted:
            if value.until_ms >= now_ms or value.sign in hidden:
                kept.append(value)
                hidden.add(value.sign)
        self.charted = kept[-CHARTED_MAX:]

    def _forget_stale(self, now_ms: int) -> None:
        for sign, measured_ms in list(self.at_ms.items()):
            if now_ms - measured_ms > measured_for_ms(sign):
                del self.values[sign], self.at_ms[sign]
                self.devices.pop(sign, None)
                self.charted = [value for value in self.charted if value.sign != sign or value.at_ms >= measured_ms]
        self.check_at_ms = min(
            (measured_ms + measured_for_ms(sign) for sign, measured_ms in self.at_ms.items()),
            default=now_ms,
        )
