"""What the models remember of the last readings, so that what devices say in turns can be learned together."""

from collections.abc import Collection, Mapping

import msgspec

from vitals.sign import Sign


class RecentSigns(msgspec.Struct):
    """The last value of each sign, and when; mutable."""

    values: dict[Sign, float] = {}
    at_ms: dict[Sign, int] = {}
    barred: list[Sign] = []
    """Those whose last value nobody may learn from."""

    def take(self, signs: Mapping[Sign, float], at_ms: int, barred: Collection[Sign] = ()) -> None:
        """Remember a reading that came in order, and which of its values are not to be learned from."""
        self.values.update(signs)
        self.at_ms.update(dict.fromkeys(signs, at_ms))
        if barred or self.barred:
            self.barred = sorted({*self.barred}.difference(signs).union(barred))

    def since(self, after_ms: int | None, until_ms: int) -> dict[Sign, float]:
        """What may be learned from, after `after_ms` and not after `until_ms`: at most one value per sign, the last one."""
        return {
            sign: self.values[sign]
            for sign, measured_ms in self.at_ms.items()
            if measured_ms <= until_ms and (after_ms is None or measured_ms > after_ms) and sign not in self.barred
        }
