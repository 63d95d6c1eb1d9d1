"""Irregular data: a sensor that chatters, or a signal too poor to rely on. There are values, and nobody should trust them. Pure.

A value chatters where it jumps further than a body can between two close readings, and back, again and again. After the
engineering yardstick of three activations in a minute (EEMUA 191, ISA-18.2) three turns within 60 s are chatter; what
waxes and wanes in cycles of a minute turns twice. Two devices that contradict each other on one sign look just so. Poor
is what the device itself calls poor for minutes.

Which signs it concerns stands in `Irregular.signs`, for whoever asks whether an alert about one of them means anything.
"""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

import msgspec

from alerts.evidence import Cadence, GapRule
from vitals.sign import Sign

DEVICES_MAX = 16
"""Devices whose signal quality is remembered; the longest unheard goes first."""
TURNS_MAX = 16
"""Turns remembered of each sign."""


class IrregularRule(msgspec.Struct, frozen=True, kw_only=True):
    """What is irregular, and when it is over."""

    heart_rate_jump_bpm: float = 40.0
    """Further than a rate averaged over seconds moves between two readings, fibrillation included (it varies by about
    6 %, see docs/scenarios.md); our choice, as are all jumps."""
    respiratory_rate_jump_bpm: float = 15.0
    spo2_jump_percent: float = 8.0
    """Saturation falls by 1 to 2 points in a second at the very most, and does not jump back."""
    temperature_jump_celsius: float = 1.0
    systolic_jump_mmhg: float = 40.0
    apart_s_max: float = 15.0
    """Values further apart than this may differ by anything."""
    turns: int = 3
    """So many jumps, each back from the one before, …"""
    turns_within_s: float = 60.0
    """… within this time; three in a minute: EEMUA 191, ISA-18.2."""
    chatter_medium_s: float = 600.0
    """From then on of medium priority: for so long nobody could judge the sign; our choice."""
    poor_below_percent: float = 50.0
    """Of the device's own signal quality; our choice, for makers measure it in their own ways."""
    poor_s: float = 300.0
    """So long it must be poor, as for an absent sign; our choice."""
    clear_s: float = 120.0
    """And so long all must be regular; our choice."""


@lru_cache(maxsize=64)
def jumps_of(rule: IrregularRule) -> Mapping[Sign, float]:
    """How far each watched sign may move between two close readings."""
    return MappingProxyType(
        {
            Sign.HEART_RATE: rule.heart_rate_jump_bpm,
            Sign.RESPIRATORY_RATE: rule.respiratory_rate_jump_bpm,
            Sign.SPO2: rule.spo2_jump_percent,
            Sign.TEMPERATURE: rule.temperature_jump_celsius,
            Sign.SYSTOLIC: rule.systolic_jump_mmhg,
        }
    )


class Swing(msgspec.Struct, omit_defaults=True):
    """One sign's last value and its jumps; mutable."""

    last: float
    last_ms: int
    upwards: bool | None = None
    """Which way the last jump went; None where there was none lately."""
    jumped_ms: int = 0
    turns_ms: list[int] = []
    """When it jumped back, within `turns_within_s`."""

    def step(self, value: float, at_ms: int, jump: float, rule: IrregularRule) -> bool:
        """Take note of a value; whether the sign chatters now."""
        within_ms = rule.turns_within_s * 1000
        moved, gap_ms = value - self.last, at_ms - self.last_ms
        self.last, self.last_ms = value, at_ms
        if gap_ms <= rule.apart_s_max * 1000 and abs(moved) >= jump:
            upwards = moved > 0
            if self.upwards is not None and self.upwards is not upwards and at_ms - self.jumped_ms <= within_ms:
                self.turns_ms.append(at_ms)
                del self.turns_ms[:-TURNS_MAX]
            self.upwards, self.jumped_ms = upwards, at_ms
        if self.turns_ms and at_ms - self.turns_ms[0] >= within_ms:
            self.turns_ms = [turn_ms for turn_ms in self.turns_ms if at_ms - turn_ms < within_ms]
        return len(self.turns_ms) >= rule.turns


class Quality(msgspec.Struct, omit_defaults=True):
    """What one device says of its own signal; mutable."""

    cadence: Cadence = msgspec.field(default_factory=Cadence)
    since_ms: int | None = None
    """Since when it has been poor, good moments in between taken off."""
    percent: float = 100.0

    def step(self, percent: float, at_ms: int, rule: IrregularRule, gap: GapRule) -> bool:
        """Take note of a quality; whether it has been poor for long."""
        moment = self.cadence.step(at_ms, gap)
        self.percent = percent
        if not moment.is_consecutive:
            self.since_ms = None
        if percent >= rule.poor_below_percent:
            self.since_ms = moment.drained(self.since_ms)
            return False
        if self.since_ms is None:
            self.since_ms = at_ms
        return at_ms - self.since_ms >= rule.poor_s * 1000


class Seen(msgspec.Struct, frozen=True):
    """What of one reading is irregular, or has been shortly before."""

    chattering: tuple[Sign, ...]
    poor_percent: float | None
    """The device's signal quality, where it has been poor for long."""
    since_ms: int
    """Since when."""


class Irregular(msgspec.Struct, omit_defaults=True):
    """What is irregular of one patient; mutable."""

    swings: dict[Sign, Swing] = {}
    qualities: dict[str, Quality] = {}
    """Per device, in order of use."""
    signs: list[Sign] = []
    """Signs that have chattered since data were last regular."""
    poor: bool = False
    """The signal is poor, or was since then."""
    chatter_since_ms: int | None = None
    regular: Cadence = msgspec.field(default_factory=Cadence)
    """Readings heard; what lies between them is neither regular nor irregular."""
    dismissed: bool = False
    """A person ended the alert: no other before data were regular."""

    def step(
        self, device_id: str, signs: Mapping[Sign, float], at_ms: int, rule: IrregularRule, gap: GapRule
    ) -> Seen | None:
        """Take note of a reading of now; what is irregular, None where nothing is."""
        chattering = self._chattering(signs, at_ms, rule)
        poor = self._poor(device_id, signs, at_ms, rule, gap)
        if not chattering and poor is None:
            return None
        if chattering:
            turned_ms = min(self.swings[sign].turns_ms[0] for sign in chattering)
            self.chatter_since_ms = turned_ms if self.chatter_since_ms is None else self.chatter_since_ms
            self.signs.extend(sign for sign in chattering if sign not in self.signs)
            return Seen(chattering, None, self.chatter_since_ms)
        self.poor = True
        since_ms = None if poor is None else poor.since_ms
        return Seen((), None if poor is None else poor.percent, at_ms if since_ms is None else since_ms)

    def settle(self) -> None:
        """Data are regular again."""
        self.signs, self.poor, self.chatter_since_ms, self.dismissed = [], False, None, False

    def _chattering(self, signs: Mapping[Sign, float], at_ms: int, rule: IrregularRule) -> tuple[Sign, ...]:
        found: tuple[Sign, ...] = ()
        for sign, jump in jumps_of(rule).items():
            value = signs.get(sign)
            if value is None:
                continue
            swing = self.swings.get(sign)
            if swing is None:
                self.swings[sign] = Swing(value, at_ms)
            elif at_ms >= swing.last_ms and swing.step(value, at_ms, jump, rule):
                found = (*found, sign)
        return found

    def _poor(
        self, device_id: str, signs: Mapping[Sign, float], at_ms: int, rule: IrregularRule, gap: GapRule
    ) -> Quality | None:
        percent = signs.get(Sign.SIGNAL_QUALITY)
        if percent is None:
            return None
        quality = self.qualities.pop(device_id, None) or Quality()
        self.qualities[device_id] = quality
        if len(self.qualities) > DEVICES_MAX:
            del self.qualities[next(iter(self.qualities))]
        if quality.cadence.last_ms is not None and at_ms < quality.cadence.last_ms:
            return None
        return quality if quality.step(percent, at_ms, rule, gap) else None
