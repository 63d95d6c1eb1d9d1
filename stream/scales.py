"""Which SpO2 scale NEWS2 uses for a patient: what was charted, from the moment on for which it was said."""

from bisect import bisect_right
from operator import attrgetter

import msgspec

USUAL = 1
"""Where nothing was charted: the stricter one."""
SETTINGS_MAX = 16
"""Changes kept per patient; before the oldest of them its predecessor holds."""
_FROM = attrgetter("from_ms")


class ScaleSetting(msgspec.Struct, frozen=True):
    """One charted change."""

    from_ms: int
    scale: int
    reading_id: str


class Scales(msgspec.Struct):
    """One patient's scale over time; mutable."""

    settings: list[ScaleSetting] = []
    """In the order of the times from which they hold."""
    before: int = USUAL
    """Before the first of them."""

    def at(self, at_ms: int) -> int:
        """The scale for a moment."""
        settings = self.settings
        if not settings:
            return self.before
        index = bisect_right(settings, at_ms, key=_FROM)
        return settings[index - 1].scale if index else self.before

    def take(self, setting: ScaleSetting) -> None:
        """Remember a change; of two for one moment the one that came later holds."""
        self.settings.insert(bisect_right(self.settings, setting.from_ms, key=_FROM), setting)
        if len(self.settings) > SETTINGS_MAX:
            self.before = self.settings.pop(0).scale

    def forget(self, reading_id: str) -> bool:
        """Forget a change that was withdrawn; whether it was there."""
        kept = [setting for setting in self.settings if setting.reading_id != reading_id]
        forgotten = len(kept) < len(self.settings)
        self.settings = kept
        return forgotten
